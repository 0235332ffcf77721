/** The rows of an output under way: the last of them in a table, and those before them set aside in files. */
import { join } from 'node:path';
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import type { RawRows, SinkColumn } from '../../core/index.js';
import { engineTypes } from './chunk-writer.js';
import { quoteText } from './engine.js';
import { makeFolder } from './make-folder.js';

/** Of a Parquet file: what the engine can do at least, and its own choice. The files aside have few, for each is read beside others. */
export const leastRowsPerGroup = 2_048;
const mostRowsPerGroup = 122_880;
const rowsPerGroupAside = 8_192;

export interface HeldRows {
  readonly appender: () => DuckDBAppender;
  /** Counts what was appended, and sets the rows aside when they are many. */
  readonly grew: (rowCount: number, byteCount: number) => Promise<void>;
  /** As many rows as fit into the limit, of those so far: the engine writes a group of a Parquet file at a time, and holds it meanwhile. */
  readonly rowsPerGroup: () => number;
  /** Ends the appending; SQL that gives all the rows, in order. */
  readonly finish: () => string;
}

/**
 * Holds about `limitBytes` of rows in a table of this connection, and sets them aside in the folder when they are more: the engine's own way to
 * spill begins only when its memory is full, and is slower.
 */
export const holdRows = async (
  connection: DuckDBConnection,
  columns: ReadonlyArray<SinkColumn>,
  folder: string,
  limitBytes: number,
): Promise<HeldRows> => {
  const list = columns.map(({ type }, i) => `c${i} ${engineTypes[type]}`);
  // One transaction for all the rows: it halves the time, and nothing has to be committed for a copy.
  const begin = async (): Promise<DuckDBAppender> => {
    await connection.run('BEGIN');
    await connection.run(`CREATE TABLE output (${list.join(', ')})`);
    return connection.createAppender('output');
  };
  let appender = await begin();
  let heldBytes = 0;
  let rows = 0;
  let bytes = 0;
  const files: string[] = [];
  const fitting = (most: number): number =>
    Math.max(leastRowsPerGroup, Math.min(most, Math.floor((limitBytes * rows) / Math.max(1, bytes))));
  const setAside = async (): Promise<void> => {
    appender.closeSync();
    await makeFolder(folder);
    const file = quoteText(join(folder, `${files.length}.parquet`));
    await connection.run(
      `COPY output TO ${file} (FORMAT parquet, ROW_GROUP_SIZE ${fitting(rowsPerGroupAside)}, USE_TMP_FILE false)`,
    );
    files.push(file);
    await connection.run('ROLLBACK');
    appender = await begin();
    heldBytes = 0;
  };
  return {
    appender: () => appender,
    grew: async (rowCount, byteCount) => {
      rows += rowCount;
      bytes += byteCount;
      heldBytes += byteCount;
      if (heldBytes > limitBytes) await setAside();
    },
    rowsPerGroup: () => fitting(mostRowsPerGroup),
    finish: () => {
      appender.closeSync();
      return files.length === 0
        ? 'output'
        : `(SELECT * FROM read_parquet([${files.join(', ')}], hive_partitioning=false) UNION ALL SELECT * FROM output)`;
    },
  };
};

/** About what the engine takes for them. */
export const bytesOf = ({ columns }: RawRows): number => {
  let byteCount = 0;
  for (const column of columns.values()) {
    if (column.type !== 'string' && column.type !== 'json') byteCount += column.values.byteLength;
    else for (const value of column.values) byteCount += 16 + (typeof value === 'string' ? value.length : 0);
  }
  return byteCount;
};

/** The rows of an output under way: the last of them in a table, while those before them are written by somebody else. */
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import type { RawRows, SinkColumn } from '../../core/index.js';
import { engineTypes } from './chunk-writer.js';
import type { Engine } from './engine.js';

/** The engine's own choice for a group of a Parquet file. */
const rowsPerGroup = 122_880;
/** With a last chunk of 2,048 that was not looked into. */
export const mostRowsPerGroup = rowsPerGroup + 2_047;

/** Rows in a table of this connection, in order. */
export interface HeldTable {
  readonly connection: DuckDBConnection;
  readonly name: string;
}

export interface HeldRows {
  readonly appender: () => DuckDBAppender;
  /** Counts what was appended. When it is enough for a group, it is written while others are appended; raises what became of the group before. */
  readonly grew: (rowCount: number, byteCount: number) => Promise<void>;
  /** Ends the appending: the rows that were not written, once all others are. */
  readonly finish: () => Promise<HeldTable>;
  /** Waits for what is being written. */
  readonly close: () => Promise<void>;
}

/**
 * Holds rows until they are a group, or take about `limitBytes`, and hands them to `write`, one group at a time. The engine's own way to
 * spill begins only when its memory is full, and is slower.
 */
export const holdRows = async (
  engine: Engine,
  columns: ReadonlyArray<SinkColumn>,
  limitBytes: number,
  write: (table: HeldTable) => Promise<void>,
): Promise<HeldRows> => {
  const list = columns.map(({ type }, i) => `c${i} ${engineTypes[type]}`);
  let tables = 0;
  const begin = async () => {
    const connection = await engine.connect();
    const name = `rows_${tables++}`;
    // One transaction for all the rows: it halves the time, and nothing has to be committed for a copy.
    await connection.run('BEGIN');
    await connection.run(`CREATE TABLE ${name} (${list.join(', ')})`);
    return { connection, name, appender: await connection.createAppender(name) };
  };
  let held = await begin();
  let heldRows = 0;
  let heldBytes = 0;
  let writing = Promise.resolve();
  const writeHeld = async (): Promise<void> => {
    const { connection, name, appender } = held;
    appender.closeSync();
    await writing;
    writing = write({ connection, name }).finally(() => connection.disconnectSync());
    // Whoever comes next hears of it.
    writing.catch(() => undefined);
    held = await begin();
    heldRows = 0;
    heldBytes = 0;
  };
  return {
    appender: () => held.appender,
    grew: async (rowCount, byteCount) => {
      heldRows += rowCount;
      heldBytes += byteCount;
      if (heldRows >= rowsPerGroup || heldBytes > limitBytes) await writeHeld();
    },
    finish: async () => {
      held.appender.closeSync();
      await writing;
      return held;
    },
    close: async () => {
      await writing.catch(() => undefined);
      held.connection.disconnectSync();
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

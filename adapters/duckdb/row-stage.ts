/** Holds the rows of an output until they are whole, in bounded memory, and then writes them as one file. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Narrowing, narrowestType, type OutputFormat, type RawRows, type SinkSchema } from '../../core/index.js';
import { chunkWriter, engineTypes } from './chunk-writer.js';
import { type EngineLimits, type Library, loadLibrary, openEngine, quoteName, quoteText } from './engine.js';
import { bytesOf, type HeldRows, holdRows } from './held-rows.js';
import { constantSql, copyOptions, finiteSql } from './output-sql.js';
import { ownSpillFolder } from './spill-folder.js';

export interface RowStage {
  readonly append: (batch: RawRows) => Promise<void>;
  /** Writes all the rows, in order, to the path that the stage was opened for. */
  readonly copyOut: () => Promise<void>;
  readonly interrupt: () => void;
  /** Frees it; harmless twice. */
  readonly close: () => Promise<void>;
}

/** How many of the engine's chunks are filled before the event loop turns: a few milliseconds' worth. */
const chunksPerTurn = 8;

export const openRowStage = async (
  schema: SinkSchema,
  path: string,
  format: OutputFormat,
  limits: EngineLimits,
): Promise<RowStage> => {
  const library = await loadLibrary();
  const aside = ownSpillFolder();
  const engine = await openEngine(library, [path], limits, [aside.path]);
  let connection: DuckDBConnection | undefined;
  const close = async (): Promise<void> => {
    connection?.disconnectSync();
    await engine.close();
    await aside.remove();
  };
  try {
    connection = await engine.connect();
    const rows = await holdRows(connection, schema.columns, aside.path, limits.memoryLimitBytes / 16);
    return { ...stageOf(library, connection, schema, rows, path, format), close };
  } catch (error) {
    await close();
    throw error;
  }
};

const stageOf = (
  library: Library,
  connection: DuckDBConnection,
  schema: SinkSchema,
  rows: HeldRows,
  path: string,
  format: OutputFormat,
): Omit<RowStage, 'close'> => {
  const fill = chunkWriter(library, schema.columns);
  let chunks = 0;
  const narrowings = new Map(
    schema.columns.flatMap(({ name, type }) => (type === 'json' ? [[name, narrowestType()] as const] : [])),
  );
  return {
    append: async (batch) => {
      for (const [name, narrowing] of narrowings) {
        const column = batch.columns.get(name);
        if (column?.type === 'json') narrowing.add(column.values);
      }
      const chunkRowLimit = library.bindings.vector_size();
      for (let at = 0; at < batch.rowCount; at += chunkRowLimit) {
        const end = Math.min(at + chunkRowLimit, batch.rowCount);
        rows.appender().appendDataChunk(fill(batch, at, end));
        if (++chunks % chunksPerTurn > 0) continue;
        rows.appender().flushSync();
        await nextTurn();
      }
      await rows.grew(batch.rowCount, bytesOf(batch));
    },
    copyOut: async () => {
      const all = rows.finish();
      const list = [
        ...columnList(schema, narrowings, format),
        ...schema.constants.map((one) => constantSql(one, format)),
      ];
      const options =
        format === 'parquet' ? `${copyOptions[format]}, ROW_GROUP_SIZE ${rows.rowsPerGroup()}` : copyOptions[format];
      await connection.run(`COPY (SELECT ${list.join(', ')} FROM ${all}) TO ${quoteText(path)} (${options})`);
    },
    interrupt: () => connection.interrupt(),
  };
};

const columnList = (
  schema: SinkSchema,
  narrowings: ReadonlyMap<string, Narrowing>,
  format: OutputFormat,
): ReadonlyArray<string> =>
  schema.columns.map(({ name, type }, i) => {
    const narrowed = narrowings.get(name)?.type();
    const value = narrowed === undefined ? `c${i}` : `c${i}::${engineTypes[narrowed]}`;
    return `${finiteSql(value, narrowed ?? type, format)} AS ${quoteName(name)}`;
  });

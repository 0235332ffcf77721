/** Holds the rows of an output until they are whole, in bounded memory, and then writes them as one file. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Narrowing, narrowestType, type RawRows, type SinkSchema } from '../../core/index.js';
import { chunkWriter, engineTypes } from './chunk-writer.js';
import {
  type Engine,
  type EngineLimits,
  type Library,
  loadLibrary,
  openEngine,
  quoteName,
  quoteText,
} from './engine.js';
import type { OutputFormat } from './output-location.js';
import { constantSql, copyOptions, finiteSql } from './output-sql.js';

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
  const engine = await openEngine(library, [path], limits);
  try {
    return await stageIn(library, engine, schema, path, format);
  } catch (error) {
    await engine.close();
    throw error;
  }
};

const stageIn = async (
  library: Library,
  engine: Engine,
  schema: SinkSchema,
  path: string,
  format: OutputFormat,
): Promise<RowStage> => {
  const connection = await engine.connect();
  const columns = schema.columns.map(({ type }, i) => `c${i} ${engineTypes[type]}`);
  await connection.run(`CREATE TABLE output (${columns.join(', ')})`);
  // One transaction for all the rows: it halves the time, and nothing has to be committed for a copy.
  await connection.run('BEGIN');
  const appender = await connection.createAppender('output');
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
        appender.appendDataChunk(fill(batch, at, end));
        if (++chunks % chunksPerTurn > 0) continue;
        appender.flushSync();
        await nextTurn();
      }
    },
    copyOut: async () => {
      appender.closeSync();
      const list = [
        ...columnList(schema, narrowings, format),
        ...schema.constants.map((one) => constantSql(one, format)),
      ];
      await connection.run(
        `COPY (SELECT ${list.join(', ')} FROM output) TO ${quoteText(path)} (${copyOptions[format]})`,
      );
    },
    interrupt: () => connection.interrupt(),
    close: async () => {
      connection.disconnectSync();
      await engine.close();
    },
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

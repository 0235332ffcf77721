/** Writes the rows of an output to one file as they come, in bounded memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { OutputFormat, RawRows, SinkSchema } from '../../core/index.js';
import { chunkWriter } from './chunk-writer.js';
import { type EngineLimits, loadLibrary, openEngine } from './engine.js';
import { bytesOf, type HeldRows, type HeldTable, holdRows } from './held-rows.js';
import { outputGroups } from './output-groups.js';
import { ownSpillFolder } from './spill-folder.js';

export interface RowStage {
  readonly append: (batch: RawRows) => Promise<void>;
  /** After the last batch: the file that the stage was opened for is whole. */
  readonly finish: () => Promise<void>;
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
  const engine = await openEngine(library, [path], limits, [aside.path]).catch(async (error: unknown) => {
    await aside.remove();
    throw error;
  });
  const groups = outputGroups({ schema, path, format }, aside.path);
  let rows: HeldRows | undefined;
  const close = async (): Promise<void> => {
    try {
      await rows?.close();
      await groups.close();
    } finally {
      await engine.close();
      await aside.remove();
    }
  };
  try {
    rows = await holdRows(engine, schema.columns, limits.memoryLimitBytes / 16, groups.write);
  } catch (error) {
    await close();
    throw error;
  }
  const { appender, grew, finish } = rows;
  const fill = chunkWriter(library, schema.columns);
  const chunkRowLimit = library.bindings.vector_size();
  let chunks = 0;
  let last: HeldTable | undefined;
  return {
    append: async (batch) => {
      groups.see(batch);
      const rowBytes = bytesOf(batch) / batch.rowCount;
      for (let at = 0; at < batch.rowCount; at += chunkRowLimit) {
        const end = Math.min(at + chunkRowLimit, batch.rowCount);
        appender().appendDataChunk(fill(batch, at, end));
        await grew(end - at, (end - at) * rowBytes);
        if (++chunks % chunksPerTurn > 0) continue;
        appender().flushSync();
        await nextTurn();
      }
    },
    finish: async () => {
      last = await finish();
      await groups.finish(last);
    },
    interrupt: () => last?.connection.interrupt(),
    close,
  };
};

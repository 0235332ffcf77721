/** Prediction sink: Parquet, CSV and NDJSON files on this machine, written by DuckDB beside the target and renamed over it. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { CallOptions, PredictionSink, SinkSchema, SinkWriter } from '../../core/index.js';
import { raise, toFailure } from './errors.js';
import { assertOngoing, interruptible } from './interruptible.js';
import { type OutputPlace, resolveOutput } from './output-location.js';
import { openRowStage, type RowStage } from './row-stage.js';

export interface DuckdbSinkOptions {
  /** The folder that outputs stand in; made when it is not there. */
  readonly root: string;
  /** Files and folders, absolute, that no output may replace or stand in: a registry's models, the files of sources. */
  readonly protectedPaths?: ReadonlyArray<string>;
  /** What the engine may hold in memory; 128 MiB unless given. Rows beyond it wait in the system's temporary folder. */
  readonly memoryLimitBytes?: number;
  /** 2 unless given. */
  readonly threads?: number;
}

/**
 * Parents are made. While it is written, an output is `.{name}.{uuid}.tmp` beside its target; only a process that is killed
 * leaves one behind. CSV and NDJSON hold null for every number that is not finite, and an instant as ISO text.
 * Besides what the port says, `open` and `resolve` fail `InvalidInput` for a protected place, and `open` fails `InvalidInput` when two columns have one name, case aside.
 */
export const duckdbPredictionSink = (options: DuckdbSinkOptions): PredictionSink => {
  const root = resolve(options.root);
  const place = { root, protectedPaths: options.protectedPaths ?? [] };
  return {
    root,
    resolve: (location) =>
      TE.tryCatch(async () => (await resolveOutput(place, location)).path, toFailure(described(location))),
    open: (location, schema, call) =>
      TE.tryCatch(() => openOutput(options, place, location, schema, call), toFailure(described(location))),
  };
};

const described = (location: string): string => `The output ${location}`;

const openOutput = async (
  options: DuckdbSinkOptions,
  place: OutputPlace,
  location: string,
  schema: SinkSchema,
  call: CallOptions,
): Promise<SinkWriter> => {
  assertOngoing(described(location), call);
  assertDistinctNames(schema);
  const { path, format } = await resolveOutput(place, location);
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  // Made at once, so that a folder that cannot be written is known before anything is scored.
  await (await open(temporary, 'wx')).close();
  try {
    const stage = await openRowStage(schema, temporary, format, {
      memoryLimitBytes: options.memoryLimitBytes ?? 2 ** 27,
      threads: options.threads ?? 2,
    });
    return writer(place, location, temporary, stage, call);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

const writer = (
  place: OutputPlace,
  location: string,
  temporary: string,
  stage: RowStage,
  call: CallOptions,
): SinkWriter => {
  const what = described(location);
  const toOutputFailure = toFailure(what, undefined, new Map([[temporary, location]]));
  let rowCount = 0;

  const abort = async (): Promise<void> => {
    await stage.close();
    await rm(temporary, { force: true });
  };

  return {
    write: (batch) =>
      TE.tryCatch(async () => {
        assertOngoing(what, call);
        await stage.append(batch);
        rowCount += batch.rowCount;
      }, toOutputFailure),

    commit: TE.tryCatch(async () => {
      try {
        await interruptible(stage, what, call, stage.copyOut);
        const sizeBytes = await sync(temporary, 'r+');
        // Once more: somebody may have put a link there meanwhile.
        const { path } = await resolveOutput(place, location);
        await rename(temporary, path);
        // Windows cannot sync a folder.
        if (process.platform !== 'win32') await sync(dirname(path), 'r');
        return { location: path, rowCount, sizeBytes };
      } finally {
        await abort();
      }
    }, toOutputFailure),

    clear: TE.tryCatch(async () => {
      await abort();
      const { path } = await resolveOutput(place, location);
      await rm(path, { force: true });
      if (process.platform !== 'win32') await sync(dirname(path), 'r');
    }, toOutputFailure),

    abort,
  };
};

/** Makes a file's bytes or a folder's names durable; its size. */
const sync = async (path: string, flags: 'r' | 'r+'): Promise<number> => {
  const handle = await open(path, flags);
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
};

const assertDistinctNames = (schema: SinkSchema): void => {
  const seen = new Set<string>();
  for (const { name } of [...schema.columns, ...schema.constants]) {
    if (seen.has(name.toLowerCase())) raise('InvalidInput', `Two output columns are named "${name}" (case aside).`);
    seen.add(name.toLowerCase());
  }
};

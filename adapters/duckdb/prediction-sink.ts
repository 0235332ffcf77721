/** Prediction sink: Parquet, CSV and NDJSON files on this machine, written by DuckDB beside the target and renamed over it. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { none, type Option, some } from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  brief,
  type CallOptions,
  type JoinedOutput,
  type JoinSchema,
  type OutputFormat,
  type PredictionSink,
  type SinkSchema,
  type SinkWriter,
  repeated,
  type Written,
} from '../../core/index.js';
import type { EngineLimits } from './engine.js';
import { raise, toFailure } from './errors.js';
import { makeFolder } from './make-folder.js';
import { assertOngoing, interruptible } from './interruptible.js';
import { openPartJoin } from './join-parts.js';
import { type OutputPlace, resolveOutput } from './output-location.js';
import { openRowStage, type RowStage } from './row-stage.js';
import { syncFile, syncFolder } from './sync.js';

export interface DuckdbSinkOptions {
  /** The folder that outputs stand in; made when it is not there. */
  readonly root: string;
  /** Files and folders, absolute, that no output may replace or stand in: a registry's models, the files of sources. */
  readonly protectedPaths?: ReadonlyArray<string>;
  /**
   * What the engine may hold in memory; 128 MiB and half a MiB for each column unless given. Rows beyond it wait in the system's temporary
   * folder.
   */
  readonly memoryLimitBytes?: number;
  /** 1 unless given: each holds a group of a Parquet file in memory, and two take more time of the processors for the same file. */
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
  // The engine takes a quarter of a MiB for the first value of a column, and two groups of rows are there at a time.
  const limitsFor = ({ columns }: SinkSchema): EngineLimits => ({
    memoryLimitBytes: options.memoryLimitBytes ?? 2 ** 27 + columns.length * 2 ** 19,
    threads: options.threads ?? 1,
  });
  return {
    root,
    resolve: (location) =>
      TE.tryCatch(async () => (await resolveOutput(place, location)).path, toFailure(described(location))),
    open: (location, schema, call) =>
      TE.tryCatch(() => openOutput(limitsFor(schema), place, location, schema, call), toFailure(described(location))),
    join: (location, schema, parts, call) =>
      TE.tryCatch(
        () => joinOutput(limitsFor(schema), place, location, schema, parts, call),
        toJoinFailure(location, parts),
      ),
    digest: (location, call) => TE.tryCatch(() => digestOf(place, location, call), toFailure(described(location))),
  };
};

/** A part that is damaged is no mistake of the caller. */
const toJoinFailure = (location: string, parts: ReadonlyArray<string>) =>
  toFailure(described(location), 'DataUnreadable', new Map(parts.map((part) => [part, basename(part)])));

const described = (location: string): string => `The output ${brief(location)}`;

/** An output that is written beside its target. */
interface Begun {
  readonly place: OutputPlace;
  readonly location: string;
  readonly temporary: string;
  readonly format: OutputFormat;
}

const beginOutput = async (
  place: OutputPlace,
  location: string,
  schema: SinkSchema,
  call: CallOptions,
): Promise<Begun> => {
  assertOngoing(described(location), call);
  assertDistinctNames(schema);
  const { path, format } = await resolveOutput(place, location);
  await makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  // Made at once, so that a folder that cannot be written is known before anything is scored.
  await (await open(temporary, 'wx')).close();
  return { place, location, temporary, format };
};

/** The engine for it; what was begun goes when there is none. */
const withEngine = async <A>({ temporary }: Begun, engine: Promise<A>): Promise<A> => {
  try {
    return await engine;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

/** Puts it in the target's place in one step; its size. */
const replaceTarget = async ({ place, location, temporary }: Begun): Promise<Omit<Written, 'rowCount'>> => {
  const sizeBytes = await syncFile(temporary);
  // Once more: somebody may have put a link there meanwhile.
  const { path } = await resolveOutput(place, location);
  await rename(temporary, path);
  await syncFolder(dirname(path));
  return { location: path, sizeBytes };
};

const openOutput = async (
  limits: EngineLimits,
  place: OutputPlace,
  location: string,
  schema: SinkSchema,
  call: CallOptions,
): Promise<SinkWriter> => {
  const begun = await beginOutput(place, location, schema, call);
  const stage = await withEngine(begun, openRowStage(schema, begun.temporary, begun.format, limits));
  return writer(begun, stage, call);
};

const joinOutput = async (
  limits: EngineLimits,
  place: OutputPlace,
  location: string,
  schema: JoinSchema,
  parts: ReadonlyArray<string>,
  call: CallOptions,
): Promise<JoinedOutput> => {
  for (const part of parts) {
    if (!existsSync(part)) raise('NotFound', `The part ${basename(part)} of ${location} is not there any more.`);
  }
  const begun = await beginOutput(place, location, schema, call);
  const { temporary, format } = begun;
  const abort = () => rm(temporary, { force: true });
  const joined = await withEngine(begun, openPartJoin(schema, parts, temporary, format, limits));
  let rowCount: number;
  try {
    rowCount = await interruptible(joined, described(location), call, joined.copyOut);
  } catch (error) {
    await abort();
    throw error;
  } finally {
    await joined.close();
  }
  return {
    commit: TE.tryCatch(
      async () => ({ ...(await replaceTarget(begun)), rowCount }),
      toFailure(described(location), undefined, new Map([[temporary, location]])),
    ),
    abort,
  };
};

/** Part by part, for it may be larger than the memory. */
const digestOf = async (place: OutputPlace, location: string, call: CallOptions): Promise<Option<string>> => {
  assertOngoing(described(location), call);
  const { path } = await resolveOutput(place, location);
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      assertOngoing(described(location), call);
      hash.update(chunk);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return none;
    throw error;
  }
  return some(hash.digest('hex'));
};

const writer = (begun: Begun, stage: RowStage, call: CallOptions): SinkWriter => {
  const { place, location, temporary } = begun;
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
        await interruptible(stage, what, call, stage.finish);
        return { ...(await replaceTarget(begun)), rowCount };
      } finally {
        await abort();
      }
    }, toOutputFailure),

    clear: TE.tryCatch(async () => {
      await abort();
      const { path } = await resolveOutput(place, location);
      await rm(path, { force: true });
      await syncFolder(dirname(path));
    }, toOutputFailure),

    abort,
  };
};

const assertDistinctNames = (schema: SinkSchema): void => {
  const twice = repeated([...schema.columns, ...schema.constants].map(({ name }) => name));
  if (twice !== undefined) raise('InvalidInput', `Two output columns are named "${twice}" (case aside).`);
};

/** The files of rows of a sharded job in a folder of this machine: staged rows, and parts of the output. */
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { JobFolder } from '../../core/index.js';
import { toFailure } from './errors.js';
import { duckdbPredictionSink } from './prediction-sink.js';
import { duckdbStagedSource, type StagedSourceOptions } from './staged-source.js';

/**
 * What a job's folder has besides its documents, which stand beside the rows. `threads` is what each engine may use; 1 unless given.
 * `protectedPaths` are those of the output's sink.
 */
export const duckdbJobRows = (options: {
  readonly folder: string;
  readonly protectedPaths?: ReadonlyArray<string>;
  readonly threads?: number;
  /** Where rows in buckets come from. */
  readonly copies?: StagedSourceOptions['copies'];
}): Omit<JobFolder, 'documents'> => {
  const { folder, protectedPaths = [], copies, ...limits } = options;
  const path = resolve(folder);
  const failed = toFailure("The job's folder");
  const parts = duckdbPredictionSink({ root: path, ...limits });
  return {
    parts,
    outputs: duckdbPredictionSink({ root: dirname(dirname(path)), protectedPaths, ...limits }),
    readStaged: (rows, keys, range) =>
      duckdbStagedSource(rows, range, {
        keys,
        baseDir: path,
        ...(copies === undefined ? {} : { copies }),
        ...limits,
      }),
    stagePlace: (name) =>
      pipe(
        parts.resolve(name),
        TE.map((stagePath) => ({ stagePath })),
      ),
    // The folder may be seen under another path elsewhere.
    stage: (name, written) => TE.right({ ...written, path: name }),
    removeRows: () =>
      TE.tryCatch(async () => {
        for (const entry of await entriesOf(path)) {
          if (entry.isFile() && !entry.name.startsWith('_')) await rm(join(path, entry.name), { force: true });
        }
      }, failed),
    remove: () =>
      TE.tryCatch(async () => {
        await rm(path, { recursive: true, force: true });
        // The folder of this output's jobs goes with its last one.
        await rmdir(dirname(path)).catch(() => undefined);
      }, failed),
  };
};

/** None of a folder that is not there. */
const entriesOf = (path: string) =>
  readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });

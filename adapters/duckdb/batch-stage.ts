/** Stages rows of a source that is not the engine's in a Parquet file, so that several processes can read them, each a range. */
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { BatchStream, Failure, Staged } from '../../core/index.js';
import { toFailure } from './errors.js';
import { stagedFile, stageTyped } from './stage-rows.js';

/**
 * Writes the batches, whose columns have the types of the first, to the file `path`, in a folder that is made, and makes it durable. `name` is what
 * messages call the rows. The engine may hold 1 GiB in memory unless told; rows beyond it wait in the system's temporary folder. Fails as the
 * stream does, and `Unavailable`, `PermissionDenied`.
 */
export const duckdbBatchStage =
  (options: { readonly memoryLimitBytes?: number; readonly threads?: number } = {}) =>
  (name: string, batches: BatchStream, path: string): TE.TaskEither<Failure, Staged> =>
    TE.tryCatch(async () => {
      const limits = { memoryLimitBytes: options.memoryLimitBytes ?? 2 ** 30, threads: options.threads ?? 2 };
      await stageTyped(batches, path, [], limits);
      const { file, rowGroups } = await stagedFile(path, limits);
      return { rows: { name, files: [file], textual: false, casts: {} }, rowGroups };
    }, toFailure(name));

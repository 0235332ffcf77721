/** Parquet files that others wrote to a bucket, as files of staged rows: of each, only its end is asked for. */
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type CallOptions, type Failure, sideBySide, type StagedFile } from '../../core/index.js';
import { type BucketCopies, copyParts, findInBucket } from './bucket-source.js';
import { orRaise, toFailure } from './errors.js';
import type { SourceFile } from './source-file.js';
import { rowGroupsOf, sumOf } from './stage-rows.js';

/** The files in the order of their addresses, and how many rows their row groups have. */
interface Exported {
  readonly files: ReadonlyArray<StagedFile>;
  readonly rowGroups: ReadonlyArray<number>;
}

const limits = { memoryLimitBytes: 2 ** 28, threads: 1 };

/** Fails `NotFound` when a file is not there, `DataUnreadable` when it is no Parquet file or is replaced meanwhile, and as `copies` do. */
export const duckdbExportedFiles =
  ({ copies }: { readonly copies: BucketCopies }) =>
  (addresses: ReadonlyArray<string>, call: CallOptions): TE.TaskEither<Failure, Exported> =>
  () => {
    const copied: SourceFile[] = [];
    const copyEnd = (address: string): TE.TaskEither<Failure, SourceFile> =>
      TE.tryCatch(async () => {
        const file = await copyParts(copies, 'rows', await findInBucket(copies, address, call), call);
        copied.push(file);
        return file;
      }, toFailure(address));

    return TE.tryCatch(
      async () => {
        try {
          const ends = orRaise(await sideBySide(addresses, copyEnd)());
          const paths = ends.map(({ path }) => path);
          const groups = await rowGroupsOf(paths, limits);
          const files = ends.map(({ name, generation = '' }, i) => ({
            path: name,
            state: generation,
            row_count: sumOf(groups[i] ?? []),
          }));
          return { files, rowGroups: groups.flat() };
        } finally {
          for (const { close } of copied) await close?.();
        }
      },
      (error) =>
        toFailure('The exported rows', 'DataUnreadable', new Map(copied.map(({ path, name }) => [path, name])))(error),
    )();
  };

/** Staged rows that lie in a bucket, read from copies on this machine. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BucketFiles,
  type CallOptions,
  type Failure,
  failTask,
  type JobFolder,
  sideBySide,
  type StagedFile,
} from '../../core/index.js';
import { isBucketAddress } from '../settings.js';

/** Reads staged rows for the job in the folder, which is an address. */
export const stagedCopies = async (files: BucketFiles, folder: string): Promise<JobFolder['readStaged']> => {
  const { duckdbStagedSource } = await import('../../adapters/duckdb/data-source.js');
  const { stateOf } = await import('../../adapters/duckdb/source-snapshot.js');

  const copyOf = (
    { path, state, row_count }: StagedFile,
    copy: string,
    call: CallOptions,
  ): TE.TaskEither<Failure, StagedFile> => {
    const address = isBucketAddress(path) ? path : `${folder}/${path}`;
    return pipe(
      files.head(address, call),
      TE.flatMap((found) =>
        O.isSome(found) && found.value.generation === state
          ? files.download(found.value, copy, 'whole', call)
          : failTask('DataUnreadable', `${address} was changed since the job was planned: score it again.`),
      ),
      TE.flatMapTask(() => async () => ({ path: copy, state: await stateOf(copy), row_count })),
    );
  };

  return (rows, keys, range) => ({
    keys,
    open: (years, call) => async () => {
      const copies = join(tmpdir(), `scorekeeper-${randomUUID()}`);
      await mkdir(copies, { mode: 0o700 });
      const opened = await pipe(
        sideBySide(rows.files, (file, i) =>
          file.path.startsWith('/') ? TE.right(file) : copyOf(file, join(copies, `${i}.parquet`), call),
        ),
        TE.flatMap((copied) => duckdbStagedSource({ ...rows, files: copied }, range, { keys }).open(years, call)),
      )();
      const remove = () => rm(copies, { recursive: true, force: true });
      if (E.isLeft(opened)) {
        await remove();
        return opened;
      }
      const { close, ...source } = opened.right;
      return E.right({ ...source, close: () => close().then(remove) });
    },
  });
};

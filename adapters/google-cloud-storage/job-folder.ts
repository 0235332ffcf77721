/** The folder of a sharded job in a bucket: its documents and rows are objects below one prefix. */
import { rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type BucketFile, type CallOptions, type Failure, type JobFolder, sideBySide } from '../../core/index.js';
import { type BucketSinkOptions, googleCloudStoragePredictionSink } from './prediction-sink.js';

export interface BucketJobOptions extends Omit<BucketSinkOptions, 'root'> {
  /** The folder's address. */
  readonly folder: string;
  readonly readStaged: JobFolder['readStaged'];
}

/**
 * What a job's folder has besides its documents, which are those of an artifact store with the folder as its prefix. Rows are staged in a folder of the
 * system's temporary folder, and uploaded once; `protectedAddresses` are those of the output's sink.
 */
export const googleCloudStorageJobRows = (options: BucketJobOptions): Omit<JobFolder, 'documents'> => {
  const { folder, readStaged, protectedAddresses = [], ...by } = options;
  const { files } = by;
  const parts = googleCloudStoragePredictionSink({ ...by, root: folder });

  const removeThose = (which: (name: string) => boolean, call: CallOptions): TE.TaskEither<Failure, void> => {
    const below = `${folder}/`;
    return pipe(
      files.list(below, call),
      TE.map((found) => found.filter(({ address }) => which(address.slice(below.length)))),
      TE.flatMap((found) => sideBySide(found, ({ address }: BucketFile) => files.remove(address, call))),
      TE.map(() => undefined),
    );
  };

  return {
    parts,
    outputs: googleCloudStoragePredictionSink({ ...by, root: dirname(dirname(folder)), protectedAddresses }),
    readStaged,
    stagePlace: (name) => {
      const attempt = name.replace(/\.parquet$/, '');
      // The folder goes with the file: the name is that of one attempt.
      return TE.right({
        stagePath: join(tmpdir(), `scorekeeper-${attempt}`, name),
        stagePrefix: `${folder}/${attempt}-`,
      });
    },
    stage: (name, { path, row_count }, call) =>
      pipe(
        parts.resolve(name),
        TE.flatMap((address) => files.upload(path, address, call)),
        TE.map(({ generation }) => ({ path: name, state: generation, row_count })),
        (uploaded) => async () => {
          const outcome = await uploaded();
          await rm(path, { force: true });
          await rmdir(dirname(path)).catch(() => undefined);
          return outcome;
        },
      ),
    removeRows: (call) => removeThose((name) => !/^[._]|\//.test(name), call),
    remove: (call) => removeThose(() => true, call),
  };
};

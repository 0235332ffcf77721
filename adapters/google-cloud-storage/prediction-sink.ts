/** Prediction sink: files in buckets, each written whole on this machine and then uploaded in the target's place. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BucketFiles,
  type CallOptions,
  checkOutputLocation,
  type Failure,
  failTask,
  type JoinedOutput,
  parseBucketAddress,
  type PredictionSink,
  protectedPlace,
  refuseOutput,
  sideBySide,
  type SinkWriter,
} from '../../core/index.js';
import { orRaise, raised, toFailure } from '../google-cloud/errors.js';
import { diskFailure } from './disk.js';
import { storage } from './errors.js';

export interface BucketSinkOptions {
  /** `gs://bucket`, perhaps with a prefix. */
  readonly root: string;
  readonly files: BucketFiles;
  /** Writes files below a folder of this machine. */
  readonly staging: (folder: string) => PredictionSink;
  /** Addresses that no output may replace or stand below: a registry's models, the files of sources. */
  readonly protectedAddresses?: ReadonlyArray<string>;
}

/**
 * An output, and for `join` its parts, wait in a folder of their own in the system's temporary folder, which needs the room; only a process that is
 * killed leaves one behind. Nothing is in the bucket before `commit`, which replaces the target by one write.
 * `open` looks at the target, so that a bucket that is not there, or not for this account, is known before anything is scored.
 * Besides what the port says, `open` and `resolve` fail `InvalidInput` for a protected place, and every call may fail `NotFound` (no such bucket).
 * A `commit` that fails `ambiguous` may have replaced the target.
 */
export const googleCloudStoragePredictionSink = (options: BucketSinkOptions): PredictionSink => {
  const { files, staging, protectedAddresses = [] } = options;
  const root = options.root.replace(/\/+$/, '');

  const resolve = (location: string): E.Either<Failure, string> =>
    pipe(
      checkOutputLocation(location),
      E.map(() => `${root}/${location}`),
      E.chainFirst(parseBucketAddress),
      E.chain((address) =>
        protectedAddresses.some((kept) => address === kept || address.startsWith(`${kept}/`))
          ? refuseOutput(address, protectedPlace)
          : E.right(address),
      ),
    );

  /** Ends in a failure as the work on the output at `location` does. */
  const at = <A>(location: string, work: (address: string) => Promise<A>): TE.TaskEither<Failure, A> =>
    pipe(
      TE.fromEither(resolve(location)),
      TE.flatMap((address) => TE.tryCatch(() => work(address), toFailure(storage)(location, root))),
    );

  /** Has the sink of a folder of its own begin an output, which is then the bucket's. */
  const begin = async <A extends JoinedOutput>(
    address: string,
    call: CallOptions,
    work: (sink: PredictionSink, folder: string) => Promise<A>,
  ): Promise<A> => {
    orRaise(await files.head(address, call)());
    const folder = await makeFolder(address);
    try {
      const staged = await work(staging(folder), folder);
      return { ...staged, ...uploaded(staged, { files, address, folder }, call) };
    } catch (error) {
      await removeFolder(folder);
      throw error;
    }
  };

  return {
    root,
    resolve: (location) => TE.fromEither(resolve(location)),

    open: (location, schema, call) =>
      at(location, (address) =>
        begin(address, call, async (sink, folder): Promise<SinkWriter> => {
          const staged = orRaise(await sink.open(location, schema, call)());
          const clear = pipe(
            TE.fromTask<void, Failure>(staged.abort),
            TE.flatMap(() => files.remove(address, call)),
            TE.tapTask(() => () => removeFolder(folder)),
          );
          return { ...staged, clear };
        }),
      ),

    join: (location, schema, parts, call) =>
      at(location, (address) =>
        begin(address, call, async (sink, folder) => {
          const paths = orRaise(await fetchParts(files, location, parts, folder, call)());
          return orRaise(await sink.join(location, schema, paths, call)());
        }),
      ),

    digest: (location, call) =>
      at(location, async (address) => {
        const found = O.toUndefined(orRaise(await files.head(address, call)()));
        if (found?.sha256 !== undefined || found === undefined) return O.fromNullable(found?.sha256);
        // Somebody else wrote it.
        const folder = await makeFolder(address);
        try {
          const sink = staging(folder);
          const path = orRaise(await sink.resolve(location)());
          await onDisk(address, mkdir(dirname(path), { recursive: true }));
          orRaise(await files.download(found, path, 'whole', call)());
          return orRaise(await sink.digest(location, call)());
        } finally {
          await removeFolder(folder);
        }
      }),
  };
};

/** Not for others to read. */
const makeFolder = async (address: string): Promise<string> => {
  const folder = join(tmpdir(), `scorekeeper-${randomUUID()}`);
  await onDisk(address, mkdir(folder, { mode: 0o700 }));
  return folder;
};

const onDisk = async (address: string, work: Promise<unknown>): Promise<void> => {
  await work.catch((error: unknown) => {
    throw raised(diskFailure(address)(error));
  });
};

const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

/** Where an output goes, and the folder that goes when it ends. */
interface Target {
  readonly files: BucketFiles;
  readonly address: string;
  readonly folder: string;
}

const uploaded = (staged: JoinedOutput, { files, address, folder }: Target, call: CallOptions): JoinedOutput => ({
  commit: pipe(
    staged.commit,
    TE.flatMap(({ location, rowCount }) =>
      pipe(
        files.upload(location, address, call),
        TE.map(({ sizeBytes }) => ({ location: address, rowCount, sizeBytes })),
      ),
    ),
    (commit) => async () => {
      const outcome = await commit();
      await removeFolder(folder);
      return outcome;
    },
  ),
  abort: async () => {
    await staged.abort();
    await removeFolder(folder);
  },
});

/** Parts as files of this machine, in their order; their names tell which is which. */
const fetchParts = (
  files: BucketFiles,
  location: string,
  parts: ReadonlyArray<string>,
  folder: string,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<string>> => {
  // No output has a name that begins with a dot.
  const beside = join(folder, '.parts');
  return pipe(
    TE.tryCatch(() => onDisk(location, mkdir(beside)), toFailure(storage)(location, beside)),
    TE.flatMap(() =>
      sideBySide(parts, (part, i) => {
        const path = join(beside, `${i}-${basename(part)}`);
        return pipe(
          files.head(part, call),
          TE.flatMap(
            O.match(
              () => failTask('NotFound', `The part ${basename(part)} of ${location} is not there any more.`),
              (file) => files.download(file, path, 'whole', call),
            ),
          ),
          TE.map(() => path),
        );
      }),
    ),
  );
};

/** Copies of files in buckets, in a folder of this machine: whole files are kept, by generation, within a number of bytes. */
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BucketFile,
  type BucketFiles,
  type ByteRange,
  type CallOptions,
  checkLimits,
  failure,
  type Failure,
} from '../../core/index.js';
import { codeOf, orRaise, raise, raised, toFailure, unless } from './errors.js';
import { hold, isAbandoned, letGo } from './held-names.js';

export interface BucketFileCacheOptions {
  readonly files: BucketFiles;
  /** Made by the first copy, for this user alone. */
  readonly folder: string;
  /** What whole files that nobody reads may take there. A file beyond it is copied all the same, and not kept. */
  readonly limitBytes: number;
}

/** A copy that is its reader's own: whatever happens to the file, and to the cache, it stays until it is closed. */
export interface FileCopy {
  /** Absolute. */
  readonly path: string;
  /** Harmless twice. */
  readonly close: Task<void>;
}

/** As long as the file, with holes. */
export interface PartialCopy extends FileCopy {
  /** Brings ranges of the file to their places. Fails as `BucketFiles.download` does. */
  readonly fetch: (ranges: ReadonlyArray<ByteRange>, call: CallOptions) => TaskEither<Failure, void>;
}

/** Several processes may share the folder: of those that want one file at once, one downloads it. Calls fail as those of `BucketFiles` do. */
export interface BucketFileCache {
  readonly head: BucketFiles['head'];
  /** Fails `Conflict` when the file is gone or in another generation, and not here. */
  readonly whole: (file: BucketFile, call: CallOptions) => TaskEither<Failure, FileCopy>;
  readonly partial: (file: BucketFile, call: CallOptions) => TaskEither<Failure, PartialCopy>;
}

export const localFilesystemBucketFileCache = (options: BucketFileCacheOptions): BucketFileCache => {
  const { files, folder, limitBytes } = options;
  checkLimits({ limitBytes });
  /** Where this cache's readers have their copies: names of their own, of files that the cache may cease to name. */
  const ownFolder = join(folder, `reader-${randomUUID()}`);
  let copyCount = 0;
  /** The folder comes with the first copy and goes with the last, one after the other. */
  let change: Promise<unknown> = Promise.resolve();
  const next = (work: () => Promise<unknown>): Promise<unknown> => (change = change.catch(() => undefined).then(work));

  const lend = async (): Promise<FileCopy> => {
    copyCount += 1;
    await next(() => makeOwn(folder, ownFolder)).catch((error: unknown) => {
      copyCount -= 1;
      throw raised(folderFailure(error));
    });
    const path = join(ownFolder, randomUUID());
    let isClosed = false;
    return {
      path,
      close: async () => {
        if (isClosed) return;
        isClosed = true;
        await rm(path, { force: true }).catch(() => undefined);
        copyCount -= 1;
        await next(async () => (copyCount === 0 ? letGo(ownFolder) : undefined));
      },
    };
  };

  const lending = <A>(address: string, work: (copy: FileCopy) => Promise<A>): TaskEither<Failure, A> =>
    TE.tryCatch(async () => {
      const copy = await lend();
      try {
        return await work(copy);
      } catch (error) {
        await copy.close();
        throw error;
      }
    }, toFailure(address));

  const bring = async (file: BucketFile, entry: string, path: string, call: CallOptions): Promise<void> => {
    await makeRoom(folder, limitBytes - file.sizeBytes);
    orRaise(await files.download(file, path, 'whole', call)());
    // Where there are no hard links, nothing is kept.
    await unless(notLinked, link(path, entry));
  };

  return {
    head: files.head,

    whole: (file, call) =>
      lending(file.address, async (copy) => {
        const { path } = copy;
        if (file.sizeBytes > limitBytes) {
          orRaise(await files.download(file, path, 'whole', call)());
          return copy;
        }
        const entry = join(folder, keyOf(file));
        const lock = `${entry}.lock`;
        while (!(await take(entry, path, file.sizeBytes))) {
          if (!(await makeLock(lock))) {
            await pause(file.address, call);
            continue;
          }
          try {
            // Another one may have brought it just before.
            if (!(await take(entry, path, file.sizeBytes))) await bring(file, entry, path, call);
            return copy;
          } finally {
            await letGo(lock);
          }
        }
        return copy;
      }),

    partial: (file) =>
      lending(file.address, async (copy) => {
        const handle = await open(copy.path, 'wx');
        try {
          await handle.truncate(file.sizeBytes);
        } finally {
          await handle.close();
        }
        return { ...copy, fetch: (ranges, call) => files.download(file, copy.path, ranges, call) };
      }),
  };
};

/** Two that download one file at once do no harm; a reader whose copy went away fails. */
const lockAbandonedMs = 30_000;
const readerAbandonedMs = 120_000;

const keyOf = ({ address, generation }: BucketFile): string =>
  createHash('sha256').update(`${generation} ${address}`).digest('hex');

const notLinked = ['EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'];

/** Gives what is kept a second name, and tells whether it was there. What a power cut cut short is shorter than the file. */
const take = async (entry: string, path: string, sizeBytes: number): Promise<boolean> => {
  try {
    await link(entry, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || notLinked.includes(codeOf(error) ?? '')) return false;
    throw error;
  }
  if ((await stat(path)).size !== sizeBytes) {
    await rm(entry, { force: true });
    await rm(path);
    return false;
  }
  const now = new Date();
  await utimes(path, now, now);
  return true;
};

/** Holds the lock, unless another one does: false, then. */
const makeLock = async (lock: string): Promise<boolean> => {
  if (await isAbandoned(lock, lockAbandonedMs)) await rm(lock, { force: true });
  const handle = await unless(['EEXIST'], open(lock, 'wx', 0o600));
  if (handle === undefined) return false;
  hold(lock);
  await handle.close();
  return true;
};

const waitMs = 100;

const pause = async (address: string, { deadlineMs, cancellation }: CallOptions): Promise<void> => {
  if (cancellation.aborted) raise('Cancelled', `The call for ${address} was cancelled.`);
  if (performance.timeOrigin + performance.now() + waitMs >= deadlineMs)
    raise('DeadlineExceeded', `${address} was not here before the deadline: another process is downloading it.`);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
};

const makeOwn = async (folder: string, ownFolder: string): Promise<void> => {
  if ((await unless(['ENOENT'], stat(ownFolder))) !== undefined) return;
  await mkdir(ownFolder, { recursive: true, mode: 0o700 });
  hold(ownFolder);
  for (const name of await readdir(folder)) {
    if (/^reader-|^[\da-f]{64}\.lock$/.test(name) && (await isAbandoned(join(folder, name), readerAbandonedMs)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
};

/** Why there is no folder for copies, in place of what it would mean for a file. */
const folderFailure = (error: unknown): Failure => {
  const what = 'the folder for copies of files in buckets';
  switch (codeOf(error)) {
    case 'ENOTDIR':
    case 'EEXIST':
      return failure('InvalidInput', `A file is in the place of ${what}, or above it: name another folder.`);
    // Node says ENOENT of a file system that is read-only.
    case 'ENOENT':
    case 'EROFS':
      return failure('PermissionDenied', `The system refuses to make ${what}: name another one, or make it writable.`);
    default:
      return toFailure(what)(error);
  }
};

/** Removes the names of what was used longest ago until the rest is within the limit. */
const makeRoom = async (folder: string, limitBytes: number): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => /^[\da-f]{64}$/.test(name));
  const kept = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may have removed it.
      const stats = await stat(path).catch(() => undefined);
      return stats === undefined ? [] : [{ path, sizeBytes: stats.size, usedMs: stats.mtimeMs }];
    }),
  );
  let totalBytes = 0;
  for (const { path, sizeBytes } of kept.flat().sort((a, b) => b.usedMs - a.usedMs)) {
    totalBytes += sizeBytes;
    if (totalBytes > limitBytes) await rm(path, { force: true });
  }
};

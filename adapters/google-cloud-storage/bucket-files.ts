/** Files in buckets of Google Cloud Storage: every bucket that this account may use, since the address names it. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Bucket } from '@google-cloud/storage';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type BucketAddress,
  type BucketFile,
  type BucketFiles,
  type ByteRange,
  type CallOptions,
  type Failure,
  parseBucketAddress,
  parseBucketPrefix,
  sideBySide,
} from '../../core/index.js';
import { type Attempt, bounded } from '../google-cloud/bounded.js';
import { orRaise, raise, raised, statusOf, toFailure } from '../google-cloud/errors.js';
import { persistently, type RetryPolicy } from '../google-cloud/persistently.js';
import { headOf, objectPath, openService, request, type ServiceOptions } from './client.js';
import { diskFailure } from './disk.js';
import { isMissingBucket, storage } from './errors.js';
import { fetchRange, fetchWhole, type Step } from './file-download.js';
import { digestsOf, sendFile } from './file-upload.js';

export interface BucketFilesOptions extends ServiceOptions {
  /** After so long without a byte on the line a request is given up, and tried again; 20,000 by default. */
  readonly idleTimeoutMs?: number;
  readonly retries?: RetryPolicy;
}

const fields = 'generation,size,timeCreated,metadata';

/**
 * The client library is loaded, and application default credentials are looked for, by the first call. What fails for a passing reason is tried
 * again, see `persistently`, and goes on where it was. The SHA-256 stands in the object's metadata as `sha256`; objects that others wrote have
 * none. Whole files are held against the service's md5 or crc32c, ranges against their length and generation.
 */
export const googleCloudStorageBucketFiles = (options: BucketFilesOptions = {}): BucketFiles => {
  const again = persistently(options.retries);
  const openBucket = openService(options);

  /** One call about an address: `work` is given steps, each of which is bounded and tried again. */
  const about = <A>(
    address: string,
    parsed: E.Either<Failure, BucketAddress>,
    call: CallOptions,
    work: (step: Step, name: string) => Promise<A>,
  ): TaskEither<Failure, A> =>
    TE.tryCatch(async () => {
      const { bucket, name } = orRaise(parsed);
      const within = bounded(storage, `gs://${bucket}`, options.idleTimeoutMs ?? 20_000);
      const attempted = <B>(take: (bucket: Bucket, attempt: Attempt) => Promise<B>) =>
        within(name === '' ? 'its files' : name, call, async (attempt) =>
          take(await openBucket(bucket, attempt), attempt),
        );
      return work((take) => again(call, attempted(take))(), name);
    }, failureAbout(address));

  return {
    head: (address, call) =>
      about(address, parseBucketAddress(address), call, async (step, name) =>
        orRaise(
          await step(async (bucket) => {
            const query = { fields };
            const found = await unlessAbsent(() => request(bucket, { method: 'GET', path: objectPath(name), query }));
            return O.map((resource: Resource) => fileOf(address, resource))(O.fromNullable(found));
          }),
        ),
      ),

    list: (prefix, call) =>
      about(prefix, parseBucketPrefix(prefix), call, async (step, name) => {
        const files: BucketFile[] = [];
        for (let pageToken = {}; ; ) {
          const query = { prefix: name, fields: `items(name,${fields}),nextPageToken`, ...pageToken };
          const page = orRaise(await step((bucket) => request(bucket, { method: 'GET', path: '/o', query })));
          const root = prefix.slice(0, prefix.length - name.length);
          for (const resource of Array.isArray(page['items']) ? page['items'] : []) {
            const address = `${root}${resource.name}`;
            // What others wrote may have a name that no address has.
            if (E.isRight(parseBucketAddress(address))) files.push(fileOf(address, resource));
          }
          if (typeof page['nextPageToken'] !== 'string') break;
          pageToken = { pageToken: page['nextPageToken'] };
        }
        return files.sort((a, b) => (a.address < b.address ? -1 : 1));
      }),

    download: (file, path, ranges, call) =>
      about(file.address, parseBucketAddress(file.address), call, async (step, name) => {
        const conflicting = conflictIfGone(step, file.address);
        if (ranges !== 'whole') {
          const filled = ranges.filter(({ begin, end }) => begin < end);
          return onDisk(file.address, open(path, 'r+'), async (handle) => {
            const fetch = (range: ByteRange): TaskEither<Failure, void> =>
              TE.tryCatch(() => fetchRange(conflicting, file, name, handle, range), failureAbout(file.address));
            orRaise(await sideBySide(filled, fetch)());
          });
        }
        return onDisk(file.address, open(path, 'wx'), async (handle) => {
          try {
            await fetchWhole(conflicting, file, name, handle);
          } catch (error) {
            await rm(path, { force: true });
            throw error;
          }
        });
      }),

    upload: (path, address, call) =>
      about(address, parseBucketAddress(address), call, (step, name) =>
        onDisk(address, open(path), async (handle) => {
          const digests = orRaise(await step((_bucket, attempt) => digestsOf(path, attempt)));
          const generation = await sendFile(step, name, handle, digests);
          return { address, generation, sizeBytes: digests.sizeBytes, sha256: digests.sha256 };
        }),
      ),

    remove: (address, call) =>
      about(address, parseBucketAddress(address), call, async (step, name) => {
        orRaise(
          await step((bucket, attempt) =>
            unlessAbsent(() => attempt.commit(() => request(bucket, { method: 'DELETE', path: objectPath(name) }))),
          ),
        );
      }),
  };
};

const failureAbout = (address: string) => toFailure(storage)(address, 'its bucket');

type Resource = Readonly<Record<string, unknown>>;

const fileOf = (address: string, resource: Resource): BucketFile => {
  const { token, sizeBytes } = headOf(resource);
  const own = resource['metadata'];
  const sha256 = typeof own === 'object' && own !== null && 'sha256' in own ? `${own.sha256}` : '';
  return { address, generation: token, sizeBytes, ...(/^[\da-f]{64}$/.test(sha256) ? { sha256 } : {}) };
};

/** Undefined when there is no such object, in a bucket that is there. */
const unlessAbsent = async <A>(work: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (statusOf(error) === 404 && !isMissingBucket(error)) return undefined;
    throw error;
  }
};

/** Steps that read one generation. */
const conflictIfGone =
  (step: Step, address: string): Step =>
  (work) =>
    step(async (bucket, attempt) => {
      try {
        return await work(bucket, attempt);
      } catch (error) {
        if (statusOf(error) !== 404 || isMissingBucket(error)) throw error;
        return raise('Conflict', `${address} was removed or replaced since it was looked for: look again.`);
      }
    });

const onDisk = async <A>(
  address: string,
  opening: Promise<FileHandle>,
  work: (handle: FileHandle) => Promise<A>,
): Promise<A> => {
  const handle = await opening.catch((error: unknown) => {
    throw raised(diskFailure(address)(error));
  });
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
};

/** An artifact store in a Google Cloud Storage bucket: objects are objects at their keys, and generations are the tokens. */
import type { Bucket } from '@google-cloud/storage';
import * as O from 'fp-ts/lib/Option.js';
import {
  type ArtifactStore,
  checkFolder,
  checkKey,
  neverCancelled,
  parseBucketAddress,
  type WriteCondition,
} from '../../core/index.js';
import { type Attempt, bounded, nowMs } from '../google-cloud/bounded.js';
import { orRaise, raise, statusOf } from '../google-cloud/errors.js';
import type { RetryPolicy } from '../google-cloud/persistently.js';
import { type ClientOptions, headOf, objectPath, openBucket, request } from './client.js';
import { isConditionNotMet, isMissingBucket, storage } from './errors.js';
import { listFolder } from './listing.js';
import { retrying } from './retrying.js';
import { selfTest } from './self-test.js';
import { download, upload } from './transfer.js';

export interface GoogleCloudStorageOptions extends ClientOptions {
  /** A folder of the bucket that is the root of the store, `''` by default: names joined by `/`, as addresses in buckets have them. */
  readonly prefix?: string;
  /** After so long without a byte on the line a request is given up, and tried again; 20,000 by default. */
  readonly idleTimeoutMs?: number;
  readonly retries?: RetryPolicy;
}

/**
 * The store in a bucket that is there already. The client library is loaded, and application default credentials are looked for, by the
 * first call; the first write proves that the service honours preconditions. What fails for a passing reason is tried again, see `retrying`.
 *
 * Every call may also fail `NotFound`, when there is no such bucket.
 */
export const googleCloudStorageArtifactStore = (options: GoogleCloudStorageOptions): ArtifactStore =>
  retrying(storeInBucket(options), options.retries);

/** For three requests. */
const proofTimeoutMs = 30_000;

const storeInBucket = (options: GoogleCloudStorageOptions): ArtifactStore => {
  const prefix = (options.prefix ?? '').replace(/\/+$/, '');
  const location = `gs://${options.bucket}${prefix === '' ? '' : `/${prefix}`}`;
  const within = bounded(storage, location, options.idleTimeoutMs ?? 20_000);
  const open = openBucket(options);

  /** Belongs to none of the writes that wait for it, so it has a deadline of its own. */
  const prove = async (): Promise<void> => {
    const call = { deadlineMs: nowMs() + proofTimeoutMs, cancellation: neverCancelled };
    orRaise(await within('its self-test', call, async (attempt) => selfTest(await open(attempt), prefix, attempt))());
  };
  let proof: Promise<void> | undefined;

  /** The bucket to write to, proven once by this store, and again after that failed. */
  const openToWrite = async (attempt: Attempt): Promise<Bucket> => {
    proof ??= prove().catch((error: unknown) => {
      proof = undefined;
      throw error;
    });
    await proof;
    return open(attempt);
  };

  const nameOf = (key: string): string => {
    checkPlace(options.bucket, prefix);
    orRaise(checkKey(key));
    return prefix === '' ? key : `${prefix}/${key}`;
  };

  return {
    location,

    head: (key, call) =>
      within(key, call, async (attempt) => {
        const path = objectPath(nameOf(key));
        const bucket = await open(attempt);
        return noneIfAbsent(async () =>
          headOf(await request(bucket, { method: 'GET', path, query: { fields: 'generation,size,timeCreated' } })),
        );
      }),

    get: (key, call) =>
      within(key, call, async (attempt) => {
        const name = nameOf(key);
        const bucket = await open(attempt);
        return noneIfAbsent(() => download(bucket, name, {}, attempt));
      }),

    getIfChanged: (key, token, call) =>
      within(key, call, async (attempt) => {
        const name = nameOf(key);
        const bucket = await open(attempt);
        // What is no generation is the token of no state.
        const condition = isGeneration(token) ? { ifGenerationNotMatch: token } : {};
        try {
          return await noneIfAbsent(() => download(bucket, name, condition, attempt));
        } catch (error) {
          return statusOf(error) === 304 ? 'unchanged' : rethrow(error);
        }
      }),

    put: (key, bytes, condition, call) =>
      within(key, call, async (attempt) => {
        const name = nameOf(key);
        const generation = generationOf(condition) ?? lost(key, condition);
        const bucket = await openToWrite(attempt);
        try {
          return await attempt.commit(() => upload(bucket, name, bytes, generation, attempt));
        } catch (error) {
          return isConditionNotMet(error) ? lost(key, condition) : rethrow(error);
        }
      }),

    copyIfAbsent: (from, to, call) =>
      within(to, call, async (attempt) => {
        const source = nameOf(from);
        const target = nameOf(to);
        const bucket = await openToWrite(attempt);
        const path = `${objectPath(source)}/rewriteTo/b/${options.bucket}${objectPath(target)}`;
        try {
          return await attempt.commit(async () => {
            // The service copies large objects in rounds; each is told the condition, or the last would replace what came meanwhile.
            for (let query: Record<string, string> = { ifGenerationMatch: '0' }; ; attempt.moved()) {
              const answer = await request(bucket, { method: 'POST', path, query });
              const copy = answer['resource'];
              if (typeof copy === 'object' && copy !== null) return headOf({ ...copy }).token;
              const token = answer['rewriteToken'];
              if (typeof token !== 'string')
                return raise('Unavailable', `The copy to ${to} neither ended nor went on.`);
              query = { ...query, rewriteToken: token };
            }
          });
        } catch (error) {
          if (isConditionNotMet(error)) return lost(to, { kind: 'absent' });
          if (statusOf(error) === 404 && !isMissingBucket(error))
            return raise('NotFound', `There is no ${from} to copy.`);
          return rethrow(error);
        }
      }),

    list: (folder, { limit, pageToken }, call) =>
      within(folder === '' ? 'the root' : folder, call, async (attempt) => {
        if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
          return raise('InvalidInput', `A page holds 1 to 1000 entries, not ${limit}.`);
        }
        checkPlace(options.bucket, prefix);
        orRaise(checkFolder(folder));
        return listFolder(await open(attempt), prefix, folder, limit, pageToken);
      }),

    delete: (key, call) =>
      within(key, call, async (attempt) => {
        const path = objectPath(nameOf(key));
        const bucket = await open(attempt);
        await noneIfAbsent(() => attempt.commit(() => request(bucket, { method: 'DELETE', path })));
      }),
  };
};

const bucketGrammar = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;

/** The client would put the project's id for `{{projectId}}` in a name, which neither grammar lets in. */
const checkPlace = (bucket: string, prefix: string): void => {
  if (!bucketGrammar.test(bucket)) {
    raise(
      'InvalidInput',
      `${JSON.stringify(bucket.slice(0, 100))} is not the name of a bucket: it is 3 to 222 of a-z 0-9 . _ -, without gs://.`,
    );
  }
  if (prefix.length > 300) raise('InvalidInput', 'The prefix in the bucket has more than 300 characters.');
  if (prefix !== '') orRaise(parseBucketAddress(`gs://${bucket}/${prefix}`));
};

const noneIfAbsent = async <A>(work: () => Promise<A>): Promise<O.Option<A>> => {
  try {
    return O.some(await work());
  } catch (error) {
    if (statusOf(error) === 404 && !isMissingBucket(error)) return O.none;
    throw error;
  }
};

/** What `ifGenerationMatch` is to be; undefined when the token names no state of any object. 0 would mean that there is none. */
const generationOf = (condition: WriteCondition): string | undefined => {
  if (condition.kind === 'absent') return '0';
  return isGeneration(condition.token) ? condition.token : undefined;
};

const isGeneration = (token: string): boolean => /^[1-9][0-9]{0,17}$/.test(token);

/** Another was faster, or is it this very write whose answer got lost: see `retrying`. */
const lost = (key: string, condition: WriteCondition): never =>
  condition.kind === 'absent'
    ? raise('AlreadyExists', `${key} is already there.`)
    : raise('Conflict', `${key} is gone or in another state: read it again.`);

const rethrow = (error: unknown): never => {
  throw error;
};

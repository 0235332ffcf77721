/** Port: keyed immutable objects and compare-and-swap documents, the only thing a registry stands on. */
import type { Option } from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { CallOptions } from './host.js';

/** Names one state of one object. Opaque: compared for equality only, and only with tokens of the same key. */
export type StoreToken = string;

export interface ObjectHead {
  readonly token: StoreToken;
  readonly sizeBytes: number;
  /** When its bytes were written, in milliseconds since the epoch on the store's own clock, which nobody promises to be right. */
  readonly modifiedMs: number;
}

export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly token: StoreToken;
}

/** What a write demands of the object as it is: that there is none, or that it is still in the state `token`. */
export type WriteCondition = { readonly kind: 'absent' } | { readonly kind: 'matches'; readonly token: StoreToken };

/** One level of keys below a folder. */
export interface Listing {
  /** Objects directly in the folder, sorted by key within the page. */
  readonly objects: ReadonlyArray<ObjectHead & { readonly key: string }>;
  /** Names (without the folder, without a slash) of the folders directly in it, sorted within the page. */
  readonly folders: ReadonlyArray<string>;
  /** Present when there is more. Opaque, usable once, for the same folder. */
  readonly nextPageToken?: string;
}

/**
 * A key is one or more segments joined by `/`. A segment is 1 to 200 of `A-Z a-z 0-9 . _ -`, does not begin with a
 * dot, does not end with a dot, and is not a Windows device name (`con`, `nul`, `com1`, …, with any extension). The whole
 * key is at most 700 characters. Every other key is refused with `InvalidInput`, by every call.
 *
 * The adapter promises:
 * - an object is visible whole or not at all; a write that failed without `ambiguous` left nothing visible;
 * - of concurrent writes with the same condition, exactly one succeeds, across processes;
 * - a read that begins after a write was acknowledged sees that write or a later one, and so does a list;
 * - every call settles by its deadline (`DeadlineExceeded`) or soon after its cancellation (`Cancelled`);
 * - a failed write says with `ambiguous` whether it may have happened all the same.
 *
 * The adapter may assume: a key is either an immutable object (created or copied) or a document (created, then only
 * replaced with `matches`), and only objects are copied; no key is the folder of another; an object is small enough to be
 * held in memory.
 *
 * The adapter may refuse with `InvalidInput`, naming it, whatever stands in the way of a key that is neither a file nor a folder
 * as its place demands (a symbolic link, a pipe, a file above it); it never answers "none" for it. A list passes it over.
 *
 * Nobody promises an order between writes of different keys that were not awaited one after the other, or that a
 * listing is a snapshot: it shows everything that was there all along, and may or may not show what came or went meanwhile.
 *
 * Every call may fail `InvalidInput` (key), `PermissionDenied`, `Unavailable`, `DeadlineExceeded`, `Cancelled`.
 */
export interface ArtifactStore {
  /** Where this is, for people: `local folder /srv/models`, `gs://bgg-models/prod`. */
  readonly location: string;

  /**
   * Size and token without the bytes; none when there is no such object. What it tells of lasts: where a write is seen before it is
   * durable, it is made durable first. So does what is refused as `AlreadyExists`.
   */
  readonly head: (key: string, call: CallOptions) => TaskEither<Failure, Option<ObjectHead>>;

  /** The whole object; none when there is no such object. */
  readonly get: (key: string, call: CallOptions) => TaskEither<Failure, Option<StoredObject>>;

  /** As `get`, except that an object which is still in the state `token` is `unchanged` and its bytes are not moved. */
  readonly getIfChanged: (
    key: string,
    token: StoreToken,
    call: CallOptions,
  ) => TaskEither<Failure, Option<StoredObject> | 'unchanged'>;

  /**
   * Writes the whole object and answers with its new token.
   * Fails `AlreadyExists` when `absent` was demanded and there is an object, `Conflict` when `matches` was demanded and the
   * object is gone or in another state.
   */
  readonly put: (
    key: string,
    bytes: Uint8Array,
    condition: WriteCondition,
    call: CallOptions,
  ) => TaskEither<Failure, StoreToken>;

  /**
   * Copies an immutable object's bytes to a new key, where nothing was.
   * Fails `NotFound` when there is no object at `from`, `AlreadyExists` when there is one at `to`.
   */
  readonly copyIfAbsent: (from: string, to: string, call: CallOptions) => TaskEither<Failure, StoreToken>;

  /**
   * One level of `folder` (`''` is the root), at most `limit` (1 to 1000) objects and folders together per page. A folder
   * that holds nothing, or is not there, lists as empty; one that held something may still be named by the folder above it. What
   * is an object, or below one, lists as empty or fails `InvalidInput`, as does any other `limit`.
   */
  readonly list: (
    folder: string,
    page: { readonly limit: number; readonly pageToken?: string },
    call: CallOptions,
  ) => TaskEither<Failure, Listing>;

  /** Removes the object. Succeeds when there was none. */
  readonly delete: (key: string, call: CallOptions) => TaskEither<Failure, void>;
}

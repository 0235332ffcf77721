/** What the promises of an artifact store are told with. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  type Failure,
  type FailureTag,
  type Listing,
  neverCancelled,
  type StoreToken,
  type WriteCondition,
} from '../../core/index.js';
import type { ContractCase } from './contract.js';

/** An empty store of a case's own. */
export interface StoreUnderTest {
  readonly store: ArtifactStore;
  /** A second handle on the same objects, as another process would have. */
  readonly another: ArtifactStore;
  readonly close: () => Promise<void>;
}

export interface ArtifactStoreHarness {
  readonly makeStore: () => Promise<StoreUnderTest>;
}

/** A promise that is kept on an empty store, seen through two handles. */
export const promise = (
  name: string,
  run: (store: ArtifactStore, another: ArtifactStore) => Promise<void>,
): ContractCase<ArtifactStoreHarness> => ({
  name,
  run: async ({ makeStore }) => {
    const { store, another, close } = await makeStore();
    try {
      await run(store, another);
    } finally {
      await close();
    }
  },
});

export const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
export const absent: WriteCondition = { kind: 'absent' };
export const matches = (token: StoreToken): WriteCondition => ({ kind: 'matches', token });

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** What the task answers; its failure breaks the promise. */
export const done = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isLeft(result)) assert.fail(`failed: ${JSON.stringify(result.left)}`);
  return result.right;
};

/** The failure of the task, which must have this tag and must not be in doubt. */
export const refused = async (task: TaskEither<Failure, unknown>, tag: FailureTag): Promise<Failure> => {
  const result = await task();
  assert.ok(E.isLeft(result), `was not refused with ${tag}`);
  assert.equal(result.left.tag, tag, result.left.message);
  assert.equal(result.left.ambiguous, false, 'a write that was refused did not happen');
  assert.match(result.left.message, /\.$/, 'a message is a sentence');
  return result.left;
};

export const create = (store: ArtifactStore, key: string, text: string): Promise<StoreToken> =>
  done(store.put(key, bytesOf(text), absent, call));

export const swap = (store: ArtifactStore, key: string, text: string, token: StoreToken): Promise<StoreToken> =>
  done(store.put(key, bytesOf(text), matches(token), call));

/** The object as text, and undefined when there is none. */
export const read = async (store: ArtifactStore, key: string): Promise<string | undefined> => {
  const found = await done(store.get(key, call));
  return O.isSome(found) ? textOf(found.value.bytes) : undefined;
};

/** The token that head, get and list agree on, and undefined when all say there is no object. */
export const tokenNow = async (store: ArtifactStore, key: string): Promise<StoreToken | undefined> => {
  const head = O.toUndefined(await done(store.head(key, call)));
  const object = O.toUndefined(await done(store.get(key, call)));
  const slash = key.lastIndexOf('/');
  const { objects } = await listAll(store, slash < 0 ? '' : key.slice(0, slash));
  const listed = objects.find((each) => each.key === key);
  assert.deepEqual([object?.token, listed?.token], [head?.token, head?.token], 'head, get and list tell one token');
  assert.deepEqual([object?.bytes.length, listed?.sizeBytes], [head?.sizeBytes, head?.sizeBytes], 'and one size');
  return head?.token;
};

/** Every page of the folder, each sorted and within the limit. */
export const listAll = async (
  store: ArtifactStore,
  folder: string,
  limit = 1000,
  betweenPages: () => Promise<void> = async () => undefined,
): Promise<Required<Omit<Listing, 'nextPageToken'>>> => {
  const objects: Array<Listing['objects'][number]> = [];
  const folders: string[] = [];
  let pageToken: string | undefined;
  for (let pageCount = 0; pageCount < 1000; pageCount++) {
    const page: Listing = await done(
      store.list(folder, { limit, ...(pageToken === undefined ? {} : { pageToken }) }, call),
    );
    assert.ok(page.objects.length + page.folders.length <= limit, `a page holds at most ${limit}`);
    assertSorted(page.objects.map(({ key }) => key));
    assertSorted(page.folders);
    objects.push(...page.objects);
    folders.push(...page.folders);
    pageToken = page.nextPageToken;
    if (pageToken === undefined) return { objects, folders };
    await betweenPages();
  }
  assert.fail('the pages never end');
};

const assertSorted = (names: ReadonlyArray<string>): void => assert.deepEqual(names, [...names].sort());

/** How many of the tasks succeeded; the others must have failed with `tag`. */
export const winners = async <A>(
  tasks: ReadonlyArray<TaskEither<Failure, A>>,
  tag: FailureTag,
): Promise<ReadonlyArray<{ readonly index: number; readonly value: A }>> => {
  const results = await Promise.all(tasks.map((task) => task()));
  for (const result of results) if (E.isLeft(result)) assert.equal(result.left.tag, tag, result.left.message);
  return results.flatMap((result, index) => (E.isRight(result) ? [{ index, value: result.right }] : []));
};

/** Twenty of something, by number. */
export const twenty: ReadonlyArray<number> = Array.from({ length: 20 }, (_, i) => i);

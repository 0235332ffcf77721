/** The promises of an artifact store about every call: which keys it takes, and how it ends. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { type ArtifactStore, type CallOptions, type Failure, neverCancelled } from '../../core/index.js';
import type { Contract } from './contract.js';
import {
  absent,
  type ArtifactStoreHarness,
  bytesOf,
  call,
  create,
  done,
  listAll,
  matches,
  promise,
  read,
  refused,
  tokenNow,
} from './artifact-store-harness.js';

const refusedKeys: ReadonlyArray<readonly [what: string, key: string]> = [
  ['the empty key', ''],
  ['an absolute path', '/etc/passwd'],
  ['the folder above', '..'],
  ['a way out of the store', '../outside'],
  ['a way up and down again', 'a/../b'],
  ['the folder itself', '.'],
  ['a segment that is one dot', 'a/./b'],
  ['an empty segment', 'a//b'],
  ['a slash at the end', 'a/'],
  ['a backslash', 'a\\b'],
  ['a way out with backslashes', '..\\outside'],
  ['a drive', 'C:/a'],
  ['a NUL', 'a\0b'],
  ['a line break', 'a\nb'],
  ['a line break at the end', 'a\n'],
  ['a space', 'a b'],
  ['a leading dot', 'a/.hidden'],
  ['a trailing dot', 'a/b.'],
  ['a colon', 'a:b'],
  ['a percent sign', 'a%2fb'],
  ['a star', 'a/*'],
  ['a tilde', '~/a'],
  ['letters outside ASCII', 'modèle'],
  ['a full-width slash', 'a／b'],
  ['a device name', 'a/con'],
  ['a device name in capitals', 'NUL/a'],
  ['a device name with an extension', 'com1.json'],
  ['a segment of 201 characters', `a/${'x'.repeat(201)}`],
  ['a key of 701 characters', `${'x'.repeat(100)}/`.repeat(6) + 'x'.repeat(95)],
];

const acceptedKeys: ReadonlyArray<string> = [
  ...['a', '-', '_', '0', 'A.B-C_9', 'a..b', 'console', 'common.json', 'com10', 'xcon', '__proto__', 'constructor'],
  'x'.repeat(200),
  `${'x'.repeat(100)}/`.repeat(6) + 'x'.repeat(94),
];

/** Every call of the port, on `key`. */
const everyCall = (
  store: ArtifactStore,
  key: string,
  options: CallOptions,
): ReadonlyArray<TaskEither<Failure, unknown>> => [
  store.head(key, options),
  store.get(key, options),
  store.put(key, bytesOf('x'), absent, options),
  store.put(key, bytesOf('x'), matches('1'), options),
  store.copyIfAbsent(key, 'elsewhere', options),
  store.copyIfAbsent('source', key, options),
  store.list(key, { limit: 10 }, options),
  store.delete(key, options),
  store.getIfChanged(key, '1', options),
];

/** A cancellation to be pulled. */
const pullable = () => {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    cancellation: {
      get aborted() {
        return aborted;
      },
      onAbort: (f: () => void) => {
        listeners.add(f);
        return () => listeners.delete(f);
      },
    },
    listeners,
    pull: () => {
      aborted = true;
      for (const f of listeners) f();
    },
  };
};

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A write that failed says whether it may have happened: when not, it is not there, then or later. */
const assertTruthful = async (store: ArtifactStore, key: string, result: E.Either<Failure, unknown>) => {
  await soon(20);
  const stored = await read(store, key);
  if (E.isRight(result)) assert.ok(stored !== undefined);
  else if (!result.left.ambiguous) assert.equal(stored, undefined, result.left.message);
};

export const callPromises: Contract<ArtifactStoreHarness> = [
  ...refusedKeys.map(([what, key]) =>
    promise(`${what} is refused as a key by every call`, async (store) => {
      await create(store, 'source', 'x');
      // The empty key is also the name of the root, which can be listed.
      const calls = everyCall(store, key, call).filter((_, i) => key !== '' || i !== 6);
      for (const each of calls) await refused(each, 'InvalidInput');
      assert.deepEqual(
        (await listAll(store, '')).objects.map((object) => object.key),
        ['source'],
      );
    }),
  ),

  promise('the outermost keys of the grammar are taken', async (store) => {
    for (const key of acceptedKeys) {
      assert.equal(await tokenNow(store, key), undefined, key);
      const token = await create(store, key, key);
      assert.equal(await read(store, key), key);
      assert.equal(await tokenNow(store, key), token);
      await done(store.delete(key, call));
    }
  }),

  promise('a call whose deadline has passed is DeadlineExceeded and does nothing', async (store) => {
    await create(store, 'source', 'x');
    for (const each of everyCall(store, 'key', { ...call, deadlineMs: Date.now() - 5_000 })) {
      await refused(each, 'DeadlineExceeded');
    }
    await refused(store.delete('source', { ...call, deadlineMs: 0 }), 'DeadlineExceeded');
    assert.equal(await tokenNow(store, 'key'), undefined);
    assert.equal(await read(store, 'source'), 'x');
  }),

  promise('a call that was cancelled before it began is Cancelled and does nothing', async (store) => {
    await create(store, 'source', 'x');
    const cancelled = { ...call, cancellation: { ...neverCancelled, aborted: true } };
    for (const each of everyCall(store, 'key', cancelled)) await refused(each, 'Cancelled');
    await refused(store.delete('source', cancelled), 'Cancelled');
    assert.equal(await tokenNow(store, 'key'), undefined);
    assert.equal(await read(store, 'source'), 'x');
  }),

  promise(
    'a write that is cancelled on the way settles, and says truly whether it may have happened',
    async (store) => {
      for (const delayMs of [0, 0, 1, 1, 2, 3, 5, 8]) {
        const { cancellation, pull } = pullable();
        const key = `cancelled/${delayMs}`;
        const result = store.put(key, new Uint8Array(2 ** 20), absent, { ...call, cancellation })();
        await soon(delayMs);
        pull();
        const settled = await result;
        if (E.isLeft(settled))
          assert.ok(['Cancelled', 'AlreadyExists'].includes(settled.left.tag), settled.left.message);
        if (E.isRight(settled) || settled.left.tag === 'Cancelled') await assertTruthful(store, key, settled);
        await done(store.delete(key, call));
      }
    },
  ),

  promise(
    'a write whose deadline comes on the way settles, and says truly whether it may have happened',
    async (store) => {
      for (const budgetMs of [0.2, 0.5, 1, 2, 3, 5, 8]) {
        const key = `late/${budgetMs}`;
        const deadlineMs = performance.timeOrigin + performance.now() + budgetMs;
        const settled = await store.put(key, new Uint8Array(2 ** 20), absent, { ...call, deadlineMs })();
        if (E.isLeft(settled)) assert.equal(settled.left.tag, 'DeadlineExceeded', settled.left.message);
        await assertTruthful(store, key, settled);
      }
    },
  ),

  promise('a call that has ended listens for no cancellation any more', async (store) => {
    const { cancellation, listeners } = pullable();
    for (const each of everyCall(store, 'key', { ...call, cancellation })) await each();
    assert.equal(listeners.size, 0);
  }),

  promise('a call is made each time its task is run', async (store) => {
    const head = store.head('key', call);
    const before = await done(head);
    await create(store, 'key', 'x');
    const after = await done(head);
    assert.deepEqual([before._tag, after._tag], ['None', 'Some']);
  }),

  promise('a store says where it is', async (store, another) => {
    assert.notEqual(store.location, '');
    assert.equal(store.location, another.location);
  }),
];

/** The promises of an artifact store about writes that are given up on the way: what they leave, seen through another handle. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { ArtifactStore, CallOptions, Failure } from '../../core/index.js';
import type { Contract } from './contract.js';
import { cancellable } from './cancellable.js';
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
} from './artifact-store-harness.js';

const before = 'as it was';
const after = 'as it is to be, '.repeat(8192);

/** One way to write: it takes what is at the key from `old` to `wanted`. */
interface Write {
  readonly old: string | undefined;
  readonly wanted: string | undefined;
  /** Makes the key ready, and answers with the write. */
  readonly prepare: (
    store: ArtifactStore,
    key: string,
  ) => Promise<(options: CallOptions) => TaskEither<Failure, unknown>>;
}

const writes: Readonly<Record<string, Write>> = {
  create: {
    old: undefined,
    wanted: after,
    prepare: async (store, key) => (options) => store.put(key, bytesOf(after), absent, options),
  },
  copy: {
    old: undefined,
    wanted: after,
    prepare: async (store, key) => {
      await create(store, `sources/${key}`, after);
      return (options) => store.copyIfAbsent(`sources/${key}`, key, options);
    },
  },
  replacement: {
    old: before,
    wanted: after,
    prepare: async (store, key) => {
      const token = await create(store, key, before);
      return (options) => store.put(key, bytesOf(after), matches(token), options);
    },
  },
  deletion: {
    old: before,
    wanted: undefined,
    prepare: async (store, key) => {
      await create(store, key, before);
      return (options) => store.delete(key, options);
    },
  },
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Run = (write: (options: CallOptions) => TaskEither<Failure, unknown>) => Promise<E.Either<Failure, unknown>>;

/** How a write is given up `delayMs` after it began. */
const endings: Readonly<Record<'Cancelled' | 'DeadlineExceeded', (delayMs: number) => Run>> = {
  Cancelled: (delayMs) => async (write) => {
    const cancellation = cancellable();
    const result = write({ ...call, cancellation })();
    await (delayMs === 0 ? Promise.resolve() : pause(delayMs));
    cancellation.abort();
    return result;
  },
  DeadlineExceeded: (delayMs) => (write) =>
    write({ ...call, deadlineMs: performance.timeOrigin + performance.now() + delayMs })(),
};

const delaysMs = [0, 0.2, 0.5, 1, 1.5, 2, 3, 5, 8, 13];

export const endingPromises: Contract<ArtifactStoreHarness> = [
  ...Object.entries(writes).flatMap(([name, { old, wanted, prepare }]) =>
    Object.entries(endings).map(([tag, ending]) =>
      promise(`a ${name} that ends as ${tag} left nothing, unless it says that it may have`, async (store, another) => {
        const given = delaysMs.map(async (delayMs, i) => {
          const key = `given-up/${i}`;
          const result = await ending(delayMs)(await prepare(store, key));
          if (E.isLeft(result)) assert.equal(result.left.tag, tag, result.left.message);
          return { key, result };
        });
        const settled = await Promise.all(given);
        // What was left running had time to do its worst.
        await pause(30);
        const left = new Map<string, number>();
        const inDoubt = new Set<string>();
        for (const { key, result } of settled) {
          const text = await read(another, key);
          const allowed = E.isRight(result) ? [wanted] : result.left.ambiguous ? [old, wanted] : [old];
          assert.ok(allowed.includes(text), `${key} is left with ${text?.length ?? 'no'} characters`);
          // What may have happened may still be happening.
          if (E.isLeft(result) && result.left.ambiguous) inDoubt.add(key);
          else if (text !== undefined) left.set(key, text.length);
        }
        const { objects } = await listAll(another, 'given-up');
        const listed = objects.filter(({ key }) => !inDoubt.has(key));
        assert.deepEqual(new Map(listed.map(({ key, sizeBytes }) => [key, sizeBytes])), left);
        const root = await listAll(another, '');
        assert.deepEqual(root.objects, []);
        assert.deepEqual(
          root.folders.filter((folder) => folder !== 'given-up' && folder !== 'sources'),
          [],
        );
      }),
    ),
  ),

  promise('a key whose create was given up is as good as new', async (store, another) => {
    for (const [i, delayMs] of delaysMs.entries()) {
      const key = `given-up/${i}`;
      const bytes = bytesOf(after);
      await endings.Cancelled(delayMs)((options) => store.put(key, bytes, absent, options));
      const again = await another.put(key, bytesOf('again'), absent, call)();
      if (E.isLeft(again)) assert.equal(again.left.tag, 'AlreadyExists', again.left.message);
      assert.equal(await read(store, key), E.isRight(again) ? 'again' : after);
      await refused(store.put(key, bytes, absent, call), 'AlreadyExists');
    }
  }),

  promise('a deadline that is further away than timers reach has not passed', async (store, another) => {
    const inAYear = { ...call, deadlineMs: Date.now() + 366 * 24 * 3600 * 1000 };
    const token = await done(store.put('a/b', new Uint8Array(2 ** 20), absent, inAYear));
    await done(store.put('a/b', bytesOf('x'), matches(token), inAYear));
    await done(store.copyIfAbsent('a/b', 'a/c', inAYear));
    await done(store.head('a/b', inAYear));
    await done(store.get('a/b', inAYear));
    await done(store.list('a', { limit: 10 }, inAYear));
    await done(store.delete('a/c', inAYear));
    assert.equal(await read(another, 'a/b'), 'x');
  }),
];

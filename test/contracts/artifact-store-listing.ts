/** The promises of an artifact store about lists. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { Contract } from './contract.js';
import {
  type ArtifactStoreHarness,
  call,
  create,
  done,
  listAll,
  promise,
  refused,
  swap,
  tokenNow,
} from './artifact-store-harness.js';

/** Everything in the folder, folders with a slash. */
const names = async (...args: Parameters<typeof listAll>): Promise<ReadonlyArray<string>> => {
  const { objects, folders } = await listAll(...args);
  return [...objects.map(({ key }) => key), ...folders.map((folder) => `${folder}/`)].sort();
};

const mixed = ['a', 'a-b/x', 'a.b', 'a0/x', 'a0/y/z', 'b', 'b-1', 'B/x', 'c/1', 'c/2', 'd_', 'v10/x', 'v2/x', 'v3'];
const mixedNames = ['B/', 'a', 'a-b/', 'a.b', 'a0/', 'b', 'b-1', 'c/', 'd_', 'v10/', 'v2/', 'v3'];

export const listPromises: Contract<ArtifactStoreHarness> = [
  promise('an empty store lists as empty', async (store) => {
    assert.deepEqual(await done(store.list('', { limit: 10 }, call)), { objects: [], folders: [] });
  }),

  promise('a folder that is not there lists as empty', async (store) => {
    await create(store, 'a/b', 'x');
    for (const folder of ['c', 'a/c']) {
      assert.deepEqual(await done(store.list(folder, { limit: 10 }, call)), { objects: [], folders: [] });
    }
  }),

  promise('an object is no folder: it lists as empty, or is refused by name', async (store) => {
    await create(store, 'a/b', 'x');
    for (const folder of ['a/b', 'a/b/c']) {
      const listed = await store.list(folder, { limit: 10 }, call)();
      if (E.isRight(listed)) assert.deepEqual(listed.right, { objects: [], folders: [] });
      else assert.match((await refused(store.list(folder, { limit: 10 }, call), 'InvalidInput')).message, /^a\/b /);
    }
  }),

  promise('a list shows one level: objects by key, and folders by name', async (store) => {
    for (const key of ['m/r/one', 'm/r/two/x', 'm/r/two/y', 'm/r/three/deep/er', 'm/other', 'top']) {
      await create(store, key, key);
    }
    assert.deepEqual(await names(store, 'm/r'), ['m/r/one', 'three/', 'two/']);
    assert.deepEqual(await names(store, 'm'), ['m/other', 'r/']);
    assert.deepEqual(await names(store, ''), ['m/', 'top']);
  }),

  promise('folders whose names begin alike are never mixed', async (store) => {
    for (const key of ['test/v1', 'test-2/v1', 'test-2/v2', 'tes/v9', 'test.old/v3']) await create(store, key, key);
    assert.deepEqual(await names(store, 'test'), ['test/v1']);
    assert.deepEqual(await names(store, 'test-2'), ['test-2/v1', 'test-2/v2']);
    assert.deepEqual(await names(store, 'tes'), ['tes/v9']);
  }),

  promise('a list tells the size and the token that head tells', async (store) => {
    await create(store, 'a/b', 'four');
    const head = O.toUndefined(await done(store.head('a/b', call)));
    assert.deepEqual((await listAll(store, 'a')).objects, [{ key: 'a/b', ...head }]);
  }),

  promise('a list shows a document once, in its newest state', async (store) => {
    const first = await create(store, 'a/model.json', 'first');
    const token = await swap(store, 'a/model.json', 'the second', first);
    const { objects, folders } = await listAll(store, 'a');
    assert.deepEqual(
      objects.map((object) => [object.key, object.sizeBytes, object.token]),
      [['a/model.json', 10, token]],
    );
    assert.deepEqual(folders, []);
  }),

  promise('a list shows at once what was written, and no longer what was deleted', async (store, another) => {
    for (const i of [1, 2, 3]) {
      await create(store, `a/k${i}`, 'x');
      assert.ok((await names(another, 'a')).includes(`a/k${i}`));
    }
    await done(store.delete('a/k2', call));
    assert.deepEqual(await names(another, 'a'), ['a/k1', 'a/k3']);
    assert.equal(await tokenNow(another, 'a/k2'), undefined);
  }),

  ...[1, 2, 3, 5, 1000].map((limit) =>
    promise(`pages of ${limit} cover everything exactly once`, async (store) => {
      for (const key of mixed) await create(store, `f/${key}`, key);
      const expected = mixedNames.map((name) => (name.endsWith('/') ? name : `f/${name}`)).sort();
      assert.deepEqual(await names(store, 'f', limit), expected);
    }),
  ),

  promise('a page that holds everything is the last', async (store) => {
    for (const key of ['f/a', 'f/b', 'f/c/x']) await create(store, key, 'x');
    const page = await done(store.list('f', { limit: 3 }, call));
    assert.equal(page.nextPageToken, undefined);
  }),

  promise(
    'what is created between pages neither hides nor repeats what was there all along',
    async (store, another) => {
      const stable = Array.from({ length: 9 }, (_, i) => `f/k${i * 10 + 10}`);
      for (const key of stable) await create(store, key, 'x');
      let insertCount = 0;
      const seen = await names(store, 'f', 2, async () => {
        insertCount += 1;
        await create(another, `f/k${insertCount * 10 + 5}`, 'x');
        await create(another, `f/a${insertCount}`, 'x');
      });
      assert.equal(new Set(seen).size, seen.length);
      assert.deepEqual(
        stable.filter((key) => !seen.includes(key)),
        [],
      );
    },
  ),

  promise(
    'what is deleted between pages neither hides nor repeats what was there all along',
    async (store, another) => {
      const all = Array.from({ length: 12 }, (_, i) => `f/k${i + 10}`);
      for (const key of all) await create(store, key, 'x');
      const doomed = [...all].filter((_, i) => i % 3 === 1);
      const stable = all.filter((key) => !doomed.includes(key));
      const seen = await names(store, 'f', 2, async () => {
        const next = doomed.shift();
        if (next !== undefined) await done(another.delete(next, call));
      });
      assert.equal(new Set(seen).size, seen.length);
      assert.deepEqual(
        stable.filter((key) => !seen.includes(key)),
        [],
      );
    },
  ),

  ...[0, -1, 1.5, 1001, Number.NaN].map((limit) =>
    promise(`a page of ${limit} is refused`, async (store) => {
      await refused(store.list('', { limit }, call), 'InvalidInput');
    }),
  ),
];

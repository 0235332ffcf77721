/** The promises of an artifact store about immutable objects. */
import assert from 'node:assert/strict';
import * as O from 'fp-ts/lib/Option.js';
import type { Contract } from './contract.js';
import {
  absent,
  type ArtifactStoreHarness,
  bytesOf,
  call,
  create,
  done,
  listAll,
  promise,
  read,
  refused,
  tokenNow,
  twenty,
  winners,
} from './artifact-store-harness.js';

const key = 'models/registered/rating/best/v1/pipeline.onnx';
const other = 'models/registered/rating/best/v2/pipeline.onnx';

export const objectPromises: Contract<ArtifactStoreHarness> = [
  promise('an object that was never written is none', async (store) => {
    assert.equal(await tokenNow(store, key), undefined);
  }),

  promise('a created object is read back byte for byte, under the token that the creation answered', async (store) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const token = await done(store.put(key, bytes, absent, call));
    assert.deepEqual(await done(store.get(key, call)), O.some({ bytes, token }));
    const head = O.toUndefined(await done(store.head(key, call)));
    assert.deepEqual([head?.sizeBytes, head?.token], [256, token]);
  }),

  promise('head and list tell when an object was written, also when the store has another clock', async (store) => {
    await create(store, key, 'one');
    const head = O.toUndefined(await done(store.head(key, call)));
    const [listed] = (await listAll(store, key.slice(0, key.lastIndexOf('/')))).objects;
    assert.equal(listed?.modifiedMs, head?.modifiedMs);
    const hourMs = 3_600_000;
    assert.ok(Math.abs((head?.modifiedMs ?? 0) - Date.now()) < hourMs, `${head?.modifiedMs}`);
  }),

  promise('an object under its token is unchanged, and whole under any other', async (store, another) => {
    const token = await create(store, key, 'one');
    assert.equal(await done(another.getIfChanged(key, token, call)), 'unchanged');
    for (const stranger of ['never', `${token}1`, await create(store, other, 'two')]) {
      assert.deepEqual(await done(store.getIfChanged(key, stranger, call)), O.some({ bytes: bytesOf('one'), token }));
    }
  }),

  promise('what is not there is none, whichever token it is asked for under', async (store) => {
    assert.deepEqual(await done(store.getIfChanged(key, 'never', call)), O.none);
    const token = await create(store, key, 'one');
    await done(store.delete(key, call));
    assert.deepEqual(await done(store.getIfChanged(key, token, call)), O.none);
  }),

  promise('a created object is seen at once through another handle', async (store, another) => {
    const token = await create(store, key, 'one');
    assert.equal(await tokenNow(another, key), token);
    assert.equal(await read(another, key), 'one');
  }),

  promise('an object of no bytes is an object', async (store) => {
    await create(store, key, '');
    assert.equal(await read(store, key), '');
    await refused(store.put(key, bytesOf('x'), absent, call), 'AlreadyExists');
  }),

  promise('an object of 8 MiB comes back whole', async (store) => {
    const bytes = new Uint8Array(8 * 2 ** 20);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31) % 251;
    const token = await done(store.put(key, bytes, absent, call));
    const found = await done(store.get(key, call));
    assert.ok(O.isSome(found) && found.value.token === token && Buffer.compare(found.value.bytes, bytes) === 0);
  }),

  promise('creating over an object is AlreadyExists, and leaves it as it was', async (store, another) => {
    const token = await create(store, key, 'one');
    await refused(another.put(key, bytesOf('two'), absent, call), 'AlreadyExists');
    assert.equal(await read(store, key), 'one');
    assert.equal(await tokenNow(store, key), token);
  }),

  promise('twenty concurrent creates of twenty keys in a new folder all succeed', async (store, another) => {
    await Promise.all(twenty.map((i) => create(i % 2 === 0 ? store : another, `new/folder/k${i}`, `${i}`)));
    for (const i of twenty) assert.equal(await read(store, `new/folder/k${i}`), `${i}`);
  }),

  promise('a reader during a create sees nothing, or the whole object', async (store, another) => {
    const bytes = new Uint8Array(2 ** 20).fill(7);
    const creations = twenty.slice(0, 5).map((i) => done(store.put(`${key}.${i}`, bytes, absent, call)));
    let isOver = false;
    const all = Promise.all(creations).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const i of [0, 1, 2, 3, 4]) {
        const found = await done(another.get(`${key}.${i}`, call));
        if (O.isSome(found)) assert.equal(Buffer.compare(found.value.bytes, bytes), 0);
      }
      await new Promise(setImmediate);
    }
    await all;
  }),

  promise('bytes that the caller changes after a write do not change the object', async (store) => {
    const bytes = bytesOf('one');
    await done(store.put(key, bytes, absent, call));
    bytes.fill(0);
    assert.equal(await read(store, key), 'one');
  }),

  promise('bytes that a reader changes do not change the object', async (store) => {
    await create(store, key, 'one');
    const found = await done(store.get(key, call));
    if (O.isSome(found)) found.value.bytes.fill(0);
    assert.equal(await read(store, key), 'one');
  }),

  promise('a token stands as long as its object', async (store, another) => {
    const token = await create(store, key, 'one');
    await create(store, other, 'two');
    await done(store.copyIfAbsent(key, 'copy', call));
    assert.equal(await tokenNow(store, key), token);
    assert.equal(await tokenNow(another, key), token);
  }),

  promise('a deleted object is none', async (store, another) => {
    await create(store, key, 'one');
    await create(store, other, 'two');
    await done(store.delete(key, call));
    assert.equal(await tokenNow(another, key), undefined);
    assert.equal(await read(store, other), 'two');
  }),

  promise('deleting what is not there succeeds, once and again, and leaves nothing there', async (store) => {
    await done(store.delete(key, call));
    await create(store, key, 'one');
    await done(store.delete(key, call));
    await done(store.delete(key, call));
    assert.equal(await tokenNow(store, key), undefined);
  }),

  promise('deleting a folder deletes nothing', async (store) => {
    await create(store, key, 'one');
    await done(store.delete('models/registered', call));
    assert.equal(await read(store, key), 'one');
  }),

  promise('a folder is no object', async (store) => {
    await create(store, key, 'one');
    assert.equal(await tokenNow(store, 'models/registered'), undefined);
  }),

  promise('twenty concurrent deletions all succeed', async (store, another) => {
    await create(store, key, 'one');
    const won = await winners(
      twenty.map((i) => (i % 2 === 0 ? store : another).delete(key, call)),
      'NotFound',
    );
    assert.equal(won.length, 20);
    assert.equal(await tokenNow(store, key), undefined);
  }),

  promise('an object that was deleted and created again has its new bytes and another token', async (store) => {
    const tokens = new Set<string>();
    for (const i of twenty) {
      tokens.add(await create(store, key, `life ${i + 10}`));
      assert.equal(await read(store, key), `life ${i + 10}`);
      await done(store.delete(key, call));
    }
    assert.equal(tokens.size, 20);
  }),

  promise('creates and deletions of neighbours do not get into each other’s way', async (store, another) => {
    const lives = twenty.map(async (i) => {
      const mine = i % 2 === 0 ? store : another;
      for (let life = 0; life < 3; life++) {
        await create(mine, `staging/s${i % 5}/k${i}`, `${i}`);
        assert.equal(await read(mine, `staging/s${i % 5}/k${i}`), `${i}`);
        await done(mine.delete(`staging/s${i % 5}/k${i}`, call));
      }
    });
    await Promise.all(lives);
  }),

  promise('a copy has the bytes of its source, which stays', async (store, another) => {
    const source = await create(store, key, 'one');
    const token = await done(store.copyIfAbsent(key, other, call));
    assert.equal(await read(another, other), 'one');
    assert.equal(await tokenNow(another, other), token);
    assert.equal(await tokenNow(another, key), source);
  }),

  promise('a copy outlives its source', async (store) => {
    await create(store, key, 'one');
    const token = await done(store.copyIfAbsent(key, other, call));
    await done(store.delete(key, call));
    assert.equal(await read(store, other), 'one');
    assert.equal(await tokenNow(store, other), token);
  }),

  promise('copying what is not there is NotFound, and makes nothing', async (store) => {
    await refused(store.copyIfAbsent(key, other, call), 'NotFound');
    assert.equal(await tokenNow(store, other), undefined);
  }),

  promise('copying over an object is AlreadyExists, and leaves it as it was', async (store) => {
    await create(store, key, 'one');
    const token = await create(store, other, 'two');
    await refused(store.copyIfAbsent(key, other, call), 'AlreadyExists');
    assert.equal(await read(store, other), 'two');
    assert.equal(await tokenNow(store, other), token);
  }),

  promise('of ten copies and ten creates at once exactly one wins', async (store, another) => {
    await create(store, 'source', 'copied');
    const won = await winners(
      twenty.map((i) =>
        i % 2 === 0 ? store.copyIfAbsent('source', key, call) : another.put(key, bytesOf(`writer ${i}`), absent, call),
      ),
      'AlreadyExists',
    );
    assert.equal(won.length, 1);
    const winner = won[0]?.index ?? 0;
    assert.equal(await read(store, key), winner % 2 === 0 ? 'copied' : `writer ${winner}`);
  }),
];

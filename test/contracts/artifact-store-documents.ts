/** The promises of an artifact store about documents, which change by compare-and-swap. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { ArtifactStore } from '../../core/index.js';
import type { Contract } from './contract.js';
import {
  absent,
  type ArtifactStoreHarness,
  bytesOf,
  call,
  create,
  done,
  matches,
  promise,
  read,
  refused,
  swap,
  textOf,
  tokenNow,
  twenty,
  winners,
} from './artifact-store-harness.js';

const key = 'models/_registry/rating/best/model.json';

/** Adds one to the number in the document, again and again until nobody was faster. */
const increment = async (store: ArtifactStore): Promise<void> => {
  for (;;) {
    const found = await done(store.get(key, call));
    assert.ok(O.isSome(found));
    const next = bytesOf(`${Number(textOf(found.value.bytes)) + 1}`);
    const result = await store.put(key, next, matches(found.value.token), call)();
    if (E.isRight(result)) return;
    assert.equal(result.left.tag, 'Conflict', result.left.message);
  }
};

export const documentPromises: Contract<ArtifactStoreHarness> = [
  promise('a document is replaced under its token, and has a new one', async (store, another) => {
    const first = await create(store, key, 'first');
    const second = await swap(another, key, 'the second', first);
    assert.notEqual(second, first);
    assert.equal(await read(store, key), 'the second');
    assert.equal(await tokenNow(store, key), second);
  }),

  promise(
    'a replaced document has changed for who read it before, and is whole in its new state',
    async (store, another) => {
      const first = await create(store, key, 'first');
      const second = await swap(another, key, 'second', first);
      assert.deepEqual(
        await done(store.getIfChanged(key, first, call)),
        O.some({ bytes: bytesOf('second'), token: second }),
      );
      assert.equal(await done(store.getIfChanged(key, second, call)), 'unchanged');
    },
  ),

  promise('a stale token is a Conflict, and leaves the document as it was', async (store, another) => {
    const first = await create(store, key, 'first');
    const second = await swap(store, key, 'second', first);
    await refused(another.put(key, bytesOf('stale'), matches(first), call), 'Conflict');
    assert.equal(await read(store, key), 'second');
    assert.equal(await tokenNow(store, key), second);
  }),

  promise('no earlier token ever wins again, however the document went on', async (store) => {
    const tokens = [await create(store, key, '0')];
    for (const i of twenty) tokens.push(await swap(store, key, `${i + 1}`, tokens.at(-1) ?? ''));
    assert.equal(new Set(tokens).size, 21);
    for (const token of tokens.slice(0, -1)) {
      await refused(store.put(key, bytesOf('stale'), matches(token), call), 'Conflict');
    }
    assert.equal(await read(store, key), '20');
    assert.equal(await tokenNow(store, key), tokens.at(-1));
  }),

  promise('a document that went back to its first bytes is not in its first state', async (store) => {
    const first = await create(store, key, 'A');
    await swap(store, key, 'A', await swap(store, key, 'B', first));
    await refused(store.put(key, bytesOf('C'), matches(first), call), 'Conflict');
  }),

  promise('a document of no bytes is a document', async (store) => {
    const token = await swap(store, key, '', await create(store, key, 'first'));
    assert.equal(await read(store, key), '');
    assert.equal(await tokenNow(store, key), token);
  }),

  promise('replacing what is not there is a Conflict, and makes nothing', async (store) => {
    const token = await create(store, 'elsewhere', 'x');
    await refused(store.put(key, bytesOf('x'), matches(token), call), 'Conflict');
    await refused(store.put(key, bytesOf('x'), matches('never a token'), call), 'Conflict');
    assert.equal(await tokenNow(store, key), undefined);
  }),

  promise('creating over a document that was replaced is AlreadyExists', async (store) => {
    const token = await swap(store, key, 'second', await create(store, key, 'first'));
    await refused(store.put(key, bytesOf('x'), absent, call), 'AlreadyExists');
    assert.equal(await tokenNow(store, key), token);
  }),

  promise(
    'of twenty concurrent replacements exactly one wins, and its bytes are the stored ones',
    async (store, another) => {
      const token = await swap(store, key, 'second', await create(store, key, 'first'));
      const won = await winners(
        twenty.map((i) => (i % 2 === 0 ? store : another).put(key, bytesOf(`writer ${i}`), matches(token), call)),
        'Conflict',
      );
      assert.equal(won.length, 1);
      assert.equal(await read(another, key), `writer ${won[0]?.index}`);
      assert.equal(await tokenNow(store, key), won[0]?.value);
    },
  ),

  promise('of twenty concurrent first replacements exactly one wins', async (store, another) => {
    const token = await create(store, key, 'first');
    const won = await winners(
      twenty.map((i) => (i % 2 === 0 ? store : another).put(key, bytesOf(`writer ${i}`), matches(token), call)),
      'Conflict',
    );
    assert.equal(won.length, 1);
    assert.equal(await read(another, key), `writer ${won[0]?.index}`);
  }),

  promise('a counter that eight workers raise loses no increment', async (store, another) => {
    await create(store, key, '0');
    const worker = async (mine: ArtifactStore) => {
      for (let i = 0; i < 5; i++) await increment(mine);
    };
    await Promise.all(twenty.slice(0, 8).map((i) => worker(i % 2 === 0 ? store : another)));
    assert.equal(await read(store, key), '40');
  }),

  promise('the token of a deleted document is a Conflict', async (store) => {
    const first = await create(store, key, 'first');
    const second = await swap(store, key, 'second', first);
    await done(store.delete(key, call));
    assert.equal(await tokenNow(store, key), undefined);
    for (const token of [first, second]) {
      await refused(store.put(key, bytesOf('stale'), matches(token), call), 'Conflict');
    }
    assert.equal(await tokenNow(store, key), undefined);
  }),

  promise('the token of a document that was deleted before it was ever replaced is a Conflict', async (store) => {
    const first = await create(store, key, 'first');
    await done(store.delete(key, call));
    await refused(store.put(key, bytesOf('stale'), matches(first), call), 'Conflict');
    const again = await create(store, key, 'first');
    await refused(store.put(key, bytesOf('stale'), matches(first), call), 'Conflict');
    assert.equal(await tokenNow(store, key), again);
  }),

  promise(
    'a deleted document can be created, replaced and deleted again, and no token of its earlier lives wins',
    async (store, another) => {
      const stale: string[] = [];
      for (const life of [1, 2, 3]) {
        const first = await create(store, key, `first of ${life}`);
        const second = await swap(another, key, `second of ${life}`, first);
        assert.equal(await read(store, key), `second of ${life}`);
        assert.equal(await tokenNow(store, key), second);
        for (const token of stale) await refused(store.put(key, bytesOf('stale'), matches(token), call), 'Conflict');
        stale.push(first, second);
        await done(store.delete(key, call));
        await done(another.delete(key, call));
        assert.equal(await tokenNow(another, key), undefined);
      }
      assert.equal(new Set(stale).size, 6);
    },
  ),

  promise('of twenty concurrent creates after a deletion exactly one wins', async (store, another) => {
    await swap(store, key, 'second', await create(store, key, 'first'));
    await done(store.delete(key, call));
    const won = await winners(
      twenty.map((i) => (i % 2 === 0 ? store : another).put(key, bytesOf(`writer ${i}`), absent, call)),
      'AlreadyExists',
    );
    assert.equal(won.length, 1);
    assert.equal(await read(store, key), `writer ${won[0]?.index}`);
  }),

  promise('a replacement and a deletion at once leave nothing, whichever came first', async (store, another) => {
    for (const i of twenty) {
      const first = await create(store, key, 'first');
      const token = i % 2 === 0 ? first : await swap(store, key, 'second', first);
      const [replaced] = await Promise.all([
        another.put(key, bytesOf('third'), matches(token), call)(),
        done(store.delete(key, call)),
      ]);
      if (E.isLeft(replaced)) assert.equal(replaced.left.tag, 'Conflict', replaced.left.message);
      assert.equal(await tokenNow(store, key), undefined);
    }
  }),
];

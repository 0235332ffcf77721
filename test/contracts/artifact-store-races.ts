/** The promises of an artifact store to many who call it at once. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { ArtifactStore, StoreToken } from '../../core/index.js';
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
  swap,
  textOf,
  tokenNow,
  twenty,
  winners,
} from './artifact-store-harness.js';

const key = 'models/registered/rating/best/v1/pipeline.onnx';
const document = 'models/_registry/rating/best/model.json';

const fifty: ReadonlyArray<number> = Array.from({ length: 50 }, (_, i) => i);

/** What writer `i` writes: of a length of its own, so that no mixture of two is one of them. */
const ownText = (i: number): string => `writer ${i} `.repeat(1 + i * 17);

/** The handle of the `i`-th caller. */
const handle = (i: number, store: ArtifactStore, another: ArtifactStore): ArtifactStore =>
  i % 2 === 0 ? store : another;

/** Calls `look` again and again until the work is over, then once more. */
const during = async (work: Promise<unknown>, look: () => Promise<void>): Promise<void> => {
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await look();
    await new Promise(setImmediate);
  }
  await ended;
  await look();
};

/** Replaces the document `times` times, and answers with each token it found and the one it left. */
const replaceOften = async (
  store: ArtifactStore,
  name: string,
  times: number,
): Promise<ReadonlyArray<readonly [from: StoreToken, to: StoreToken]>> => {
  const moves: Array<readonly [StoreToken, StoreToken]> = [];
  while (moves.length < times) {
    const found = O.toUndefined(await done(store.head(document, call)));
    assert.ok(found !== undefined);
    const result = await store.put(document, bytesOf(`${name} ${moves.length}`), matches(found.token), call)();
    if (E.isRight(result)) moves.push([found.token, result.right]);
    else assert.equal(result.left.tag, 'Conflict', result.left.message);
  }
  return moves;
};

export const racePromises: Contract<ArtifactStoreHarness> = [
  promise('of fifty concurrent creates exactly one wins, and its bytes are the stored ones', async (store, another) => {
    const won = await winners(
      fifty.map((i) => handle(i, store, another).put(key, bytesOf(ownText(i)), absent, call)),
      'AlreadyExists',
    );
    assert.equal(won.length, 1);
    assert.equal(await read(store, key), ownText(won[0]?.index ?? -1));
    assert.equal(await tokenNow(another, key), won[0]?.value);
  }),

  promise(
    'of fifty concurrent replacements exactly one wins, and its bytes are the stored ones',
    async (store, another) => {
      const token = await create(store, document, 'first');
      const won = await winners(
        fifty.map((i) => handle(i, store, another).put(document, bytesOf(ownText(i)), matches(token), call)),
        'Conflict',
      );
      assert.equal(won.length, 1);
      assert.equal(await read(store, document), ownText(won[0]?.index ?? -1));
      assert.equal(await tokenNow(another, document), won[0]?.value);
    },
  ),

  promise('of twenty concurrent copies of twenty objects to one key exactly one wins', async (store, another) => {
    await Promise.all(twenty.map((i) => create(store, `staging/${i}/pipeline.onnx`, ownText(i))));
    const won = await winners(
      twenty.map((i) => handle(i, store, another).copyIfAbsent(`staging/${i}/pipeline.onnx`, key, call)),
      'AlreadyExists',
    );
    assert.equal(won.length, 1);
    assert.equal(await read(another, key), ownText(won[0]?.index ?? -1));
    for (const i of twenty) assert.equal(await read(store, `staging/${i}/pipeline.onnx`), ownText(i));
  }),

  promise(
    'replacements by eight workers form one chain, in which no state has two successors',
    async (store, another) => {
      const first = await create(store, document, 'first');
      const workers = Array.from({ length: 8 }, (_, i) => replaceOften(handle(i, store, another), `worker ${i}`, 2));
      const moves = (await Promise.all(workers)).flat();
      const successor = new Map(moves);
      assert.equal(successor.size, 16, 'no state was replaced twice');
      let last = first;
      for (let next = successor.get(last); next !== undefined; next = successor.get(last)) {
        successor.delete(last);
        last = next;
      }
      assert.equal(successor.size, 0, 'every move is on the chain from the first state');
      assert.equal(await tokenNow(another, document), last);
    },
  ),

  promise('documents that are replaced side by side stay apart', async (store, another) => {
    const names = ['a', 'b', 'c', 'd'].map((name) => `models/_registry/rating/${name}/model.json`);
    const lines = names.map(async (name, i) => {
      let token = await create(store, name, `${name} 0`);
      for (let n = 1; n <= 5; n++) token = await swap(handle(i + n, store, another), name, `${name} ${n}`, token);
      return token;
    });
    const tokens = await Promise.all(lines);
    for (const [i, name] of names.entries()) {
      assert.equal(await read(another, name), `${name} 5`);
      assert.equal(await tokenNow(store, name), tokens[i]);
    }
  }),

  promise(
    'a reader during replacements sees whole states, and never an older one after a newer',
    async (store, another) => {
      const stateOf = (n: number) => JSON.stringify({ n, filling: 'x'.repeat(n * 997) });
      const first = await create(store, document, stateOf(0));
      const replacing = async () => {
        let token = first;
        for (let n = 1; n <= 15; n++) token = await swap(store, document, stateOf(n), token);
      };
      let newest = 0;
      await during(replacing(), async () => {
        const text = await read(another, document);
        const { n } = JSON.parse(text ?? '{}');
        assert.equal(text, stateOf(n));
        assert.ok(n >= newest, `state ${n} was read after ${newest}`);
        newest = n;
      });
      assert.equal(newest, 15);
    },
  ),

  promise('a reader during creates and deletions sees a whole object of one life, or none', async (store, another) => {
    const living = async () => {
      for (let life = 0; life < 12; life++) {
        await create(store, key, ownText(life));
        await done(store.delete(key, call));
      }
    };
    const lives = fifty.slice(0, 12).map(ownText);
    await during(living(), async () => {
      const text = await read(another, key);
      assert.ok(text === undefined || lives.includes(text), `read ${text?.length} characters of no life`);
    });
    assert.equal(await tokenNow(another, key), undefined);
  }),

  promise(
    'a list during creates shows everything that was acknowledged before it began, each once',
    async (store, another) => {
      const acknowledged: string[] = [];
      const creating = [0, 1, 2].map(async (worker) => {
        for (let i = 0; i < 8; i++) {
          await create(store, `f/${worker}-${i}`, 'x');
          acknowledged.push(`f/${worker}-${i}`);
        }
      });
      await during(Promise.all(creating), async () => {
        const before = [...acknowledged];
        const shown = (await listAll(another, 'f', 5)).objects.map((object) => object.key);
        assert.equal(new Set(shown).size, shown.length);
        for (const each of before) assert.ok(shown.includes(each), `${each} was there and is not shown`);
      });
    },
  ),

  promise(
    'a copy whose source is deleted meanwhile is the whole object, or NotFound and nothing',
    async (store, another) => {
      for (const i of twenty.slice(0, 10)) {
        await create(store, `source-${i}`, ownText(i));
        const [copied] = await Promise.all([
          store.copyIfAbsent(`source-${i}`, `copy-${i}`, call)(),
          done(another.delete(`source-${i}`, call)),
        ]);
        if (E.isLeft(copied)) assert.equal(copied.left.tag, 'NotFound', copied.left.message);
        assert.equal(await read(another, `copy-${i}`), E.isRight(copied) ? ownText(i) : undefined);
        assert.equal(await tokenNow(store, `source-${i}`), undefined);
      }
    },
  ),

  ...(['that was never replaced', 'that was replaced'] as const).map((what) =>
    promise(`creates and deletions at once of a key ${what} leave nothing, or one that won`, async (store, another) => {
      const tokens = new Set<StoreToken>();
      for (let round = 0; round < 6; round++) {
        if (what === 'that was replaced') {
          const first = await create(store, document, 'first');
          await swap(store, document, 'second', first);
          await done(store.delete(document, call));
        }
        const creates = fifty
          .slice(0, 6)
          .map((i) => handle(i, store, another).put(document, bytesOf(ownText(i)), absent, call)());
        const deletions = fifty.slice(0, 6).map((i) => done(handle(i + 1, store, another).delete(document, call)));
        const [results] = await Promise.all([Promise.all(creates), Promise.all(deletions)]);
        const won = results.flatMap((result, i) => (E.isRight(result) ? [[result.right, i] as const] : []));
        for (const result of results) {
          if (E.isLeft(result)) assert.equal(result.left.tag, 'AlreadyExists', result.left.message);
        }
        assert.ok(won.length > 0, 'the first of them found nothing there');
        for (const [token] of won) assert.ok(!tokens.has(token), 'a token was given out twice');
        for (const [token] of won) tokens.add(token);
        const left = await tokenNow(another, document);
        if (left !== undefined) {
          const winner = won.find(([token]) => token === left);
          assert.ok(winner !== undefined, 'what is left is none that won');
          assert.equal(await read(store, document), ownText(winner[1]));
          await done(store.delete(document, call));
        }
      }
    }),
  ),

  promise('twenty readers at once each have bytes of their own', async (store, another) => {
    await create(store, key, ownText(20));
    const copies = await Promise.all(twenty.map((i) => done(handle(i, store, another).get(key, call))));
    const bytes = copies.map((copy) => O.toUndefined(copy)?.bytes ?? new Uint8Array());
    for (const [i, own] of bytes.entries()) {
      assert.equal(textOf(own), ownText(20), `reader ${i}`);
      own.fill(0);
    }
    assert.equal(await read(another, key), ownText(20));
  }),

  promise('a write whose task is run twice is made twice, and refused the second time', async (store) => {
    const write = store.put(key, bytesOf('once'), absent, call);
    const [one, two] = await Promise.all([write(), write()]);
    assert.equal([one, two].filter(E.isRight).length, 1);
    await refused(write, 'AlreadyExists');
    await done(store.delete(key, call));
    await done(write);
  }),
];

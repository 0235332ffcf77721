/** The promises of every model cache. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask, type LoadedModel, type ModelCache } from '../../core/index.js';
import type { Contract } from './contract.js';

/** Makes an empty cache with a budget. */
export interface ModelCacheHarness {
  readonly cacheOf: (limitBytes: number) => ModelCache;
}

/** A model that cannot do anything, and counts. */
const fakeModel = (sizeBytes: number) => {
  const counts = { loads: 0, releases: 0 };
  const model: LoadedModel = {
    sizeBytes,
    run: () => failTask('InferenceFailed', 'A fake.'),
    release: async () => {
      counts.releases++;
    },
  };
  const load: TE.TaskEither<Failure, LoadedModel> = async () => {
    counts.loads++;
    return E.right(model);
  };
  return { counts, model, load };
};

const nothing = (): TE.TaskEither<Failure, void> => TE.right(undefined);

/** A use that begins when `begun` settles, and lasts until `end` is called. */
const openUse = () => {
  let end = (): void => undefined;
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const use = () => async (): Promise<E.Either<Failure, void>> => {
    begin();
    await ended;
    return E.right(undefined);
  };
  return { use, begun, end };
};

/** Long enough for everything that needs no clock and no I/O to be done. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

export const modelCacheContract: Contract<ModelCacheHarness> = [
  {
    name: 'a model is loaded once and lent again',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(100);
      const { counts, model, load } = fakeModel(10);
      for (let i = 0; i < 3; i++) {
        assert.deepEqual(await cache.withModel('a', load, (lent) => TE.right(lent === model))(), E.right(true));
      }
      assert.deepEqual(counts, { loads: 1, releases: 0 });
      assert.deepEqual(cache.usage(), { modelCount: 1, sizeBytes: 10, hits: 2, misses: 1 });
    },
  },
  {
    name: 'of twenty who ask at once, one loads and all are lent the same model',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(100);
      const fakes = Array.from({ length: 20 }, () => fakeModel(10));
      const lent = await Promise.all(
        fakes.map(({ load }) => cache.withModel('a', load, (model) => TE.right(fakes[0]?.model === model))()),
      );
      assert.ok(lent.every((same) => E.isRight(same) && same.right));
      assert.equal(
        fakes.reduce((total, { counts }) => total + counts.loads, 0),
        1,
      );
    },
  },
  {
    name: 'a failed load fails all who wait for it, and is not remembered',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(100);
      const broken = failTask('ArtifactUnreadable', 'Broken.');
      const results = await Promise.all([1, 2].map(() => cache.withModel('a', broken, nothing)()));
      assert.ok(results.every((result) => E.isLeft(result) && result.left.tag === 'ArtifactUnreadable'));
      assert.deepEqual(cache.usage(), { modelCount: 0, sizeBytes: 0, hits: 1, misses: 1 });
      const { counts, load } = fakeModel(10);
      assert.ok(E.isRight(await cache.withModel('a', load, nothing)()));
      assert.equal(counts.loads, 1);
    },
  },
  {
    name: 'who waits for a load that its beginner gave up loads for himself',
    run: async ({ cacheOf }) => {
      for (const tag of ['Cancelled', 'DeadlineExceeded'] as const) {
        const cache = cacheOf(100);
        const { load } = fakeModel(10);
        const [beginner, other] = await Promise.all([
          cache.withModel('a', failTask(tag, 'Given up.'), nothing)(),
          cache.withModel('a', load, nothing)(),
        ]);
        assert.ok(E.isLeft(beginner) && beginner.left.tag === tag);
        assert.ok(E.isRight(other));
      }
    },
  },
  {
    name: 'a failed use is its own; the model stays',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(100);
      const { counts, load } = fakeModel(10);
      const used = await cache.withModel('a', load, () => failTask('InferenceFailed', 'No.'))();
      assert.ok(E.isLeft(used) && used.left.tag === 'InferenceFailed');
      assert.ok(E.isRight(await cache.withModel('a', load, nothing)()));
      assert.deepEqual(counts, { loads: 1, releases: 0 });
    },
  },
  {
    name: 'beyond the budget, the model that was used longest ago is released, once',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(25);
      const [a, b, c] = [fakeModel(10), fakeModel(10), fakeModel(10)];
      await cache.withModel('a', a.load, nothing)();
      await cache.withModel('b', b.load, nothing)();
      await cache.withModel('a', a.load, nothing)();
      await cache.withModel('c', c.load, nothing)();
      await settle();
      assert.deepEqual(
        [a, b, c].map(({ counts }) => counts.releases),
        [0, 1, 0],
      );
      assert.deepEqual(cache.usage(), { modelCount: 2, sizeBytes: 20, hits: 1, misses: 3 });
    },
  },
  {
    name: 'a model in use is never released: it goes when its last user is done',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(10);
      const [a, b] = [fakeModel(10), fakeModel(10)];
      const [first, second] = [openUse(), openUse()];
      const users = [first, second].map(({ use }) => cache.withModel('a', a.load, use)());
      await Promise.all([first.begun, second.begun]);
      await cache.withModel('b', b.load, nothing)();
      first.end();
      await users[0];
      await settle();
      assert.equal(a.counts.releases, 0);
      second.end();
      await users[1];
      await settle();
      assert.equal(a.counts.releases, 1);
    },
  },
  {
    name: 'a model bigger than the budget is loaded, lent and released, and the others stay',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(20);
      const [small, big] = [fakeModel(10), fakeModel(21)];
      await cache.withModel('small', small.load, nothing)();
      for (let i = 1; i <= 2; i++) {
        assert.ok(E.isRight(await cache.withModel('big', big.load, nothing)()));
        await settle();
        assert.deepEqual(big.counts, { loads: i, releases: i });
      }
      assert.equal(small.counts.releases, 0);
      assert.deepEqual(cache.usage(), { modelCount: 1, sizeBytes: 10, hits: 0, misses: 3 });
    },
  },
  {
    name: 'of twenty who ask at once for a model bigger than the budget, one loads, and it is released after the last',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(0);
      const { counts, load } = fakeModel(10);
      const long = openUse();
      const users = Array.from({ length: 20 }, (_, i) => cache.withModel('a', load, i === 7 ? long.use : nothing)());
      await long.begun;
      await settle();
      assert.deepEqual(counts, { loads: 1, releases: 0 });
      long.end();
      await Promise.all(users);
      await settle();
      assert.deepEqual(counts, { loads: 1, releases: 1 });
    },
  },
  {
    name: 'a model that cannot be released harms nobody',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(10);
      const { model } = fakeModel(10);
      const stuck = { ...model, release: () => Promise.reject(new Error('the runtime does not let go')) };
      const { counts, load } = fakeModel(10);
      await cache.withModel('stuck', TE.right(stuck), nothing)();
      await cache.withModel('next', load, nothing)();
      await settle();
      await cache.clear();
      assert.deepEqual(counts, { loads: 1, releases: 1 });
    },
  },
  {
    name: 'clearing releases what is idle at once, and what is in use or loading afterwards',
    run: async ({ cacheOf }) => {
      const cache = cacheOf(100);
      const [idle, used, loading] = [fakeModel(10), fakeModel(10), fakeModel(10)];
      const [long, soon] = [openUse(), openUse()];
      await cache.withModel('idle', idle.load, nothing)();
      const user = cache.withModel('used', used.load, long.use)();
      await long.begun;
      const loader = cache.withModel('loading', loading.load, soon.use)();
      await cache.clear();
      const releases = () => [idle, used, loading].map(({ counts }) => counts.releases);
      assert.deepEqual(releases(), [1, 0, 0]);
      long.end();
      soon.end();
      await Promise.all([user, loader]);
      await settle();
      assert.deepEqual(releases(), [1, 1, 1]);
      assert.deepEqual(cache.usage(), { modelCount: 0, sizeBytes: 0, hits: 0, misses: 3 });
    },
  },
];

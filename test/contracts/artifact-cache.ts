/** The promises of every artifact cache. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as O from 'fp-ts/lib/Option.js';
import type { ArtifactCache } from '../../core/index.js';
import type { Contract } from './contract.js';

/** Makes an empty cache with a budget, and a second handle on it, as another process would have. */
export interface ArtifactCacheHarness {
  readonly cacheOf: (
    limitBytes: number,
  ) => Promise<{ readonly cache: ArtifactCache; readonly another: ArtifactCache; readonly close: () => Promise<void> }>;
}

/** `sizeBytes` bytes that `seed` determines, and their digest. */
const artifact = (seed: number, sizeBytes = 100) => {
  const bytes = new Uint8Array(sizeBytes).fill(seed);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
};

/** Longer than the clock of a file system stands still. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 20));

const promise = (
  name: string,
  limitBytes: number,
  run: (cache: ArtifactCache, another: ArtifactCache) => Promise<void>,
): Contract<ArtifactCacheHarness>[number] => ({
  name,
  run: async ({ cacheOf }) => {
    const { cache, another, close } = await cacheOf(limitBytes);
    try {
      await run(cache, another);
    } finally {
      await close();
    }
  },
});

/** The numbers of those that are held. */
const heldOf = async (cache: ArtifactCache, seeds: ReadonlyArray<number>): Promise<ReadonlyArray<number>> => {
  const found = await Promise.all(seeds.map((seed) => cache.get(artifact(seed).sha256)()));
  return seeds.filter((_, i) => O.isSome(found[i] ?? O.none));
};

export const artifactCacheContract: Contract<ArtifactCacheHarness> = [
  promise('what was never kept is not there', 1000, async (cache) => {
    assert.deepEqual(await cache.get(artifact(1).sha256)(), O.none);
  }),

  promise('what was kept is there, byte for byte, also for another process', 1000, async (cache, another) => {
    const { bytes, sha256 } = artifact(1);
    await cache.keep(sha256, bytes)();
    assert.deepEqual(await cache.get(sha256)(), O.some(bytes));
    assert.deepEqual(await another.get(sha256)(), O.some(bytes));
  }),

  promise('keeping replaces what was there', 1000, async (cache) => {
    const { bytes, sha256 } = artifact(1);
    await cache.keep(sha256, artifact(2).bytes)();
    await cache.keep(sha256, bytes)();
    assert.deepEqual(await cache.get(sha256)(), O.some(bytes));
  }),

  promise('beyond the budget what was used longest ago goes', 350, async (cache, another) => {
    for (const seed of [1, 2, 3]) {
      await cache.keep(artifact(seed).sha256, artifact(seed).bytes)();
      await aMoment();
    }
    await another.get(artifact(1).sha256)();
    await aMoment();
    await cache.keep(artifact(4).sha256, artifact(4).bytes)();
    assert.deepEqual(await heldOf(another, [1, 2, 3, 4]), [1, 3, 4]);
  }),

  promise('an artifact that is larger than the budget is not kept, and drives nothing out', 350, async (cache) => {
    await cache.keep(artifact(1).sha256, artifact(1).bytes)();
    const large = artifact(2, 400);
    await cache.keep(large.sha256, large.bytes)();
    assert.deepEqual(await cache.get(large.sha256)(), O.none);
    assert.deepEqual(await heldOf(cache, [1]), [1]);
  }),

  promise('many that keep the same at once leave it whole', 10_000_000, async (cache, another) => {
    const { bytes, sha256 } = artifact(7, 1_000_000);
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? cache : another).keep(sha256, bytes)()));
    assert.deepEqual(await cache.get(sha256)(), O.some(bytes));
  }),

  promise('bytes that a reader changes do not change what is kept', 1000, async (cache) => {
    const { bytes, sha256 } = artifact(1);
    await cache.keep(sha256, bytes)();
    const found = await cache.get(sha256)();
    if (O.isSome(found)) found.value.fill(0);
    assert.deepEqual(await cache.get(sha256)(), O.some(artifact(1).bytes));
  }),
];

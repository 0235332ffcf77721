/** The contract on lru-cache. */
import test from 'ava';
import { lruCacheModelCache } from '../../../adapters/lru-cache/model-cache.js';
import { modelCacheContract } from '../../contracts/model-cache.js';

for (const { name, run } of modelCacheContract) {
  test(name, async (t) => {
    await run({ cacheOf: (limitBytes) => lruCacheModelCache({ limitBytes }) });
    t.pass();
  });
}

/** The storms in full: ten thousand registrations in a local folder, and two thousand through a chaos proxy. */
import test, { type ExecutionContext } from 'ava';
import type { ArtifactStore } from '../../core/index.js';
import { registryOver, right } from '../support/registry.js';
import { chaosStorm, localStorm } from '../support/storm/forms.js';

/** The registry's own look at everything, which also finishes what nobody has finished. */
const verify = async (t: ExecutionContext, store: ArtifactStore): Promise<void> => {
  const { service } = await registryOver(store);
  const { problems } = await right(service.verify({}));
  t.deepEqual(problems.slice(0, 10), []);
};

test.serial('in a local folder, a storm of killed processes loses, doubles, tears and reorders nothing', async (t) => {
  t.timeout(3_000_000);
  await verify(t, await localStorm(t, { seed: 1, wanted: 10_000, mostKillsPerRegistration: 0.6, processCount: 16 }));
});

test.serial('in a bucket behind a chaos proxy, neither does a storm of killed processes', async (t) => {
  t.timeout(3_000_000);
  await verify(t, await chaosStorm(t, { seed: 1, wanted: 2000, mostKillsPerRegistration: 0.2, processCount: 16 }));
});

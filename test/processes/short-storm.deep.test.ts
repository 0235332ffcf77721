/** Three hundred registrations while processes are killed, and a hundred over a service that fails: what CI runs of `storm.test.ts`. */
import test from 'ava';
import { chaosStorm, localStorm } from '../support/storm/forms.js';

test.serial('in a local folder, a storm of killed processes loses, doubles, tears and reorders nothing', async (t) => {
  t.timeout(600_000);
  await localStorm(t, { seed: 1, wanted: 300, mostKillsPerRegistration: 0.2, processCount: 8 });
});

test.serial('in a bucket behind a chaos proxy, neither does a storm of killed processes', async (t) => {
  t.timeout(600_000);
  await chaosStorm(t, { seed: 1, wanted: 100, mostKillsPerRegistration: 0.1, processCount: 8 });
});

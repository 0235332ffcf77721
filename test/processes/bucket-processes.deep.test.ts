/** A bucket of the fake under many processes, each with a client of its own. */
import test from 'ava';
import { assertNoIncrementLost } from '../support/store-workers.js';
import { bucket, open } from '../adapters/google-cloud-storage/in-a-fake.js';

test('a counter that eight processes raise loses no increment', async (t) => {
  const { fake, store } = await open(t);
  await assertNoIncrementLost(t, store, { bucket, apiEndpoint: fake.url }, 3);
});

/** Single bits flipped in what is stored: each is told and none is served; `npm run slow` flips 10,000. */
import test from 'ava';
import { proveFlips } from '../support/flip-bits.js';
import { rawStores } from '../support/raw-stores.js';
import { contentOf, goodMetrics, makeRegistry, registerAll, right, tamper } from '../support/registry.js';

for (const [where, count] of [
  ['in memory', 120],
  ['in a folder', 8],
] as const) {
  test(`${where}: of ${count} flipped bits each is told, and none is served`, async (t) => {
    t.log(await proveFlips(rawStores[where], { seed: 7, count }));
    t.pass();
  });
}

test('a bit flipped in a state that a later one stands for changes nothing', async (t) => {
  const kinds = ['superseded state'] as const;
  t.log(await proveFlips(rawStores['in a folder'], { seed: 7, count: 2, kinds }));
  t.pass();
});

test('a bit that only spells a number in another way is no damage: the document says what it said', async (t) => {
  const { store, service, another } = await makeRegistry({
    files: { 'test_metrics.json': { ...goodMetrics, tiny: 1e-7 } },
  });
  const [made] = await registerAll(service, [{}]);
  const key = 'models/registered/rating/prod/v1/registration.json';
  const before = (await contentOf(store))[key] ?? '';
  t.is('e'.charCodeAt(0) ^ 'E'.charCodeAt(0), 0x20);
  await tamper(store, key, (text) => text.replace('1e-7', '1E-7'));
  t.not((await contentOf(store))[key], before);
  t.deepEqual((await right(another().verify({}))).problems, []);
  t.is(
    (await right(another().info({ model_type: 'rating', model_name: 'prod' }))).info.registration['sha256'],
    made?.sha256,
  );
});

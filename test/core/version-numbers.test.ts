/** Version numbers: where they go on after Python's versions, a lost state or an old hint. */
import test from 'ava';
import { sealDocument } from '../../core/index.js';
import { call, contentOf, host, makeRegistry, registerAll, right, write, writeLegacy } from '../support/registry.js';
import { recordedStore } from '../support/store-faults.js';

const oneTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1);

for (const [what, versions, next] of [
  ['one', [1], 2],
  ['two', [1, 2], 3],
  ['some, with holes among them', [2, 3, 7], 8],
  ['a dozen', oneTo(12), 13],
] as const) {
  test(`after ${what} of Python's versions the numbers go on at ${next}`, async (t) => {
    const { store, service } = await makeRegistry();
    for (const version of versions) await writeLegacy(store, version);
    t.deepEqual(
      (await registerAll(service, [{}, {}])).map(({ version }) => version),
      [next, next + 1],
    );
  });
}

test("a folder of Python's that holds a pickle and no record keeps its number", async (t) => {
  const { store, service } = await makeRegistry();
  await writeLegacy(store, 2);
  await write(store, 'models/registered/rating/prod/v4/pipeline.pkl', 'a pickle');
  t.deepEqual(
    (await registerAll(service, [{}, {}])).map(({ version }) => version),
    [5, 6],
  );
  t.deepEqual(Object.keys(await contentOf(store, 'models/registered/rating/prod/v4')), [
    'models/registered/rating/prod/v4/pipeline.pkl',
  ]);
});

test('numbers go on when model.json was lost, or never written', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(
    service,
    oneTo(6).map(() => ({})),
  );
  await right(store.delete('models/_registry/rating/prod/model.json', call));
  t.deepEqual(
    (await registerAll(service, [{}])).map(({ version }) => version),
    [7],
  );
});

test('the highest version is found from an old hint in a few questions', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(
    service,
    oneTo(40).map(() => ({})),
  );
  const state = 'models/_registry/rating/prod/model.json';
  const old = { ...JSON.parse((await contentOf(store))[state] ?? ''), latest_hint: 1 };
  await right(store.delete(state, call));
  await write(store, state, sealDocument(host)(old));
  const recorded = recordedStore(store);
  t.is(
    (await right(another(recorded.store).info({ model_type: 'rating', model_name: 'prod' }))).info.registration.version,
    40,
  );
  t.true(recorded.calls.filter(({ name }) => name === 'head').length <= 12);
  t.deepEqual(
    recorded.calls.filter(({ name }) => name === 'list'),
    [],
  );
});

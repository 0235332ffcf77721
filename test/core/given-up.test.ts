/** Versions that are given up: an artifact that vanished or something foreign in the way wedges no model and is never registered. */
import test from 'ava';
import {
  call,
  contentOf,
  left,
  makeRegistry,
  provenVersions,
  registerAll,
  request,
  right,
  scoreOne,
  write,
} from '../support/registry.js';
import { storeAsleepAt, storeWithFault } from '../support/store-faults.js';

/** A version whose owner died when it was claimed, and whose staged artifact is gone. */
const wedge = async (registry: Awaited<ReturnType<typeof makeRegistry>>) => {
  const { store, another } = registry;
  await left(another(storeWithFault(store, 'refused', 3, 'dead')).register(request({ description: 'died' })));
  for (const key of Object.keys(await contentOf(store, 'models/_registry/staging')))
    await right(store.delete(key, call));
};

test('a claimed version whose staged artifact vanished becomes a tombstone, and the next one is registered', async (t) => {
  const registry = await makeRegistry();
  const { store, service } = registry;
  await registerAll(service, [{}]);
  await wedge(registry);
  const { registration } = await right(service.register(request({ description: 'next' })));
  t.is(registration.version, 3);
  t.deepEqual(
    (await provenVersions(store)).map(({ status }) => status),
    ['registered', 'aborted', 'registered'],
  );
  t.deepEqual(Object.keys(await contentOf(store, 'models/registered/rating/prod/v2')), [
    'models/registered/rating/prod/v2/registration.json',
  ]);
});

test('an aborted version is never the latest, cannot be scored, and is listed as aborted', async (t) => {
  const registry = await makeRegistry();
  const { store, service } = registry;
  await registerAll(service, [{}]);
  await wedge(registry);
  // Dies after it helped, before it claims its own.
  await left(registry.another(storeWithFault(store, 'refused', 5, 'dead')).register(request()));
  t.deepEqual(
    (await provenVersions(store)).map(({ status }) => status),
    ['registered', 'aborted'],
  );
  const info = await right(service.info({ model_type: 'rating', model_name: 'prod' }));
  t.is(info.info.registration.version, 1);
  t.is((await right(scoreOne(service))).model_details.version, 1);
  const failed = await left(scoreOne(service, { model_version: 2 }));
  t.is(failed.tag, 'ArtifactUnreadable');
  t.regex(failed.message, /Version 2 of rating\/prod was never finished/);
  const { models } = await right(service.models({}));
  t.deepEqual(
    models.rating?.map(({ version, status }) => [version, status]),
    [
      [1, 'registered'],
      [2, 'aborted'],
    ],
  );
});

test('an owner that wakes to find its version given up registers as a later one', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}]);
  const sleeper = storeAsleepAt(store, 3);
  const late = right(another(sleeper.store).register(request({ description: 'late' })));
  await sleeper.asleep;
  for (const key of Object.keys(await contentOf(store, 'models/_registry/staging')))
    await right(store.delete(key, call));
  await registerAll(service, [{ description: 'early' }]);
  sleeper.wake();
  const { registration } = await late;
  t.is(registration.version, 4);
  t.deepEqual(
    (await provenVersions(store)).map(({ status, description }) => [status, description]),
    [
      ['registered', 'Gradient boosting'],
      ['aborted', ''],
      ['registered', 'early'],
      ['registered', 'late'],
    ],
  );
});

test('an artifact that is not ours in the next folder is never registered: that number is given up', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}]);
  await write(store, 'models/registered/rating/prod/v2/pipeline.onnx', "somebody else's");
  const { registration } = await right(service.register(request()));
  t.is(registration.version, 3);
  t.deepEqual(
    (await provenVersions(store)).map(({ status }) => status),
    ['registered', 'aborted', 'registered'],
  );
  t.is((await contentOf(store))['models/registered/rating/prod/v2/pipeline.onnx'], "somebody else's");
  t.is((await right(scoreOne(service))).model_details.version, 3);
});

test('a helper of a version that is given up leaves what is staged to its owner, who burns no second number', async (t) => {
  const { store, another } = await makeRegistry();
  await write(store, 'models/registered/rating/prod/v1/pipeline.onnx', "somebody else's");
  // The owner sleeps before it copies to v1 and again before it copies to v2; the helper after it gave up v1.
  const second = storeAsleepAt(store, 7);
  const first = storeAsleepAt(second.store, 3);
  const helper = storeAsleepAt(store, 5);
  const owned = right(another(first.store).register(request({ description: 'owner' })));
  await first.asleep;
  const helped = right(another(helper.store).register(request({ description: 'helper' })));
  await helper.asleep;
  first.wake();
  await second.asleep;
  helper.wake();
  t.is((await helped).registration.version, 3);
  second.wake();
  t.is((await owned).registration.version, 2);
  t.deepEqual(
    (await provenVersions(store)).map(({ status, description }) => [status, description]),
    [
      ['aborted', ''],
      ['registered', 'owner'],
      ['registered', 'helper'],
    ],
  );
});

test('a record that is not ours at the next number is left as it is, and never acknowledged', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}]);
  const sleeper = storeAsleepAt(store, 4);
  const late = right(another(sleeper.store).register(request({ description: 'late' })));
  await sleeper.asleep;
  await write(store, 'models/registered/rating/prod/v2/registration.json', '{"name": "prod", "version": 2}');
  sleeper.wake();
  t.is((await late).registration.version, 3);
  t.is(
    (await contentOf(store))['models/registered/rating/prod/v2/registration.json'],
    '{"name": "prod", "version": 2}',
  );
});

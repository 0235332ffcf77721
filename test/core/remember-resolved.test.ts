/** What references mean is looked up cheaply, as often as the setting says, by one look for all; a silent store leaves what was known. */
import test from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  type Failure,
  failure,
  type FailureTag,
  type Host,
} from '../../core/index.js';
import { call, host, left, makeRegistry, registerAll, request, right, scoreOne } from '../support/registry.js';
import { recordedStore, wrapStore } from '../support/store-faults.js';

const refreshMs = 2_000;
const folder = 'models/registered/rating/prod';
const state = 'models/_registry/rating/prod/model.json';

/** A host whose clock stands still until it is moved on, and whose pauses end when `impatient` is called. */
const manualHost = () => {
  let atMs = host.nowMs();
  let paused: Array<() => void> = [];
  const pauses: number[] = [];
  const clock: Host = {
    ...host,
    nowMs: () => atMs,
    pause: (durationMs) => {
      pauses.push(durationMs);
      return new Promise((resolve) => paused.push(resolve));
    },
  };
  return {
    clock,
    pauses,
    pass: (durationMs: number) => {
      atMs += durationMs;
    },
    impatient: () => {
      for (const end of paused.splice(0)) end();
      paused = [];
    },
  };
};

/** A store that answers, refuses, or keeps silent until it is asked to go on. */
const moodyStore = (store: ArtifactStore) => {
  let mood: 'well' | 'silent' | Failure = 'well';
  let speak: Array<() => void> = [];
  return {
    store: wrapStore(store, () => (task) => async () => {
      const now = mood;
      if (now === 'silent') await new Promise<void>((resolve) => speak.push(resolve));
      else if (now !== 'well') return TE.left(now)();
      return task();
    }),
    become: (next: typeof mood) => {
      mood = next;
      for (const go of speak) go();
      speak = [];
    },
  };
};

/** Two versions, the first under the alias, and a service with a clock of its own through a store whose calls are recorded. */
const opened = async () => {
  const { store, service: other, another } = await makeRegistry();
  await registerAll(other, [{ alias: 'champion' }, {}]);
  const moody = moodyStore(store);
  const recorded = recordedStore(moody.store);
  const manual = manualHost();
  const service = another(recorded.store, { refreshMs }, manual.clock);
  let counted = 0;
  const calls = () => {
    const since = recorded.calls.slice(counted);
    counted = recorded.calls.length;
    return since.map(({ name, key }) => `${name} ${key}`);
  };
  const versionOf = async (fields = {}) => (await right(scoreOne(service, fields))).model_details.version;
  return { store, other, another, service, versionOf, calls, moody, ...manual };
};

test('cold, latest asks three times, an alias and a number twice, and the artifact once', async (t) => {
  for (const [fields, asked] of [
    [{}, [`get ${state}`, `head ${folder}/v3/registration.json`, `get ${folder}/v2/registration.json`]],
    [{ model_alias: 'champion' }, [`get ${state}`, `get ${folder}/v1/registration.json`]],
    [{ model_version: 2 }, [`get ${state}`, `get ${folder}/v2/registration.json`]],
  ] as const) {
    const { calls, versionOf } = await opened();
    const version = await versionOf(fields);
    t.deepEqual(calls(), [...asked, `get ${folder}/v${version}/pipeline.onnx`]);
  }
});

test('warm, latest asks twice, an alias once, and a number never; within the refresh time none does', async (t) => {
  const { calls, versionOf, pass } = await opened();
  const all = [{}, { model_alias: 'champion' }, { model_version: 2 }];
  for (const fields of all) await versionOf(fields);
  calls();
  for (const fields of all) await versionOf(fields);
  pass(refreshMs - 1);
  for (const fields of all) await versionOf(fields);
  t.deepEqual(calls(), []);
  pass(1);
  const asked = [];
  for (const fields of all) {
    await versionOf(fields);
    asked.push(calls());
  }
  t.deepEqual(asked, [[`head ${folder}/v3/registration.json`, `getIfChanged ${state}`], [`getIfChanged ${state}`], []]);
});

test('a model whose state was never written is asked for as cheaply', async (t) => {
  const { store, service: other, another } = await makeRegistry();
  await registerAll(other, [{}]);
  await right(store.delete(state, call));
  const recorded = recordedStore(store);
  const service = another(recorded.store);
  await right(scoreOne(service));
  const before = recorded.calls.length;
  await right(scoreOne(service));
  t.deepEqual(
    recorded.calls.slice(before).map(({ name, key }) => `${name} ${key}`),
    [`head ${folder}/v2/registration.json`, `get ${state}`],
  );
});

test('what others register, promote and archive is served once the refresh time is over, and not before', async (t) => {
  const { other, versionOf, pass } = await opened();
  const both = async () => [await versionOf(), await versionOf({ model_alias: 'champion' })];
  t.deepEqual(await both(), [2, 1]);
  await registerAll(other, [{ alias: 'champion' }]);
  t.deepEqual(await both(), [2, 1]);
  pass(refreshMs);
  t.deepEqual(await both(), [3, 3]);
  const of3 = { model_type: 'rating', model_name: 'prod', model_version: 3 };
  await right(other.rollback({ model_type: 'rating', model_name: 'prod', alias: 'champion' }));
  await right(other.archive(of3));
  pass(refreshMs);
  t.deepEqual(await both(), [2, 1]);
  await right(other.restore(of3));
  pass(refreshMs);
  t.deepEqual(await both(), [3, 1]);
});

test('a registration that another hand left without a word in the state is found by the look at the next version', async (t) => {
  const { store, other, another, versionOf, pass } = await opened();
  await versionOf();
  const speechless = wrapStore(
    store,
    ({ key, isWrite }) =>
      (task) =>
        isWrite && key === state ? TE.left(failure('Unavailable', 'no')) : task,
  );
  const made = await registerAll(another(speechless), [{}, {}, {}]);
  t.deepEqual(
    made.map(({ version }) => version),
    [3, 4, 5],
  );
  pass(refreshMs);
  t.is(await versionOf(), 5);
  t.is((await right(other.info({ model_type: 'rating', model_name: 'prod' }))).info.registration.version, 5);
});

test('however many ask at once, one look is made', async (t) => {
  const { calls, versionOf, pass } = await opened();
  await versionOf();
  calls();
  pass(refreshMs);
  t.deepEqual(
    await Promise.all(Array.from({ length: 20 }, () => versionOf())),
    Array.from({ length: 20 }, () => 2),
  );
  t.is(calls().length, 2);
});

for (const tag of ['Unavailable', 'DeadlineExceeded'] as const satisfies ReadonlyArray<FailureTag>) {
  test(`a store that fails with ${tag} leaves what was known, tells its age, and is asked again after the refresh time`, async (t) => {
    const { other, service, versionOf, pass, moody, calls } = await opened();
    await versionOf();
    t.deepEqual((await right(service.ready())).look_ups, [
      { reference: 'rating/prod@latest', version: 2, age_ms: 0, failing: null },
    ]);
    await registerAll(other, [{}]);
    moody.become(failure(tag, 'The bucket is out of reach.'));
    pass(refreshMs);
    t.is(await versionOf(), 2);
    calls();
    pass(refreshMs - 1);
    t.is(await versionOf(), 2);
    t.deepEqual(calls(), [], 'a store that failed is not asked at every question');
    const ready = await right(service.ready());
    t.is(ready.registry, 'silent');
    t.deepEqual(ready.look_ups, [
      {
        reference: 'rating/prod@latest',
        version: 2,
        age_ms: 2 * refreshMs - 1,
        failing: 'The bucket is out of reach.',
      },
    ]);
    calls();
    t.deepEqual(service.usage().look_ups, ready.look_ups);
    t.deepEqual(calls(), [], 'usage asks nobody');
    moody.become('well');
    pass(1);
    await versionOf();
    // Nobody waits for the look that finds the store well again.
    await host.turn();
    t.is(await versionOf(), 3);
    t.like((await right(service.ready())).look_ups[0], { version: 3, age_ms: 0, failing: null });
    t.is((await right(service.ready())).registry, 'answers');
  });
}

test('a store that keeps silent delays one question a little, the next ones not at all, and answers late', async (t) => {
  const { other, versionOf, pass, moody, impatient } = await opened();
  await versionOf();
  await registerAll(other, [{}]);
  moody.become('silent');
  pass(refreshMs);
  const asked = versionOf();
  await host.turn();
  impatient();
  t.is(await asked, 2);
  moody.become('well');
  await host.turn();
  await host.turn();
  t.is(await versionOf(), 3);
});

test('a registry that was never reached is not ready, and scores nothing', async (t) => {
  const { service, moody } = await opened();
  moody.become(failure('Unavailable', 'The bucket is out of reach.'));
  t.is((await left(service.ready())).tag, 'Unavailable');
  t.is((await left(scoreOne(service))).tag, 'Unavailable');
});

test('what may not be read any more, or is damaged, is told and not served from memory', async (t) => {
  for (const tag of ['PermissionDenied', 'ArtifactUnreadable'] as const) {
    const { service, versionOf, pass, moody } = await opened();
    await versionOf();
    moody.become(failure(tag, 'no'));
    pass(refreshMs);
    t.is((await left(scoreOne(service))).tag, tag);
    moody.become('well');
    t.is(await versionOf(), 2);
  }
});

test('what this service changes itself is seen at once', async (t) => {
  const { service, versionOf } = await opened();
  t.is(await versionOf(), 2);
  await registerAll(service, [{ alias: 'champion' }]);
  t.deepEqual([await versionOf(), await versionOf({ model_alias: 'champion' })], [3, 3]);
  await right(service.register(request({ description: 'again' })));
  t.is(await versionOf(), 4);
});

test('a closed service gives up the look that is under way', async (t) => {
  const { store, service: other, another } = await makeRegistry();
  await registerAll(other, [{}]);
  const looks: CallOptions[] = [];
  const watched: ArtifactStore = {
    ...store,
    getIfChanged: (key, token, options) => {
      looks.push(options);
      return store.getIfChanged(key, token, options);
    },
  };
  const service = another(watched);
  await right(scoreOne(service));
  await right(scoreOne(service));
  t.deepEqual(
    looks.map(({ cancellation }) => cancellation.aborted),
    [false],
  );
  await service.close();
  t.true(looks[0]?.cancellation.aborted);
});

test('a closed service answers on, with what it knew, and holds nothing until then', async (t) => {
  const { service, versionOf, pass } = await opened();
  await versionOf();
  await service.close();
  for (let i = 0; i < 3; i++) {
    pass(refreshMs);
    t.is(await versionOf(), 2);
  }
});

test('a question waits for a silent store no longer than it has time', async (t) => {
  const { service, versionOf, pass, moody, impatient, clock, pauses } = await opened();
  await versionOf();
  moody.become('silent');
  pass(refreshMs);
  const request = { model_type: 'rating', model_name: 'prod', data: [{ age: 1, weight: 1 }] };
  const asked = service.score(request, { deadlineMs: clock.nowMs() + 50 })();
  await host.turn();
  impatient();
  t.is((await right(() => asked)).model_details.version, 2);
  t.deepEqual(pauses, [50]);
});

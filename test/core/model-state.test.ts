/** A model's movable state: changes by many at once, and none that is lost, doubled or written for nothing. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { flow } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { nodeHost } from '../../adapters/node-host.js';
import { ambiguous, failure } from '../../core/index.js';
import {
  changeModelState,
  type ModelState,
  readModelState,
  withNewAlias,
  withRegistered,
} from '../../core/registry/model-state.js';
import { call, contentOf, host, left, right } from '../support/registry.js';
import { faults, recordedStore, storeWithFault, wrapStore } from '../support/store-faults.js';

const model = { modelType: 'rating', name: 'prod' };
const at = '2026-01-01T00:00:00.000Z';
const alias = (name: string, version = 1) => withNewAlias(name, version, at, 'me');
const setAlias = (name: string, version = 1) => flow(alias(name, version), E.right);
const artifact = { file: 'pipeline.onnx', format: 'onnx', bytes: 1, sha256: 'of the bytes' } as const;
const registered = (version: number) => flow(withRegistered({ version, artifact }), E.right);

test('of thirty changes at once all are kept', async (t) => {
  const ports = { store: memoryArtifactStore(), host: nodeHost() };
  const names = Array.from({ length: 30 }, (_, i) => `a${i + 10}`);
  await Promise.all(names.map((name) => right(changeModelState(ports)(model, setAlias(name), call))));
  const { state } = await right(readModelState(ports)(model, call));
  t.deepEqual(Object.keys(state.aliases).sort(), names);
});

for (const fault of faults) {
  test(`a change whose write was ${fault} is made once, or not at all`, async (t) => {
    const store = memoryArtifactStore();
    await right(changeModelState({ store, host })(model, setAlias('champion'), call));
    const result = await changeModelState({ store: storeWithFault(store, fault, 1, 'alive'), host })(
      model,
      setAlias('champion', 2),
      call,
    )();
    const { state } = await right(readModelState({ store, host })(model, call));
    t.is(result._tag, fault === 'refused' ? 'Left' : 'Right');
    t.deepEqual(
      state.aliases['champion']?.history.map(({ from, to }) => [from, to]),
      fault === 'refused'
        ? [[null, 1]]
        : [
            [null, 1],
            [1, 2],
          ],
    );
  });
}

test('a change that changes nothing writes nothing', async (t) => {
  const store = memoryArtifactStore();
  for (let version = 1; version <= 25; version++)
    await right(changeModelState({ store, host })(model, registered(version), call));
  const recorded = recordedStore(store);
  for (const version of [1, 5, 6, 25]) {
    const state = await right(changeModelState({ store: recorded.store, host })(model, registered(version), call));
    t.is(state.latest_hint, 25);
    t.deepEqual(
      state.recent_artifacts.map((recent) => recent.version),
      Array.from({ length: 20 }, (_, i) => i + 6),
    );
  }
  t.deepEqual(
    recorded.calls.map(({ name }) => name),
    [1, 5, 6, 25].flatMap(() => ['get', 'head']),
    'and what another may just have written is made to last',
  );
});

test('who loses every time is told of a conflict, and who never gets an answer is told that', async (t) => {
  const conflict = failure('Conflict', 'somebody was faster');
  const silence = ambiguous(failure('Unavailable', 'no answer'));
  for (const [failed, tag] of [
    [conflict, 'Conflict'],
    [silence, 'Unavailable'],
  ] as const) {
    const store = memoryArtifactStore();
    const losing = wrapStore(
      store,
      ({ isWrite }) =>
        (task) =>
          isWrite ? TE.left(failed) : task,
    );
    t.is((await left(changeModelState({ store: losing, host })(model, setAlias('champion'), call))).tag, tag);
    t.deepEqual(await contentOf(store), {});
  }
});

test('an alias moves to a version once: a later move of the same version is none', (t) => {
  const empty: ModelState = {
    schema_version: 1,
    model_type: 'rating',
    name: 'prod',
    latest_hint: 0,
    recent_artifacts: [],
    aliases: {},
    archived: {},
    deleted: {},
  };
  const moved = [1, 2, 1, 3, 2].reduce((state, version) => alias('champion', version)(state), empty);
  t.is(moved.aliases['champion']?.version, 3);
  t.deepEqual(
    moved.aliases['champion']?.history.map(({ from, to }) => [from, to]),
    [
      [null, 1],
      [1, 2],
      [2, 3],
    ],
  );
});

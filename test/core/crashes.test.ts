/** Whatever goes wrong with any one call of a registration: no hole, no torn version, and a retry under its key finds its own. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { type ArtifactStore, ambiguous, failTask, failure } from '../../core/index.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { contentOf, makeRegistry, provenVersions, registerAll, request, right } from '../support/registry.js';
import { faults, recordedStore, storeDyingAtCall, storeWithFault, wrapStore } from '../support/store-faults.js';
import { ours, survive, unharmed, writeKeys } from '../support/survival.js';

/** A registry with one version, and every call that the next registration makes. */
const calls = async () => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}]);
  const recorded = recordedStore(store);
  await right(another(recorded.store).register(request(ours)));
  return recorded.calls;
};

test('a registration with a key and an alias writes seven times, in the order of the protocol', async (t) => {
  const writes = (await calls()).filter(({ isWrite }) => isWrite);
  t.deepEqual(
    writes.map(({ key }) => key.replace(/[0-9a-f-]{36,64}/, '{}')),
    writeKeys,
  );
});

const inMemory = (broken: (store: ArtifactStore) => ArtifactStore, order: Parameters<typeof survive>[2]) => {
  const store = memoryArtifactStore();
  return survive(() => store, broken, order);
};

for (const fault of faults) {
  for (const after of ['alive', 'dead'] as const) {
    for (const order of ['retry first', 'other first'] as const) {
      test(`each write ${fault}, the process ${after}, then the ${order}: nothing is harmed`, async (t) => {
        for (const [i, key] of writeKeys.entries()) {
          const survived = await inMemory((store) => storeWithFault(store, fault, i + 1, after), order);
          t.true(unharmed(survived), `${key}: ${JSON.stringify(survived)}`);
          t.deepEqual(survived.statuses, ['registered', 'registered', 'registered'], key);
          t.is(survived.stale, 0, `${key}: nothing stays staged`);
        }
      });
    }
  }
}

test('dying before any call, read or write, harms nothing', async (t) => {
  const total = (await calls()).length;
  t.true(total > writeKeys.length);
  for (let nth = 1; nth <= total; nth++) {
    const survived = await inMemory(
      (store) => storeDyingAtCall(store, nth),
      nth % 2 === 0 ? 'retry first' : 'other first',
    );
    t.true(unharmed(survived), `call ${nth}: ${JSON.stringify(survived)}`);
  }
});

test('a lost answer to any one write is settled by reading, and the registration succeeds at once', async (t) => {
  for (const [i, key] of writeKeys.entries()) {
    for (const fault of ['echoed', 'unacknowledged'] as const) {
      const { first } = await inMemory((store) => storeWithFault(store, fault, i + 1, 'alive'), 'retry first');
      t.true(E.isRight(first) && first.right.warnings.length === 0, `${key} ${fault}`);
    }
  }
});

test('ten that die one after the other, each a write later or earlier, leave a model that goes on', async (t) => {
  const { store, service, another } = await makeRegistry();
  for (const nth of [3, 2, 4, 1, 3, 5, 3, 2, 6, 4]) {
    await another(storeWithFault(store, 'lost', nth, 'dead')).register(request({ description: `dies at ${nth}` }))();
  }
  const { registration } = await right(service.register(request()));
  const stored = await provenVersions(store);
  t.is(registration.version, stored.length);
  t.true(stored.every(({ status }) => status === 'registered'));
});

test('a helper that dies helping leaves the version to the next helper', async (t) => {
  for (const fault of faults) {
    for (const nth of [2, 3, 4, 5]) {
      const { store, service, another } = await makeRegistry();
      await another(storeWithFault(store, 'lost', 3, 'dead')).register(request({ description: 'owner' }))();
      await another(storeWithFault(store, fault, nth, 'dead')).register(request({ description: 'helper' }))();
      const { registration } = await right(service.register(request({ description: 'next' })));
      const stored = await provenVersions(store);
      t.is(registration.version, stored.length);
      t.is(stored[0]?.description, 'owner', `${fault} at ${nth}`);
      t.true(stored.every(({ status }) => status === 'registered'));
    }
  }
});

test('a commit that nobody can confirm is not acknowledged', async (t) => {
  const { store, another } = await makeRegistry();
  const unavailable = ambiguous(failure('Unavailable', 'no answer'));
  const blind = wrapStore(
    store,
    ({ name, key }) =>
      (task) =>
        key.endsWith('/registration.json') && name !== 'head'
          ? TE.left(name === 'put' ? unavailable : failure('Unavailable', 'no answer'))
          : task,
  );
  const result = await another(blind).register(request(ours))();
  t.true(E.isLeft(result) && result.left.tag === 'Unavailable');
  t.is((await right(another().register(request(ours)))).registration.version, 1);
});

test('a store that refuses leave to write is told as it is, and holds nothing', async (t) => {
  const { store, another } = await makeRegistry();
  const readOnly = wrapStore(
    store,
    ({ isWrite }) =>
      (task) =>
        isWrite ? failTask('PermissionDenied', 'not you') : task,
  );
  const result = await another(readOnly).register(request(ours))();
  t.true(E.isLeft(result) && result.left.tag === 'PermissionDenied');
  t.deepEqual(await contentOf(store), {});
});

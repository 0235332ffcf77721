/** The protocol among many: versions without holes, one owner each, whoever comes late or finds something in the way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ArtifactStore } from '../../core/index.js';
import { interleavings } from '../support/interleavings.js';
import {
  contentOf,
  makeRegistry,
  provenVersions,
  registerAll,
  registryOver,
  request,
  right,
} from '../support/registry.js';
import { storeAsleepAt } from '../support/store-faults.js';

const oneTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1);
const ascending = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b);

/** Registers `count` times at once through two services, and answers with the versions that were acknowledged. */
const storm = async (store: ArtifactStore, another: ArtifactStore, count: number): Promise<ReadonlyArray<number>> => {
  const one = (await registryOver(store)).service;
  const two = (await registryOver(another)).service;
  const all = await Promise.all(
    oneTo(count).map((i) => right((i % 2 === 0 ? one : two).register(request({ description: `${i}` })))),
  );
  const stored = await provenVersions(store);
  for (const { registration } of all) {
    const { registrationId, description } = stored[registration.version - 1] ?? {};
    if (registrationId !== registration.registration_id || description !== registration.description) {
      throw new Error(`version ${registration.version} is another's`);
    }
  }
  return ascending(all.map(({ registration }) => registration.version));
};

test('of 30 registrations at once by two services, each gets its own version, 1 to 30', async (t) => {
  const store = memoryArtifactStore();
  t.deepEqual(await storm(store, store, 30), oneTo(30));
  const content = Object.keys(await contentOf(store));
  t.deepEqual(
    content.filter((key) => key.includes('/staging/')),
    [],
    'and nothing stays staged',
  );
  t.is(content.length, 30 * 3 + 1);
});

test('in a local folder with two handles, 10 registrations at once are versions 1 to 10', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-publish-'));
  try {
    t.deepEqual(
      await storm(localFilesystemArtifactStore({ root }), localFilesystemArtifactStore({ root }), 10),
      oneTo(10),
    );
  } finally {
    await rm(root, { recursive: true });
  }
});

for (const { name, hold } of interleavings) {
  test(name, async (t) => {
    await hold({ numRuns: 60, seed: 20_260_101 });
    t.pass();
  });
}

// A registration without a key writes: staged, intent, artifact, registration, staged deleted, model.json.
for (const nth of [1, 2, 3, 4, 5, 6]) {
  test(`an owner that sleeps before its write ${nth} and wakes late still gets one version, of its own`, async (t) => {
    const { store, service, another } = await makeRegistry();
    await registerAll(service, [{}]);
    const sleeper = storeAsleepAt(store, nth);
    const late = right(another(sleeper.store).register(request({ description: 'late', alias: 'champion' })));
    await sleeper.asleep;
    await registerAll(service, [{ description: 'early' }]);
    sleeper.wake();
    const { registration } = await late;
    const stored = await provenVersions(store);
    t.deepEqual(
      stored.map(({ status }) => status),
      ['registered', 'registered', 'registered'],
    );
    t.deepEqual(stored[registration.version - 1], {
      version: registration.version,
      status: 'registered',
      description: 'late',
      registrationId: registration.registration_id,
    });
    t.is(registration.version, nth <= 2 ? 3 : 2);
    t.deepEqual(
      Object.keys(await contentOf(store)).filter((key) => key.includes('/staging/')),
      [],
    );
    t.is(
      (await right(service.info({ model_type: 'rating', model_name: 'prod', alias: 'champion' }))).info.registration
        .version,
      registration.version,
    );
  });
}

/** Copying a version to another registry: the next number there, the same bytes, and where it came from. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ArtifactStore, FailureTag } from '../../core/index.js';
import {
  contentOf,
  left,
  makeRegistry,
  provenVersions,
  registerAll,
  registryOver,
  right,
  scoreOne,
  tamper,
  writeLegacy,
} from '../support/registry.js';
import { faults, storeWithFault } from '../support/store-faults.js';

const prod = { model_type: 'rating', model_name: 'prod' };
const folder = 'models/registered/rating/prod';

/** Three versions, the first under an alias. */
const source = async () => {
  const registry = await registryOver(memoryArtifactStore({ location: 'memory of ours' }));
  const made = await registerAll(registry.service, [
    { alias: 'champion', description: 'first', metadata: { ticket: '1' } },
    { description: 'second' },
    { description: 'third' },
  ]);
  return { ...registry, made };
};

const targets: ReadonlyArray<readonly [what: string, open: (dir: string) => ArtifactStore]> = [
  ['memory', () => memoryArtifactStore()],
  ['a folder', (dir) => localFilesystemArtifactStore({ root: dir })],
];
for (const [what, open] of targets) {
  test(`copied to ${what}: the next number there, the same artifact, and where it came from`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'scorekeeper-copy-'));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    const { service, made } = await source();
    const target = open(dir);
    const there = await registryOver(target);
    await registerAll(there.service, [{}]);
    const [first] = made;
    const copy = await right(service.copy({ ...prod, model_version: 1 }, target));
    t.is(copy.version, 2);
    t.deepEqual(copy.copied_from, {
      registry: 'memory of ours',
      version: 1,
      registration_id: first?.registration_id ?? '',
    });
    t.not(copy.registration_id, first?.registration_id);
    t.deepEqual(copy.artifact, first?.artifact);
    t.like(copy, { description: 'first', metadata: { ticket: '1' }, status: 'registered' });
    t.deepEqual(copy.original_experiment, first?.original_experiment);
    t.deepEqual(
      (await provenVersions(target)).map(({ version, description }) => [version, description]),
      [
        [1, 'Gradient boosting'],
        [2, 'first'],
      ],
    );
    t.deepEqual(Object.keys(await contentOf(target, 'models/_registry/staging')), []);
    t.is((await right(scoreOne(there.service))).model_details.version, 2);
    t.deepEqual((await right(there.service.verify({}))).problems, []);
    t.is((await registerAll(there.service, [{}]))[0]?.version, 3);
    t.deepEqual((await right(there.service.history(prod))).moves, [], 'no alias goes along');
  });
}

const selected: ReadonlyArray<readonly [what: string, fields: Readonly<Record<string, unknown>>, version: number]> = [
  ['the latest', {}, 3],
  ['an alias', { model_alias: 'champion' }, 1],
  ['a number', { model_version: 2 }, 2],
];
for (const [what, fields, version] of selected) {
  test(`copied: ${what}`, async (t) => {
    const { store, service } = await source();
    const before = await contentOf(store);
    const copy = await right(service.copy({ ...prod, ...fields }, memoryArtifactStore()));
    t.like(copy, { version: 1 });
    t.is(copy.copied_from?.version, version);
    t.deepEqual(await contentOf(store), before);
  });
}

test('an archived version is copied when it is pinned, and is not archived there', async (t) => {
  const { service } = await source();
  await right(service.archive({ ...prod, model_version: 3 }));
  const target = memoryArtifactStore();
  t.is((await right(service.copy(prod, target))).copied_from?.version, 2);
  t.is((await right(service.copy({ ...prod, model_version: 3 }, target))).copied_from?.version, 3);
  const there = await registryOver(target);
  t.is((await right(there.service.info(prod))).info.registration.status, 'registered');
});

test('a copy is copied on with the registry that it was copied from', async (t) => {
  const { store, service, made } = await source();
  const between = memoryArtifactStore({ location: 'between' });
  const first = await right(service.copy({ ...prod, model_version: 1 }, between));
  const back = await right((await registryOver(between)).service.copy(prod, store));
  t.is(back.version, 4);
  t.deepEqual(back.copied_from, { registry: 'between', version: 1, registration_id: first.registration_id });
  t.is(back.artifact.sha256, made[0]?.artifact.sha256 ?? '');
});

test('a version is not copied to the registry that it is in, by whatever name that was opened, and takes no number there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-copy-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'link'));
  const store = localFilesystemArtifactStore({ root: join(folder, 'real') });
  const { service } = await registryOver(store);
  await registerAll(service, [{ alias: 'champion' }, {}]);
  const before = await contentOf(store);
  for (const target of [store, localFilesystemArtifactStore({ root: join(folder, 'link') })]) {
    for (const which of [{}, { model_alias: 'champion' }]) {
      const failed = await left(service.copy({ ...prod, ...which }, target));
      t.is(failed.tag, 'AlreadyExists');
      t.regex(failed.message, /^Version [12] of rating\/prod is in local folder .* already: .* Name another one\.$/);
    }
  }
  t.deepEqual(await contentOf(store), before);
});

const refusals: ReadonlyArray<
  readonly [
    what: string,
    prepare: (registry: Awaited<ReturnType<typeof source>>) => Promise<unknown>,
    fields: Readonly<Record<string, unknown>>,
    tag: FailureTag,
  ]
> = [
  [
    'a damaged artifact',
    ({ store }) => tamper(store, `${folder}/v3/pipeline.onnx`, (text) => text.replace('weight', 'weighu')),
    {},
    'ArtifactUnreadable',
  ],
  [
    'a damaged record',
    ({ store }) => tamper(store, `${folder}/v3/registration.json`, (text) => text.replace('third', 'thirt')),
    {},
    'ArtifactUnreadable',
  ],
  ['a legacy version', ({ store }) => writeLegacy(store, 4), { model_version: 4 }, 'ArtifactUnreadable'],
  [
    'a deleted version',
    ({ service }) => right(service.deleteVersion({ ...prod, model_version: 3 })),
    { model_version: 3 },
    'NotFound',
  ],
  ['a version that is not there', async () => undefined, { model_version: 9 }, 'NotFound'],
  ['an alias that is not there', async () => undefined, { model_alias: 'nobody' }, 'NotFound'],
  ['a version and an alias', async () => undefined, { model_version: 1, model_alias: 'champion' }, 'InvalidInput'],
];
for (const [what, prepare, fields, tag] of refusals) {
  test(`refused, and nothing is written there: ${what}`, async (t) => {
    const registry = await source();
    await prepare(registry);
    const target = memoryArtifactStore();
    t.is((await left(registry.service.copy({ ...prod, ...fields }, target))).tag, tag);
    t.deepEqual(await contentOf(target), {});
  });
}

test('a copy that went wrong at any write leaves no torn version, and the next one goes on', async (t) => {
  for (const fault of faults) {
    for (let nth = 1; nth <= 6; nth++) {
      const { service } = await source();
      const target = memoryArtifactStore();
      const there = await registryOver(target);
      await registerAll(there.service, [{}]);
      await service.copy(prod, storeWithFault(target, fault, nth, 'dead'))();
      const copy = await right(service.copy({ ...prod, model_version: 1 }, target));
      const stored = await provenVersions(target);
      t.is(stored.at(-1)?.registrationId, copy.registration_id, `${fault} ${nth}`);
      t.true(stored.every(({ status }) => status === 'registered'));
    }
  }
});

test('twenty copies at once get twenty numbers', async (t) => {
  const { service } = await source();
  const target = memoryArtifactStore();
  const copies = await Promise.all(Array.from({ length: 20 }, () => right(service.copy(prod, target))));
  t.deepEqual(
    copies.map(({ version }) => version).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  t.is((await provenVersions(target)).length, 20);
});

test('a damaged model.json there stops the copy before anything is written', async (t) => {
  const { service } = await source();
  const { store: target, service: there } = await makeRegistry();
  await registerAll(there, [{}]);
  await tamper(target, 'models/_registry/rating/prod/model.json', (text) => text.replace('prod', 'prof'));
  const before = await contentOf(target);
  t.is((await left(service.copy(prod, target))).tag, 'ArtifactUnreadable');
  t.deepEqual(await contentOf(target), before);
});

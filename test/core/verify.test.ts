/** Verifying: damage of every kind is told and nothing else is, and what was left unfinished is finished. */
import test from 'ava';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ArtifactStore } from '../../core/index.js';
import {
  call,
  contentOf,
  left,
  makeRegistry,
  provenVersions,
  registerAll,
  registryOver,
  request,
  right,
  tamper,
  writeLegacy,
} from '../support/registry.js';
import { storeAsleepAt, storeWithFault } from '../support/store-faults.js';

const folder = 'models/registered/rating/prod';
const stateKey = 'models/_registry/rating/prod/model.json';
const prod = { model_type: 'rating', model_name: 'prod' };

/** Three versions of `rating/prod`, the first under an alias, and one of `rating/other`. */
const filled = async () => {
  const registry = await makeRegistry();
  await registerAll(registry.service, [{ alias: 'champion' }, {}, {}, { name: 'other' }]);
  return registry;
};

test('a registry that is as it was written has no problems, and nothing is written', async (t) => {
  const { store, service } = await filled();
  const before = await contentOf(store);
  t.deepEqual(await right(service.verify({})), { versions_verified: 4, problems: [], finished: [] });
  t.deepEqual(await contentOf(store), before);
});

test('an empty registry has none either', async (t) => {
  const { service } = await makeRegistry();
  t.deepEqual(await right(service.verify({})), { versions_verified: 0, problems: [], finished: [] });
});

const scopes: ReadonlyArray<readonly [what: string, request: Readonly<Record<string, unknown>>, verified: number]> = [
  ['one version', { ...prod, model_version: 2 }, 1],
  ['a model', prod, 3],
  ['a model type', { model_type: 'rating' }, 4],
  ['a model type without models', { model_type: 'hurdle' }, 0],
];
for (const [what, asked, verified] of scopes) {
  test(`verified: ${what}`, async (t) => {
    const { service } = await filled();
    t.like(await right(service.verify(asked)), { versions_verified: verified, problems: [] });
  });
}

test('what is named and not there is not found', async (t) => {
  const { service } = await filled();
  t.regex((await left(service.verify({ ...prod, model_version: 9 }))).message, /has no version 9\. It has 1, 2, 3\./);
  const missing = await left(service.verify({ model_type: 'rating', model_name: 'prot' }));
  t.is(missing.tag, 'NotFound');
  t.regex(missing.message, /Did you mean prod\?/);
  t.is((await left(service.verify({ model_name: 'prod' }))).tag, 'InvalidInput');
  t.is((await left(service.verify({ model_type: 'rating', model_version: 1 }))).tag, 'InvalidInput');
});

const remove = (store: ArtifactStore, key: string) => right(store.delete(key, call));

const damages: ReadonlyArray<
  readonly [what: string, damage: (store: ArtifactStore) => Promise<unknown>, version: number | null, told: RegExp]
> = [
  [
    'a flipped bit in an artifact',
    (store) => tamper(store, `${folder}/v2/pipeline.onnx`, (text) => text.replace('weight', 'weighu')),
    2,
    /^The artifact was changed after it was registered: its SHA-256 is not [0-9a-f]{64}\./,
  ],
  [
    'a flipped bit in a record',
    (store) => tamper(store, `${folder}/v2/registration.json`, (text) => text.replace('boosting', 'bonsting')),
    2,
    /v2\/registration\.json/,
  ],
  [
    'a record that is no JSON any more',
    (store) => tamper(store, `${folder}/v2/registration.json`, (text) => text.slice(0, 100)),
    2,
    /is not JSON: it is damaged/,
  ],
  ['a missing artifact', (store) => remove(store, `${folder}/v2/pipeline.onnx`), 2, /^The artifact is gone\./],
  [
    'a missing record, whose intent is gone as well',
    async (store) => {
      await remove(store, `${folder}/v2/registration.json`);
      await remove(store, 'models/_registry/rating/prod/intents/v2.json');
    },
    2,
    /^There is no registration\.json\. Restore the version's folder from a copy\.$/,
  ],
  ...[2, 3].map(
    (version) =>
      [
        `everything of version ${version} of 3 missing, but its intent`,
        async (store: ArtifactStore) => {
          for (const file of ['registration.json', 'pipeline.onnx'])
            await remove(store, `${folder}/v${version}/${file}`);
        },
        version,
        /^There is no registration\.json\. Restore/,
      ] as const,
  ),
  [
    'everything of the last version missing, and its intent, but not what model.json says of it',
    async (store) => {
      for (const file of ['registration.json', 'pipeline.onnx']) await remove(store, `${folder}/v3/${file}`);
      await remove(store, 'models/_registry/rating/prod/intents/v3.json');
    },
    3,
    /^There is no registration\.json\. Restore/,
  ],
  [
    'a flipped bit in the intent of a version that is committed',
    (store) =>
      tamper(store, 'models/_registry/rating/prod/intents/v2.json', (text) => text.replace('boosting', 'bonsting')),
    2,
    /intents\/v2\.json was changed after it was written/,
  ],
  [
    'a flipped bit in model.json',
    (store) => tamper(store, stateKey, (text) => text.replace('champion', 'champiom')),
    null,
    /model\.json was changed after it was written.* it is the last file of \.model\.json\.generations beside it/,
  ],
];
for (const [what, damage, version, told] of damages) {
  test(`told, each once and by its place: ${what}`, async (t) => {
    const { store, service } = await filled();
    await damage(store);
    const asked = [{}, prod, ...(version === null ? [] : [{ ...prod, model_version: version }])];
    for (const scope of asked) {
      const { problems, finished } = await right(service.verify(scope));
      t.deepEqual(
        problems.map(({ detail: _, ...place }) => place),
        [{ model_type: 'rating', name: 'prod', version }],
      );
      t.regex(problems[0]?.detail ?? '', told);
      t.deepEqual(finished, []);
    }
    const others = await right(service.verify({ model_type: 'rating', model_name: 'other' }));
    t.deepEqual(others, { versions_verified: 1, problems: [], finished: [] });
  });
}

test('one bit, anywhere in an artifact or a record, is found', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}]);
  for (const file of ['pipeline.onnx', 'registration.json']) {
    const key = `${folder}/v1/${file}`;
    const text = (await contentOf(store))[key] ?? '';
    for (let at = 0; at < text.length; at += 7) {
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ 1);
      await tamper(store, key, (whole) => whole.slice(0, at) + flipped + whole.slice(at + 1));
      const { versions_verified, problems } = await right(service.verify({}));
      t.deepEqual([versions_verified, problems.length], [0, 1], `${file} at ${at}`);
      await tamper(store, key, () => text);
    }
  }
});

test('a damaged intent is told, and stops neither the report nor the other models', async (t) => {
  const { store, service, another } = await filled();
  await another(storeWithFault(store, 'lost', 3, 'dead')).register(request())();
  await tamper(store, 'models/_registry/rating/prod/intents/v4.json', (text) => text.replace('boosting', 'bonsting'));
  const report = await right(service.verify({}));
  t.is(report.versions_verified, 4);
  t.is(report.problems.length, 1);
  t.like(report.problems[0], { name: 'prod', version: 4 });
  t.regex(report.problems[0]?.detail ?? '', /intents\/v4\.json/);
});

test('a damaged intent stops who would register until it is deleted, which it says, and its version is the next one', async (t) => {
  const { store, service, another } = await filled();
  await another(storeWithFault(store, 'lost', 3, 'dead')).register(request())();
  const intent = 'models/_registry/rating/prod/intents/v4.json';
  await tamper(store, intent, () => '{');
  const stopped = await left(service.register(request()));
  t.is(stopped.tag, 'ArtifactUnreadable');
  t.regex(stopped.message, /intents\/v4\.json is not JSON.* delete it: no acknowledged registration needs it\.$/);
  await right(store.delete(intent, call));
  t.is((await right(service.register(request()))).registration.version, 4);
  t.deepEqual((await right(service.verify({}))).problems, []);
});

test('a damaged intent is told once, also when its artifact is in place already', async (t) => {
  const { store, service, another } = await filled();
  await another(storeWithFault(store, 'lost', 4, 'dead')).register(request())();
  await tamper(store, 'models/_registry/rating/prod/intents/v4.json', (text) => text.replace('boosting', 'bonsting'));
  const { problems } = await right(service.verify({}));
  t.deepEqual(
    problems.map(({ version }) => version),
    [4],
  );
  t.regex(problems[0]?.detail ?? '', /intents\/v4\.json/);
});

test('a record that is lost is made again, byte for byte, where its intent and its artifact are there', async (t) => {
  for (const version of [2, 3]) {
    const { store, service } = await filled();
    const before = await contentOf(store);
    await remove(store, `${folder}/v${version}/registration.json`);
    const { versions_verified, problems, finished } = await right(service.verify({}));
    t.deepEqual([versions_verified, problems], [4, []]);
    t.deepEqual(finished, [{ model_type: 'rating', name: 'prod', version, status: 'registered' }]);
    t.deepEqual(await contentOf(store), before);
  }
});

test('a record is not made again beside an artifact that is another one', async (t) => {
  const { store, service } = await filled();
  await remove(store, `${folder}/v2/registration.json`);
  await tamper(store, `${folder}/v2/pipeline.onnx`, (text) => text.replace('weight', 'weighu'));
  const { problems, finished } = await right(service.verify({}));
  t.deepEqual([problems.map(({ version }) => version), finished], [[2], []]);
});

test('an archived version is verified; a deleted, a legacy and an aborted one have nothing to verify', async (t) => {
  const { store, service, another } = await filled();
  await writeLegacy(store, 1, 'old');
  await right(service.archive({ ...prod, model_version: 2 }));
  await right(service.deleteVersion({ ...prod, model_version: 3 }));
  await another(storeWithFault(store, 'lost', 3, 'dead')).register(request())();
  for (const key of Object.keys(await contentOf(store, 'models/_registry/staging'))) await remove(store, key);
  t.deepEqual(await right(service.verify({})), {
    versions_verified: 3,
    problems: [],
    finished: [{ model_type: 'rating', name: 'prod', version: 4, status: 'aborted' }],
  });
  t.is((await provenVersionsOrDeleted(store)).at(-1), 'aborted');
});

const provenVersionsOrDeleted = async (store: ArtifactStore): Promise<ReadonlyArray<string>> => {
  const content = await contentOf(store, folder);
  return Object.keys(content)
    .filter((key) => key.endsWith('/registration.json'))
    .sort()
    .map((key) => JSON.parse(content[key] ?? '').status);
};

for (const before of [0, 2]) {
  test(`what died at any write is rolled forward, of a model with ${before} versions`, async (t) => {
    for (const scope of [{}, prod, { ...prod, model_version: before + 1 }]) {
      // Before the artifact, and before the record.
      for (const nth of [3, 4]) {
        const store = memoryArtifactStore();
        const { service, another } = await registryOver(store);
        await registerAll(
          service,
          Array.from({ length: before }, () => ({})),
        );
        await another(storeWithFault(store, 'lost', nth, 'dead')).register(request({ description: 'died' }))();
        const report = await right(service.verify(scope));
        t.deepEqual(report.problems, []);
        const finished = { model_type: 'rating', name: 'prod', version: before + 1, status: 'registered' } as const;
        t.deepEqual(report.finished, [finished], `write ${nth}`);
        t.is((await provenVersions(store)).at(-1)?.description, 'died');
        t.is(report.versions_verified, 'model_version' in scope ? 1 : before + 1);
        t.deepEqual((await right(service.verify({}))).finished, []);
      }
    }
  });
}

test('who died before the intent left nothing to finish', async (t) => {
  for (const nth of [1, 2]) {
    const { store, service, another } = await filled();
    await another(storeWithFault(store, 'lost', nth, 'dead')).register(request())();
    t.deepEqual(await right(service.verify({})), { versions_verified: 4, problems: [], finished: [] });
  }
});

test('a registration in progress is no problem: it is finished for its owner', async (t) => {
  for (const nth of [3, 4]) {
    const { store, service, another } = await filled();
    const slow = storeAsleepAt(store, nth);
    const sleeper = right(another(slow.store).register(request()));
    await slow.asleep;
    t.deepEqual((await right(service.verify({}))).problems, []);
    slow.wake();
    t.is((await sleeper).registration.version, 4);
    t.is((await provenVersions(store)).length, 4);
  }
});

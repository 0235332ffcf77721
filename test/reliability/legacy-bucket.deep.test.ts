/** A place that the users' Python system wrote is read, numbered on from and never broken by, in memory, in a folder and in a bucket. */
import test, { type ExecutionContext } from 'ava';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ListedVersion, Service } from '../../core/index.js';
import { type RawStore, rawStores } from '../support/raw-stores.js';
import {
  left,
  makeRegistry,
  registerAll,
  registryOver,
  type RegistryUnderTest,
  right,
  scoreOne,
} from '../support/registry.js';
import { recordedStore } from '../support/store-faults.js';

/** As Python's `json.dump(record, file, indent=2)` writes it: bare NaN, other fields than ours, no digest. */
const pythonRecord = (name: string, version: number, status = 'active'): string => `{
  "name": "${name}",
  "version": ${version},
  "status": "${status}",
  "description": "Gradient boosting \\u2014 ${name}",
  "registered_at": "2024-11-0${(version % 9) + 1}T09:30:00.123456",
  "original_experiment": {
    "name": "best_rating_model",
    "version": ${version},
    "metadata": {"seed": 42, "held_out": NaN}
  },
  "model_info": {"model_type": "LGBMRegressor", "n_features": 41, "learning_rate": 1e-05},
  "metrics": {"test": {"r2": 0.71, "rmse": 0.62, "mape": Infinity, "note": "NaN"}},
  "validation_metrics": {"min_r2": 0.5}
}`;

const registered = 'models/registered';
const prod = `${registered}/rating/prod`;

/** What stands there before we come. */
const legacyFiles: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [1, 2, 9].flatMap((version) => [
      [`${prod}/v${version}/registration.json`, pythonRecord('prod', version)],
      [`${prod}/v${version}/pipeline.pkl`, `\x80\x04\x95 pickle ${version}`],
    ]),
  ),
  // Archived by the old system, which rewrites the record in place.
  [`${prod}/v5/registration.json`]: pythonRecord('prod', 5, 'archived'),
  [`${prod}/v5/pipeline.pkl`]: '\x80\x04\x95 pickle 5',
  [`${prod}/v3/pipeline.pkl`]: '\x80\x04\x95 its record was never written',
  // Strangers in the folders of models and versions.
  [`${prod}/README.md`]: '# by hand',
  [`${prod}/v9/notes.txt`]: 'by hand',
  [`${prod}/v9/plots/importance.png`]: '\x89PNG',
  [`${prod}/v12.zip`]: 'PK',
  [`${prod}/v010/registration.json`]: pythonRecord('prod', 10),
  [`${prod}/V11/registration.json`]: pythonRecord('prod', 11),
  [`${prod}/latest/registration.json`]: pythonRecord('prod', 9),
  [`${registered}/rating/.DS_Store`]: '\0\0\0\x01Bud1',
  [`${registered}/rating/Production Model/v1/registration.json`]: pythonRecord('Production Model', 1),
  [`${registered}/rating/Prod/v1/registration.json`]: pythonRecord('Prod', 1),
  [`${registered}/Rating/prod/v1/registration.json`]: pythonRecord('prod', 1),
  [`${registered}/rating/modèle/v1/registration.json`]: pythonRecord('mod\\u00e8le', 1),
  [`${registered}/index.json`]: '{"rating": ["prod"]}',
  // Markers of folders, as a bucket's console makes them.
  [`${registered}/rating/prod/`]: '',
  [`${registered}/rating/empty/`]: '',
  // Other models: one whose record is broken, one that has a pickle without a record on top.
  [`${registered}/rating/broken/v1/registration.json`]: pythonRecord('broken', 1),
  [`${registered}/rating/broken/v1/pipeline.pkl`]: '\x80\x04\x95',
  [`${registered}/rating/broken/v2/registration.json`]: pythonRecord('broken', 2).slice(0, 200),
  [`${registered}/rating/half/v1/registration.json`]: pythonRecord('half', 1),
  [`${registered}/rating/half/v4/pipeline.pkl`]: '\x80\x04\x95',
  [`${registered}/users_rated/counts/v7/registration.json`]: pythonRecord('counts', 7),
  [`${registered}/users_rated/counts/v7/pipeline.pkl`]: '\x80\x04\x95',
};

interface LegacyPlace extends RegistryUnderTest {
  readonly raw: RawStore;
  /** Fails the test unless every file of Python's is there, byte for byte as it was. */
  readonly assertUntouched: () => Promise<void>;
}

const openLegacy = async (t: ExecutionContext, make: () => Promise<RawStore>): Promise<LegacyPlace> => {
  const raw = await make();
  t.teardown(raw.close);
  for (const [name, text] of Object.entries(legacyFiles)) {
    if (raw.canHold(name)) await raw.plant(name, Buffer.from(text, 'latin1'));
  }
  const before = await raw.everything();
  const registry = await registryOver(raw.open());
  return {
    ...registry,
    raw,
    assertUntouched: async () => {
      const now = await raw.everything();
      t.deepEqual(Object.fromEntries(Object.keys(before).map((name) => [name, now[name]])), before);
    },
  };
};

const ofProd = { model_type: 'rating', model_name: 'prod' };
const brief = (versions: ReadonlyArray<ListedVersion> = []) =>
  versions.map(({ name, version, status }) => `${name}@${version} ${status}`);
const versionsOf = async (service: Service, name: string) =>
  brief((await right(service.models({ model_type: 'rating', name }))).models['rating']);

const oldVersions = ['prod@1 active', 'prod@2 active', 'prod@5 archived', 'prod@9 active'];

for (const [where, make] of Object.entries(rawStores)) {
  test(`${where}: it is listed and shown, with the names that are none passed over`, async (t) => {
    const { service, assertUntouched } = await openLegacy(t, make);
    const { models } = await right(service.models({}));
    t.deepEqual(Object.keys(models).sort(), ['rating', 'users_rated']);
    t.deepEqual(brief(models['rating']), [
      ...['broken@1 active', 'broken@2 unreadable', 'half@1 active'],
      ...oldVersions,
    ]);
    t.deepEqual(brief(models['users_rated']), ['counts@7 active']);
    for (const version of [1, 2, 5, 9]) {
      const { registration, ...shown } = (await right(service.info({ ...ofProd, version }))).info;
      t.like(registration, { version, format: 'pickle', description: 'Gradient boosting \u2014 prod', aliases: [] });
      t.deepEqual(shown.validation_metrics, { min_r2: 0.5 });
      t.like(shown.original_experiment, { version, metadata: { seed: 42, held_out: null } });
      t.like(shown.model_info, { learning_rate: 1e-5 });
    }
    const missing = await left(service.info({ ...ofProd, version: 3 }));
    t.is(missing.tag, 'NotFound');
    t.regex(missing.message, /has no version 3\. It has 1, 2, 5, 9\./);
    await assertUntouched();
  });

  test(`${where}: nothing of it is the latest or scored, and it says how to export`, async (t) => {
    const { service, assertUntouched } = await openLegacy(t, make);
    for (const failed of [await left(scoreOne(service)), await left(service.info(ofProd))]) {
      t.is(failed.tag, 'NotFound');
      t.regex(failed.message, /only Python pickles \(up to version 9\).*examples\/export_sklearn\.py/);
    }
    for (const version of [1, 2, 5, 9]) {
      const failed = await left(scoreOne(service, { model_version: version }));
      t.is(failed.tag, 'ArtifactUnreadable');
      t.regex(failed.message, /is a Python pickle.*examples\/export_sklearn\.py/);
    }
    t.is((await left(scoreOne(service, { model_version: 3 }))).tag, 'NotFound');
    t.is((await left(scoreOne(service, { model_alias: 'champion' }))).tag, 'NotFound');
    t.deepEqual(
      brief((await right(service.models({ model_type: 'users_rated', latest: true }))).models['users_rated']),
      [],
    );
    await assertUntouched();
  });

  test(`${where}: numbers go on above it, found with one listing once, and ours is the latest`, async (t) => {
    const { store, raw, service, another, assertUntouched } = await openLegacy(t, make);
    const listings = async (work: (through: Service) => Promise<unknown>): Promise<ReadonlyArray<string>> => {
      const recorded = recordedStore(store);
      await work(another(recorded.store));
      return recorded.calls.filter(({ name }) => name === 'list').map(({ key }) => key);
    };
    const numbers: number[] = [];
    const register = async (through: Service) => {
      const [made] = await registerAll(through, [{}]);
      numbers.push(made?.version ?? 0);
    };
    t.deepEqual(await listings(register), [prod]);
    t.deepEqual(await listings(register), []);
    t.deepEqual(await listings((through) => right(scoreOne(through))), []);
    t.deepEqual(await listings(async (through) => right(through.promote({ ...ofProd, alias: 'champion' }))), []);
    t.deepEqual(numbers, [10, 11]);
    for (const fields of [{}, { model_version: 11 }, { model_alias: 'champion' }]) {
      t.like((await right(scoreOne(service, fields))).model_details, { version: 11 });
    }
    t.deepEqual(await versionsOf(service, 'prod'), [...oldVersions, 'prod@10 registered', 'prod@11 registered']);
    const files = Object.keys(await raw.everything()).filter((name) => /\/rating\/prod\/v1[01]\//.test(name));
    t.deepEqual(
      files.sort(),
      ['v10', 'v11'].flatMap((folder) =>
        ['pipeline.onnx', 'registration.json'].map((file) => `${prod}/${folder}/${file}`),
      ),
    );
    await assertUntouched();
  });

  test(`${where}: four who come first at once get the four numbers above it`, async (t) => {
    const { raw, another, assertUntouched } = await openLegacy(t, make);
    const made = await Promise.all([1, 2, 3, 4].map(() => registerAll(another(raw.open()), [{}])));
    t.deepEqual(
      made
        .flat()
        .map(({ version }) => version)
        .sort((a, b) => a - b),
      [10, 11, 12, 13],
    );
    await assertUntouched();
  });

  test(`${where}: a broken record and a pickle without one stop nobody, and keep their numbers`, async (t) => {
    const { service, assertUntouched } = await openLegacy(t, make);
    t.regex((await left(scoreOne(service, {}))).message, /only Python pickles/);
    const broken = await left(
      service.score({ model_type: 'rating', model_name: 'broken', data: [{ age: 1, weight: 1 }] }),
    );
    t.is(broken.tag, 'ArtifactUnreadable');
    t.regex(broken.message, /broken\/v2\/registration\.json is not JSON/);
    t.deepEqual(
      (await registerAll(service, [{ name: 'broken' }, { name: 'half' }, { name: 'half' }, { name: 'empty' }])).map(
        ({ name, version }) => `${name}@${version}`,
      ),
      ['broken@3', 'half@5', 'half@6', 'empty@1'],
    );
    for (const [model_name, version] of [
      ['broken', 3],
      ['half', 6],
      ['empty', 1],
    ] as const) {
      const scored = await right(service.score({ model_type: 'rating', model_name, data: [{ age: 1, weight: 1 }] }));
      t.is(scored.model_details.version, version);
    }
    await assertUntouched();
  });

  test(`${where}: its versions are archived and restored, and never promoted or deleted`, async (t) => {
    const { service, assertUntouched } = await openLegacy(t, make);
    const refused = await left(service.promote({ ...ofProd, model_version: 9, alias: 'champion' }));
    t.is(refused.tag, 'Conflict');
    t.regex(refused.message, /Version 9 of rating\/prod cannot be scored/);
    t.is((await left(service.promote({ ...ofProd, alias: 'champion' }))).tag, 'NotFound');
    const kept = await left(service.deleteVersion({ ...ofProd, model_version: 9 }));
    t.is(kept.tag, 'Conflict');
    t.regex(kept.message, /is a Python pickle, whose files are never touched from here/);
    await right(service.archive({ ...ofProd, model_version: 9, reason: 'old' }));
    t.like((await right(service.info({ ...ofProd, version: 9 }))).info.registration, {
      status: 'archived',
      archive_reason: 'old',
      format: 'pickle',
    });
    await right(service.restore({ ...ofProd, model_version: 9 }));
    t.deepEqual(await versionsOf(service, 'prod'), oldVersions);
    // Archiving wrote the first model.json, before any version of ours.
    t.deepEqual(
      (await registerAll(service, [{}, {}])).map(({ version }) => version),
      [10, 11],
    );
    await right(service.deleteVersion({ ...ofProd, model_version: 11 }));
    t.is((await right(scoreOne(service))).model_details.version, 10);
    await right(service.archive({ ...ofProd, model_version: 10 }));
    t.regex((await left(scoreOne(service))).message, /has no version that can be scored/);
    t.is((await registerAll(service, [{}]))[0]?.version, 12);
    await assertUntouched();
  });

  test(`${where}: it is verified as far as it has digests, and copied from and to like any other`, async (t) => {
    const { store, service, assertUntouched } = await openLegacy(t, make);
    t.deepEqual(await right(service.verify({ ...ofProd, model_version: 9 })), {
      versions_verified: 0,
      problems: [],
      finished: [],
    });
    t.deepEqual(
      (await right(service.verify({}))).problems.map(({ name, version }) => `${name}@${version}`),
      ['broken@2', 'half@4', 'prod@3'],
    );
    const target = memoryArtifactStore();
    const refused = await left(service.copy({ ...ofProd, model_version: 9 }, target));
    t.is(refused.tag, 'ArtifactUnreadable');
    t.regex(refused.message, /is a Python pickle/);
    await registerAll(service, [{}]);
    t.is((await right(service.copy(ofProd, target))).version, 1);
    const elsewhere = await makeRegistry();
    await registerAll(elsewhere.service, [{}]);
    const copied = await right(elsewhere.service.copy(ofProd, store));
    t.is(copied.version, 11);
    t.is((await right(scoreOne(service))).model_details.version, 11);
    t.is((await right(service.verify({ ...ofProd }))).versions_verified, 2);
    await assertUntouched();
  });
}

test('what a Python program reads of a record is in ours too', async (t) => {
  const { service, raw } = await openLegacy(t, rawStores['in memory']);
  await registerAll(service, [{}]);
  const ours = JSON.parse((await raw.everything())[`${prod}/v10/registration.json`] ?? '');
  const theirs: Readonly<Record<string, unknown>> = JSON.parse(
    pythonRecord('prod', 9).replaceAll(/\b(NaN|Infinity)(?=[,}\n])/g, 'null'),
  );
  for (const field of Object.keys(theirs)) t.true(field in ours, field);
});

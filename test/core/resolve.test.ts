/** From a reference to a version: what is meant, what is near when nothing is, and what is never scored. */
import test from 'ava';
import * as fc from 'fast-check';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { sealDocument } from '../../core/index.js';
import { highestVersion } from '../../core/registry/versions.js';
import {
  call,
  contentOf,
  host,
  left,
  makeRegistry,
  registerAll,
  registryOver,
  right,
  scoreOne,
  tamper,
  write,
  writeExperiment,
  writeLegacy,
} from '../support/registry.js';
import { recordedStore, storeWithFault } from '../support/store-faults.js';

const info = (fields: Readonly<Record<string, unknown>> = {}) => ({
  model_type: 'rating',
  model_name: 'prod',
  ...fields,
});
const folder = 'models/registered/rating/prod';

const found: ReadonlyArray<
  readonly [what: string, fields: { model_version?: number; model_alias?: string }, version: number]
> = [
  ['nothing is named: the latest', {}, 3],
  ['a version', { model_version: 2 }, 2],
  ['an alias', { model_alias: 'champion' }, 1],
  ['an alias that every object inherits', { model_alias: 'constructor' }, 2],
];
for (const [what, fields, version] of found) {
  test(`found, shown and scored: ${what}`, async (t) => {
    const { service } = await makeRegistry();
    await registerAll(service, [{ alias: 'champion' }, { alias: 'constructor' }, {}]);
    const { model_version, model_alias } = fields;
    const shown = await right(
      service.info(
        info({
          ...(model_version === undefined ? {} : { version: model_version }),
          ...(model_alias === undefined ? {} : { alias: model_alias }),
        }),
      ),
    );
    t.is(shown.info.registration.version, version);
    const scored = await right(scoreOne(service, fields));
    t.is(scored.model_details.version, version);
    t.is(scored.predictions?.[0]?.['prediction'], 6);
  });
}

const absent: ReadonlyArray<readonly [what: string, request: Readonly<Record<string, unknown>>, told: RegExp]> = [
  ['a version above', info({ version: 4 }), /^rating\/prod has no version 4\. It has 1, 2, 3\.$/],
  ['an alias', info({ alias: 'challenger' }), /^rating\/prod has no alias "challenger"\. It has champion\.$/],
  ['an alias that every object inherits', info({ alias: 'constructor' }), /has no alias "constructor"/],
  [
    'an alias of a model without any',
    info({ model_name: 'prod-2', alias: 'champion' }),
    /^rating\/prod-2 has no alias "champion"\. It has no aliases\.$/,
  ],
  [
    'a model, with one near',
    info({ model_name: 'prood' }),
    /^There is no model "prood" of type rating\. Did you mean prod\?$/,
  ],
  [
    'a model, with none near',
    info({ model_name: 'x1y2z3w4v5u6' }),
    /^There is no model "x1y2z3w4v5u6" of type rating\. There is prod, prod-2\.$/,
  ],
  ['a version of such a model', info({ model_name: 'prood', version: 1 }), /no model "prood".*Did you mean prod\?/],
  [
    'an alias of such a model',
    info({ model_name: 'prood', alias: 'champion' }),
    /no model "prood".*Did you mean prod\?/,
  ],
  [
    'a type, with one near',
    info({ model_type: 'ratings' }),
    /^There is no model of type "ratings"\. Did you mean rating\?$/,
  ],
  [
    'a type, with none near',
    info({ model_type: 'completely-else' }),
    /^There is no model of type "completely-else"\. There is rating\.$/,
  ],
];
for (const [what, request, told] of absent) {
  test(`not found, and what there is: ${what}`, async (t) => {
    const { service } = await makeRegistry();
    await registerAll(service, [{ alias: 'champion' }, {}, {}, { name: 'prod-2' }]);
    const failed = await left(service.info(request));
    t.is(failed.tag, 'NotFound');
    t.regex(failed.message, told);
    const { model_name, model_type, version, alias } = request;
    const asked = {
      model_name,
      model_type,
      data: [{ age: 1, weight: 1 }],
      ...(version === undefined ? {} : { model_version: version }),
      ...(alias === undefined ? {} : { model_alias: alias }),
    };
    t.deepEqual(await left(service.score(asked)), failed, 'and scoring says the same');
  });
}

test('in an empty registry nothing is found, which is said', async (t) => {
  const { service } = await makeRegistry();
  t.regex((await left(service.info(info()))).message, /^No model is registered/);
});

test('of many versions the message tells the range', async (t) => {
  const { service } = await makeRegistry();
  await registerAll(
    service,
    Array.from({ length: 7 }, () => ({})),
  );
  t.regex((await left(service.info(info({ version: 9 })))).message, /has no version 9\. It has 1 to 7\.$/);
});

test('of many models the message tells five, and how many more', async (t) => {
  const { service } = await makeRegistry();
  await registerAll(
    service,
    Array.from({ length: 7 }, (_, i) => ({ name: `model-${i}` })),
  );
  const { message } = await left(service.info(info({ model_name: 'x1y2z3w4v5u6' })));
  t.regex(message, /There is model-0, model-1, model-2, model-3, model-4 and 2 more\.$/);
});

test('a version that was begun and never finished is not there, and is not told as being there', async (t) => {
  const { store, service, another } = await makeRegistry();
  // The fourth write is the commit.
  await left(
    another(storeWithFault(store, 'refused', 4, 'dead')).register({
      model_type: 'rating',
      experiment: 'best_rating_model',
      name: 'prod',
    }),
  );
  t.true(Object.keys(await contentOf(store)).includes(`${folder}/v1/pipeline.onnx`));
  for (const request of [info(), info({ version: 1 }), info({ alias: 'champion' })]) {
    const failed = await left(service.info(request));
    t.is(failed.tag, 'NotFound');
    t.notRegex(failed.message, /Did you mean prod\b|It has 1\b/);
  }
  await registerAll(service, [{}]);
  t.is((await right(service.info(info()))).info.registration.version, 2);
});

test('a version that is under way beside others is not told as being there', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}]);
  await left(
    another(storeWithFault(store, 'refused', 4, 'dead')).register({
      model_type: 'rating',
      experiment: 'best_rating_model',
      name: 'prod',
    }),
  );
  t.is((await right(service.info(info()))).info.registration.version, 1);
  t.regex((await left(service.info(info({ version: 2 })))).message, /has no version 2\. It has 1\.$/);
});

test('a type or a name that begins like another is never mixed up with it', async (t) => {
  const { service, experiments } = await makeRegistry();
  await writeExperiment(experiments, {}, 'rating-test/best_rating_model/v1');
  await registerAll(service, [
    { name: 'test', description: 'test', alias: 'champion' },
    { name: 'test-2', description: 'test-2' },
    { name: 'test-2', description: 'test-2 again', alias: 'champion' },
    { name: 'test.2', description: 'test.2' },
    { model_type: 'rating-test', name: 'test', description: 'rating-test', gate: {} },
  ]);
  for (const [model_type, model_name, version, description] of [
    ['rating', 'test', 1, 'test'],
    ['rating', 'test-2', 2, 'test-2 again'],
    ['rating', 'test.2', 1, 'test.2'],
    ['rating-test', 'test', 1, 'rating-test'],
  ] as const) {
    const { registration } = (await right(service.info({ model_type, model_name }))).info;
    t.is(registration.version, version);
    t.is(registration['description'], description);
    const { models } = await right(service.models({ model_type, name: model_name, latest: true }));
    t.deepEqual(
      Object.entries(models).map(([type, versions]) => [type, versions.map((each) => `${each.name}@${each.version}`)]),
      [[model_type, [`${model_name}@${version}`]]],
    );
  }
});

const legacyOnly = async () => {
  const registry = await makeRegistry();
  for (const version of [1, 4]) await writeLegacy(registry.store, version);
  return registry;
};

test("Python's versions are shown with format pickle, and pinned they say how to export them", async (t) => {
  const { service } = await legacyOnly();
  const shown = (await right(service.info(info({ version: 4 })))).info;
  t.like(shown.registration, {
    version: 4,
    name: 'prod',
    format: 'pickle',
    status: 'registered',
    description: 'a pickle',
    aliases: [],
  });
  t.deepEqual(shown.validation_metrics, { min_r2: 0.5 });
  t.deepEqual<unknown, unknown>(shown.original_experiment, { name: 'old', version: 1 });
  t.deepEqual<unknown, unknown>(shown.model_info, { classes: ['NaN'] });
  const failed = await left(scoreOne(service, { model_version: 4 }));
  t.is(failed.tag, 'ArtifactUnreadable');
  t.regex(failed.message, /Version 4 of rating\/prod is a Python pickle.*examples\/export_sklearn\.py/);
});

test("where there are only Python's versions, none is the latest, and the message says how to export them", async (t) => {
  const { service } = await legacyOnly();
  for (const failed of [await left(scoreOne(service)), await left(service.info(info()))]) {
    t.is(failed.tag, 'NotFound');
    t.regex(failed.message, /only Python pickles \(up to version 4\).*examples\/export_sklearn\.py/);
  }
});

test("a hole among Python's versions is no version", async (t) => {
  const { service } = await legacyOnly();
  t.regex((await left(service.info(info({ version: 2 })))).message, /has no version 2\. It has 1, 4\.$/);
});

test("the latest is ours, also below a version of Python's", async (t) => {
  const { store, service } = await legacyOnly();
  t.is((await registerAll(service, [{}]))[0]?.version, 5);
  await writeLegacy(store, 6);
  t.is((await right(scoreOne(service))).model_details.version, 5);
  t.is((await registerAll(service, [{}]))[0]?.version, 7);
});

const damages: Readonly<Record<string, (text: string) => string>> = {
  'a flipped digit': (text) => text.replace('0.71', '0.72'),
  'a flipped letter in a field': (text) => text.replace('"description"', '"descriptiom"'),
  'a flipped letter in schema_version': (text) => text.replace('"schema_version"', '"schema_versiom"'),
  'a flipped letter in status': (text) => text.replace('"status": "registered"', '"status": "registeree"'),
  'a status of aborted': (text) => text.replace('"status": "registered"', '"status": "aborted"'),
  'half of it': (text) => text.slice(0, text.length / 2),
  'nothing left': () => '',
  'another version number': (text) => text.replace('"version": 2', '"version": 3'),
};
for (const [what, damage] of Object.entries(damages)) {
  test(`a damaged registration is shown as unreadable and never scored, not even an older one in its place: ${what}`, async (t) => {
    const { store, service } = await makeRegistry();
    await registerAll(service, [{}, { alias: 'champion' }]);
    await tamper(store, `${folder}/v2/registration.json`, damage);
    for (const fields of [{}, { model_version: 2 }, { model_alias: 'champion' }]) {
      const failed = await left(scoreOne(service, fields));
      t.is(failed.tag, 'ArtifactUnreadable');
      t.regex(failed.message, /models\/registered\/rating\/prod\/v2\/registration\.json/);
    }
    const { registration } = (await right(service.info(info()))).info;
    t.like(registration, { version: 2, status: 'unreadable', aliases: ['champion'] });
    const { models } = await right(service.models({}));
    t.deepEqual(
      models.rating?.map(({ version, status }) => [version, status]),
      [
        [1, 'registered'],
        [2, 'unreadable'],
      ],
    );
    t.is((await right(scoreOne(service, { model_version: 1 }))).model_details.version, 1);
    t.is((await registerAll(service, [{}]))[0]?.version, 3);
  });
}

test('a registration that was copied by hand to another model is unreadable there', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}]);
  const content = await contentOf(store, folder);
  for (const [key, text] of Object.entries(content)) await write(store, key.replace('/prod/', '/copied/'), text);
  const { models } = await right(service.models({}));
  t.deepEqual(
    models.rating?.map(({ name, status }) => [name, status]),
    [
      ['copied', 'unreadable'],
      ['prod', 'registered'],
    ],
  );
  t.is(
    (await left(service.score({ model_type: 'rating', model_name: 'copied', data: [{ age: 1, weight: 1 }] }))).tag,
    'ArtifactUnreadable',
  );
});

test('an artifact that was changed or removed after it was registered is never scored', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}, {}]);
  await tamper(store, `${folder}/v2/pipeline.onnx`, (text) => text.replace('"intercepts":[1]', '"intercepts":[2]'));
  t.regex((await left(scoreOne(service))).message, /v2\/pipeline\.onnx.* was changed after it was registered/);
  await right(store.delete(`${folder}/v2/pipeline.onnx`, call));
  const gone = await left(scoreOne(service, { model_version: 2 }));
  // Its model may still be in memory, which has the right digest; in another process it is not.
  t.is(gone.tag, 'ArtifactUnreadable');
  t.regex(gone.message, /v2\/pipeline\.onnx is not/);
});

test('a version and an alias together are refused', async (t) => {
  const { service } = await makeRegistry();
  await registerAll(service, [{ alias: 'champion' }]);
  t.is((await left(service.info(info({ version: 1, alias: 'champion' })))).tag, 'InvalidInput');
});

test('the highest version is found from any hint, in a logarithm of the distance', async (t) => {
  const store = memoryArtifactStore();
  for (let version = 1; version <= 200; version++) await write(store, `${folder}/v${version}/registration.json`, '{}');
  const recorded = recordedStore(store);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 200 }), async (hint) => {
      const before = recorded.calls.length;
      t.is(
        await right(highestVersion({ host, store: recorded.store })({ modelType: 'rating', name: 'prod' }, hint, call)),
        200,
      );
      t.true(recorded.calls.length - before <= 2 * Math.ceil(Math.log2(202 - hint)) + 2);
    }),
  );
});

test('without a hint, what is not committed is stepped over', async (t) => {
  const store = memoryArtifactStore();
  for (const version of [2, 5]) await writeLegacy(store, version);
  for (const version of [6, 9]) await write(store, `${folder}/v${version}/pipeline.onnx`, 'x');
  await write(store, `${folder}/v07/registration.json`, '{}');
  await write(store, `${folder}/old/registration.json`, '{}');
  t.is(await right(highestVersion({ host, store })({ modelType: 'rating', name: 'prod' }, 0, call)), 5);
});

test('a warm latest costs three questions: the state, the next version and the record', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}, {}, {}]);
  const recorded = recordedStore(store);
  await right((await registryOver(recorded.store)).service.info(info()));
  t.deepEqual(
    recorded.calls.map(({ name, key }) => `${name} ${key}`),
    [
      'get models/_registry/rating/prod/model.json',
      `head ${folder}/v4/registration.json`,
      `get ${folder}/v3/registration.json`,
    ],
  );
});

test('a state that another hand wrote, whole, is believed', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}, {}]);
  const key = 'models/_registry/rating/prod/model.json';
  const state = { ...JSON.parse((await contentOf(store))[key] ?? ''), aliases: { blue: { version: 1, history: [] } } };
  await tamper(store, key, () => host.utf8.decode(sealDocument(host)(state)));
  t.is((await right(scoreOne(service, { model_alias: 'blue' }))).model_details.version, 1);
});

/** Registering: what is checked, in which order, what is written, and what a registration says. */
import test from 'ava';
import { memoryArtifact } from '../../adapters/memory/inference-engine.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import type { RegisterRequest, Registration, ServiceSettings } from '../../core/index.js';
import { onnxFixture } from '../support/fixtures.js';
import {
  contentOf,
  goodMetrics,
  host,
  left,
  makeRegistry,
  model,
  registerAll,
  registryOver,
  request,
  right,
  tamper,
  writeExperiment,
} from '../support/registry.js';
import { storeWithFault } from '../support/store-faults.js';

const folder = 'models/registered/rating/prod';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a version is exactly two files under models/registered; our own state is elsewhere, and nothing stays staged', async (t) => {
  const { service, store } = await makeRegistry();
  const { outcome, warnings } = await right(service.register(request({ idempotency_key: 'k' })));
  t.is(outcome, 'created');
  t.deepEqual(warnings, []);
  t.deepEqual(Object.keys(await contentOf(store)).sort(), [
    'models/_registry/keys/8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a.json',
    'models/_registry/rating/prod/intents/v1.json',
    'models/_registry/rating/prod/model.json',
    `${folder}/v1/pipeline.onnx`,
    `${folder}/v1/registration.json`,
  ]);
});

test('a model that takes none but the texts that it knows is registered with golden rows, and scores', async (t) => {
  const { experiments, withPorts } = await makeRegistry();
  const files = {
    'pipeline.onnx': await onnxFixture('known-texts'),
    'model_info.json': {},
    'golden.json': { data: { x: ['go', 'chess'] }, predictions: { code_0: [0, 1], code_1: [1, 0] } },
  };
  await writeExperiment(experiments, files, 'rating/best_rating_model/v8');
  const service = withPorts({ engine: onnxruntimeInferenceEngine() });
  t.is((await right(service.register(request()))).registration.golden_rows_checked, 2);
  const score = (x: string) => service.score({ model_type: 'rating', model_name: 'prod', data: [{ x }] });
  t.deepEqual((await right(score('chess'))).predictions, [{ row: 0, code_0: 1, code_1: 0 }]);
  t.regex((await left(score('poker'))).message, /Unknown Category/);

  await writeExperiment(experiments, { ...files, 'golden.json': null }, 'rating/best_rating_model/v9');
  t.regex((await left(service.register(request()))).message, /leave golden rows with the experiment/);
});

test('a registration says everything, is what is stored, and is sealed', async (t) => {
  const { service, store } = await makeRegistry({ settings: { registeredBy: 'ci', environment: 'prod' } });
  const before = host.nowMs();
  const { registration } = await right(
    service.register(request({ description: 'ours', metadata: { ticket: 'X-1' }, gate: { min_r2: 0.6 } })),
  );
  const { registration_id, registered_at, sha256, ...rest } = registration;
  const artifact = memoryArtifact(model);
  t.deepEqual<unknown, unknown>(rest, {
    schema_version: 1,
    model_type: 'rating',
    name: 'prod',
    version: 1,
    status: 'registered',
    description: 'ours',
    original_experiment: {
      name: 'best_rating_model',
      version: 7,
      metadata: { name: 'best_rating_model', description: 'Gradient boosting', metadata: { seed: 42 } },
    },
    model_info: { feature_names: ['age', 'weight'], fills: { age: 10 }, library_versions: { sklearn: '1.5' } },
    metrics: { train: { r2: 0.9 }, tune: { r2: 0.8 }, test: goodMetrics },
    parameters: { depth: 6 },
    validation_metrics: { min_r2: 0.6, max_rmse: 1 },
    validation_report: [
      { rule: 'min', metric: 'r2', threshold: 0.6, value: 0.71, passed: true },
      { rule: 'max', metric: 'rmse', threshold: 1, value: 0.62, passed: true },
    ],
    validation_skipped: false,
    golden_rows_checked: 0,
    artifact: { file: 'pipeline.onnx', format: 'onnx', bytes: artifact.length, sha256: host.sha256(artifact) },
    signature: {
      inputs: model.inputs,
      outputs: [{ name: 'variable', type: 'float32', shape: [null, 1] }],
      features: [
        { name: 'age', type: 'float32', input: 'age', index: null, fill: 10 },
        { name: 'weight', type: 'float32', input: 'weight', index: null, fill: null },
      ],
    },
    bigquery_ml: { qualifies: false, reasons: ['The artifact is no ONNX file.'], format: null, compared: null },
    registered_by: 'ci',
    environment: 'prod',
    metadata: { ticket: 'X-1' },
  });
  t.regex(registration_id, uuid);
  t.regex(sha256, /^[0-9a-f]{64}$/);
  t.is(new Date(registered_at).toISOString(), registered_at);
  t.true(Date.parse(registered_at) >= Math.floor(before) && Date.parse(registered_at) <= host.nowMs());
  const content = await contentOf(store, `${folder}/v1`);
  t.deepEqual<unknown, unknown>(JSON.parse(content[`${folder}/v1/registration.json`] ?? ''), registration);
  t.is(content[`${folder}/v1/pipeline.onnx`], host.utf8.decode(artifact));
});

const described: ReadonlyArray<
  readonly [what: string, fields: Partial<RegisterRequest>, settings: ServiceSettings, said: Partial<Registration>]
> = [
  ['the experiment describes it', {}, {}, { description: 'Gradient boosting' }],
  ['an empty description is one', { description: '' }, {}, { description: '' }],
  ['nobody says who registers, or where', {}, {}, { registered_by: 'unknown', environment: 'unknown', metadata: {} }],
  [
    'the request says who, before the settings',
    { registered_by: 'me', environment: 'dev' },
    { registeredBy: 'ci', environment: 'prod' },
    { registered_by: 'me', environment: 'dev' },
  ],
  [
    'a skipped gate is told, and its thresholds are none',
    { skip_validation: true, gate: { min_r2: 0.99 } },
    {},
    { validation_skipped: true, validation_metrics: {}, validation_report: [] },
  ],
  [
    'a gate that is not skipped',
    { skip_validation: false },
    {},
    { validation_skipped: false, validation_metrics: { min_r2: 0.5, max_rmse: 1 } },
  ],
  [
    'a team replaces the whole gate of a type',
    {},
    { gates: { rating: { max_rmse: 2 } } },
    { validation_metrics: { max_rmse: 2 } },
  ],
  ['a team may ask for nothing', {}, { gates: { rating: {} } }, { validation_metrics: {}, validation_skipped: false }],
  [
    'the gates of other types do not matter',
    {},
    { gates: { hurdle: { min_auc: 1 } } },
    { validation_metrics: { min_r2: 0.5, max_rmse: 1 } },
  ],
  [
    'a request replaces a threshold and keeps the others',
    { gate: { max_rmse: 0.7 } },
    {},
    { validation_metrics: { min_r2: 0.5, max_rmse: 0.7 } },
  ],
  [
    'a request adds a threshold',
    { gate: { min_rmse: 0 } },
    { gates: { rating: { max_rmse: 2 } } },
    { validation_metrics: { max_rmse: 2, min_rmse: 0 } },
  ],
];
for (const [what, fields, settings, said] of described) {
  test(`a registration says it: ${what}`, async (t) => {
    const { service } = await makeRegistry({ settings });
    const { registration } = await right(service.register(request(fields)));
    t.like(registration, said);
    t.deepEqual(
      Object.keys(registration.validation_metrics),
      Object.keys(said.validation_metrics ?? registration.validation_metrics),
    );
  });
}

test('without a description anywhere it is empty', async (t) => {
  const { service } = await makeRegistry({ files: { 'metadata.json': {} } });
  t.is((await right(service.register(request()))).registration.description, '');
});

test('a type that nobody has thresholds for registers with an empty gate', async (t) => {
  const { service, experiments } = await makeRegistry();
  await writeExperiment(experiments, { 'test_metrics.json': null }, 'weight_class/x/v1');
  const { registration } = await right(service.register({ model_type: 'weight_class', experiment: 'x', name: 'prod' }));
  t.deepEqual(registration.validation_report, []);
  t.false(registration.validation_skipped);
});

const golden = (...values: ReadonlyArray<number>) => ({
  data: values.map((age) => ({ age, weight: 1 })),
  predictions: { prediction: values.map((age) => 4 + 2 * age) },
});

test('golden rows that are predicted as they were trained are counted', async (t) => {
  const { service } = await makeRegistry({ files: { 'golden.json': golden(1, 2, 3) } });
  t.is((await right(service.register(request()))).registration.golden_rows_checked, 3);
});

test('what every object inherits is no fill, and a feature called constructor registers', async (t) => {
  const { service } = await makeRegistry({
    files: {
      'pipeline.onnx': memoryArtifact({
        ...model,
        inputs: [{ name: 'constructor', type: 'float32', shape: [null, 1] }],
        weights: { constructor: [[1]] },
      }),
      'model_info.json': {},
    },
  });
  const { registration } = await right(service.register(request()));
  t.is(registration.signature.features[0]?.fill, null);
});

test('a dry run does every check, says what would be registered, and writes nothing', async (t) => {
  const { store, service } = await makeRegistry({ files: { 'golden.json': golden(1) } });
  await registerAll(service, [{}, {}]);
  const before = await contentOf(store);
  const { outcome, registration, sameArtifactAs, warnings } = await right(
    service.register(request({ dry_run: true, alias: 'champion', idempotency_key: 'k' })),
  );
  t.is(outcome, 'dry-run');
  t.like(registration, { version: 3, status: 'registered', golden_rows_checked: 1 });
  t.regex(registration.sha256, /^[0-9a-f]{64}$/);
  t.deepEqual(warnings, []);
  t.is(sameArtifactAs, 1);
  t.deepEqual(await contentOf(store), before);
});

test('a dry run is rejected as the run would be', async (t) => {
  const { service } = await makeRegistry({ files: { 'test_metrics.json': {} } });
  t.is((await left(service.register(request({ dry_run: true })))).tag, 'GateRejected');
});

test('the next version is one above the highest, of each model apart', async (t) => {
  const { service } = await makeRegistry();
  const made = await registerAll(service, [{}, {}, { name: 'prod-2' }, {}, { name: 'pro' }]);
  t.deepEqual(
    made.map(({ name, version }) => `${name}@${version}`),
    ['prod@1', 'prod@2', 'prod-2@1', 'prod@3', 'pro@1'],
  );
});

test('an experiment that is registered again without a key is another version, which says whose bytes it has', async (t) => {
  const { service, experiments } = await makeRegistry();
  const twin = async (fields: Partial<RegisterRequest> = {}) => {
    const { registration, sameArtifactAs } = await right(service.register(request(fields)));
    return [registration.version, sameArtifactAs];
  };
  await writeExperiment(
    experiments,
    { 'pipeline.onnx': memoryArtifact({ ...model, intercepts: [7] }) },
    'rating/other_model/v1',
  );
  t.deepEqual(await twin(), [1, null]);
  t.deepEqual(await twin({ experiment: 'other_model' }), [2, null]);
  t.deepEqual(await twin({ alias: 'champion' }), [3, 1]);
  t.deepEqual(await twin({ experiment: 'other_model' }), [4, 2]);
  t.deepEqual(await twin({ name: 'elsewhere' }), [1, null], 'of each model apart');
});

test('an alias moves to each version that asks for it, and keeps its history', async (t) => {
  const { service, store } = await makeRegistry();
  const [first, second] = await registerAll(service, [
    { alias: 'champion', registered_by: 'ann' },
    { alias: 'champion', registered_by: 'bob' },
    {},
    { alias: 'constructor' },
  ]);
  const state = JSON.parse((await contentOf(store))['models/_registry/rating/prod/model.json'] ?? '');
  const champion = state.aliases.champion;
  t.is(champion.version, 2);
  t.like(champion.history, [
    { from: null, to: 1, by: 'ann' },
    { from: 1, to: 2, by: 'bob' },
  ]);
  t.true(
    champion.history[0].at >= (first?.registered_at ?? '?') && champion.history[1].at >= (second?.registered_at ?? '?'),
  );
  t.is(state.aliases.constructor.version, 4);
  t.is(state.latest_hint, 4);
});

test('an alias that could not be set is a warning, and the version is registered', async (t) => {
  const { service, store } = await makeRegistry();
  await registerAll(service, [{ alias: 'champion' }]);
  // The sixth write of a registration without a key is that of model.json.
  const { service: other } = await registryOver(storeWithFault(store, 'refused', 6, 'dead'));
  const { registration, outcome, warnings } = await right(other.register(request({ alias: 'champion' })));
  t.is(outcome, 'created');
  t.is(registration.version, 2);
  t.is(warnings.length, 1);
  t.regex(warnings[0] ?? '', /^Version 2 is registered, and the alias champion was not set: /);
});

test('a damaged model.json fails a registration before anything is written', async (t) => {
  const { service, store } = await makeRegistry();
  await registerAll(service, [{}]);
  await tamper(store, 'models/_registry/rating/prod/model.json', (text) =>
    text.replace('"latest_hint": 1', '"latest_hint": 9'),
  );
  const before = await contentOf(store);
  const failed = await left(service.register(request()));
  t.is(failed.tag, 'ArtifactUnreadable');
  t.regex(failed.message, /model\.json\b.* was changed after it was written/);
  t.deepEqual(await contentOf(store), before);
});

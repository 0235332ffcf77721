/** What registering refuses, and that a refusal leaves the store byte for byte as it was. */
import test from 'ava';
import { memoryArtifact } from '../../adapters/memory/inference-engine.js';
import type { FailureTag, RegisterRequest, ServiceSettings } from '../../core/index.js';
import {
  contentOf,
  goodMetrics,
  left,
  makeRegistry,
  model,
  registerAll,
  registryOver,
  request,
} from '../support/registry.js';
import { recordedStore } from '../support/store-faults.js';

const golden = (...values: ReadonlyArray<number>) => ({
  data: values.map((age) => ({ age, weight: 1 })),
  predictions: { prediction: values.map((age) => 4 + 2 * age) },
});

interface Refusal {
  readonly files?: Readonly<Record<string, unknown>>;
  readonly fields?: Partial<RegisterRequest>;
  readonly settings?: ServiceSettings;
  readonly tag: FailureTag;
  readonly told: RegExp;
}
const refusals: Readonly<Record<string, Refusal>> = {
  'a request that does not decode': { fields: { name: 'Prod' }, tag: 'InvalidInput', told: /\/name must be/ },
  'an experiment that is not there': {
    fields: { experiment: 'best_rating_modl' },
    tag: 'NotFound',
    told: /best_rating_model/,
  },
  'an experiment version that is not there': { fields: { experiment_version: 8 }, tag: 'NotFound', told: /v7/ },
  'a pickle alone': {
    files: { 'pipeline.onnx': null, 'pipeline.pkl': 'x' },
    tag: 'NotFound',
    told: /export_sklearn\.py/,
  },
  'metrics that are no JSON': { files: { 'test_metrics.json': '{' }, tag: 'InvalidInput', told: /test_metrics\.json/ },
  'model_info of another shape': {
    files: { 'model_info.json': { feature_names: [1] } },
    tag: 'InvalidInput',
    told: /model_info\.json.*\/feature_names\/0/,
  },
  'a metric below the gate': {
    files: { 'test_metrics.json': { r2: 0.1, rmse: 0.6 } },
    tag: 'GateRejected',
    told: /\(1 of 2 checks failed\): r2 is 0.1/,
  },
  'a metric that is bare NaN': {
    files: { 'test_metrics.json': '{"r2": NaN, "rmse": 0.6}' },
    tag: 'GateRejected',
    told: /r2 is missing or not a finite number/,
  },
  'metrics that are missing': {
    files: { 'test_metrics.json': null },
    tag: 'GateRejected',
    told: /\(2 of 2 checks failed\)/,
  },
  'good train metrics alone': {
    files: { 'test_metrics.json': {}, 'train_metrics.json': goodMetrics },
    tag: 'GateRejected',
    told: /2 of 2/,
  },
  'a threshold of the request': { fields: { gate: { min_auc: 0.5 } }, tag: 'GateRejected', told: /auc is missing/ },
  'an artifact that is none': {
    files: { 'pipeline.onnx': 'not a model' },
    tag: 'ArtifactUnreadable',
    told: /^Experiment rating\/best_rating_model v7 cannot be registered\. .*not a model/,
  },
  'an artifact that fails on a row': {
    files: { 'pipeline.onnx': memoryArtifact({ ...model, weights: { age: [[2], [2]], weight: [[3]] } }) },
    tag: 'ArtifactUnreadable',
    told: /^Experiment rating\/best_rating_model v7 .*failed on one row/,
  },
  'a matrix without names': {
    files: {
      'pipeline.onnx': memoryArtifact({
        ...model,
        inputs: [{ name: 'x', type: 'float32', shape: [null, 2] }],
        weights: { x: [[1], [2]] },
      }),
      'model_info.json': {},
    },
    tag: 'ArtifactUnreadable',
    told: /^Experiment rating\/best_rating_model v7 .*nothing names its columns/,
  },
  'a golden row that is predicted otherwise': {
    files: { 'golden.json': { ...golden(1, 2, 3), predictions: { prediction: [6, 8.5, 10] } } },
    tag: 'ArtifactUnreadable',
    told: /\/predictions\/prediction\/1 the training code predicted 8.5, the artifact 8\b/,
  },
  'golden rows that do not fit': {
    files: { 'golden.json': { data: [{ age: 'old', weight: 1 }], predictions: { prediction: [1] } } },
    tag: 'SignatureMismatch',
    told: /\/0\/age/,
  },
  'golden rows without a feature': {
    files: { 'golden.json': { data: [{ age: 1 }], predictions: { prediction: [1] } } },
    tag: 'SignatureMismatch',
    told: /^Experiment rating\/best_rating_model v7 cannot be registered\. In golden\.json: The data lacks .*weight/,
  },
  'names for two of three classes': {
    files: {
      'pipeline.onnx': memoryArtifact({
        ...model,
        outputs: [
          { spec: { name: 'label', type: 'int64', shape: [null] }, holds: 'label', classes: [] },
          { spec: { name: 'p', type: 'float32', shape: [null, 3] }, holds: 'probabilities', classes: [] },
        ],
        intercepts: [0, 0, 0],
        weights: { age: [[1, 2, 3]], weight: [[1, 2, 3]] },
      }),
      'model_info.json': { classes: ['low', 'high'] },
    },
    tag: 'ArtifactUnreadable',
    told: /^Experiment rating\/best_rating_model v7 .*3 probabilities \("p"\) and model_info\.json names 2 classes/,
  },
  'golden rows without predictions': {
    files: { 'golden.json': { ...golden(1), predictions: {} } },
    tag: 'InvalidInput',
    told: /nothing would be checked/,
  },
  'golden rows as Parquet': { files: { 'golden.parquet': 'PAR1' }, tag: 'InvalidInput', told: /golden\.json/ },
  'a fill of NaN': {
    files: { 'model_info.json': '{"fills": {"age": NaN}}' },
    tag: 'InvalidInput',
    told: /\/fills\/age must be string or number or boolean, got null/,
  },
  'a class of NaN': {
    files: { 'model_info.json': '{"classes": [0, NaN]}' },
    tag: 'InvalidInput',
    told: /\/classes\/1/,
  },
  'a threshold that JSON cannot hold': {
    settings: { gates: { rating: { max_rmse: Number.POSITIVE_INFINITY } } },
    tag: 'InvalidInput',
    told: /\/validation_metrics\/max_rmse must be a number, got null/,
  },
};

for (const [what, { files = {}, fields = {}, settings = {}, tag, told }] of Object.entries(refusals)) {
  for (const [when, makeFirst] of [
    ['an empty registry', false],
    ['a registry with a version', true],
  ] as const) {
    test(`refused, and ${when} stays byte for byte as it was: ${what}`, async (t) => {
      const { store, service: filler } = await makeRegistry();
      if (makeFirst) await registerAll(filler, [{ alias: 'champion' }]);
      const recorded = recordedStore(store);
      const { service } = await registryOver(recorded.store, { files, settings });
      const before = await contentOf(store);
      const failed = await left(service.register(request({ alias: 'champion', idempotency_key: 'k', ...fields })));
      t.is(failed.tag, tag, failed.message);
      t.regex(failed.message, told);
      t.deepEqual(await contentOf(store), before);
      t.deepEqual(
        recorded.calls.filter(({ isWrite }) => isWrite),
        [],
        'and no write was tried',
      );
    });
  }
}

/** Golden rows: what the training code predicted is predicted again, or the artifact is refused. */
import test from 'ava';
import type { Golden } from '../../core/index.js';
import { checkGolden, goldenTexts } from '../../core/scoring/golden.js';
import { signatureOf } from '../../core/model/signature.js';
import type { MemoryModel } from '../../adapters/memory/inference-engine.js';
import { nodeHost } from '../../adapters/node-host.js';
import { leftOf, loadMemoryModel, rightOf, scorable, spec, sumModel, unhurried } from '../support/scoring.js';

const host = nodeHost();

const check = async (golden: Golden, model: MemoryModel = sumModel, modelInfo = {}) => {
  const outputs = model.outputs.map((output) => output.spec);
  const signature = rightOf(signatureOf(model.inputs, outputs, modelInfo));
  const { model: scoring } = scorable(await loadMemoryModel(model), model, modelInfo);
  return checkGolden(host)(golden, scoring, signature, unhurried)();
};

/** What the sum model predicts for these: 3, 8 and NaN. */
const data = { a: [1, 2, null], b: [0, 1, 0] };

/** Predictions that the training code may have made for the first row, where the artifact makes 3. */
const near: ReadonlyArray<readonly [wanted: number, agrees: boolean]> = [
  [3, true],
  [3 + 2.9e-5, true],
  [3 - 2.9e-5, true],
  [3 + 3.1e-5, false],
  [3 - 3.1e-5, false],
  [0, false],
  [-3, false],
  [Number.POSITIVE_INFINITY, false],
  [Number.NaN, false],
];

for (const [wanted, agrees] of near) {
  test(`a prediction of 3 ${agrees ? 'agrees' : 'does not agree'} with a golden ${wanted}`, async (t) => {
    const checked = await check({ data, predictions: { prediction: [wanted, 8, null] } });
    if (agrees) t.is(rightOf(checked), 3);
    else t.is(leftOf(checked, 'ArtifactUnreadable').problemTotal, 1);
  });
}

for (const [wanted, agrees] of [
  [0.01, true],
  [0.01 + 0.9e-5, true],
  [0.01 + 1.1e-5, false],
] as const) {
  test(`below 1 the difference is absolute: 0.01 ${agrees ? 'agrees' : 'does not agree'} with a golden ${wanted}`, async (t) => {
    const model = { ...sumModel, intercepts: [0.01] };
    const checked = await check({ data: [{ a: 0, b: 0 }], predictions: { prediction: [wanted] } }, model);
    if (agrees) t.is(rightOf(checked), 1);
    else t.is(leftOf(checked, 'ArtifactUnreadable').problemTotal, 1);
  });
}

for (const none of [null, Number.NaN]) {
  test(`a prediction that is NaN agrees with a golden ${none}`, async (t) => {
    t.is(rightOf(await check({ data, predictions: { prediction: [3, 8, none] } })), 3);
  });
}

test('a prediction that is a number does not agree with a golden null', async (t) => {
  const failed = leftOf(await check({ data, predictions: { prediction: [null, 8, null] } }), 'ArtifactUnreadable');
  t.deepEqual(failed.problems, [
    { pointer: '/predictions/prediction/0', detail: 'the training code predicted null, the artifact 3' },
  ]);
});

test('a prediction that is NaN does not agree with a golden number', async (t) => {
  const failed = leftOf(await check({ data, predictions: { prediction: [3, 8, 1] } }), 'ArtifactUnreadable');
  t.is(failed.problems[0]?.pointer, '/predictions/prediction/2');
});

test('every row that differs is counted, and the first 20 are named', async (t) => {
  const rows = Array.from({ length: 50 }, (_, a) => ({ a, b: 0 }));
  const failed = leftOf(
    await check({ data: rows, predictions: { prediction: rows.map(() => -1) } }),
    'ArtifactUnreadable',
  );
  t.is(failed.problemTotal, 50);
  t.is(failed.problems.length, 20);
  t.regex(failed.message, /50 differ.*\/predictions\/prediction\/0 the training code predicted -1, the artifact 1/);
});

test('a golden column that the model does not predict is told with those that it does', async (t) => {
  const failed = leftOf(await check({ data, predictions: { rating: [3, 8, null] } }), 'ArtifactUnreadable');
  t.deepEqual(failed.problems, [
    { pointer: '/predictions/rating', detail: 'is no prediction of this model, which has prediction' },
  ]);
});

test('as many predictions as rows', async (t) => {
  const failed = leftOf(await check({ data, predictions: { prediction: [3, 8] } }), 'ArtifactUnreadable');
  t.deepEqual(failed.problems, [{ pointer: '/predictions/prediction', detail: 'has 2 values for 3 rows' }]);
});

test('golden rows that say nothing of what was predicted are refused, since nothing would be checked', async (t) => {
  t.regex(leftOf(await check({ data, predictions: {} }), 'InvalidInput').message, /holds no predictions/);
});

test('golden rows that are none are refused: nothing would be checked', async (t) => {
  const { message } = leftOf(await check({ data: [], predictions: { prediction: [] } }), 'InvalidInput');
  t.regex(message, /holds no rows/);
});

test('golden rows that do not fit the signature are told where', async (t) => {
  const missing = leftOf(await check({ data: [{ a: 1 }], predictions: { prediction: [3] } }), 'SignatureMismatch');
  t.deepEqual(
    missing.problems.map(({ pointer }) => pointer),
    ['/data/0/b'],
  );
  t.regex(missing.message, /^In golden\.json: The data lacks 1 of the model's 2 features: b /);
  const wrong = leftOf(
    await check({ data: { a: [1, 'x'], b: [0, 0] }, predictions: { prediction: [3, 3] } }),
    'SignatureMismatch',
  );
  t.deepEqual(
    wrong.problems.map(({ pointer }) => pointer),
    ['/data/a/1'],
  );
  const rowless = leftOf(await check({ data: 'a,b', predictions: { prediction: [3] } }), 'InvalidInput');
  t.regex(rowless.message, /^In golden\.json: data must be rows, got "a,b"/);
});

const classifier: MemoryModel = {
  inputs: [spec('a', 'float32', 1)],
  outputs: [
    { spec: spec('label', 'string'), holds: 'label', classes: ['low', 'high'] },
    { spec: spec('p', 'float32', 2), holds: 'probabilities', classes: [] },
  ],
  intercepts: [0, 0],
  weights: { a: [[0, 1]] },
};

test('labels of text agree when they are the same, probabilities when they are near', async (t) => {
  const rows = [{ a: 0.5 }, { a: -0.5 }];
  const probability = [0.6224593, 0.3775407];
  t.is(rightOf(await check({ data: rows, predictions: { prediction: ['high', 'low'], probability } }, classifier)), 2);
  const failed = leftOf(
    await check({ data: rows, predictions: { prediction: ['high', 'high'], probability } }, classifier),
    'ArtifactUnreadable',
  );
  t.deepEqual(failed.problems, [
    { pointer: '/predictions/prediction/1', detail: 'the training code predicted "high", the artifact "low"' },
  ]);
});

test('labels that are integers agree with numbers, and with nothing else', async (t) => {
  const numbered = {
    ...classifier,
    outputs: classifier.outputs.map((output, i) => (i === 0 ? { ...output, spec: spec('label', 'int64') } : output)),
  };
  const rows = [{ a: 0.5 }, { a: -0.5 }];
  t.is(rightOf(await check({ data: rows, predictions: { prediction: [1, 0] } }, numbered)), 2);
  leftOf(await check({ data: rows, predictions: { prediction: [0, 0] } }, numbered), 'ArtifactUnreadable');
  leftOf(await check({ data: rows, predictions: { prediction: ['1', '0'] } }, numbered), 'ArtifactUnreadable');
});

test('a prediction is pointed to, whatever it is called', async (t) => {
  const failed = leftOf(await check({ data, predictions: { 'a/b~c': [1, 2, 3] } }), 'ArtifactUnreadable');
  t.is(failed.problems[0]?.pointer, '/predictions/a~1b~0c');
});

test('the texts of the first golden row are those of its columns, whatever they are called', (t) => {
  const data: unknown = JSON.parse('[{"__proto__":"p","a":"q","n":1},{"a":"r"}]');
  t.is(JSON.stringify(goldenTexts({ data, predictions: {} } as Golden)), '{"__proto__":"p","a":"q"}');
});

/** What keeps a model from BigQuery ML: each limit from both sides. */
import test from 'ava';
import type { OnnxFormat, TensorSpec } from '../../core/index.js';
import { whyNoPushDown } from '../../core/model/push-down.js';
import { signatureOf } from '../../core/model/signature.js';
import { predictionColumnsOf } from '../../core/scoring/predictions.js';
import { rightOf } from '../support/scoring.js';

const column = (name: string, type: TensorSpec['type'] = 'float32'): TensorSpec => ({ name, type, shape: [null, 1] });
const format: OnnxFormat = { ir_version: 8, opsets: { 'ai.onnx': 17, 'ai.onnx.ml': 3 } };

interface Model {
  readonly inputs?: ReadonlyArray<TensorSpec>;
  readonly outputs?: ReadonlyArray<TensorSpec>;
  readonly classes?: ReadonlyArray<string>;
  readonly featureNames?: ReadonlyArray<string>;
  readonly format?: OnnxFormat | undefined;
  readonly sizeBytes?: number;
}

const reasonsOf = ({ classes, featureNames = [], sizeBytes = 1000, ...model }: Model): ReadonlyArray<string> => {
  const info = { feature_names: featureNames, ...(classes === undefined ? {} : { classes }) };
  const { inputs = [column('weight'), column('year')], outputs = [column('variable')] } = model;
  const signature = rightOf(signatureOf(inputs, outputs, info));
  const predictionColumns = predictionColumnsOf(signature, classes);
  return whyNoPushDown({ format: 'format' in model ? model.format : format, sizeBytes, signature, predictionColumns });
};

const probabilities = (width: number): ReadonlyArray<TensorSpec> => [
  { name: 'label', type: 'int64', shape: [null] },
  { name: 'probabilities', type: 'float32', shape: [null, width] },
];

const qualifying: ReadonlyArray<readonly [what: string, model: Model]> = [
  ['columns in, a number out', {}],
  ['as large as may be', { sizeBytes: 450_000_000 }],
  ['older than need be', { format: { ir_version: 3, opsets: { 'ai.onnx': 9 } } }],
  [
    'every element type',
    { inputs: (['float32', 'float64', 'int32', 'int64', 'bool', 'string'] as const).map((type) => column(type, type)) },
  ],
  ['a classifier', { outputs: probabilities(2) }],
  ['a classifier of classes that can be columns', { outputs: probabilities(3), classes: ['low', 'mid', 'high'] }],
  ['one column under another name', { inputs: [column('x')], featureNames: ['weight'] }],
  ['names that are as long as may be', { inputs: [column('a'.repeat(300)), column('_a1')] }],
];
for (const [what, model] of qualifying) {
  test(`qualifies: ${what}`, (t) => {
    t.deepEqual(reasonsOf(model), []);
  });
}

const refused: ReadonlyArray<readonly [what: string, model: Model, ...reasons: ReadonlyArray<RegExp>]> = [
  ['no ONNX file', { format: undefined }, /^The artifact is no ONNX file\.$/],
  ['a byte too large', { sizeBytes: 450_000_001 }, /has 450,000,001 bytes, and at most 450,000,000 are taken/],
  [
    'a newer IR and newer opsets',
    { format: { ir_version: 9, opsets: { 'ai.onnx': 18, 'ai.onnx.ml': 4 } } },
    /IR version 9, and up to 8 is read/,
    /opset 18 of ai\.onnx, and there is up to 17: .*target_opset of 17/,
    /opset 4 of ai\.onnx\.ml, and there is up to 3/,
  ],
  [
    'operators of others, also under names that objects have',
    { format: { ir_version: 8, opsets: { 'com.microsoft': 1, constructor: 1 } } },
    /operators of com\.microsoft/,
    /operators of constructor/,
  ],
  [
    'a matrix',
    { inputs: [{ name: 'x', type: 'float32', shape: [null, 2] }], featureNames: ['a', 'b'] },
    /^The input "x" has the shape \[N, 2\], and each must be \[N, 1\]/,
  ],
  [
    'a matrix of free width',
    { inputs: [{ name: 'x', type: 'float32', shape: [null, null] }], featureNames: ['a', 'b'] },
    /\[N, free\]/,
  ],
  [
    'an input without a second dimension',
    { inputs: [{ name: 'x', type: 'float32', shape: [null] }] },
    /\[N\], and each/,
  ],
  [
    'inputs that no column is called',
    { inputs: [column('a b'), column('1st'), column('_table_x'), column('ä'), column('a'.repeat(301)), column('x:0')] },
    /"a b"/,
    /"1st"/,
    /"_table_x"/,
    /"ä"/,
    /"a{301}"/,
    /"x:0"/,
  ],
  [
    'an output that no column is called',
    { outputs: [column('dense/out:0')] },
    /^The output "dense\/out:0" cannot be the name of a column there/,
  ],
  [
    'a class that no column is called',
    { outputs: probabilities(3), classes: ['low', 'mid', 'very high'] },
    /^The prediction column "probability_very high"/,
  ],
  ['names that differ in capitals', { inputs: [column('Year'), column('year')] }, /^"Year" and "year" are one name/],
];
for (const [what, model, ...reasons] of refused) {
  test(`does not qualify: ${what}`, (t) => {
    const found = reasonsOf(model);
    t.is(found.length, reasons.length, found.join('\n'));
    reasons.forEach((reason, i) => t.regex(found[i] ?? '', reason));
  });
}

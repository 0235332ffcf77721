/** Prediction columns: what they are called, by a model's outputs, and how tensors become them. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import type { TensorSpec } from '../../core/index.js';
import {
  allocatePredictions,
  checkClasses,
  checkPredictionColumns,
  copyPrediction,
  predictionColumnsOf,
} from '../../core/scoring/predictions.js';
import { leftOf, typed, spec } from '../support/scoring.js';

const label = spec('label', 'int64');
const textLabel = spec('output_label', 'string');

/** The outputs, the classes that model_info names, and the columns: name, output, place, width. */
const naming: ReadonlyArray<
  readonly [
    what: string,
    outputs: ReadonlyArray<TensorSpec>,
    classes: ReadonlyArray<string | number> | undefined,
    columns: ReadonlyArray<string>,
  ]
> = [
  ['a regressor of [N, 1]', [spec('variable', 'float32', 1)], undefined, ['prediction variable 0/1']],
  ['a regressor of [N]', [spec('y', 'float64')], undefined, ['prediction y 0/1']],
  ['a lone label', [label], undefined, ['prediction label 0/1']],
  ['a lone wide output', [spec('y', 'float32', 3)], undefined, ['y_0 y 0/3', 'y_1 y 1/3', 'y_2 y 2/3']],
  ['two classes', [label, spec('p', 'float32', 2)], undefined, ['prediction label 0/1', 'probability p 1/2']],
  ['two named classes', [label, spec('p', 'float32', 2)], ['no', 'yes'], ['prediction label 0/1', 'probability p 1/2']],
  [
    'two classes, probabilities first',
    [spec('p', 'float64', 2), label],
    undefined,
    ['prediction label 0/1', 'probability p 1/2'],
  ],
  [
    'a label of [N, 1]',
    [spec('label', 'int64', 1), spec('p', 'float32', 2)],
    undefined,
    ['prediction label 0/1', 'probability p 1/2'],
  ],
  [
    'a label of truth',
    [spec('label', 'bool'), spec('p', 'float32', 2)],
    undefined,
    ['prediction label 0/1', 'probability p 1/2'],
  ],
  [
    'three named classes',
    [textLabel, spec('p', 'float32', 3)],
    ['low', 'mid', 'high'],
    ['prediction output_label 0/1', 'probability_low p 0/3', 'probability_mid p 1/3', 'probability_high p 2/3'],
  ],
  [
    'three classes that are numbers',
    [label, spec('p', 'float32', 3)],
    [10, 20, 30],
    ['prediction label 0/1', 'probability_10 p 0/3', 'probability_20 p 1/3', 'probability_30 p 2/3'],
  ],
  [
    'three classes without names',
    [label, spec('p', 'float32', 3)],
    undefined,
    ['prediction label 0/1', 'probability_0 p 0/3', 'probability_1 p 1/3', 'probability_2 p 2/3'],
  ],
  [
    'three classes and names for two',
    [label, spec('p', 'float32', 3)],
    ['low', 'high'],
    ['prediction label 0/1', 'probability_0 p 0/3', 'probability_1 p 1/3', 'probability_2 p 2/3'],
  ],
  [
    'two regressions',
    [spec('mean', 'float32', 1), spec('std', 'float32', 1)],
    undefined,
    ['mean mean 0/1', 'std std 0/1'],
  ],
  ['a label and one score', [label, spec('score', 'float32', 1)], undefined, ['label label 0/1', 'score score 0/1']],
  [
    'a label, probabilities and more',
    [label, spec('p', 'float32', 2), spec('leaf', 'int64', 1)],
    undefined,
    ['label label 0/1', 'p_0 p 0/2', 'p_1 p 1/2', 'leaf leaf 0/1'],
  ],
  [
    'floats and wide integers',
    [spec('y', 'float32', 1), spec('leaf', 'int64', 2)],
    undefined,
    ['y y 0/1', 'leaf_0 leaf 0/2', 'leaf_1 leaf 1/2'],
  ],
];

for (const [what, outputs, classes, columns] of naming) {
  test(`${what}: ${columns.map((column) => column.split(' ')[0]).join(', ')}`, (t) => {
    const found = predictionColumnsOf({ inputs: [], outputs, features: [] }, classes);
    t.deepEqual(
      found.map(({ name, output, index, width }) => `${name} ${output} ${index}/${width}`),
      columns,
    );
    for (const { output, type } of found) t.is(type, outputs.find(({ name }) => name === output)?.type ?? 'bool');
  });
}

test('names of classes are as many as the probabilities, each once; without probabilities they are nobody’s', (t) => {
  const check = (classes: ReadonlyArray<string | number> | undefined, ...outputs: ReadonlyArray<TensorSpec>) =>
    checkClasses({ inputs: [], outputs, features: [] }, classes);
  const three = [label, spec('p', 'float32', 3)];
  for (const right of [
    check(['a', 'b', 'c'], ...three),
    check(undefined, ...three),
    check([0, 1], label, spec('p', 'float32', 2)),
    check(['a', 'b'], spec('y', 'float32', 1)),
  ])
    t.true(E.isRight(right));
  t.regex(
    leftOf(check(['a', 'b'], ...three), 'ArtifactUnreadable').message,
    /3 probabilities \("p"\) and model_info\.json names 2 classes/,
  );
  leftOf(check([0, 1, 2], label, spec('p', 'float32', 2)), 'ArtifactUnreadable');
  leftOf(check([], ...three), 'ArtifactUnreadable');
  t.regex(leftOf(check([1, '1', 2], ...three), 'ArtifactUnreadable').message, /the class "1" twice/);
});

test('each column of a wide tensor goes to its own place, from the row on where the slice begins in either', (t) => {
  const outputs = [spec('y', 'float32', 3)];
  const columns = predictionColumnsOf({ inputs: [], outputs, features: [] }, undefined);
  const into = allocatePredictions(columns, 4);
  const tensor = { ...typed('float32', 7, 8, 9, 1, 2, 3, 4, 5, 6), shape: [3, 3] };
  for (const column of columns) {
    const target = into.get(column.name);
    if (target !== undefined) copyPrediction(tensor, column, 1, target, 1, 3);
  }
  t.deepEqual(
    [...into.values()].map(({ values }) => [...values]),
    [
      [0, 1, 4, 0],
      [0, 2, 5, 0],
      [0, 3, 6, 0],
    ],
  );
});

for (const [type, values] of [
  ['float32', [1.5, -2]],
  ['float64', [0.1, Number.NaN]],
  ['int32', [1, -2]],
  ['int64', [1n, -(2n ** 60n)]],
  ['bool', [true, false]],
  ['string', ['low', '']],
] as const) {
  test(`an output of ${type} is copied as it is`, (t) => {
    const column = { name: 'prediction', type, output: 'y', index: 0, width: 1 };
    const into = allocatePredictions([column], 2).get('prediction');
    if (into === undefined) return t.fail();
    copyPrediction({ ...typed(type, ...values), shape: [2] }, column, 0, into, 0, 2);
    t.deepEqual(into, typed(type, ...values));
  });
}

test('columns of predictions that no file could hold are refused', (t) => {
  const check = (outputs: ReadonlyArray<TensorSpec>, classes?: ReadonlyArray<string>) =>
    checkPredictionColumns(predictionColumnsOf({ inputs: [], outputs, features: [] }, classes), ['row', 'job_id']);
  for (const [outputs, classes, name] of [
    [[spec('Job_Id', 'float32'), spec('y', 'float32')], undefined, 'Job_Id'],
    [[spec('A', 'float32'), spec('a', 'float32')], undefined, 'a'],
    [[spec('w_0', 'float32'), spec('w', 'float32', 2)], undefined, 'w_0'],
    [[label, spec('p', 'float32', 3)], ['A', 'a', 'b'], 'probability_a'],
  ] as const)
    t.true(leftOf(check(outputs, classes), 'ArtifactUnreadable').message.includes(`called "${name}" (case aside)`));
  t.regex(leftOf(check([spec('y', 'float32', 0)]), 'ArtifactUnreadable').message, /have no columns/);
  t.true(E.isRight(check([label, spec('p', 'float32', 3)], ['A', 'b', 'c'])));
});

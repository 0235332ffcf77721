/** Signatures: how features get their names, their places and their fills. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { type ModelInfo, Signature, type TensorSpec } from '../../core/index.js';
import { freeWidthOf, signatureOf } from '../../core/model/signature.js';

const input = (name: string, shape: TensorSpec['shape'], type: TensorSpec['type'] = 'float32'): TensorSpec => ({
  name,
  type,
  shape,
});
const outputs = [input('variable', [null, 1])];
const names = (...feature_names: ReadonlyArray<string>): ModelInfo => ({ feature_names });

/** A feature as `name:input[index]=fill`. */
const told = ({ features }: Signature): ReadonlyArray<string> =>
  features.map(
    (f) => `${f.name}:${f.input}${f.index === null ? '' : `[${f.index}]`}${f.fill === null ? '' : `=${f.fill}`}`,
  );

const named: ReadonlyArray<
  readonly [what: string, inputs: ReadonlyArray<TensorSpec>, info: ModelInfo, features: ReadonlyArray<string>]
> = [
  [
    'columns are features of their own names',
    [input('age', [null, 1]), input('weight', [null, 1])],
    {},
    ['age:age', 'weight:weight'],
  ],
  [
    'columns keep the order of the inputs, whatever the names say',
    [input('b', [null, 1]), input('a', [null, 1])],
    names('a', 'b'),
    ['b:b', 'a:a'],
  ],
  ['an input [N] is a column', [input('age', [null])], {}, ['age:age']],
  ['an input without dimensions is a column', [input('age', [])], {}, ['age:age']],
  ['a fixed number of rows does not matter', [input('age', [1, 1])], {}, ['age:age']],
  ['a matrix takes its names in order', [input('x', [null, 3])], names('c', 'a', 'b'), ['c:x[0]', 'a:x[1]', 'b:x[2]']],
  ['a matrix of free width takes all names', [input('x', [null, null])], names('a', 'b'), ['a:x[0]', 'b:x[1]']],
  ['a matrix of free width may have one column', [input('x', [null, null])], names('a'), ['a:x[0]']],
  [
    'two matrices share the names in order',
    [input('x', [null, 2]), input('y', [null, 1]), input('z', [null, 2])],
    names('a', 'b', 'c', 'd'),
    ['a:x[0]', 'b:x[1]', 'y:y', 'c:z[0]', 'd:z[1]'],
  ],
  [
    'columns beside a matrix are not among its names',
    [input('age', [null, 1]), input('x', [null, 2])],
    names('a', 'age', 'b'),
    ['age:age', 'a:x[0]', 'b:x[1]'],
  ],
  [
    'columns beside a matrix of free width are not among its names',
    [input('x', [null, null]), input('age', [null])],
    names('a', 'age', 'b'),
    ['a:x[0]', 'b:x[1]', 'age:age'],
  ],
  ['a lone column that goes by another name is a matrix of one', [input('x', [null, 1])], names('age'), ['age:x[0]']],
  ['a lone input [N] that goes by another name is no matrix', [input('x', [null])], names('age'), ['age:x']],
  ['a lone column of its own name is a column', [input('age', [null, 1])], names('age'), ['age:age']],
  [
    'fills go to the features they name',
    [input('x', [null, 2]), input('kind', [null, 1], 'string')],
    { feature_names: ['a', 'b'], fills: { b: 0, kind: 'chess' } },
    ['a:x[0]', 'b:x[1]=0', 'kind:kind=chess'],
  ],
  [
    'what every object inherits is no fill',
    [input('constructor', [null, 1]), input('toString', [null, 1])],
    { fills: {} },
    ['constructor:constructor', 'toString:toString'],
  ],
  [
    'without fills, what every object inherits is no fill',
    [input('x', [null, 2])],
    names('valueOf', '__proto__'),
    ['valueOf:x[0]', '__proto__:x[1]'],
  ],
];
for (const [what, inputs, info, features] of named) {
  test(`named: ${what}`, (t) => {
    const result = signatureOf(inputs, outputs, info);
    if (E.isLeft(result)) return t.fail(result.left.message);
    t.deepEqual(told(result.right), features);
    t.deepEqual({ inputs: result.right.inputs, outputs: result.right.outputs }, { inputs, outputs });
    t.true(Signature.is(JSON.parse(JSON.stringify(result.right))), 'it can be stored');
    for (const { input: of, type } of result.right.features)
      t.true(inputs.some((each) => each.name === of && each.type === type));
    return undefined;
  });
}

const misfits: ReadonlyArray<readonly [type: TensorSpec['type'], fill: string | number | boolean]> = [
  ['int64', 'none'],
  ['int64', 1.5],
  ['int32', 2 ** 31],
  ['float32', 'none'],
  ['bool', 2],
  ['string', 0],
];
for (const [type, fill] of misfits) {
  test(`refused: ${JSON.stringify(fill)} as the fill of a ${type} feature`, (t) => {
    const result = signatureOf([input('x', [null, 1], type)], outputs, { fills: { x: fill } });
    if (E.isRight(result)) return t.fail(told(result.right).join());
    t.is(result.left.tag, 'InvalidInput');
    t.regex(result.left.message, /model_info\.json fills "x" \(\w+\) with .*, which it cannot hold/);
    return undefined;
  });
}

test('refused: a fill of what is no feature', (t) => {
  const result = signatureOf([input('x', [null, 1])], outputs, { fills: { y: 0 } });
  t.like(result, {
    left: {
      tag: 'InvalidInput',
      message: 'model_info.json fills "y", which is no feature of the model. Correct or remove it.',
    },
  });
});

const refused: ReadonlyArray<
  readonly [what: string, inputs: ReadonlyArray<TensorSpec>, info: ModelInfo, told: RegExp]
> = [
  [
    'a matrix without names',
    [input('x', [null, 3])],
    {},
    /\("x" \[N, 3\]\) and nothing names its columns.*feature_names in model_info\.json/,
  ],
  ['a matrix with an empty list of names', [input('x', [null, 3])], names(), /nothing names its columns/],
  ['a matrix of free width without names', [input('x', [null, null])], {}, /\("x" \[N, N\]\) and nothing names/],
  ['fewer names than columns', [input('x', [null, 3])], names('a', 'b'), /names 2 features for it/],
  ['more names than columns', [input('x', [null, 3])], names('a', 'b', 'c', 'd'), /names 4 features for it/],
  [
    'more names than two matrices have',
    [input('x', [null, 2]), input('y', [null, 2])],
    names('a', 'b', 'c', 'd', 'e'),
    /names 5 features/,
  ],
  [
    'a matrix of free width beside another',
    [input('x', [null, null]), input('y', [null, 2])],
    names('a', 'b', 'c'),
    /\("x" \[N, N\], "y" \[N, 2\]\)/,
  ],
  [
    'a matrix of free width whose only name is a column beside it',
    [input('age', [null, 1]), input('x', [null, null])],
    names('age'),
    /names 0 features for it/,
  ],
  ['a name twice in a matrix', [input('x', [null, 2])], names('a', 'a'), /Two features of the model are called "a"/],
  ['an input twice', [input('a', [null, 1]), input('a', [null, 1])], {}, /Two features of the model are called "a"/],
];
for (const [what, inputs, info, message] of refused) {
  test(`refused: ${what}`, (t) => {
    const result = signatureOf(inputs, outputs, info);
    if (E.isRight(result)) return t.fail(told(result.right).join());
    t.is(result.left.tag, 'ArtifactUnreadable');
    t.regex(result.left.message, message);
    return undefined;
  });
}

test('a free width is that of the names that are no inputs of their own, and 1 without names', (t) => {
  t.is(freeWidthOf([input('x', [null, null])], ['a', 'b']), 2);
  t.is(freeWidthOf([input('age', [null, 1]), input('x', [null, null])], ['age', 'a', 'b']), 2);
  t.is(freeWidthOf([input('x', [null, null])], []), 1);
});

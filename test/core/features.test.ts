/** The coercion table, cell by cell: what each feature type makes of each value, whichever entrance brought it. */
import test from 'ava';
import fc from 'fast-check';
import type { TensorType } from '../../core/index.js';
import { checkColumns } from '../../core/scoring/check-columns.js';
import { coerceFeatures, keepRows, type RawBatch } from '../../core/scoring/features.js';
import { inType } from '../../core/scoring/float-columns.js';
import type { RawColumn } from '../../core/scoring/row-batch.js';
import { feature, inlineBatch, json, leftOf, rawBatch, typed } from '../support/scoring.js';

/** The value is refused as not of the type. */
const no = Symbol('no');
/** The value is missing, and nothing stands for it. */
const gone = Symbol('gone');
type Outcome = number | bigint | string | typeof no | typeof gone;

const types: ReadonlyArray<TensorType> = ['float32', 'float64', 'int32', 'int64', 'bool', 'string'];

/** What becomes of the first row's `x`: the value in its column, or the problem's words. */
const coerced = (type: TensorType, raw: RawBatch): unknown => {
  const { batch, problems, problemTotal } = coerceFeatures([feature('x', type)], raw, 20);
  const column = batch.columns.get('x');
  if (problemTotal === 0) return column?.missing === undefined ? column && inType(type, column).values[0] : column;
  return problems.map(({ row, column: name, detail }) => `${row} ${name} ${detail}`).join('; ');
};

const expectedOf = (type: TensorType, outcome: Outcome, told: string): unknown => {
  if (outcome === no)
    return new RegExp(`^0 x expected ${type}, got ${told.replace(/[.+*?()[\]\\^$]/g, '\\$&')}(?:$|[:,])`);
  if (outcome === gone) return `0 x a value is missing, and the feature (${type}) has no fill`;
  return outcome;
};

const inf = Number.POSITIVE_INFINITY;

/** As JSON: the value, how a refusal calls it, and what each type makes of it. */
// biome-ignore format: a case is a line
const fromJson: ReadonlyArray<readonly [value: unknown, told: string, ...outcomes: ReadonlyArray<Outcome>]> = [
  //                                                float32        float64      int32        int64         bool  string
  [0, 'the number 0', /*                         */ 0, /*       */ 0, /*     */ 0, /*     */ 0n, /*     */ 0, no],
  [1, 'the number 1', /*                         */ 1, /*       */ 1, /*     */ 1, /*     */ 1n, /*     */ 1, no],
  [-0, 'the number 0', /*                        */ -0, /*      */ -0, /*    */ 0, /*     */ 0n, /*     */ 0, no],
  [7, 'the number 7', /*                         */ 7, /*       */ 7, /*     */ 7, /*     */ 7n, /*     */ no, no],
  [-7, 'the number -7', /*                       */ -7, /*      */ -7, /*    */ -7, /*    */ -7n, /*    */ no, no],
  [0.5, 'the number 0.5', /*                     */ 0.5, /*     */ 0.5, /*   */ no, /*    */ no, /*     */ no, no],
  [0.1, 'the number 0.1', /*                     */ Math.fround(0.1), 0.1, /**/ no, /*    */ no, /*     */ no, no],
  [2 ** 24, 'the number 16777216', /*            */ 2 ** 24, /* */ 2 ** 24, /**/ 2 ** 24, 16777216n, /* */ no, no],
  [-(2 ** 24) - 1, 'the number -16777217', /*    */ -(2 ** 24), -(2 ** 24) - 1, -16777217, -16777217n, /**/ no, no],
  [2 ** 31 - 1, 'the number 2147483647', /*      */ 2 ** 31, /* */ 2147483647, 2147483647, 2147483647n, no, no],
  [2 ** 31, 'the number 2147483648', /*          */ 2 ** 31, /* */ 2 ** 31, /**/ no, /*   */ 2147483648n, no, no],
  [-(2 ** 31), 'the number -2147483648', /*      */ -(2 ** 31), -(2 ** 31), -(2 ** 31), -2147483648n, /**/ no, no],
  [-(2 ** 31) - 1, 'the number -2147483649', /*  */ -(2 ** 31), -2147483649, no, /*       */ -2147483649n, no, no],
  [2 ** 53 - 1, 'the number 9007199254740991', /**/ 2 ** 53, /* */ 2 ** 53 - 1, no, 9007199254740991n, /**/ no, no],
  [2 ** 53, 'the number 9007199254740992', /*    */ 2 ** 53, /* */ 2 ** 53, /**/ no, /*   */ no, /*     */ no, no],
  [-(2 ** 53), 'the number -9007199254740992', /**/ -(2 ** 53), -(2 ** 53), no, /*        */ no, /*     */ no, no],
  [1e300, 'the number 1e+300', /*                */ inf, /*     */ 1e300, /* */ no, /*    */ no, /*     */ no, no],
  [Number.NaN, 'the number NaN', /*              */ Number.NaN, Number.NaN, no, /*        */ no, /*     */ no, no],
  [inf, 'the number Infinity', /*                */ inf, /*     */ inf, /*   */ no, /*    */ no, /*     */ no, no],
  [-inf, 'the number -Infinity', /*              */ -inf, /*    */ -inf, /*  */ no, /*    */ no, /*     */ no, no],
  [null, '', /*                                  */ Number.NaN, Number.NaN, gone, /*      */ gone, /*   */ gone, gone],
  [undefined, '', /*                             */ Number.NaN, Number.NaN, gone, /*      */ gone, /*   */ gone, gone],
  [true, 'true', /*                              */ 1, /*       */ 1, /*     */ no, /*    */ no, /*     */ 1, no],
  [false, 'false', /*                            */ 0, /*       */ 0, /*     */ no, /*    */ no, /*     */ 0, no],
  ['go', 'the text "go"', /*                     */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, 'go'],
  ['', 'the text ""', /*                         */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, ''],
  ['7', 'the text "7"', /*                       */ no, /*      */ no, /*    */ no, /*    */ 7n, /*     */ no, '7'],
  ['-7', 'the text "-7"', /*                     */ no, /*      */ no, /*    */ no, /*    */ -7n, /*    */ no, '-7'],
  ['0042', 'the text "0042"', /*                 */ no, /*      */ no, /*    */ no, /*    */ 42n, /*    */ no, '0042'],
  [' 7 ', 'the text " 7 "', /*                   */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, ' 7 '],
  ['3.0', 'the text "3.0"', /*                   */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, '3.0'],
  ['1e3', 'the text "1e3"', /*                   */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, '1e3'],
  ['0x10', 'the text "0x10"', /*                 */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, '0x10'],
  ['true', 'the text "true"', /*                 */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, 'true'],
  ['nan', 'the text "nan"', /*                   */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, 'nan'],
  ['9007199254740993', 'the text "9007199254740993"', no, /*    */ no, /*    */ no, 9007199254740993n, no, '9007199254740993'],
  ['9223372036854775807', 'the text "9223372036854775807"', no, no, no, 2n ** 63n - 1n, no, '9223372036854775807'],
  ['9223372036854775808', 'the text "9223372036854775808"', no, no, no, no, no, '9223372036854775808'],
  ['-9223372036854775808', 'the text "-9223372036854775808"', no, no, no, -(2n ** 63n), no, '-9223372036854775808'],
  ['-9223372036854775809', 'the text "-9223372036854775809"', no, no, no, no, no, '-9223372036854775809'],
  [7n, 'the number 7', /*                        */ 7, /*       */ 7, /*     */ 7, /*     */ 7n, /*     */ no, no],
  [1n, 'the number 1', /*                        */ 1, /*       */ 1, /*     */ 1, /*     */ 1n, /*     */ 1, no],
  [2n ** 63n, 'the number 9223372036854775808', /**/ 2 ** 63, /**/ 2 ** 63, /**/ no, /*   */ no, /*     */ no, no],
  [[7], 'an array', /*                           */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, no],
  [{ value: 7 }, 'an object', /*                 */ no, /*      */ no, /*    */ no, /*    */ no, /*     */ no, no],
];

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value)
    : Object.is(value, -0)
      ? '-0'
      : Array.isArray(value)
        ? '[7]'
        : `${value}${typeof value === 'bigint' ? 'n' : ''}`;

const forms: ReadonlyArray<readonly [form: string, data: (value: unknown) => unknown]> = [
  ['records', (value) => [{ x: value, y: 1 }]],
  ['columns', (value) => ({ y: [1], x: [value] })],
  ['split', (value) => ({ columns: ['y', 'x'], data: [[1, value]] })],
];

for (const [value, told, ...outcomes] of fromJson) {
  for (const [i, type] of types.entries()) {
    const outcome = outcomes[i] ?? no;
    const becomes = typeof outcome === 'symbol' ? `is refused (${outcome.description})` : `is ${shown(outcome)}`;
    test(`JSON: in a ${type} feature ${shown(value)} ${becomes}`, (t) => {
      const expected = expectedOf(type, outcome, told);
      for (const [form, data] of forms) {
        const found = coerced(type, inlineBatch(data(value), ['x']));
        if (expected instanceof RegExp) t.regex(`${found}`, expected, form);
        else t.is(found, expected, form);
      }
    });
  }
}

/** As a source with types of its own brings it. */
// biome-ignore format: a case is a line
const fromTyped: ReadonlyArray<readonly [column: RawColumn, told: string, ...outcomes: ReadonlyArray<Outcome>]> = [
  //                                                                 float32      float64      int32     int64        bool  string
  [typed('float32', 7), 'the number 7', /*                        */ 7, /*     */ 7, /*     */ 7, /*  */ 7n, /*    */ no, no],
  [typed('float32', 1), 'the number 1', /*                        */ 1, /*     */ 1, /*     */ 1, /*  */ 1n, /*    */ 1, no],
  [typed('float32', 0.5), 'the number 0.5', /*                    */ 0.5, /*   */ 0.5, /*   */ no, /* */ no, /*    */ no, no],
  [typed('float32', Number.NaN), 'the number NaN', /*             */ Number.NaN, Number.NaN, no, /*   */ no, /*    */ no, no],
  [typed('float32', inf), 'the number Infinity', /*               */ inf, /*   */ inf, /*   */ no, /* */ no, /*    */ no, no],
  [typed('float32', null), '', /*                                 */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
  [typed('float64', 7), 'the number 7', /*                        */ 7, /*     */ 7, /*     */ 7, /*  */ 7n, /*    */ no, no],
  [typed('float64', 0.1), 'the number 0.1', /*                    */ Math.fround(0.1), 0.1, no, /*    */ no, /*    */ no, no],
  [typed('float64', -0), 'the number 0', /*                       */ -0, /*    */ -0, /*    */ 0, /*  */ 0n, /*    */ 0, no],
  [typed('float64', 2 ** 31), 'the number 2147483648', /*         */ 2 ** 31, 2 ** 31, /*   */ no, /* */ 2147483648n, no, no],
  [typed('float64', 2 ** 53), 'the number 9007199254740992', /*   */ 2 ** 53, 2 ** 53, /*   */ no, /* */ no, /*    */ no, no],
  [typed('float64', Number.NaN), 'the number NaN', /*             */ Number.NaN, Number.NaN, no, /*   */ no, /*    */ no, no],
  [typed('float64', -inf), 'the number -Infinity', /*             */ -inf, /*  */ -inf, /*  */ no, /* */ no, /*    */ no, no],
  [typed('float64', null), '', /*                                 */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
  [typed('int32', 7), 'the number 7', /*                          */ 7, /*     */ 7, /*     */ 7, /*  */ 7n, /*    */ no, no],
  [typed('int32', 0), 'the number 0', /*                          */ 0, /*     */ 0, /*     */ 0, /*  */ 0n, /*    */ 0, no],
  [typed('int32', null), '', /*                                   */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
  [typed('int64', 7n), 'the number 7', /*                         */ 7, /*     */ 7, /*     */ 7, /*  */ 7n, /*    */ no, no],
  [typed('int64', 1n), 'the number 1', /*                         */ 1, /*     */ 1, /*     */ 1, /*  */ 1n, /*    */ 1, no],
  [typed('int64', -2147483649n), 'the number -2147483649', /*     */ -(2 ** 31), -2147483649, no, -2147483649n, no, no],
  [typed('int64', 2n ** 53n + 1n), 'the number 9007199254740993', 2 ** 53, 2 ** 53, /*      */ no, 9007199254740993n, no, no],
  [typed('int64', null), '', /*                                   */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
  [typed('bool', true), 'true', /*                                */ 1, /*     */ 1, /*     */ no, /* */ no, /*    */ 1, no],
  [typed('bool', false), 'false', /*                              */ 0, /*     */ 0, /*     */ no, /* */ no, /*    */ 0, no],
  [typed('bool', null), '', /*                                    */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
  [typed('string', 'go'), 'the text "go"', /*                     */ no, /*    */ no, /*    */ no, /* */ no, /*    */ no, 'go'],
  [typed('string', '7'), 'the text "7"', /*                       */ no, /*    */ no, /*    */ no, /* */ 7n, /*    */ no, '7'],
  [typed('string', ''), 'the text ""', /*                         */ no, /*    */ no, /*    */ no, /* */ no, /*    */ no, ''],
  [typed('string', 'nan'), 'the text "nan"', /*                   */ no, /*    */ no, /*    */ no, /* */ no, /*    */ no, 'nan'],
  [typed('string', null), '', /*                                  */ Number.NaN, Number.NaN, gone, /**/ gone, /*   */ gone, gone],
];

for (const [column, told, ...outcomes] of fromTyped) {
  for (const [i, type] of types.entries()) {
    const outcome = outcomes[i] ?? no;
    const brought = 'missing' in column ? 'a missing value' : shown(column.values[0]);
    const becomes = typeof outcome === 'symbol' ? `is refused (${outcome.description})` : `is ${shown(outcome)}`;
    test(`typed: in a ${type} feature ${brought} of ${column.type} ${becomes}`, (t) => {
      const found = coerced(type, rawBatch({ x: column }));
      const expected = expectedOf(type, outcome, told);
      if (expected instanceof RegExp) t.regex(`${found}`, expected);
      else t.is(found, expected);
    });
  }
}

/** As a field of CSV; null is an empty one that the source has marked. */
// biome-ignore format: a case is a line
const fromText: ReadonlyArray<readonly [field: string | null, ...outcomes: ReadonlyArray<Outcome>]> = [
  //                         float32       float64      int32       int64        bool    string
  ['7', /*                */ 7, /*      */ 7, /*     */ 7, /*    */ 7n, /*    */ no, /**/ '7'],
  ['+7', /*               */ 7, /*      */ 7, /*     */ 7, /*    */ 7n, /*    */ no, /**/ '+7'],
  ['-7', /*               */ -7, /*     */ -7, /*    */ -7, /*   */ -7n, /*   */ no, /**/ '-7'],
  [' 7 ', /*              */ 7, /*      */ 7, /*     */ 7, /*    */ 7n, /*    */ no, /**/ ' 7 '],
  ['0042', /*             */ 42, /*     */ 42, /*    */ 42, /*   */ 42n, /*   */ no, /**/ '0042'],
  ['3.0', /*              */ 3, /*      */ 3, /*     */ 3, /*    */ 3n, /*    */ no, /**/ '3.0'],
  ['3.', /*               */ 3, /*      */ 3, /*     */ 3, /*    */ 3n, /*    */ no, /**/ '3.'],
  ['.5', /*               */ 0.5, /*    */ 0.5, /*   */ no, /*   */ no, /*    */ no, /**/ '.5'],
  ['3.5', /*              */ 3.5, /*    */ 3.5, /*   */ no, /*   */ no, /*    */ no, /**/ '3.5'],
  ['0.1', /*              */ Math.fround(0.1), 0.1, /**/ no, /*  */ no, /*    */ no, /**/ '0.1'],
  ['1e3', /*              */ 1000, /*   */ 1000, /*  */ no, /*   */ no, /*    */ no, /**/ '1e3'],
  ['-2.5E-1', /*          */ -0.25, /*  */ -0.25, /* */ no, /*   */ no, /*    */ no, /**/ '-2.5E-1'],
  ['0', /*                */ 0, /*      */ 0, /*     */ 0, /*    */ 0n, /*    */ 0, /* */ '0'],
  ['1', /*                */ 1, /*      */ 1, /*     */ 1, /*    */ 1n, /*    */ 1, /* */ '1'],
  ['0.0', /*              */ 0, /*      */ 0, /*     */ 0, /*    */ 0n, /*    */ 0, /* */ '0.0'],
  ['1.0', /*              */ 1, /*      */ 1, /*     */ 1, /*    */ 1n, /*    */ 1, /* */ '1.0'],
  ['True', /*             */ 1, /*      */ 1, /*     */ no, /*   */ no, /*    */ 1, /* */ 'True'],
  ['false', /*            */ 0, /*      */ 0, /*     */ no, /*   */ no, /*    */ 0, /* */ 'false'],
  [' TRUE ', /*           */ 1, /*      */ 1, /*     */ no, /*   */ no, /*    */ 1, /* */ ' TRUE '],
  ['yes', /*              */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ 'yes'],
  ['nan', /*              */ Number.NaN, Number.NaN, gone, /*    */ gone, /*  */ gone, 'nan'],
  [' NaN', /*             */ Number.NaN, Number.NaN, gone, /*    */ gone, /*  */ gone, ' NaN'],
  ['inf', /*              */ inf, /*    */ inf, /*   */ no, /*   */ no, /*    */ no, /**/ 'inf'],
  ['-Infinity', /*        */ -inf, /*   */ -inf, /*  */ no, /*   */ no, /*    */ no, /**/ '-Infinity'],
  ['', /*                 */ Number.NaN, Number.NaN, gone, /*    */ gone, /*  */ gone, gone],
  [null, /*               */ Number.NaN, Number.NaN, gone, /*    */ gone, /*  */ gone, gone],
  [' ', /*                */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ ' '],
  ['1,5', /*              */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ '1,5'],
  ['1_000', /*            */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ '1_000'],
  ['0x10', /*             */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ '0x10'],
  ['--1', /*              */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ '--1'],
  ['1 2', /*              */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ '1 2'],
  ['null', /*             */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ 'null'],
  ['go', /*               */ no, /*     */ no, /*    */ no, /*   */ no, /*    */ no, /**/ 'go'],
  ['16777217', /*         */ 2 ** 24, /**/ 16777217, 16777217, /**/ 16777217n, no, /**/ '16777217'],
  ['2147483648', /*       */ 2 ** 31, /**/ 2 ** 31, /**/ no, /*  */ 2147483648n, no, '2147483648'],
  ['9007199254740993', /* */ 2 ** 53, /**/ 2 ** 53, /**/ no, 9007199254740993n, no, '9007199254740993'],
  ['9223372036854775807', /**/ 2 ** 63, 2 ** 63, /*  */ no, 9223372036854775807n, no, '9223372036854775807'],
  ['9223372036854775808', /**/ 2 ** 63, 2 ** 63, /*  */ no, /*   */ no, /*    */ no, /**/ '9223372036854775808'],
  ['99999999999999999999', Math.fround(1e20), 1e20, no, /*       */ no, /*    */ no, /**/ '99999999999999999999'],
];

for (const [field, ...outcomes] of fromText) {
  for (const [i, type] of types.entries()) {
    const outcome = outcomes[i] ?? no;
    const brought = field === null ? 'a missing field' : JSON.stringify(field);
    const becomes = typeof outcome === 'symbol' ? `is refused (${outcome.description})` : `is ${shown(outcome)}`;
    test(`CSV: in a ${type} feature ${brought} ${becomes}`, (t) => {
      const found = coerced(type, rawBatch({ x: typed('string', field) }, true));
      // Digits that no 64 bits hold, and fractions, are told as what the field parsed to.
      const expected = expectedOf(type, outcome, '');
      if (expected instanceof RegExp) t.regex(`${found}`, /^0 x expected \w+, got (?:the (?:text|number) |true|false)/);
      else t.is(found, expected);
      if (outcome === no) t.true(`${found}`.startsWith(`0 x expected ${type}, got `), `${found}`);
    });
  }
}

test('a textual source parses text columns only: its typed columns are taken as they are', (t) => {
  t.is(coerced('float32', rawBatch({ x: typed('float64', 7) }, true)), 7);
  t.is(coerced('bool', rawBatch({ x: typed('bool', true) }, true)), 1);
});

/** A fill stands for whatever is missing, and for NaN. */
const fills: ReadonlyArray<
  readonly [type: TensorType, fill: string | number | boolean, becomes: string | number | bigint]
> = [
  ['float32', -1, -1],
  ['float32', 0.1, Math.fround(0.1)],
  ['float64', 0.1, 0.1],
  ['float64', true, 1],
  ['int32', 0, 0],
  ['int64', 7, 7n],
  ['int64', '9007199254740993', 9007199254740993n],
  ['bool', false, 0],
  ['bool', 1, 1],
  ['string', 'none', 'none'],
  ['string', '', ''],
];

const missings: ReadonlyArray<readonly [what: string, raw: RawBatch]> = [
  ['null', rawBatch({ x: json(null) })],
  ['undefined', rawBatch({ x: json(undefined) })],
  ['NaN', rawBatch({ x: json(Number.NaN) })],
  ['a row without the column', inlineBatch([{}, { x: 1 }], ['x'])],
  ...types.map((type) => [`a missing ${type}`, rawBatch({ x: typed(type, null) })] as const),
  ['a float32 NaN', rawBatch({ x: typed('float32', Number.NaN) })],
  ['a float64 NaN', rawBatch({ x: typed('float64', Number.NaN) })],
  ['a missing field of CSV', rawBatch({ x: typed('string', null) }, true)],
  ['an empty field of CSV', rawBatch({ x: typed('string', '') }, true)],
];

for (const [type, fill, becomes] of fills) {
  test(`a ${type} feature with the fill ${JSON.stringify(fill)} has it for every missing value and for NaN`, (t) => {
    for (const [what, raw] of missings) {
      const { batch } = coerceFeatures([feature('x', type, fill)], raw, 20);
      t.is(batch.columns.get('x')?.values[0], becomes, what);
    }
  });
}

test('"nan" in CSV is filled in a number or bool, and stays verbatim in text', (t) => {
  const raw = rawBatch({ x: typed('string', 'nan') }, true);
  for (const [type, fill, becomes] of [
    ['float64', -1, -1],
    ['int32', -1, -1],
    ['int64', -1, -1n],
    ['bool', true, 1],
    ['string', 'none', 'nan'],
  ] as const) {
    const { batch, problemTotal } = coerceFeatures([feature('x', type, fill)], raw, 20);
    t.is(problemTotal, 0);
    t.is(batch.columns.get('x')?.values[0], becomes, type);
  }
});

test('a fill leaves the values that are there alone', (t) => {
  const raw = rawBatch({ x: typed('float64', 1, null, 3, Number.NaN, inf) });
  const { batch } = coerceFeatures([feature('x', 'float64', -1)], raw, 20);
  t.deepEqual(batch.columns.get('x'), { type: 'float64', values: Float64Array.of(1, -1, 3, -1, inf) });
});

test('a fill that its feature does not hold is a problem of each row that needs it', (t) => {
  const { problems, problemTotal } = coerceFeatures(
    [feature('x', 'int32', 'none')],
    rawBatch({ x: json(1, null, 3, null) }),
    20,
  );
  t.is(problemTotal, 2);
  t.deepEqual(
    problems.map(({ row, detail }) => [row, detail]),
    [
      [1, 'expected int32, got the text "none"'],
      [3, 'expected int32, got the text "none"'],
    ],
  );
});

test('a fraction, a number that is a code, and digits beyond 64 bits are told for what they are', (t) => {
  t.is(coerced('int32', rawBatch({ x: json(1.5) })), '0 x expected int32, got the number 1.5, a fraction');
  t.regex(`${coerced('string', rawBatch({ x: json(90210) }))}`, /the number 90210.*lost its leading zeros upstream/);
  t.regex(`${coerced('int64', rawBatch({ x: json('9223372036854775808') }))}`, /which 64 bits do not hold/);
  t.regex(`${coerced('int64', rawBatch({ x: json(2 ** 53) }))}`, /out of range \(beyond 2\^53, send digits as text/);
});

/** Integers that float32 does not hold, told as a warning and scored all the same. */
const inexact: ReadonlyArray<readonly [value: number, counted: 0 | 1]> = [
  [2 ** 24 - 1, 0],
  [2 ** 24, 0],
  [2 ** 24 + 1, 1],
  [2 ** 24 + 2, 1],
  [-(2 ** 24), 0],
  [-(2 ** 24) - 1, 1],
  [3e38, 1],
  [0.1, 0],
  [Number.NaN, 0],
];

for (const [value, counted] of inexact) {
  test(`float32: ${value} ${counted === 1 ? 'counts as an integer beyond ±2^24' : 'is no cause for a warning'}, whatever brings it`, (t) => {
    const brought: ReadonlyArray<RawBatch> = [
      rawBatch({ x: json(value) }),
      rawBatch({ x: typed('float64', value) }),
      rawBatch({ x: typed('string', `${value}`) }, true),
      ...(Number.isSafeInteger(value)
        ? [rawBatch({ x: typed('int32', value) }), rawBatch({ x: typed('int64', value) })]
        : []),
    ];
    for (const raw of brought) {
      const wide = coerceFeatures([feature('x', 'float64')], raw, 20);
      const { lost, problemTotal } = coerceFeatures([feature('x', 'float32')], raw, 20);
      t.is(problemTotal, 0);
      t.deepEqual(lost.get('x'), counted === 0 ? undefined : { inexact: 1, infinite: 0 }, raw.columns.get('x')?.type);
      t.is(wide.lost.size, 0);
    }
  });
}

test('an inexact or infinite number is counted wherever in a column it stands, and so is each of several', (t) => {
  for (let rowCount = 1; rowCount <= 9; rowCount++) {
    const lostOf = (values: Float64Array) => {
      const columns = new Map<string, RawColumn>([['x', { type: 'float64', values }]]);
      const { lost } = coerceFeatures([feature('x', 'float32')], { ...rawBatch({}), rowCount, columns }, 20);
      return lost.get('x');
    };
    t.is(lostOf(new Float64Array(rowCount).fill(-1.5)), undefined);
    t.deepEqual(lostOf(new Float64Array(rowCount).fill(-(2 ** 24 + 1))), { inexact: rowCount, infinite: 0 });
    for (let row = 0; row < rowCount; row++) {
      t.deepEqual(lostOf(new Float64Array(rowCount).fill(Number.NaN).fill(2 ** 25, row, row + 1)), {
        inexact: 1,
        infinite: 0,
      });
      t.deepEqual(lostOf(new Float64Array(rowCount).fill(-inf, row, row + 1)), { inexact: 0, infinite: 1 });
    }
  }
});

test('any 64-bit integer becomes the double that is nearest, in the middle of a column too', (t) => {
  const integers = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1 });
  fc.assert(
    fc.property(integers, (values) => {
      const whole = BigInt64Array.from([7n, ...values]);
      const part: RawColumn = { type: 'int64', values: whole.subarray(1) };
      const { batch } = coerceFeatures(
        [feature('x', 'float64')],
        { ...rawBatch({}), rowCount: values.length, columns: new Map([['x', part]]) },
        20,
      );
      t.deepEqual(batch.columns.get('x'), { type: 'float64', values: Float64Array.from(values, Number) });
    }),
  );
});

test('missing values, refused values and a fill are no inexact integers', (t) => {
  const raw = rawBatch({ x: json(null, 'go', undefined, [2 ** 25], 1) });
  t.is(coerceFeatures([feature('x', 'float32', 2 ** 24)], raw, 20).lost.size, 0);
});

for (const [value, inWide] of [
  [1e39, 0],
  [-1e300, 0],
  [inf, 1],
  [-inf, 1],
] as const) {
  test(`${value} is infinite in float32, and counted, whatever brings it`, (t) => {
    for (const raw of [
      rawBatch({ x: json(value, 1) }),
      rawBatch({ x: typed('float64', value, 1) }),
      rawBatch({ x: typed('string', `${value}`, '1') }, true),
    ]) {
      const { batch, lost } = coerceFeatures([feature('x', 'float32')], raw, 20);
      const column = batch.columns.get('x');
      t.is(column && inType('float32', column).values[0], Math.sign(value) * inf);
      t.deepEqual(lost.get('x'), { inexact: 0, infinite: 1 });
      t.is(coerceFeatures([feature('x', 'float64')], raw, 20).lost.get('x')?.infinite ?? 0, inWide);
    }
  });
}

test('problems come by row and then by feature, the first 20 are listed, and all are counted', (t) => {
  const bad = Array.from({ length: 30 }, () => 'bad');
  const features = [feature('b', 'float32'), feature('a', 'int32')];
  const { problems, problemTotal } = coerceFeatures(features, rawBatch({ a: json(...bad), b: json(...bad) }), 20);
  t.is(problemTotal, 60);
  t.deepEqual(
    problems.slice(0, 20).map(({ row, column }) => `${row}${column}`),
    Array.from({ length: 20 }, (_, i) => `${Math.floor(i / 2)}${i % 2 === 0 ? 'b' : 'a'}`),
  );
});

test('every missing column is named at once, each with the nearest spare one that is there', (t) => {
  const features = [
    feature('min_players', 'float32'),
    feature('max_players', 'int64'),
    feature('zip', 'string'),
    feature('here', 'bool'),
  ];
  const present = new Set(['min_player', 'MAX_PLAYERS', 'here', 'unrelated_column_of_the_data']);
  const failed = leftOf(
    checkColumns(features, present, (column) => `/at/${column}`),
    'SignatureMismatch',
  );
  t.is(failed.problemTotal, 3);
  t.deepEqual(failed.problems, [
    {
      pointer: '/at/min_players',
      detail: 'the feature "min_players" (float32) is missing; the nearest column there is "min_player"',
    },
    {
      pointer: '/at/max_players',
      detail: 'the feature "max_players" (int64) is missing; the nearest column there is "MAX_PLAYERS"',
    },
    { pointer: '/at/zip', detail: 'the feature "zip" (string) is missing' },
  ]);
  for (const name of ['min_players', 'max_players', 'zip']) t.true(failed.message.includes(name));
});

test('of thirty missing columns the message names all, and the first 20 are listed', (t) => {
  const features = Array.from({ length: 30 }, (_, i) => feature(`column_${i}`, 'float32'));
  const failed = leftOf(
    checkColumns(features, new Set(), (column) => `/${column}`),
    'SignatureMismatch',
  );
  t.is(failed.problemTotal, 30);
  t.is(failed.problems.length, 20);
  for (const { name } of features) t.regex(failed.message, new RegExp(`\\b${name}\\b`));
});

test('the other columns that are there are shown, ten of them, with long names cut', (t) => {
  const told = (...present: ReadonlyArray<string>): string =>
    leftOf(checkColumns([feature('a', 'int32'), feature('b', 'int32')], new Set(present), String), 'SignatureMismatch')
      .message;
  t.regex(
    told('a;b'),
    /\)\. The one other column is "a;b": is the separator another than a comma\? Add the missing columns\.$/,
  );
  t.regex(told('a'), /\. There are no other columns\. Add/);
  t.regex(told('a', 'one more'), / are "one more"\. Add/);
  const many = Array.from({ length: 13 }, (_, i) => `column number ${i}`);
  t.regex(told(...many), / are "column number 0", .*"column number 9" and 3 more\. Add/);
  t.true(told('x'.repeat(1_000_000)).length < 1000);
});

test('a column that another feature needs is never the nearest', (t) => {
  const failed = leftOf(
    checkColumns([feature('year1', 'int32'), feature('year2', 'int32')], new Set(['year1']), String),
    'SignatureMismatch',
  );
  t.deepEqual(failed.problems, [{ pointer: 'year2', detail: 'the feature "year2" (int32) is missing' }]);
});

test('zero rows are coerced to columns of no values', (t) => {
  for (const type of types) {
    const { batch, problemTotal } = coerceFeatures([feature('x', type)], rawBatch({ x: json() }), 20);
    t.is(problemTotal, 0);
    t.is(batch.columns.get('x')?.type, type);
    t.is(batch.columns.get('x')?.values.length, 0);
  }
});

test('what a source brought is never changed', (t) => {
  const column = typed('float32', 1, null, 3);
  const before = structuredClone(column);
  coerceFeatures([feature('x', 'float32', -1)], rawBatch({ x: column }), 20);
  coerceFeatures([feature('x', 'float32')], rawBatch({ x: column }), 20);
  t.deepEqual(column, before);
});

test('rows are kept in order, of every kind of column and with what is missing', (t) => {
  const columns = {
    float32: typed('float32', 1.5, 2, null, 4),
    float64: typed('float64', 1.5, 2, 3, 4),
    int32: typed('int32', 1, 2, 3, 4),
    int64: typed('int64', 1n, 2n, null, 4n),
    bool: typed('bool', true, true, false, false),
    string: typed('string', 'a', 'b', 'c', 'd'),
    json: json(1, 'two', null, 4),
  };
  const kept = keepRows(rawBatch(columns), new Set([1, 3]));
  t.is(kept.rowCount, 2);
  t.deepEqual(Object.fromEntries(kept.columns), {
    float32: { ...typed('float32', 1.5, 0), missing: Uint8Array.of(0, 1) },
    float64: typed('float64', 1.5, 3),
    int32: typed('int32', 1, 3),
    int64: { ...typed('int64', 1n, 0n), missing: Uint8Array.of(0, 1) },
    bool: typed('bool', true, false),
    string: typed('string', 'a', 'c'),
    json: json(1, null),
  });
});

test('of thousands of columns, the nearest ones are told of the first features that are missing', (t) => {
  const features = Array.from({ length: 30 }, (_, i) => feature(`feature_${i}`, 'float32'));
  const sent = new Set(Array.from({ length: 50_000 }, (_, i) => `featura_${i}`));
  const failed = leftOf(
    checkColumns(features, sent, (column) => `/${column}`),
    'SignatureMismatch',
  );
  t.is(failed.problemTotal, 30);
  t.is(failed.message.split('; the nearest column there is ').length - 1, 20);
});

for (const [what, field] of [
  ['digits', '1'.repeat(500_000)],
  ['digits after a point', `1.${'1'.repeat(500_000)}`],
  ['spaces', `1${' '.repeat(500_000)}`],
]) {
  test(`a field of half a million ${what} and a letter is no number`, (t) => {
    const fields = rawBatch({ x: typed('string', `${field}x`) }, true);
    for (const type of ['float64', 'int64', 'bool'] as const)
      t.is(coerceFeatures([feature('x', type)], fields, 20).problemTotal, 1);
  });
}

test('a text with a zero character, which the runtime would cut off, is refused wherever it comes from', (t) => {
  const text = feature('x', 'string');
  for (const [raw, rows] of [
    [rawBatch({ x: json('a', 'Wargame\0junk') }), 1],
    [rawBatch({ x: typed('string', '\0', 'b\0') }), 2],
    [rawBatch({ x: typed('string', 'b\0') }, true), 1],
  ] as const) {
    const { problems, problemTotal } = coerceFeatures([text], raw, 20);
    t.is(problemTotal, rows);
    t.regex(problems.at(-1)?.detail ?? '', /zero character/);
  }
});

/** The table of values in docs/scoring.md, cell by cell, through every entrance that can express it; and what must not matter. */
import test from 'ava';
import * as fc from 'fast-check';
import type { MemoryModel } from '../../../adapters/memory/inference-engine.js';
import { nodeHost } from '../../../adapters/node-host.js';
import type { Fill, ScoreAnswer, TensorType } from '../../../core/index.js';
import { mixedModel, rightOf, scoringService, spec, sums } from '../../support/scoring.js';
import { type Cell, entrances, type Table } from './entrances.js';

/** One feature `X`; the prediction shows its value: 0.5 + 2 X, or by its text. */
const modelOf = (type: TensorType): MemoryModel => ({
  inputs: [spec('X', type, 1)],
  outputs: [{ spec: spec('variable', 'float64', 1), holds: 'scores', classes: [] }],
  intercepts: [0.5],
  weights: { X: type === 'string' ? { a: [1], '1': [2], '': [3] } : [[2]] },
});

const refused = 'refused';
/** A cell, and its prediction. */
type Case = readonly [Cell, number | null | typeof refused];

const big = 9_007_199_254_740_993n;

const cases: ReadonlyArray<readonly [TensorType, Fill | null, ReadonlyArray<Case>]> = [
  [
    'float32',
    null,
    [
      ...([
        [1.5, 3.5],
        [3, 6.5],
        [-0, 0.5],
        [true, 2.5],
        [false, 0.5],
        [null, null],
        [Number.NaN, null],
      ] as const),
      ...([
        ['x', refused],
        ['', refused],
        ['1', refused],
        ['true', refused],
      ] as const),
      ...([
        [16_777_217, 33_554_432.5],
        [1e39, null],
        [Number.POSITIVE_INFINITY, null],
        [16_777_217n, 33_554_432.5],
      ] as const),
    ],
  ],
  [
    'float32',
    4,
    [
      [1.5, 3.5],
      [null, 8.5],
      [Number.NaN, 8.5],
      ['x', refused],
    ],
  ],
  [
    'float64',
    null,
    [
      [1.5, 3.5],
      [16_777_217, 33_554_434.5],
      [true, 2.5],
      [null, null],
      [Number.NaN, null],
      ['1', refused],
    ],
  ],
  [
    'float64',
    4,
    [
      [1.5, 3.5],
      [null, 8.5],
      [Number.NaN, 8.5],
    ],
  ],
  [
    'int32',
    null,
    [
      ...([
        [3, 6.5],
        [-2_147_483_648, -4_294_967_295.5],
        [7n, 14.5],
        [1.5, refused],
        [2_147_483_648, refused],
      ] as const),
      ...([
        [Number.NaN, refused],
        [null, refused],
        [true, refused],
        ['x', refused],
        ['7', refused],
        [1e10, refused],
      ] as const),
    ],
  ],
  [
    'int32',
    9,
    [
      [3, 6.5],
      [null, 18.5],
      [Number.NaN, 18.5],
      [1.5, refused],
    ],
  ],
  [
    'int64',
    null,
    [
      ...([
        [3, 6.5],
        [-5, -9.5],
        ['12', 24.5],
        [`${big}`, Number(big) * 2 + 0.5],
        [1.5, refused],
        [1e300, refused],
      ] as const),
      ...([
        [Number.NaN, refused],
        [null, refused],
        [true, refused],
        ['x', refused],
        ['1.5', refused],
      ] as const),
    ],
  ],
  [
    'int64',
    9,
    [
      [3, 6.5],
      [null, 18.5],
      [Number.NaN, 18.5],
    ],
  ],
  [
    'bool',
    null,
    [
      ...([
        [true, 2.5],
        [false, 0.5],
        [1, 2.5],
        [0, 0.5],
        [1n, 2.5],
        [2, refused],
        [0.5, refused],
        [-1, refused],
      ] as const),
      ...([
        [null, refused],
        [Number.NaN, refused],
        ['yes', refused],
        ['true', refused],
        ['1', refused],
      ] as const),
    ],
  ],
  [
    'bool',
    true,
    [
      [false, 0.5],
      [null, 2.5],
      [Number.NaN, 2.5],
    ],
  ],
  [
    'string',
    null,
    [
      ...([
        ['a', 1.5],
        ['1', 2.5],
        ['', 3.5],
        ['zzz', 0.5],
        ['2020-01-01', 0.5],
        ['NaN', 0.5],
        [' a', 0.5],
        ['ü"🎲,\n', 0.5],
      ] as const),
      ...([
        [7, refused],
        [1.5, refused],
        [true, refused],
        [null, refused],
        [7n, refused],
      ] as const),
    ],
  ],
  [
    'string',
    'a',
    [
      ['1', 2.5],
      [null, 1.5],
      [7, refused],
    ],
  ],
];

/** By row: its prediction, or that it was refused. */
const outcomes = ({ predictions, refused: left }: ScoreAnswer): ReadonlyArray<unknown> => {
  const rows = (predictions?.length ?? 0) + (left?.length ?? 0);
  const byRow = new Map((predictions ?? []).map(({ row, prediction }) => [row, prediction]));
  return Array.from({ length: rows }, (_, row) => (byRow.has(row) ? byRow.get(row) : refused));
};

const serviceOf = async (type: TensorType, fill: Fill | null) =>
  (await scoringService({ model: modelOf(type), modelInfo: fill === null ? {} : { fills: { X: fill } } })).service;

const kindOf = (cell: Cell): string => (cell === null ? 'null' : typeof cell);

const whole = { bytes: 1_000_000, rows: 1_000_000 };

for (const [type, fill, all] of cases) {
  for (const { name, expresses, send } of entrances) {
    test(`${type}${fill === null ? '' : ` with the fill ${fill}`}: ${name}`, async (t) => {
      const service = await serviceOf(type, fill);
      const told = all.filter(([cell]) => expresses([cell], type));
      // Those that can be together in a column of one type.
      const groups = expresses(
        told.map(([cell]) => cell),
        type,
      )
        ? [told]
        : [...new Set(told.map(([cell]) => kindOf(cell)))].map((kind) =>
            told.filter(([cell]) => kindOf(cell) === kind),
          );
      for (const group of groups) {
        const cells = group.map(([cell]) => cell);
        const sent = await send([{ name: 'X', type, cells }], whole);
        const control = sent.rows === undefined ? {} : { rows: sent.rows };
        const request = { ...sums, on_error: 'skip', ...(sent.data === undefined ? {} : { data: sent.data }) } as const;
        t.deepEqual(
          outcomes(rightOf(await service.score(request, control)())),
          group.map(([, expected]) => expected),
          cells.map(String).join(' | '),
        );
      }
    });
  }
}

test('an integer beyond 2^53 is exact where the entrance has such integers, and refused as a number of JSON', async (t) => {
  const service = await serviceOf('int64', null);
  for (const { name, send } of entrances) {
    const sent = await send([{ name: 'X', type: 'int64', cells: [big] }], whole);
    const control = sent.rows === undefined ? {} : { rows: sent.rows };
    const request = { ...sums, on_error: 'skip', ...(sent.data === undefined ? {} : { data: sent.data }) } as const;
    const isExact = ['CSV', 'Arrow', 'Parquet'].includes(name);
    t.deepEqual(
      outcomes(rightOf(await service.score(request, control)())),
      [isExact ? Number(big) * 2 + 0.5 : refused],
      name,
    );
  }
});

test('what float32 does not hold is warned of alike', async (t) => {
  const service = await serviceOf('float32', null);
  for (const { name, send } of entrances) {
    const sent = await send([{ name: 'X', type: 'float32', cells: [16_777_217, 16_777_216, 1e39] }], whole);
    const control = sent.rows === undefined ? {} : { rows: sent.rows };
    const request = { ...sums, ...(sent.data === undefined ? {} : { data: sent.data }) };
    const { performance_diagnostics: diagnostics } = rightOf(await service.score(request, control)());
    t.is(diagnostics.warnings.length, 2, name);
    t.regex(diagnostics.warnings.join('\n'), /1 value of "X" is an integer beyond[^]*1 value of "X" is infinite/, name);
  }
});

const number = fc.oneof(
  fc.constantFrom<Cell>(null, 0.5, 16_777_217, -3),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const row = fc.record({
  a: number,
  b: number,
  n: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  flag: fc.boolean(),
  s: fc.constantFrom('go', 'chess', 'x,"y"\n'),
});

const featureTypes = { a: 'float32', b: 'float32', n: 'int64', flag: 'bool', s: 'string' } as const;
const features = Object.keys(featureTypes) as ReadonlyArray<keyof typeof featureTypes>;

test('neither the entrance, nor the order of columns, nor how rows are cut into parts, batches and slices changes a prediction', async (t) => {
  let jumps: ReadonlyArray<number> = [0];
  let looks = 0;
  const host = nodeHost();
  let nowMs = host.nowMs();
  // Slices go by the clock: one that jumps cuts them otherwise each time.
  const jumpy = { ...host, nowMs: () => (nowMs += jumps[looks++ % jumps.length] ?? 0) };
  const { service } = await scoringService({
    model: mixedModel,
    modelInfo: { feature_names: ['a', 'b'] },
    ports: { host: jumpy },
  });
  const ways = fc.record({
    rows: fc.array(row, { minLength: 1, maxLength: 200 }),
    entrance: fc.constantFrom(...entrances),
    order: fc.shuffledSubarray([...features, 'extra'], { minLength: features.length + 1 }),
    cut: fc.record({ bytes: fc.integer({ min: 1, max: 3_000 }), rows: fc.integer({ min: 1, max: 90 }) }),
    jumps: fc.array(fc.constantFrom(0, 0.01, 3, 50), { minLength: 1, maxLength: 5 }),
  });
  const predict = async (sent: Awaited<ReturnType<(typeof entrances)[number]['send']>>) => {
    const control = sent.rows === undefined ? {} : { rows: sent.rows };
    return rightOf(await service.score({ ...sums, ...(sent.data === undefined ? {} : { data: sent.data }) }, control)())
      .predictions;
  };
  await fc.assert(
    fc.asyncProperty(ways, async ({ rows, entrance, order, cut, jumps: with_ }) => {
      const table: Table = order.map((name) =>
        name === 'extra'
          ? { name, type: 'string', cells: rows.map(() => 'not asked for') }
          : {
              name,
              type: featureTypes[name as keyof typeof featureTypes],
              cells: rows.map((each) => each[name as keyof typeof featureTypes]),
            },
      );
      jumps = [0];
      const expected = await predict({ data: rows });
      jumps = with_;
      t.deepEqual(await predict(await entrance.send(table, cut)), expected, entrance.name);
    }),
    { numRuns: 100 },
  );
});

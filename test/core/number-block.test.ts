/** Numbers that come together, row by row, are scored as they are apart. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import fc from 'fast-check';
import type { MemoryModel } from '../../adapters/memory/inference-engine.js';
import { nodeHost } from '../../adapters/node-host.js';
import type { RawBatch } from '../../core/scoring/features.js';
import { columnsOfBlock, sliceBlock, togetherOf } from '../../core/scoring/number-block.js';
import { runScoringJob } from '../../core/scoring/scoring-job.js';
import type { Feature } from '../../core/model/signature.js';
import { feature, loadMemoryModel, rawBatch, rightOf, scorable, spec, typed, unhurried } from '../support/scoring.js';

const joint = (name: string, index: number, more: Partial<Feature> = {}): Feature => ({
  ...feature(name, 'float32'),
  input: 'x',
  index,
  ...more,
});

test('features may come together when they are numbers of one matrix, without fills, and no keys', (t) => {
  const three = ['a', 'b', 'c'].map((name, index) => joint(name, index));
  t.deepEqual(togetherOf(three, []), ['a', 'b', 'c']);
  t.deepEqual(togetherOf(three, ['d']), ['a', 'b', 'c']);
  t.deepEqual(
    togetherOf(
      three.map((one) => ({ ...one, type: 'float64' as const })),
      [],
    ),
    ['a', 'b', 'c'],
  );
  t.deepEqual(togetherOf(three, ['b']), []);
  t.deepEqual(togetherOf([...three, joint('d', 3, { fill: 0 })], []), []);
  t.deepEqual(togetherOf([...three, joint('d', 0, { input: 'y' })], []), []);
  t.deepEqual(togetherOf([...three, feature('d', 'float32')], []), []);
  t.deepEqual(togetherOf([joint('a', 0, { type: 'int64' })], []), []);
  t.deepEqual(togetherOf([feature('a', 'float32')], []), []);
  t.deepEqual(togetherOf([], []), []);
});

test('a block is cut by rows, and taken apart into columns', (t) => {
  const block = { names: ['a', 'b'], values: Float64Array.of(1, 10, 2, 20, 3, 30) };
  t.deepEqual(sliceBlock(block, 1, 3), { names: ['a', 'b'], values: Float64Array.of(2, 20, 3, 30) });
  t.deepEqual(
    [...columnsOfBlock(sliceBlock(block, 1, 3))],
    [
      ['a', { type: 'float64', values: Float64Array.of(2, 3) }],
      ['b', { type: 'float64', values: Float64Array.of(20, 30) }],
    ],
  );
  t.deepEqual(
    [...columnsOfBlock({ names: ['a'], values: new Float64Array() })],
    [['a', { type: 'float64', values: new Float64Array() }]],
  );
});

/** prediction = 1 + 2 a + 3 b + 4 c, of one matrix. */
const matrixModel = (type: 'float32' | 'float64'): MemoryModel => ({
  inputs: [spec('x', type, 3)],
  outputs: [{ spec: spec('variable', 'float64', 1), holds: 'scores', classes: [] }],
  intercepts: [1],
  weights: { x: [[2], [3], [4]] },
});
const names = ['a', 'b', 'c'];

const numbers = fc.oneof(
  { weight: 20, arbitrary: fc.float({ noDefaultInfinity: true, noNaN: true, min: -1000, max: 1000 }) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, -0, 2 ** 24, 2 ** 24 + 1, -(2 ** 30) - 1, 1e39, Infinity, -Infinity) },
);

for (const type of ['float32', 'float64'] as const) {
  test(`${type}: predictions, warnings and distributions are those of the columns, for any numbers and any size`, async (t) => {
    const loaded = await loadMemoryModel(matrixModel(type));
    const scored = async (batches: ReadonlyArray<RawBatch>) => {
      const predictions: unknown[] = [];
      const keys: unknown[] = [];
      const totals = await runScoringJob(nodeHost())(
        {
          stream: batches.map((batch) => E.right(batch)),
          ...scorable(loaded, matrixModel(type), { feature_names: names }),
          keys: ['id'],
          onError: 'skip',
          pointerTo: (row, column) => `/${row}/${column}`,
          output: {
            write: (_, carried, { columns }) => {
              predictions.push(...(columns.get('prediction')?.values ?? []));
              keys.push(...(carried.get('id')?.values ?? []));
              return TE.right(undefined);
            },
            refuse: () => TE.right(undefined),
          },
          onProgress: () => undefined,
        },
        unhurried,
      )();
      const { warnings, distributions, rowsScored } = rightOf(totals);
      return { predictions, keys, warnings, distributions, rowsScored };
    };
    const rows = fc.array(fc.tuple(numbers, numbers, numbers), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(1, 3, 200), async (some, times) => {
        const all = Array.from({ length: times }, () => some).flat();
        const id = typed('int32', ...all.map((_, row) => row));
        const apart = names.map((name, at) => [name, typed('float64', ...all.map((row) => row[at] ?? null))] as const);
        const block = { names, values: Float64Array.from(all.flat()) };
        const together = await scored([{ ...rawBatch({ id }), block }]);
        t.deepEqual(together, await scored([rawBatch({ id, ...Object.fromEntries(apart) })]));
        t.is(together.rowsScored, all.length);
      }),
      { numRuns: 40 },
    );
  });
}

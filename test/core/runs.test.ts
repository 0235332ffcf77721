/** Slices on a model: small ones that wait at the same time are run together, each gets its own, and none fails for another. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import fc from 'fast-check';
import { nodeHost } from '../../adapters/node-host.js';
import { failure, type RowBatch } from '../../core/index.js';
import type { LoadedModel } from '../../core/ports/inference-engine.js';
import { scoreBatch } from '../../core/scoring/score.js';
import {
  hostAt,
  leftOf,
  loadMemoryModel,
  mixedModel,
  rowBatch,
  scorable,
  sumModel,
  typed,
  unhurried,
} from '../support/scoring.js';

const host = nodeHost();

/** Rows of the mixed model. */
interface Row {
  readonly a: number;
  readonly b: number;
  readonly n: bigint;
  readonly flag: boolean;
  readonly s: string;
}

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  a: fc.integer({ min: -99, max: 99 }),
  b: fc.integer({ min: -99, max: 99 }),
  n: fc.bigInt({ min: -99n, max: 99n }),
  flag: fc.boolean(),
  s: fc.constantFrom('go', 'chess', ''),
});

/** `a` in doubles, as files bring them. */
const batchOf = (rows: ReadonlyArray<Row>): RowBatch =>
  rowBatch({
    a: typed('float64', ...rows.map(({ a }) => a)),
    b: typed('float32', ...rows.map(({ b }) => b)),
    n: typed('int64', ...rows.map(({ n }) => n)),
    flag: typed('bool', ...rows.map(({ flag }) => flag)),
    s: typed('string', ...rows.map(({ s }) => s)),
  });

const predictionOf = ({ a, b, n, flag, s }: Row): number =>
  0.5 + 2 * a + 3 * b + 5 * Number(n) + (flag ? 7 : 0) + (s === 'go' ? 0.25 : s === 'chess' ? 100 : 0);

const predictionsOf = (scored: E.Either<unknown, RowBatch>): ReadonlyArray<unknown> =>
  E.isRight(scored) ? [...(scored.right.columns.get('prediction')?.values ?? [])] : [];

const names = { feature_names: ['a', 'b'] };

test('whoever waits for the same model at the same time gets the predictions of their own rows', async (t) => {
  const requests = fc.array(fc.array(rowArbitrary, { maxLength: 200 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(requests, async (batches) => {
      const { model } = scorable(await loadMemoryModel(mixedModel), mixedModel, names);
      const scored = await Promise.all(batches.map((rows) => scoreBatch(host)(model, batchOf(rows), unhurried)()));
      t.deepEqual(
        scored.map(predictionsOf),
        batches.map((rows) => rows.map(predictionOf)),
      );
    }),
    { numRuns: 50 },
  );
});

/** Of the sum model, all rows alike. */
const sums = (a: number, rowCount = 1): RowBatch =>
  rowBatch({
    a: { type: 'float32', values: new Float32Array(rowCount).fill(a) },
    b: { type: 'float32', values: new Float32Array(rowCount) },
  });

/** What batches of so many rows are run as, those of each round asked for at once; a row takes so long, and a run besides. */
const sizesOf = async (
  rounds: ReadonlyArray<ReadonlyArray<number>>,
  rowMs: number,
  runMs = 0,
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const clock = hostAt(0);
  let sizes: number[] = [];
  const loaded = await loadMemoryModel(sumModel, (rowCount) => {
    sizes.push(rowCount);
    clock.pass(runMs + rowCount * rowMs);
  });
  const { model } = scorable(loaded, sumModel);
  const all: number[][] = [];
  for (const rowCounts of rounds) {
    await Promise.all(rowCounts.map((rowCount) => scoreBatch(clock)(model, sums(1, rowCount), unhurried)()));
    all.push(sizes);
    sizes = [];
  }
  return all;
};

test('rows of requests that wait at the same time are one run', async (t) => {
  t.deepEqual(await sizesOf([new Array<number>(16).fill(1), [1, 20, 3]], 0.001), [[16], [24]]);
});

test('together they are no more than a slice, which grows while others still wait', async (t) => {
  t.deepEqual(await sizesOf([[40, 20, 5, 60, 1]], 0.001), [[60, 66]]);
  t.deepEqual(await sizesOf([[1, 60, 30, 30, 30]], 0.1), [[61, 30, 30, 30]]);
});

test('the price of a run of one row is not taken for that of a row', async (t) => {
  t.deepEqual(
    await sizesOf(
      [
        [1, 64],
        [30, 30],
      ],
      0,
      1,
    ),
    [[1, 64], [60]],
  );
});

test('rows that take long are run one after the other, whoever asked for them', async (t) => {
  t.deepEqual(await sizesOf([[1], [1, 3, 1]], 100), [[1], [1, 1, 1, 1, 1]]);
});

test('many rows are run by themselves, and do not wait for others', async (t) => {
  const [, atOnce] = await sizesOf([[8_000], [600, 1, 600, 1]], 0.001);
  t.deepEqual(atOnce, [600, 600, 2]);
});

test('a run that fails for several is tried for each: who has no part in it is not told', async (t) => {
  const loaded = await loadMemoryModel(sumModel);
  const touchy: LoadedModel = {
    ...loaded,
    run: (feeds) =>
      [...(feeds.get('a')?.values ?? [])].includes(7)
        ? TE.left(failure('InferenceFailed', 'seven'))
        : loaded.run(feeds),
  };
  const { model } = scorable(touchy, sumModel);
  const scored = await Promise.all([5, 6, 7, 8].map((a) => scoreBatch(host)(model, sums(a), unhurried)()));
  t.deepEqual(scored.map(predictionsOf), [[11], [13], [], [17]]);
  t.is(leftOf(scored[2] ?? E.right(undefined), 'InferenceFailed').message, 'seven');
});

test('a bug in one run is told to those it befell, and the next one runs', async (t) => {
  const loaded = await loadMemoryModel(sumModel);
  let runs = 0;
  const broken: LoadedModel = {
    ...loaded,
    run: (feeds) => {
      if (runs++ === 0) throw new Error('a bug');
      return loaded.run(feeds);
    },
  };
  const { model } = scorable(broken, sumModel);
  const asked = [1, 2].map((a) => scoreBatch(host)(model, sums(a), unhurried)());
  for (const each of asked) await t.throwsAsync(each, { message: 'a bug' });
  t.deepEqual(predictionsOf(await scoreBatch(host)(model, sums(3), unhurried)()), [7]);
});

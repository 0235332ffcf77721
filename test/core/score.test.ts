/** Batches through a model: tensors that hold the right values, slices of a few milliseconds, and the event loop between them. */
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import fc from 'fast-check';
import { nodeHost } from '../../adapters/node-host.js';
import type { Host, RowBatch, Tensor, TensorType } from '../../core/index.js';
import type { LoadedModel } from '../../core/ports/inference-engine.js';
import type { Feature, Signature } from '../../core/model/signature.js';
import { scoreBatch, scoringModel } from '../../core/scoring/score.js';
import {
  cancellable,
  feature,
  hostAt,
  leftOf,
  loadMemoryModel,
  mixedModel,
  rightOf,
  rowBatch,
  scorable,
  spec,
  sumModel,
  typed,
  unhurried,
} from '../support/scoring.js';

const host = nodeHost();

/** Rows of the sum model: a is the row's number, b its half. */
const sumRows = (rowCount: number): RowBatch =>
  rowBatch({
    a: { type: 'float32', values: Float32Array.from({ length: rowCount }, (_, row) => row) },
    b: { type: 'float32', values: Float32Array.from({ length: rowCount }, (_, row) => row / 2) },
  });

const sumPredictions = (rowCount: number): ReadonlyArray<number> =>
  Array.from({ length: rowCount }, (_, row) => 1 + 2 * row + 3 * (row / 2));

const predictionsOf = (batch: RowBatch): ReadonlyArray<unknown> => [...(batch.columns.get('prediction')?.values ?? [])];

/** Scores with the sum model, which runs `onRun` first. */
const scoreSums = async (
  rowCount: number,
  onRun: (rowCount: number) => void,
  onHost: Host = host,
  call = unhurried,
) => {
  const { model } = scorable(await loadMemoryModel(sumModel, onRun), sumModel);
  return scoreBatch(onHost)(model, sumRows(rowCount), call)();
};

for (const rowCount of [0, 1, 63, 64, 65, 1000]) {
  test(`${rowCount} rows have ${rowCount} predictions, in order`, async (t) => {
    const scored = rightOf(await scoreSums(rowCount, () => undefined));
    t.is(scored.rowCount, rowCount);
    t.deepEqual(predictionsOf(scored), sumPredictions(rowCount));
  });
}

test('zero rows do not run the model', async (t) => {
  let runs = 0;
  rightOf(await scoreSums(0, () => runs++));
  t.is(runs, 0);
});

test('a model of one millisecond a row is soon run four rows at a time', async (t) => {
  const sizes: number[] = [];
  const clock = hostAt(0);
  const scored = await scoreSums(
    200,
    (rowCount) => {
      sizes.push(rowCount);
      clock.pass(rowCount);
    },
    clock,
  );
  t.deepEqual(predictionsOf(rightOf(scored)), sumPredictions(200));
  t.deepEqual(sizes, [64, ...new Array<number>(34).fill(4)]);
});

test('a model of a microsecond a row grows its slices to four milliseconds', async (t) => {
  const sizes: number[] = [];
  const clock = hostAt(0);
  rightOf(
    await scoreSums(
      12_576,
      (rowCount) => {
        sizes.push(rowCount);
        clock.pass(rowCount / 1000);
      },
      clock,
    ),
  );
  t.deepEqual(sizes, [64, 512, 4000, 4000, 4000]);
});

test('time that passes before a run begins, as with the runs of others, does not count as its own', async (t) => {
  const sizes: number[] = [];
  const clock = hostAt(0);
  const loaded = await loadMemoryModel(sumModel, (rowCount) => {
    sizes.push(rowCount);
    clock.pass(rowCount / 1000);
  });
  const queued: LoadedModel = {
    ...loaded,
    run: (feeds, onStart) => {
      clock.pass(100);
      onStart?.();
      return loaded.run(feeds);
    },
  };
  rightOf(await scoreBatch(clock)(scorable(queued, sumModel).model, sumRows(8_576), unhurried)());
  t.deepEqual(sizes, [64, 512, 4000, 4000]);
});

test('a model that takes no measurable time is run 16,384 rows at a time at most', async (t) => {
  const sizes: number[] = [];
  rightOf(await scoreSums(60_000, (rowCount) => sizes.push(rowCount), hostAt(0)));
  t.is(Math.max(...sizes), 16_384);
});

test('a model that takes long for a single row is run row by row', async (t) => {
  const sizes: number[] = [];
  const clock = hostAt(0);
  rightOf(
    await scoreSums(
      80,
      (rowCount) => {
        sizes.push(rowCount);
        clock.pass(rowCount * 100);
      },
      clock,
    ),
  );
  t.deepEqual(sizes, [64, ...new Array<number>(16).fill(1)]);
});

test('what a model costs is remembered from one batch to the next', async (t) => {
  const sizes: number[] = [];
  const clock = hostAt(0);
  const loaded = await loadMemoryModel(sumModel, (rowCount) => {
    sizes.push(rowCount);
    clock.pass(rowCount);
  });
  const { model } = scorable(loaded, sumModel);
  rightOf(await scoreBatch(clock)(model, sumRows(72), unhurried)());
  rightOf(await scoreBatch(clock)(model, sumRows(8), unhurried)());
  t.deepEqual(sizes, [64, 4, 4, 4, 4]);
});

test('between slices timers fire', async (t) => {
  let fired = false;
  const timer = setTimeout(1).then(() => {
    fired = true;
  });
  let runsAfter = 0;
  const clock = hostAt(0);
  // Each run holds the event loop for a millisecond or more; the clock says four, so that slices stay small.
  const onRun = (): void => {
    const startedMs = performance.now();
    while (performance.now() - startedMs < 1.5);
    clock.pass(4);
    if (fired) runsAfter++;
  };
  rightOf(await scoreSums(64 * 20, onRun, clock));
  t.true(fired);
  t.true(runsAfter > 0);
  await timer;
});

test('the event loop turns before a slice of few rows and between two, and not after the last', async (t) => {
  let turns = 0;
  const clock = { ...hostAt(0), turn: async () => void turns++ };
  const sizes: number[] = [];
  const onRun = (rowCount: number): void => {
    sizes.push(rowCount);
    t.is(turns, 2 * sizes.length - 1);
    clock.pass(4);
  };
  rightOf(await scoreSums(200, onRun, clock));
  t.deepEqual(sizes, [64, 64, 64, 8]);
  t.is(turns, 7);
});

test('a cancellation ends the scoring at the next slice', async (t) => {
  const cancellation = cancellable();
  const clock = hostAt(0);
  let runs = 0;
  const onRun = (): void => {
    clock.pass(4);
    if (++runs === 3) cancellation.abort();
  };
  leftOf(await scoreSums(64 * 10, onRun, clock, { ...unhurried, cancellation }), 'Cancelled');
  t.is(runs, 3);
});

test('who is gone before the first slice costs no run', async (t) => {
  const cancellation = cancellable();
  cancellation.abort();
  let runs = 0;
  leftOf(await scoreSums(10, () => runs++, host, { ...unhurried, cancellation }), 'Cancelled');
  t.is(runs, 0);
});

test('a deadline ends the scoring at the first slice after it', async (t) => {
  const clock = hostAt(1000);
  let runs = 0;
  const onRun = (): void => {
    runs++;
    clock.pass(4);
  };
  leftOf(await scoreSums(64 * 10, onRun, clock, { ...unhurried, deadlineMs: 1010 }), 'DeadlineExceeded');
  t.is(runs, 3);
});

test('two large batches take turns', async (t) => {
  const order: string[] = [];
  const score = (name: string) => {
    const clock = hostAt(0);
    const onRun = (): void => {
      order.push(name);
      clock.pass(4);
    };
    return scoreSums(640, onRun, clock);
  };
  const [a, b] = await Promise.all([score('a'), score('b')]);
  t.deepEqual(predictionsOf(rightOf(a)), sumPredictions(640));
  t.deepEqual(predictionsOf(rightOf(b)), sumPredictions(640));
  t.is(order.length, 20);
  t.notRegex(order.join(''), /aa|bb/);
});

test('a small batch does not wait for a large one', async (t) => {
  const clock = hostAt(0);
  let largeRuns = 0;
  const large = scoreSums(
    64 * 100,
    () => {
      largeRuns++;
      clock.pass(4);
    },
    clock,
  );
  rightOf(await scoreSums(1, () => undefined, clock));
  t.true(largeRuns < 10, `${largeRuns}`);
  t.deepEqual(predictionsOf(rightOf(await large)), sumPredictions(6400));
});

test('a run that fails ends the scoring', async (t) => {
  const clock = hostAt(0);
  let runs = 0;
  const onRun = (): void => {
    clock.pass(4);
    if (++runs === 2) throw new Error('out of luck');
  };
  const failed = leftOf(await scoreSums(640, onRun, clock), 'InferenceFailed');
  t.regex(failed.message, /out of luck/);
  t.is(runs, 2);
});

/** A model that answers with these outputs whatever it is fed, and shows its feeds. */
const answering = (
  outputs: (rowCount: number) => ReadonlyMap<string, Tensor>,
  onFeeds = (_: ReadonlyMap<string, Tensor>) => undefined as void,
): LoadedModel => ({
  sizeBytes: 1,
  run: (feeds) => {
    onFeeds(feeds);
    return TE.right(outputs(feeds.values().next().value?.shape[0] ?? 0));
  },
  release: async () => undefined,
});

const floats = (count: number): Tensor => ({
  ...typed('float32', ...new Array<number>(count).fill(1)),
  shape: [count, 1],
});

const oneFeature: Signature = {
  inputs: [spec('x', 'float32', 1)],
  outputs: [spec('y', 'float32', 1)],
  features: [feature('x', 'float32')],
};

const threeRows = rowBatch({ x: typed('float32', 1, 2, 3) });

for (const [what, outputs, told] of [
  [
    'too many values',
    new Map([['y', floats(4)]]),
    /gave 4 values as "y" for 3 rows of 1: its output does not go row by row/,
  ],
  ['one value for all rows', new Map([['y', floats(1)]]), /gave 1 values as "y" for 3 rows/],
  ['no values', new Map([['y', floats(0)]]), /gave 0 values as "y" for 3 rows/],
  ['no such output', new Map([['z', floats(3)]]), /gave no values as "y" for 3 rows/],
] as const) {
  test(`a model whose output has ${what} is said not to go row by row`, async (t) => {
    const model = scoringModel(
      answering(() => outputs),
      oneFeature,
      undefined,
    );
    const failed = leftOf(await scoreBatch(host)(model, threeRows, unhurried)(), 'InferenceFailed');
    t.regex(failed.message, told);
  });
}

/** Values of a type, by a number that stands for the cell. */
const cellOf: Readonly<Record<TensorType, (at: number) => number | bigint | boolean | string>> = {
  float32: (at) => at / 2,
  float64: (at) => at / 3,
  int32: (at) => at - 5,
  int64: (at) => BigInt(at) * 2n ** 40n,
  bool: (at) => at % 3 === 0,
  string: (at) => `cell ${at}`,
};

for (const type of Object.keys(cellOf) as ReadonlyArray<TensorType>) {
  test(`a matrix of ${type} holds every value in its row and place, for any size`, async (t) => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 70 }),
    );
    await fc.assert(
      fc.asyncProperty(sizes, async ([width, rowCount, firstSlice]) => {
        const features = Array.from(
          { length: width },
          (_, index): Feature => ({ ...feature(`f${index}`, type), input: 'x', index }),
        );
        const columns = features.map(({ name }, index) => {
          const cells = Array.from({ length: rowCount }, (_, row) => cellOf[type](row * width + index));
          return [name, typed(type, ...cells)] as const;
        });
        // In another order than the features': only names count.
        const batch: RowBatch = { rowCount, columns: new Map(columns.toReversed()) };
        const fed: Tensor[] = [];
        const loaded = answering(
          (count) => new Map([['y', floats(count)]]),
          (feeds) => {
            const x = feeds.get('x');
            // The caller fills it anew for the next slice.
            if (x !== undefined) fed.push({ ...x, values: x.values.slice() } as Tensor);
          },
        );
        const model = scoringModel(
          loaded,
          { inputs: [spec('x', type, width)], outputs: oneFeature.outputs, features },
          undefined,
        );
        // Every run seems to take long enough that slices shrink to `firstSlice` rows and less.
        const clock = { ...hostAt(0), turn: async () => undefined };
        const slowly = { ...clock, nowMs: () => (clock.pass(256 / firstSlice), clock.nowMs()) };
        rightOf(await scoreBatch(slowly)(model, batch, unhurried)());
        let row = 0;
        for (const { shape, values, type: fedType } of fed) {
          t.is(fedType, type);
          t.deepEqual(shape, [values.length / width, width]);
          const wanted = typed(
            type,
            ...Array.from({ length: values.length }, (_, at) => cellOf[type](row * width + at)),
          );
          t.deepEqual(values, wanted.values);
          row += values.length / width;
        }
        t.is(row, rowCount);
      }),
      { numRuns: 40 },
    );
  });
}

test('an input of [N] is fed [rows], one of [N, 1] is fed [rows, 1]', async (t) => {
  for (const [x, shape] of [
    [spec('x', 'float32'), [3]],
    [spec('x', 'float32', 1), [3, 1]],
    [spec('x', 'float32', null), [3, 1]],
  ] as const) {
    const shapes: unknown[] = [];
    const loaded = answering(
      (count) => new Map([['y', floats(count)]]),
      (feeds) => shapes.push(feeds.get('x')?.shape) as unknown as void,
    );
    rightOf(
      await scoreBatch(host)(scoringModel(loaded, { ...oneFeature, inputs: [x] }, undefined), threeRows, unhurried)(),
    );
    t.deepEqual(shapes, [shape]);
  }
});

test('a matrix and columns of other types go into one run, each by its features', async (t) => {
  const { model } = scorable(await loadMemoryModel(mixedModel), mixedModel, { feature_names: ['b', 'n', 'a'] });
  const batch = rowBatch({
    s: typed('string', 'go', 'chess', 'other'),
    a: typed('float32', 1, 2, 3),
    b: typed('float32', 10, 20, 30),
    flag: typed('bool', true, false, true),
    n: typed('int64', 1n, 2n, 3n),
  });
  // The matrix is named b, a: its weights 2 and 3 go to those.
  t.deepEqual(predictionsOf(rightOf(await scoreBatch(host)(model, batch, unhurried)())), [
    0.5 + 2 * 10 + 3 * 1 + 5 * 1 + 7 + 0.25,
    0.5 + 2 * 20 + 3 * 2 + 5 * 2 + 0 + 100,
    0.5 + 2 * 30 + 3 * 3 + 5 * 3 + 7 + 0,
  ]);
});

test('several outputs become columns of their own types', async (t) => {
  const model = {
    inputs: [spec('a', 'float32', 1), spec('b', 'float32', 1)],
    outputs: [
      { spec: spec('label', 'string'), holds: 'label' as const, classes: ['low', 'high', 'top'] },
      { spec: spec('scores', 'float64', 3), holds: 'scores' as const, classes: [] },
    ],
    intercepts: [0, 0, 0],
    weights: { a: [[1, 2, 3]], b: [[0, 0, -10]] },
  };
  const { model: scoring } = scorable(await loadMemoryModel(model), model, { classes: ['low', 'high', 'top'] });
  const scored = rightOf(
    await scoreBatch(host)(scoring, rowBatch({ a: typed('float32', 1, 2), b: typed('float32', 0, 1) }), unhurried)(),
  );
  t.deepEqual(
    [...scored.columns].map(([name, { type, values }]) => [name, type, [...values]]),
    [
      ['prediction', 'string', ['top', 'high']],
      ['probability_low', 'float64', [1, 2]],
      ['probability_high', 'float64', [2, 4]],
      ['probability_top', 'float64', [3, -4]],
    ],
  );
});

test('a task that nobody runs scores nothing', async (t) => {
  let runs = 0;
  const { model } = scorable(await loadMemoryModel(sumModel, () => runs++), sumModel);
  const task = scoreBatch(host)(model, sumRows(3), unhurried);
  t.is(runs, 0);
  t.true(E.isRight(await task()));
  t.is(runs, 1);
});

/** Scoring jobs: rows from any entrance through a model to an output, every row accounted for. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import fc from 'fast-check';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { nodeHost } from '../../adapters/node-host.js';
import { type BatchColumn, failTask, type Failure, failure, type RowBatch, type SinkWriter } from '../../core/index.js';
import type { RawBatch } from '../../core/scoring/features.js';
import { jsonRows, jsonValueAt } from '../../core/scoring/json-rows.js';
import { fileOutput, inlineOutput, type Provenance } from '../../core/scoring/outputs.js';
import type { RawColumn } from '../../core/scoring/row-batch.js';
import type { RefusedRow } from '../../core/scoring/score-request.js';
import {
  gatherBatches,
  type PredictionOutput,
  runScoringJob,
  type ScoringJob,
} from '../../core/scoring/scoring-job.js';
import {
  cancellable,
  hostAt,
  json,
  leftOf,
  loadMemoryModel,
  mixedModel,
  rawBatch,
  inlineBatch,
  rightOf,
  rowBatch,
  scorable,
  sumModel,
  typed,
  unhurried,
} from '../support/scoring.js';

/** Batches that arrive one by one. */
const streamOf = async function* <A>(batches: Iterable<A>): AsyncIterable<A> {
  yield* batches;
};

const host = nodeHost();

/** Keeps what it is given. */
const kept = () => {
  const rows: number[] = [];
  const keys: Array<ReadonlyMap<string, RawColumn>> = [];
  const predictions: unknown[] = [];
  const refused: RefusedRow[] = [];
  const output: PredictionOutput = {
    write: (more, keysOfMore, predicted) => {
      rows.push(...more);
      keys.push(keysOfMore);
      predictions.push(...(predicted.columns.get('prediction')?.values ?? []));
      return TE.right(undefined);
    },
    refuse: (more) => {
      refused.push(...more);
      return TE.right(undefined);
    },
  };
  return { output, rows, keys, predictions, refused };
};

/** A job of the sum model over these batches, whatever else is said. */
const sumJob = async (batches: ReadonlyArray<RawBatch | Failure>, more: Partial<ScoringJob> = {}) => {
  const loaded = await loadMemoryModel(sumModel);
  const into = kept();
  const job: ScoringJob = {
    stream: streamOf(batches.map((batch) => ('tag' in batch ? E.left(batch) : E.right(batch)))),
    ...scorable(loaded, sumModel),
    keys: [],
    onError: 'fail',
    pointerTo: (row, column) => `/${row}/${column}`,
    output: into.output,
    onProgress: () => undefined,
    ...more,
  };
  return { job, into };
};

const good = (...a: ReadonlyArray<number>): RawBatch => rawBatch({ a: json(...a), b: json(...a.map(() => 0)) });

/** One row of the mixed model's features, each of which every entrance can carry. */
const mixedRow = fc.record({
  a: fc.option(fc.integer({ min: -1000, max: 1000 }).map((n) => n / 8)),
  b: fc.integer({ min: -1000, max: 1000 }),
  n: fc.integer({ min: -1000, max: 1000 }),
  flag: fc.boolean(),
  s: fc.option(fc.constantFrom('go', 'chess', 'other', '007', ' x ' as const)),
});
type MixedRow = typeof mixedRow extends fc.Arbitrary<infer Row> ? Row : never;

const textWeights = { go: 0.25, chess: 100, other: 0, '007': 0, ' x ': 0 } as const;

const expectedOf = ({ a, b, n, flag, s }: MixedRow): number =>
  0.5 + 2 * (a ?? Number.NaN) + 3 * b + 5 * n + (flag ? 7 : 0) + textWeights[s ?? 'go'];

const mixedInfo = { feature_names: ['a', 'b', 'n', 'flag', 's'], fills: { s: 'go' } };
const names = ['a', 'b', 'n', 'flag', 's', 'extra'] as const;
type Name = (typeof names)[number];

const cellsOf = (rows: ReadonlyArray<MixedRow>, name: Name): ReadonlyArray<number | boolean | string | null> =>
  rows.map((row, i) => (name === 'extra' ? `extra ${i}` : row[name]));

/** The wanted columns as an entrance brings them, its columns in this order. */
const entrances: Readonly<Record<string, (rows: ReadonlyArray<MixedRow>, order: ReadonlyArray<Name>) => RawBatch>> = {
  records: (rows, order) =>
    inlineBatch(
      rows.map((_, i) => Object.fromEntries(order.map((name) => [name, cellsOf(rows, name)[i]]))),
      mixedInfo.feature_names,
    ),
  columns: (rows, order) =>
    inlineBatch(Object.fromEntries(order.map((name) => [name, cellsOf(rows, name)])), mixedInfo.feature_names),
  split: (rows, order) => {
    const data = rows.map((_, i) => order.map((name) => cellsOf(rows, name)[i]));
    return inlineBatch({ columns: order, data }, mixedInfo.feature_names);
  },
  parquet: (rows, order) => {
    const kinds = { a: 'float64', b: 'float32', n: 'int32', flag: 'bool', s: 'string', extra: 'string' } as const;
    return rawBatch(Object.fromEntries(order.map((name) => [name, typed(kinds[name], ...cellsOf(rows, name))])));
  },
  'wider parquet': (rows, order) => {
    const kinds = { a: 'float32', b: 'int64', n: 'float64', flag: 'int32', s: 'string', extra: 'string' } as const;
    return rawBatch(Object.fromEntries(order.map((name) => [name, typed(kinds[name], ...cellsOf(rows, name))])));
  },
  csv: (rows, order) => {
    const texts = (name: Name) => cellsOf(rows, name).map((cell) => (cell === null ? null : `${cell}`));
    return rawBatch(Object.fromEntries(order.map((name) => [name, typed('string', ...texts(name))])), true);
  },
};

const cutInto = (raw: RawBatch, sizes: ReadonlyArray<number>): ReadonlyArray<RawBatch> => {
  const batches: RawBatch[] = [];
  for (let begin = 0, i = 0; begin < raw.rowCount; i++) {
    const end = Math.min(raw.rowCount, begin + (sizes[i % sizes.length] ?? 1));
    const columns = [...raw.columns].map(([name, column]): [string, RawColumn] => {
      const values = Array.from(column.values).slice(begin, end) as ReadonlyArray<string>;
      if (column.type === 'json') return [name, json(...values)];
      return [
        name,
        typed(column.type, ...values.map((value, at) => (column.missing?.[begin + at] === 1 ? null : value))),
      ];
    });
    batches.push({ ...raw, rowCount: end - begin, columns: new Map(columns) });
    begin = end;
  }
  return batches;
};

for (const [entrance, rawOf] of Object.entries(entrances)) {
  test(`${entrance}: a prediction depends on the row alone, not on the order of columns, the cut into batches or the size of slices`, async (t) => {
    const loaded = await loadMemoryModel(mixedModel);
    await fc.assert(
      fc.asyncProperty(
        fc.array(mixedRow, { minLength: 1, maxLength: 150 }),
        fc.shuffledSubarray([...names], { minLength: names.length }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 20 }),
        async (rows, order, sizes, msPerLook) => {
          const clock = hostAt(0);
          // Looking at the clock takes time: that alone decides how large slices become.
          const looking = {
            ...clock,
            nowMs: () => (clock.pass(msPerLook), clock.nowMs()),
            turn: async () => undefined,
          };
          const into = kept();
          const stream = streamOf(cutInto(rawOf(rows, order), sizes).map((batch) => E.right(batch)));
          const { model, features } = scorable(loaded, mixedModel, mixedInfo);
          const { job } = await sumJob([], { stream, model, features, output: into.output });
          const totals = rightOf(await runScoringJob(looking)(job, unhurried)());
          t.is(totals.rowsScored, rows.length);
          t.deepEqual(into.predictions, rows.map(expectedOf));
          t.deepEqual(
            into.rows,
            rows.map((_, i) => i),
          );
        },
      ),
      { numRuns: 30 },
    );
  });
}

test('a value that does not fit fails the job: told by row and column, the first 20 of all that were counted', async (t) => {
  const bad = rawBatch({ a: json(...new Array<string>(15).fill('x')), b: json(...new Array<string>(15).fill('y')) });
  const { job, into } = await sumJob([bad]);
  const failed = leftOf(await runScoringJob(host)(job, unhurried)(), 'SignatureMismatch');
  t.is(failed.problemTotal, 30);
  t.is(failed.problems.length, 20);
  t.deepEqual(failed.problems[0], { pointer: '/0/a', detail: 'row 0, column "a": expected float32, got the text "x"' });
  t.deepEqual(failed.problems[1], { pointer: '/0/b', detail: 'row 0, column "b": expected float32, got the text "y"' });
  t.is(failed.problems[19]?.pointer, '/9/b');
  t.regex(
    failed.message,
    /^30 values do not fit the model's features\. The first: row 0, column "a": expected float32, got the text "x"\. .*on_error "skip"/,
  );
  t.deepEqual(into.rows, []);
});

test('what does not fit is counted to the end of the data, and nothing after the first of it is scored', async (t) => {
  const bad = (length: number): RawBatch =>
    rawBatch({ a: json(...Array(length).fill('x')), b: json(...Array(length).fill(0)) });
  const { job, into } = await sumJob([good(1), bad(9000), good(2), bad(3)]);
  const failed = leftOf(await runScoringJob(host)(job, unhurried)(), 'SignatureMismatch');
  t.regex(failed.message, /^9003 values do not fit .*\. The first: row 1, column "a"/);
  t.is(failed.problemTotal, 9003);
  t.deepEqual(
    failed.problems.map(({ pointer }) => pointer),
    Array.from({ length: 20 }, (_, i) => `/${i + 1}/a`),
  );
  t.deepEqual(into.rows, [0]);
});

/** A job that fails in its second row, whose stream then goes on in some way. */
const counting = async (
  rest: ReadonlyArray<RawBatch | Failure>,
  brought: (batches: ReadonlyArray<E.Either<Failure, RawBatch>>) => ScoringJob['stream'] = streamOf,
) => {
  const batches = [good(1), rawBatch({ a: json('x'), b: json(0) }), ...rest];
  const stream = batches.map((batch) => ('tag' in batch ? E.left(batch) : E.right(batch)));
  const { job } = await sumJob([], { stream: brought(stream) });
  const failed = leftOf(await runScoringJob(host)(job, unhurried)(), 'SignatureMismatch');
  return [failed.message.replace(/ The first.*/, ''), failed.problemTotal];
};

test('of a longer source about a million rows are counted, of one that fails those before, of rows that are there all', async (t) => {
  const a: BatchColumn = { type: 'string', values: new Array<string>(400_000).fill('x') };
  const b: BatchColumn = { type: 'float32', values: new Float32Array(400_000) };
  const large = rawBatch({ a, b });
  // A batch is looked at in parts of 4,096 rows.
  const looked = 2 + 800_000 + 49 * 4096;
  t.deepEqual(await counting([large, large, large]), [
    `${looked - 1} values of the first ${looked} rows do not fit the model's features.`,
    looked - 1,
  ]);
  t.deepEqual(await counting([large, large, large], (batches) => batches), [
    "1200001 values do not fit the model's features.",
    1_200_001,
  ]);
  t.deepEqual(await counting([good(2, 3), failure('DataUnreadable', 'Row 5 does not parse.')]), [
    "1 value of the first 4 rows does not fit the model's features.",
    1,
  ]);
});

test('a cancellation ends the count too', async (t) => {
  const cancellation = cancellable();
  const stream = (async function* () {
    yield E.right(rawBatch({ a: json('x'), b: json(0) }));
    cancellation.abort();
    for (;;) yield E.right(rawBatch({ a: json('x'), b: json(0) }));
  })();
  const { job } = await sumJob([], { stream });
  const failed = leftOf(await runScoringJob(host)(job, { ...unhurried, cancellation })(), 'SignatureMismatch');
  t.is(failed.problemTotal, 2);
});

test('a single value that does not fit is told in the singular', async (t) => {
  const { job } = await sumJob([rawBatch({ a: json(1, 2), b: json(1, 'y') })]);
  t.regex(leftOf(await runScoringJob(host)(job, unhurried)(), 'SignatureMismatch').message, /^1 value does not fit/);
});

test('rows count from the beginning of the data, across batches', async (t) => {
  const { job, into } = await sumJob([good(1, 2, 3), rawBatch({ a: json(4, 'x'), b: json(0, 0) })]);
  const failed = leftOf(await runScoringJob(host)(job, unhurried)(), 'SignatureMismatch');
  t.deepEqual(failed.problems, [{ pointer: '/4/a', detail: 'row 4, column "a": expected float32, got the text "x"' }]);
  t.deepEqual(into.rows, [0, 1, 2]);
});

test('skip: refused rows are left out and told, the others keep their positions, keys and predictions', async (t) => {
  const batches = [
    rawBatch({ a: json(1, 'x', 3), b: json(0, 0, 0), id: json('p', 'q', 'r') }),
    good(4),
    rawBatch({ a: json([], 6, 7), b: json('y', 0, null), id: json('s', 't', 'u') }),
  ];
  const { job, into } = await sumJob(batches, { onError: 'skip', keys: ['id'] });
  const totals = rightOf(await runScoringJob(host)(job, unhurried)());
  t.deepEqual(into.rows, [0, 2, 3, 5, 6]);
  t.deepEqual(into.predictions, [3, 7, 9, 13, Number.NaN]);
  t.deepEqual(
    into.keys.map((keys) => keys.get('id')?.values ?? null),
    [['p', 'r'], null, ['t', 'u']],
  );
  t.deepEqual(into.refused, [
    { row: 1, errors: [{ pointer: '/1/a', detail: 'row 1, column "a": expected float32, got the text "x"' }] },
    {
      row: 4,
      errors: [
        { pointer: '/4/a', detail: 'row 4, column "a": expected float32, got an array' },
        { pointer: '/4/b', detail: 'row 4, column "b": expected float32, got the text "y"' },
      ],
    },
  ]);
  t.deepEqual([totals.rowsRead, totals.rowsScored, totals.rowsRefused], [7, 5, 2]);
  const { count, nulls } = totals.distributions['prediction'] ?? {};
  t.deepEqual({ count, nulls }, { count: 4, nulls: 1 });
});

test('skip: more than 20 bad values are all refused', async (t) => {
  const bad = rawBatch({ a: json(...new Array<string>(100).fill('x')), b: json(...new Array<number>(100).fill(1)) });
  const { job, into } = await sumJob([bad, good(7)], { onError: 'skip' });
  const totals = rightOf(await runScoringJob(host)(job, unhurried)());
  t.is(into.refused.length, 100);
  t.deepEqual(into.rows, [100]);
  t.deepEqual(into.predictions, [15]);
  t.deepEqual([totals.rowsRead, totals.rowsScored, totals.rowsRefused], [101, 1, 100]);
});

test('an empty stream is a finished job of no rows', async (t) => {
  const { job } = await sumJob([]);
  const totals = rightOf(await runScoringJob(host)(job, unhurried)());
  t.deepEqual([totals.rowsRead, totals.rowsScored, totals.rowsRefused], [0, 0, 0]);
  t.is(totals.distributions['prediction']?.count, 0);
});

test('inexact integers are warned of once per column, counted over all batches', async (t) => {
  const { job } = await sumJob([good(2 ** 24 + 1, 1), good(2 ** 30)]);
  t.deepEqual(rightOf(await runScoringJob(host)(job, unhurried)()).warnings, [
    '2 values of "a" are integers beyond ±16,777,216, which float32 does not hold exactly.',
  ]);
});

test('values that are infinite, or became so, are warned of by themselves; those of refused rows are not', async (t) => {
  const { job } = await sumJob([good(1e39, 2 ** 25), rawBatch({ a: json(Infinity, 1e39), b: json(0, 'x') })], {
    onError: 'skip',
  });
  t.deepEqual(rightOf(await runScoringJob(host)(job, unhurried)()).warnings, [
    '1 value of "a" is an integer beyond ±16,777,216, which float32 does not hold exactly.',
    '2 values of "a" are infinite, or too large for the feature and taken as infinite.',
  ]);
});

test('a source that fails in mid-stream ends the job with its failure', async (t) => {
  const { job, into } = await sumJob([good(1), failure('DataUnreadable', 'Row 2 does not parse.'), good(3)]);
  t.is(leftOf(await runScoringJob(host)(job, unhurried)(), 'DataUnreadable').message, 'Row 2 does not parse.');
  t.deepEqual(into.rows, [0]);
});

test('an output that fails ends the job: no further batch is pulled, and the stream is closed', async (t) => {
  let pulled = 0;
  let closed = false;
  const stream = (async function* () {
    try {
      for (;;) {
        pulled++;
        yield E.right(good(pulled));
      }
    } finally {
      closed = true;
    }
  })();
  const output: PredictionOutput = {
    ...kept().output,
    write: (rows) => (rows[0] === 1 ? TE.left(failure('Unavailable', 'full')) : TE.right(undefined)),
  };
  const { job } = await sumJob([], { stream, output });
  leftOf(await runScoringJob(host)(job, unhurried)(), 'Unavailable');
  t.is(pulled, 2);
  t.true(closed);
});

test('refused rows that cannot be told end the job', async (t) => {
  const output: PredictionOutput = { ...kept().output, refuse: () => TE.left(failure('Unavailable', 'full')) };
  const { job } = await sumJob([rawBatch({ a: json('x'), b: json(1) }), good(1)], { output, onError: 'skip' });
  leftOf(await runScoringJob(host)(job, unhurried)(), 'Unavailable');
  t.pass();
});

test('a cancellation ends the job between batches', async (t) => {
  const cancellation = cancellable();
  const { job, into } = await sumJob([good(1), good(2), good(3)], { onProgress: () => cancellation.abort() });
  leftOf(await runScoringJob(host)(job, { ...unhurried, cancellation })(), 'Cancelled');
  t.deepEqual(into.rows, [0]);
});

test('progress counts the rows that were scored, and the event loop turns between batches, and before each of few rows', async (t) => {
  const told: number[] = [];
  let turns = 0;
  const turning = { ...host, turn: async () => void turns++ };
  const bad = rawBatch({ a: json('x', 5), b: json(1, 1) });
  const { job } = await sumJob([good(1, 2), bad, good(3)], {
    onError: 'skip',
    onProgress: ({ rowsScored }) => told.push(rowsScored),
  });
  rightOf(await runScoringJob(turning)(job, unhurried)());
  t.deepEqual(told, [2, 3, 4]);
  t.is(turns, 2 + 3);
});

test('reading, scoring and writing are timed apart', async (t) => {
  const clock = hostAt(0);
  const stream = (async function* () {
    for (const a of [1, 2]) {
      clock.pass(100);
      yield E.right(good(a));
    }
    clock.pass(1000);
  })();
  const output: PredictionOutput = {
    ...kept().output,
    write: () => {
      clock.pass(10);
      return TE.right(undefined);
    },
  };
  const scoring = scorable(await loadMemoryModel(sumModel, () => clock.pass(1)), sumModel);
  const { job } = await sumJob([], { ...scoring, stream, output });
  const { readMs, scoreMs, writeMs } = rightOf(await runScoringJob(clock)(job, unhurried)());
  t.deepEqual({ readMs, scoreMs, writeMs }, { readMs: 1200, scoreMs: 2, writeMs: 20 });
});

test('batches are gathered up to the limit, in order', async (t) => {
  const stream = rightOf(await gatherBatches(streamOf([E.right(good(1, 2)), E.right(good(3))]), 3)());
  const sizes: number[] = [];
  for await (const batch of stream) sizes.push(rightOf(batch).rowCount);
  t.deepEqual(sizes, [2, 1]);
});

test('one row beyond the limit is too large, and no more than that is read', async (t) => {
  let pulled = 0;
  let closed = false;
  const stream = (async function* () {
    try {
      for (;;) {
        pulled++;
        yield E.right(good(1, 2));
      }
    } finally {
      closed = true;
    }
  })();
  const failed = leftOf(await gatherBatches(stream, 3)(), 'TooLarge');
  t.regex(failed.message, /limit inline_rows, .* which is 3: .* output_location/);
  t.is(pulled, 2);
  t.true(closed);
});

test('a stream that fails while it is gathered fails', async (t) => {
  leftOf(
    await gatherBatches(streamOf([E.right(good(1)), E.left(failure('DataUnreadable', 'x'))]), 3)(),
    'DataUnreadable',
  );
  t.pass();
});

/** A cell, and how JSON holds it. */
const cells: ReadonlyArray<readonly [column: RawColumn, value: unknown]> = [
  [typed('float32', 0.5), 0.5],
  [typed('float32', Number.NaN), null],
  [typed('float64', Number.POSITIVE_INFINITY), null],
  [typed('float64', Number.NEGATIVE_INFINITY), null],
  [typed('float64', -0), -0],
  [typed('int32', -7), -7],
  [typed('int64', 7n), 7],
  [typed('int64', 2n ** 53n - 1n), 2 ** 53 - 1],
  [typed('int64', 2n ** 53n), '9007199254740992'],
  [typed('int64', 2n ** 53n + 1n), '9007199254740993'],
  [typed('int64', -(2n ** 60n)), '-1152921504606846976'],
  [typed('bool', true), true],
  [typed('bool', false), false],
  [typed('string', ''), ''],
  [typed('string', '007'), '007'],
  ...(['float32', 'float64', 'int32', 'int64', 'bool', 'string'] as const).map(
    (type) => [typed(type, null), null] as const,
  ),
  [json(undefined), null],
  [json(null), null],
  [json('x'), 'x'],
  [json({ deep: [1] }), { deep: [1] }],
];

for (const [column, value] of cells) {
  const brought =
    'missing' in column ? 'missing' : `${column.type === 'json' ? JSON.stringify(column.values[0]) : column.values[0]}`;
  test(`${column.type} ${brought} is ${JSON.stringify(value)} in JSON`, (t) => {
    t.deepEqual(jsonValueAt(column, 0), value);
    t.notThrows(() => JSON.stringify(jsonValueAt(column, 0)));
  });
}

test('a row in JSON is its position, its keys and its predictions, in that order', (t) => {
  const rows = jsonRows(
    [3, 8],
    new Map([['id', json('p', 'q')]]),
    rowBatch({ prediction: typed('int64', 1n, 0n), probability: typed('float32', 0.5, Number.NaN) }),
  );
  t.is(
    JSON.stringify(rows),
    '[{"row":3,"id":"p","prediction":1,"probability":0.5},{"row":8,"id":"q","prediction":0,"probability":null}]',
  );
});

test('a key or a prediction in JSON may be called __proto__', (t) => {
  for (const value of ['p', null, { deep: [1] }]) {
    const keys = new Map([['__proto__', json(value)]]);
    const [row] = jsonRows([0], keys, rowBatch({ prediction: typed('float64', 1) }));
    t.is(JSON.stringify(row), `{"row":0,"__proto__":${JSON.stringify(value)},"prediction":1}`);
    t.is(Object.getPrototypeOf(row), Object.prototype);
  }
  const predicted = { rowCount: 1, columns: new Map([['__proto__', typed('float64', 0.5)]]) };
  t.is(JSON.stringify(jsonRows([0], new Map(), predicted)), '[{"row":0,"__proto__":0.5}]');
});

test('an answer holds the first 100 refused rows', async (t) => {
  const output = inlineOutput();
  const refused = (from: number, count: number): ReadonlyArray<RefusedRow> =>
    Array.from({ length: count }, (_, i) => ({ row: from + i, errors: [] }));
  for (const more of [refused(0, 60), refused(60, 60), refused(120, 60)]) rightOf(await output.refuse(more)());
  t.deepEqual(
    output.refused.map(({ row }) => row),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

const provenance: Provenance = {
  modelType: 'games',
  modelName: 'sums',
  modelVersion: 3,
  jobId: '00000000-0000-4000-8000-000000000000',
  scoredAt: '2026-11-23T08:00:00.000Z',
};
const predictionColumns = [{ name: 'prediction', type: 'float64', output: 'y', index: 0, width: 1 }] as const;
const predicted = (...values: ReadonlyArray<number>): RowBatch => rowBatch({ prediction: typed('float64', ...values) });

const fileOf = (
  onError: 'fail' | 'skip' = 'fail',
  sink = memoryPredictionSink(),
  location = 'deep/er/out.v2.parquet',
) => ({
  sink,
  output: fileOutput(sink, location, predictionColumns, provenance, onError, unhurried),
});

test('a file without keys holds the position of every row, and says where its rows come from', async (t) => {
  const { sink, output } = fileOf();
  rightOf(await output.write([0, 2], new Map(), predicted(1.5, 2.5))());
  rightOf(await output.write([5], new Map(), predicted(Number.NaN))());
  t.is(sink.outputs.size, 0);
  t.deepEqual(rightOf(await output.commit()), { location: 'memory/deep/er/out.v2.parquet', rejectsLocation: null });
  const { schema, batches } = sink.outputs.get('deep/er/out.v2.parquet') ?? {};
  t.deepEqual(schema, {
    columns: [
      { name: 'row', type: 'int64' },
      { name: 'prediction', type: 'float64' },
    ],
    constants: [
      { name: 'model_type', type: 'string', value: 'games' },
      { name: 'model_name', type: 'string', value: 'sums' },
      { name: 'model_version', type: 'int32', value: 3 },
      { name: 'job_id', type: 'string', value: '00000000-0000-4000-8000-000000000000' },
      { name: 'scored_at', type: 'timestamp', value: '2026-11-23T08:00:00.000Z' },
    ],
  });
  t.deepEqual(
    batches?.map(({ columns }) => [...(columns.get('row')?.values ?? [])]),
    [[0n, 2n], [5n]],
  );
});

/** Keys of a file: as they came, and the column that they become. */
const keyColumns: ReadonlyArray<readonly [what: string, key: RawColumn, becomes: BatchColumn]> = [
  ['of a type stay of it', typed('int32', 1, null), typed('int32', 1, null)],
  ['of text stay text', typed('string', '007', 'x'), typed('string', '007', 'x')],
  ['in JSON that are integers', json(1, 2), { ...typed('int64', 1n, 2n), missing: Uint8Array.of(0, 0) }],
  ['in JSON that are integers, one missing', json(null, 2), typed('int64', null, 2n)],
  ['in JSON that are numbers', json(1, 2.5), { ...typed('float64', 1, 2.5), missing: Uint8Array.of(0, 0) }],
  ['in JSON beyond 2^53', json(2 ** 60, 1), { ...typed('float64', 2 ** 60, 1), missing: Uint8Array.of(0, 0) }],
  ['in JSON that are truths', json(true, false), { ...typed('bool', true, false), missing: Uint8Array.of(0, 0) }],
  ['in JSON that are text', json('a', undefined), typed('string', 'a', null)],
  ['in JSON that are of many kinds', json(1, 'a'), { ...typed('string', '1', 'a'), missing: Uint8Array.of(0, 0) }],
  [
    'in JSON that are deep',
    json([1], { a: 2 }),
    { ...typed('string', '[1]', '{"a":2}'), missing: Uint8Array.of(0, 0) },
  ],
];

for (const [what, key, becomes] of keyColumns) {
  test(`a file: keys ${what} are ${becomes.type}`, async (t) => {
    const { sink, output } = fileOf();
    rightOf(await output.write([0, 1], new Map([['id', key]]), predicted(1, 2))());
    rightOf(await output.commit());
    const { schema, batches } = sink.outputs.get('deep/er/out.v2.parquet') ?? {};
    t.deepEqual(schema?.columns, [
      { name: 'id', type: becomes.type },
      { name: 'prediction', type: 'float64' },
    ]);
    const found = batches?.[0]?.columns.get('id');
    t.deepEqual(found?.type, becomes.type);
    for (const row of [0, 1])
      t.deepEqual(found === undefined ? found : jsonValueAt(found, row), jsonValueAt(becomes, row));
  });
}

test('a file beside which refused rows are told, one line for each reason', async (t) => {
  const { sink, output } = fileOf('skip');
  rightOf(await output.write([0], new Map(), predicted(1))());
  const errors = [
    { pointer: '/1/a', detail: 'first' },
    { pointer: '/1/b', detail: 'second' },
  ];
  rightOf(await output.refuse([{ row: 1, errors }])());
  rightOf(await output.refuse([{ row: 9, errors: errors.slice(0, 1) }])());
  const { rejectsLocation } = rightOf(await output.commit());
  t.is(rejectsLocation, 'memory/deep/er/out.v2.rejects.ndjson');
  const rejects = sink.outputs.get('deep/er/out.v2.rejects.ndjson');
  t.deepEqual(
    rejects?.schema.constants.map(({ name }) => name),
    ['job_id'],
  );
  t.deepEqual(
    rejects?.batches.map(({ columns }) => [...columns].map(([name, { values }]) => [name, [...values]])),
    [
      [
        ['row', [1n, 1n]],
        ['pointer', ['/1/a', '/1/b']],
        ['detail', ['first', 'second']],
      ],
      [
        ['row', [9n]],
        ['pointer', ['/1/a']],
        ['detail', ['first']],
      ],
    ],
  );
});

test('the refused rows of an earlier job stay until the file that they do not belong to is replaced', async (t) => {
  const memory = memoryPredictionSink();
  const earlier = fileOf('skip', memory).output;
  rightOf(await earlier.refuse([{ row: 1, errors: [{ pointer: '/1/a', detail: 'first' }] }])());
  rightOf(await earlier.commit());
  const full: typeof memory = {
    ...memory,
    open: (location, schema, call) =>
      TE.map((writer: SinkWriter) =>
        location.endsWith('.parquet') ? { ...writer, commit: failTask('Unavailable', 'full') } : writer,
      )(memory.open(location, schema, call)),
  };
  leftOf(await fileOf('skip', full).output.commit(), 'Unavailable');
  t.is(memory.outputs.size, 2);
  const { rejectsLocation } = rightOf(await fileOf('skip', memory).output.commit());
  t.is(rejectsLocation, null);
  t.is(memory.outputs.size, 1);
});

test('a file of no rows is a file all the same', async (t) => {
  const { sink, output } = fileOf();
  rightOf(await output.commit());
  t.deepEqual(sink.outputs.get('deep/er/out.v2.parquet')?.batches, []);
});

test('an output that is given up publishes nothing', async (t) => {
  const { sink, output } = fileOf('skip');
  rightOf(await output.write([0], new Map(), predicted(1))());
  rightOf(await output.refuse([{ row: 1, errors: [] }])());
  await output.abort();
  t.is(sink.outputs.size, 0);
});

test('an output that cannot be opened fails, and giving it up is harmless', async (t) => {
  const { output } = fileOf('fail', memoryPredictionSink(), '../out.parquet');
  leftOf(await output.write([0], new Map(), predicted(1))(), 'InvalidInput');
  await t.notThrowsAsync(output.abort());
});

test('the memory of a batch is given back once it was written: that of features, and not of keys, which the output may hold', async (t) => {
  const told: string[] = [];
  const batch = (name: string): RawBatch => ({
    ...rawBatch({ a: typed('float32', 1, 2), b: typed('float32', 3, 4), id: typed('int32', 5, 6) }),
    free: (names) => void told.push(`${name} ${names.join()}`),
  });
  const { job, into } = await sumJob([batch('first'), batch('second')], { keys: ['id', 'b'] });
  const output: PredictionOutput = {
    ...into.output,
    write: (...asked) => {
      told.push('written');
      return into.output.write(...asked);
    },
  };
  rightOf(await runScoringJob(host)({ ...job, output }, unhurried)());
  t.deepEqual(told, ['written', 'first a', 'written', 'second a']);
});

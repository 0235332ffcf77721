/** Scoring rows that pass by, and predictions that are taken as they are made. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ndjsonRows } from '../../adapters/duckdb/ndjson-rows.js';
import {
  failure,
  type PassingRows,
  type PredictionStream,
  type RawRows,
  type RowBatch,
  type SinkColumn,
} from '../../core/index.js';
import { bytesOf } from '../support/bytes.js';
import { leftOf, rightOf, rowBatch, scoringService, sourceOf, sums, typed } from '../support/scoring.js';

const batch = (begin: number, rowCount: number): RowBatch =>
  rowBatch({
    id: typed('string', ...Array.from({ length: rowCount }, (_, row) => `id ${begin + row}`)),
    a: typed('float32', ...Array.from({ length: rowCount }, (_, row) => begin + row)),
    b: typed('float32', ...new Array<number>(rowCount).fill(0)),
  });

/** Keeps what it takes. */
const keeping = (onWrite: (rows: RawRows) => Promise<void> = async () => undefined) => {
  const schemas: Array<ReadonlyArray<SinkColumn>> = [];
  const batches: RawRows[] = [];
  const into: PredictionStream = {
    begin: (columns) => TE.fromIO(() => void schemas.push(columns)),
    write: (rows) => async () => {
      batches.push(rows);
      await onWrite(rows);
      return E.right(undefined);
    },
  };
  const all = (name: string): ReadonlyArray<unknown> =>
    batches.flatMap(({ columns }) => Array.from(columns.get(name)?.values ?? []));
  return { schemas, batches, into, all };
};

const arriving = (content: string): PassingRows =>
  ndjsonRows({ bytes: bytesOf(content), name: 'x', lineLimitBytes: 1_000, tooLong: () => failure('TooLarge', '') });

test('predictions come batch by batch, with row and keys, and any number of them', async (t) => {
  const sources = { games: sourceOf([batch(0, 9_000), batch(9_000, 3_000)], { keys: ['id'] }) };
  const { service } = await scoringService({ sources, settings: { inlineRowLimit: 10 } });
  const { schemas, batches, into, all } = keeping();
  const answer = rightOf(await service.score({ ...sums, data_source: 'games' }, { into })());
  t.deepEqual(schemas, [
    [
      { name: 'row', type: 'int64' },
      { name: 'id', type: 'string' },
      { name: 'prediction', type: 'float64' },
    ],
  ]);
  t.true(batches.length > 2);
  t.is(answer.predictions, null);
  t.is(answer.performance_diagnostics.total_scored, 12_000);
  t.deepEqual(
    all('row'),
    Array.from({ length: 12_000 }, (_, row) => BigInt(row)),
  );
  t.is(all('id').at(-1), 'id 11999');
  t.is(all('prediction').at(-1), 1 + 2 * 11_999);
});

test('a source waits for who takes the predictions', async (t) => {
  let reads = 0;
  const onRead = (): void => void reads++;
  const sources = {
    games: sourceOf(
      Array.from({ length: 20 }, (_, i) => batch(i, 1)),
      { onRead },
    ),
  };
  const { service } = await scoringService({ sources });
  const ahead: number[] = [];
  const { batches, into } = keeping(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    ahead.push(reads - batches.length);
  });
  rightOf(await service.score({ ...sums, data_source: 'games' }, { into })());
  t.deepEqual([...new Set(ahead)], [0]);
});

test('who takes no more ends the scoring, and the source is closed', async (t) => {
  let closed = false;
  const sources = { games: sourceOf([batch(0, 1), batch(1, 1)], { onClose: () => (closed = true) }) };
  const { service } = await scoringService({ sources });
  let writes = 0;
  const into: PredictionStream = {
    begin: () => TE.right(undefined),
    write: () => {
      writes++;
      return TE.left(failure('Cancelled', 'enough'));
    },
  };
  t.is(leftOf(await service.score({ ...sums, data_source: 'games' }, { into })(), 'Cancelled').message, 'enough');
  t.deepEqual([writes, closed], [1, true]);
});

test('nothing to score begins the answer, too', async (t) => {
  const { service } = await scoringService();
  const { schemas, batches, into } = keeping();
  rightOf(await service.score({ ...sums, data: [] }, { into })());
  t.deepEqual([schemas.length, batches.length], [1, 0]);
});

test('rows that pass by are scored with the keys of the type’s own source that they have, and without warnings', async (t) => {
  const sources = { games: sourceOf([batch(0, 1)], { keys: ['id', 'gone'] }) };
  const { service } = await scoringService({ sources, settings: { sourceOfType: { games: 'games' } } });
  const rows = arriving('{"a":1,"b":2,"id":"x"}\n{"a":null,"b":0}\n');
  const answer = rightOf(await service.score({ ...sums }, { rows })());
  t.deepEqual(answer.predictions, [
    { row: 0, id: 'x', prediction: 9 },
    { row: 1, id: null, prediction: null },
  ]);
  t.is(answer.scoring_parameters.data_source, 'inline');
  t.deepEqual(answer.performance_diagnostics.warnings, []);
});

test('rows that pass by lack columns, do not fit and may be skipped as others do', async (t) => {
  const { service } = await scoringService();
  const refused = leftOf(
    await service.score({ ...sums }, { rows: arriving('{"a":1,"B":1}\n') })(),
    'SignatureMismatch',
  );
  t.regex(refused.message, /lacks 1 .* b \(float32; the nearest column there is "B"\)/);
  const content = '{"a":1,"b":1}\n{"a":"x","b":1}\n';
  t.deepEqual(leftOf(await service.score({ ...sums }, { rows: arriving(content) })(), 'SignatureMismatch').problems, [
    { pointer: '/1/a', detail: 'row 1, column "a": expected float32, got the text "x"' },
  ]);
  const { into, all } = keeping();
  const skipped = rightOf(await service.score({ ...sums, on_error: 'skip' }, { rows: arriving(content), into })());
  t.is(skipped.refused_total, 1);
  t.is(skipped.refused?.[0]?.row, 1);
  t.deepEqual(all('row'), [0n]);
});

test('contradictions are refused', async (t) => {
  const { service } = await scoringService();
  const { into } = keeping();
  for (const [request, control, pointer] of [
    [{ data: [] }, { rows: arriving('') }, '/data'],
    [{ data_source: 'games' }, { rows: arriving('') }, '/data_source'],
    [{ start_year: 2000 }, { rows: arriving('') }, '/start_year'],
    [{ data: [], output_location: 'x.csv' }, { into }, '/output_location'],
  ] as const) {
    const { problems } = leftOf(await service.score({ ...sums, ...request }, control)(), 'InvalidInput');
    t.deepEqual(
      problems.map((problem) => problem.pointer),
      [pointer],
    );
  }
});

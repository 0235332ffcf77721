/** What BigQuery ML predicts for a file, against a fake of the service: the statements, the types, and the file of a scoring here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { BigquerySourceOptions } from '../../../adapters/bigquery/data-source.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { memoryArtifactStore } from '../../../adapters/memory/artifact-store.js';
import { type MemoryModel, memoryInferenceEngine } from '../../../adapters/memory/inference-engine.js';
import type { Failure, PredictingThere, PredictionColumn } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import { type Cell, collect, type Rows } from '../../contracts/sample-rows.js';
import type { Field } from '../../support/fake-bigquery/golden.js';
import type { FakeBigquery } from '../../support/fake-bigquery/server.js';
import { leftOf, rightOf, scoringService, spec, sums } from '../../support/scoring.js';
import { filesUnder, readRows, removeTemporaryFolders, sql as duckdb, temporaryFolder } from '../duckdb/files.js';
import { call, failureIn, inAFake, opened, sourceIn } from './in-a-fake.js';

test.after.always(removeTemporaryFolders);

const sql = 'SELECT * FROM games';
const artifact = 'gs://bgg-models/models/registered/rating/games/v3/pipeline.onnx';
const model = 'games-project.models.rating_games_v3_0123456789ab';

const column = (name: string, type: PredictionColumn['type']): PredictionColumn => ({
  name,
  type,
  output: name,
  index: 0,
  width: 1,
});

const predicting: PredictingThere = {
  modelName: 'rating_games_v3_0123456789ab',
  artifact,
  features: [{ name: 'n', type: 'int64', input: 'n', index: null, fill: 0 }],
  predictionColumns: [
    column('f32', 'float32'),
    column('f64', 'float64'),
    column('i32', 'int32'),
    column('i64', 'int64'),
    column('flag', 'bool'),
    column('words', 'string'),
  ],
  keys: ['day'],
  provenance: { modelType: 'rating', modelName: 'games', modelVersion: 3, jobId: 'job-1', scoredAt: '' },
};

const imported = `CREATE MODEL IF NOT EXISTS \`${model}\` OPTIONS(MODEL_TYPE = "ONNX", MODEL_PATH = "${artifact}")`;
const predicted = (list: string) =>
  `SELECT ${list}\nFROM ML.PREDICT(MODEL \`${model}\`, (\nSELECT CAST(\`day\` AS STRING) AS \`scorekeeper_key_0\`, CASE WHEN \`n\` IS NULL THEN 0 ELSE \`n\` END AS \`n\`\nFROM (\n${sql}\n)))`;
const items = predicted(
  '`scorekeeper_key_0` AS `day`, `f32` AS `f32`, `f64` AS `f64`, `i32` AS `i32`, `i64` AS `i64`, `flag` AS `flag`, `words` AS `words`',
);
const pages = `SELECT \`day\`, \`f32\`, \`f64\`, \`i32\`, \`i64\`, \`flag\`, \`words\` FROM (\n${items}\n)`;

const outputs: ReadonlyArray<Field> = [
  { name: 'f32', type: 'FLOAT' },
  { name: 'f64', type: 'FLOAT' },
  { name: 'i32', type: 'INTEGER' },
  { name: 'i64', type: 'INTEGER' },
  { name: 'flag', type: 'BOOLEAN' },
  { name: 'words', type: 'STRING' },
];
const day: Field = { name: 'day', type: 'STRING' };

const prepared = async (t: ExecutionContext): Promise<FakeBigquery> => {
  const fake = await inAFake(t);
  fake.imports(artifact, { inputs: { n: 'INT64' } });
  const fields: ReadonlyArray<Field> = [
    { name: 'day', type: 'DATE' },
    { name: 'n', type: 'INTEGER' },
  ];
  fake.knows({ sql, answer: () => ({ fields, rows: [] }) });
  fake.knows({ sql: predicted('*'), answer: () => ({ fields: outputs, rows: [] }) });
  const rows = [
    ['2020-01-02', '0.1', '0.1', '-5', '9007199254740993', 'true', 'good'],
    [null, 'NaN', null, '2147483647', '0', 'false', ''],
  ];
  fake.knows({ sql: items, answer: () => ({ fields: [day, ...outputs], rows }) });
  return fake;
};

const predict = async (fake: FakeBigquery, options: Partial<BigquerySourceOptions> = {}, limits = call) => {
  const source = sourceIn(fake, { sql, keys: ['day'], modelDataset: 'games-project.models', ...options });
  const found = await opened(source, {}, limits);
  if (found.there === undefined) throw new Error('it cannot score there');
  return { rows: await found.there.predict(predicting)(), close: found.close };
};

const rowsOf = async (fake: FakeBigquery, options?: Partial<BigquerySourceOptions>): Promise<Rows> =>
  collect(rightOf((await predict(fake, options)).rows));

const failureOf = async (
  fake: FakeBigquery,
  options?: Partial<BigquerySourceOptions>,
): Promise<Failure | undefined> => {
  const { rows, close } = await predict(fake, options);
  const failed = E.isLeft(rows) ? rows.left : await failureIn(rows.right);
  await close();
  return failed;
};

test('the rows are those of a query without a destination, which is tried before, each prediction in its own type', async (t) => {
  const fake = await prepared(t);
  const { types, cells, rowCount } = await rowsOf(fake, { labels: { team: 'games' }, maximumBytesBilled: 5000 });
  t.deepEqual(fake.statements(), [sql, imported, predicted('*'), items, pages]);
  t.like(fake.counts(), { dryRun: 3, insert: 2, results: 1 });
  t.deepEqual(fake.jobs()[1]?.insert.configuration, {
    labels: { team: 'games' },
    query: { query: pages, useLegacySql: false, maximumBytesBilled: '5000' },
  });
  t.is(rowCount, 2);
  t.deepEqual(
    [...types],
    [['day', 'string'], ...predicting.predictionColumns.map(({ name, type }) => [name, type] as const)],
  );
  const expected: Readonly<Record<string, ReadonlyArray<Cell>>> = {
    day: ['2020-01-02', null],
    f32: [Math.fround(0.1), Number.NaN],
    f64: [0.1, null],
    i32: [-5, 2147483647],
    i64: [9007199254740993n, 0n],
    flag: [true, false],
    words: ['good', ''],
  };
  t.deepEqual(Object.fromEntries(cells), expected);
});

test('a file is in no dataset, so the source says where models are kept', async (t) => {
  const fake = await inAFake(t);
  fake.knows({ sql, answer: () => ({ fields: [day], rows: [] }) });
  const found = await opened(sourceIn(fake, { sql }));
  const failed = leftOf((await found.there?.predict(predicting)()) ?? E.right(0), 'InvalidInput');
  t.regex(
    failed.message,
    /name one as model_dataset \("project\.dataset"\) of the source, or a table as the output\.$/,
  );
  t.is(fake.counts().insert, undefined);
});

test('predictions of another type are refused before anything is scored', async (t) => {
  const fake = await prepared(t);
  const fields = [day, ...outputs].map((field) => (field.name === 'i32' ? { ...field, type: 'STRING' } : field));
  fake.knows({ sql: items, answer: () => ({ fields, rows: [] }) });
  t.is(
    (await failureOf(fake))?.message,
    'The imported model gives "i32" as STRING, and not as int32 as it was registered: score without --on bigquery.',
  );
  t.is(fake.jobs().length, 1);
});

test('a row that does not fit fails the query', async (t) => {
  const fake = await prepared(t);
  fake.nextJob({});
  const message = 'Query error: <<column "v": expected int32, got the number 1.5>> at [3:8]';
  fake.nextJob({ failure: { status: 400, reason: 'invalidQuery', message } });
  const failed = await failureOf(fake);
  t.is(failed?.tag, 'SignatureMismatch');
  t.regex(
    failed?.message ?? '',
    /^The data does not fit the model: column "v": expected int32, got the number 1\.5\. Nothing/,
  );
});

test("a row that the source's SQL fails on is told with the place in it", async (t) => {
  const fake = await prepared(t);
  const lineOf = pages.split('\n').indexOf(sql) + 1;
  fake.nextJob({});
  fake.nextJob({ failure: { status: 400, reason: 'invalidQuery', message: `division by zero at [${lineOf}:8]` } });
  const failed = await failureOf(fake);
  t.is(failed?.tag, 'DataUnreadable');
  t.is(failed?.message, "The source's SQL, line 1, column 8: division by zero.");
});

test('predictions that nobody waits for any more are cancelled', async (t) => {
  const fake = await prepared(t);
  fake.nextJob({});
  fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const cancellation = cancellable();
  const { rows, close } = await predict(fake, {}, { ...call, cancellation });
  const ended = failureIn(rightOf(rows));
  while (fake.jobs().length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  cancellation.abort();
  t.is((await ended)?.tag, 'Cancelled');
  await close();
  t.is(fake.jobs()[1]?.failure?.reason, 'stopped');
});

/** Two classes, and the probability of the second, in float32. */
const classifier: MemoryModel = {
  inputs: [spec('a', 'float32', 1), spec('b', 'float32', 1)],
  outputs: [
    { spec: spec('label', 'string'), holds: 'label', classes: ['bad', 'good'] },
    { spec: spec('probabilities', 'float32', 2), holds: 'probabilities', classes: [] },
  ],
  intercepts: [0, 0.1],
  weights: { a: [[0.3, -0.7]], b: [[-0.2, 0.05]] },
};

const rowTotal = 3_500;
const keyFields: ReadonlyArray<Field> = [
  { name: 'game_id', type: 'INTEGER' },
  { name: 'price', type: 'NUMERIC' },
  { name: 'released', type: 'TIMESTAMP' },
];
const sourceFields: ReadonlyArray<Field> = [...keyFields, { name: 'a', type: 'FLOAT' }, { name: 'b', type: 'INTEGER' }];
const sourceRows = Array.from({ length: rowTotal }, (_, row) => [
  `${row}`,
  row % 7 === 0 ? null : `${row}.25`,
  `${(row - 100) * 1_000_000 * 86_400 + row}`,
  row % 11 === 0 ? null : `${Math.sin(row) * 3}`,
  `${row % 13}`,
]);

/** A service whose source is in the fake, and whose files are in a folder. */
const withAService = async (t: ExecutionContext) => {
  const fake = await inAFake(t, { pageRowLimit: 1000 });
  const folder = await temporaryFolder();
  const engine = memoryInferenceEngine();
  const format = { ir_version: 8, opsets: { 'ai.onnx': 17 } };
  const keys = keyFields.map(({ name }) => name);
  const games = sourceIn(fake, { sql, keys, modelDataset: 'games-project.models' });
  const { service } = await scoringService({
    model: classifier,
    sources: { games },
    settings: { sourceOfType: { games: 'games' } },
    ports: {
      store: { ...memoryArtifactStore(), location: 'gs://bgg-models/prod' },
      sink: duckdbPredictionSink({ root: folder }),
      engine: {
        ...engine,
        inspect: (...asked) =>
          pipe(
            engine.inspect(...asked),
            TE.map((inspection) => ({ ...inspection, format })),
          ),
      },
    },
  });
  fake.knows({ sql, answer: () => ({ fields: sourceFields, rows: sourceRows }) });
  fake.imports('gs://bgg-models/prod/models/registered/games/sums/v1/pipeline.onnx', { inputs: {} });
  const outputFields: ReadonlyArray<Field> = [
    { name: 'label', type: 'STRING' },
    { name: 'probabilities', type: 'FLOAT', mode: 'REPEATED' },
  ];
  fake.knows({
    sql: 'the outputs',
    matches: /^SELECT \*\nFROM ML/,
    answer: () => ({ fields: outputFields, rows: [] }),
  });
  /** From then on it predicts what these columns hold, keys among them. */
  const predicts = (cells: Rows['cells']) => {
    const names = ['game_id', 'price', 'released', 'prediction', 'probability'];
    const types = ['INTEGER', 'STRING', 'STRING', 'STRING', 'FLOAT'];
    const fields = names.map((name, i) => ({ name, type: types[i] ?? '' }));
    const rows = sourceRows.map((_, row) => names.map((name) => cells.get(name)?.[row] ?? null).map(textOf));
    fake.knows({
      sql: 'the predictions',
      matches: /`scorekeeper_key_0` AS `game_id`/,
      answer: () => ({ fields, rows }),
    });
  };
  const score = (how: 'score' | 'scoreThere', file: string) => service[how]({ ...sums, output_location: file })();
  return { fake, folder, predicts, score };
};

const textOf = (cell: Cell): string | null => (cell === null ? null : `${cell}`);

test('a file has the columns, types, rows and distributions that a scoring here writes of the same rows', async (t) => {
  const { fake, folder, predicts, score } = await withAService(t);
  const here = rightOf(await score('score', 'here.parquet'));
  predicts((await readRows(join(folder, 'here.parquet'))).cells);
  fake.fault({ fault: { kind: 'cut' }, on: 'results', after: 1, times: 2 });
  const there = rightOf(await score('scoreThere', 'there.parquet'));

  const [a, b] = ['here', 'there'].map((name) => `'${join(folder, name)}.parquet'`);
  const schema = (file = '') =>
    duckdb(`SELECT name, type, logical_type, repetition_type FROM parquet_schema(${file}) OFFSET 1`);
  t.deepEqual(await schema(b), await schema(a));
  t.deepEqual(await duckdb(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${b})`), [
    ['game_id', 'BIGINT'],
    ['price', 'VARCHAR'],
    ['released', 'VARCHAR'],
    ['prediction', 'VARCHAR'],
    ['probability', 'FLOAT'],
    ['model_type', 'VARCHAR'],
    ['model_name', 'VARCHAR'],
    ['model_version', 'INTEGER'],
    ['job_id', 'VARCHAR'],
    ['scored_at', 'TIMESTAMP WITH TIME ZONE'],
  ]);
  const rows = (file = '') => duckdb(`SELECT * EXCLUDE (job_id, scored_at) FROM ${file} ORDER BY game_id`);
  const written = await rows(b);
  t.is(written.length, rowTotal);
  t.is(new Set(written.map(([, , , prediction]) => prediction)).size, 3, 'bad, good, and none for NaN');
  t.deepEqual(written, await rows(a));
  t.deepEqual(await duckdb(`SELECT DISTINCT job_id FROM ${b}`), [[there.job_id]]);
  t.is(there.output_location, join(folder, 'there.parquet'));
  t.like(there.performance_diagnostics, { rows_read: rowTotal, total_scored: rowTotal });
  t.deepEqual(
    there.performance_diagnostics.prediction_distribution,
    here.performance_diagnostics.prediction_distribution,
  );
});

test('pages that fail in the middle leave the file as it was', async (t) => {
  const { fake, folder, predicts, score } = await withAService(t);
  rightOf(await score('score', 'games.csv'));
  const before = await readFile(join(folder, 'games.csv'));
  predicts(new Map());
  fake.fault({ fault: { kind: 'refusal', status: 403, reason: 'quotaExceeded' }, on: 'results', after: 2, times: 9 });
  leftOf(await score('scoreThere', 'games.csv'), 'Unavailable');
  t.deepEqual(await readFile(join(folder, 'games.csv')), before);
  t.deepEqual(await filesUnder(folder), ['games.csv']);
});

/** Score requests from end to end: what is refused before any work, what is loaded, and what the answer and the file hold. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { duckdbDataSource } from '../../adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../../adapters/duckdb/prediction-sink.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryArtifact, memoryInferenceEngine, type MemoryModel } from '../../adapters/memory/inference-engine.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import {
  type ArtifactStore,
  type DataSource,
  failTask,
  failure,
  type FailureTag,
  type InferenceEngine,
  type PredictionSink,
  type WantedColumn,
} from '../../core/index.js';
import { onnxFixture } from '../support/fixtures.js';
import {
  cancellable,
  hostAt,
  leftOf,
  mixedModel,
  rightOf,
  rowBatch,
  scoringService,
  sourceOf,
  spec,
  sumModel,
  sums,
  typed,
  unhurried,
} from '../support/scoring.js';

const games = sourceOf(
  [rowBatch({ a: typed('float64', 1, 2), b: typed('float64', 0, 0), id: typed('int64', 10n, 20n) })],
  { keys: ['id'] },
);
const withGames = { sources: { games }, settings: { sourceOfType: { games: 'games' } } };

/** Requests that cannot be meant, beside the model's name, and what is said of them. */
const refused: ReadonlyArray<readonly [what: string, request: object, tag: FailureTag, says: RegExp]> = [
  [
    'a version and an alias together',
    { model_version: 1, model_alias: 'champion' },
    'InvalidInput',
    /model_version and model_alias were both given/,
  ],
  [
    'years the wrong way round',
    { start_year: 2025, end_year: 2020 },
    'InvalidInput',
    /The start year 2025 is after the end year 2020/,
  ],
  ['data and a first year', { data: [], start_year: 2020 }, 'InvalidInput', /leave the years out/],
  ['data and a last year', { data: [], end_year: 2020 }, 'InvalidInput', /leave the years out/],
  ['data and a source', { data: [], data_source: 'games' }, 'InvalidInput', /together with the data_source "games"/],
  [
    'data and the configured source',
    { data: [], data_source: 'query' },
    'InvalidInput',
    /together with the data_source "query"/,
  ],
  ['inline without data', { data_source: 'inline' }, 'InvalidInput', /there is no data/],
  ['an unknown source', { data_source: 'game' }, 'NotFound', /no data source "game"\. Did you mean games\?/],
  [
    'an unknown source that is near to none',
    { data_source: 'warehouse' },
    'NotFound',
    /no data source "warehouse"\. There is games\./,
  ],
  ['a source by an inherited name', { data_source: 'constructor' }, 'NotFound', /no data source "constructor"/],
  ['an output outside its root', { data: [], output_location: '../out.parquet' }, 'InvalidInput', /\.\.\/out\.parquet/],
  ['an absolute output', { data: [], output_location: '/tmp/out.parquet' }, 'InvalidInput', /\/tmp\/out\.parquet/],
  ['an output of no known kind', { data: [], output_location: 'out.xlsx' }, 'InvalidInput', /out\.xlsx/],
  ['an unknown field', { rows: [] }, 'InvalidInput', /\/rows is an unknown field/],
  ['another on_error', { on_error: 'ignore' }, 'InvalidInput', /on_error/],
  ['a version that is no integer', { model_version: 1.5 }, 'InvalidInput', /model_version/],
  ['a year that is no integer', { start_year: 2020.5 }, 'InvalidInput', /start_year/],
  ['data that is text', { data: 'a,b' }, 'InvalidInput', /must be rows/],
  ['an unknown version', { model_version: 7, data: [] }, 'NotFound', /has no version 7/],
  ['an unknown alias', { model_alias: 'champion', data: [] }, 'NotFound', /no alias "champion"/],
  ['an alias by an inherited name', { model_alias: 'constructor', data: [] }, 'NotFound', /no alias "constructor"/],
  ['an unknown model', { model_name: 'sum', data: [] }, 'NotFound', /Did you mean sums\?/],
  ['an unknown model type', { model_type: 'game', data: [] }, 'NotFound', /Did you mean games\?/],
];

for (const [what, request, tag, says] of refused) {
  test(`${what} is refused: ${tag}`, async (t) => {
    const { service, runs } = await scoringService(withGames);
    t.regex(leftOf(await service.score({ ...sums, ...request })(), tag).message, says);
    t.deepEqual(runs, []);
  });
}

test('without a configured source, a request without data says how to configure one', async (t) => {
  const { service } = await scoringService({ sources: { games } });
  const failed = leftOf(await service.score(sums)(), 'NotFound');
  t.regex(failed.message, /No data source is configured for model type games\..*model_types\.games\.source/);
});

test('a source that is configured and not there is told', async (t) => {
  const { service } = await scoringService({ settings: { sourceOfType: { games: 'gone' } } });
  t.regex(leftOf(await service.score(sums)(), 'NotFound').message, /no data source "gone"\. None is configured\./);
});

test('the same year twice is a range', async (t) => {
  const { service } = await scoringService(withGames);
  t.is(
    rightOf(await service.score({ ...sums, start_year: 2020, end_year: 2020 })()).performance_diagnostics.total_scored,
    2,
  );
});

test('an output that escapes is refused before the registry is asked anything', async (t) => {
  let gets = 0;
  const store = memoryArtifactStore();
  const counting: ArtifactStore = { ...store, get: (key, call) => (gets++, store.get(key, call)) };
  const { service, loads } = await scoringService({ ports: { store: counting } });
  const [getsBefore, loadsBefore] = [gets, loads()];
  leftOf(await service.score({ ...sums, data: [{ a: 1, b: 1 }], output_location: '../x.parquet' })(), 'InvalidInput');
  t.is(gets, getsBefore);
  t.is(loads(), loadsBefore);
});

test('an answer says which model scored, what it was asked, and what came of it', async (t) => {
  const host = { ...hostAt(Date.UTC(2026, 10, 23)), randomId: () => '6b1f3f7e-0000-4000-8000-000000000001' };
  const { service } = await scoringService({ ports: { host }, modelInfo: { trees: 3 } });
  const { performance_diagnostics, ...answer } = rightOf(
    await service.score({
      ...sums,
      data: [
        { a: 1, b: 0 },
        { a: 2, b: 1 },
      ],
    })(),
  );
  t.deepEqual(answer, {
    job_id: '6b1f3f7e-0000-4000-8000-000000000001',
    model_details: {
      model_type: 'games',
      name: 'sums',
      version: 1,
      description: '',
      registered_at: '2026-11-23T00:00:00.000Z',
      original_experiment: { name: 'sums', version: 1, metadata: {} },
      model_info: { trees: 3 },
    },
    scoring_parameters: { model_type: 'games', start_year: null, end_year: null, data_source: 'inline' },
    output_location: null,
    predictions: [
      { row: 0, prediction: 3 },
      { row: 1, prediction: 8 },
    ],
  });
  const { prediction_distribution, ...diagnostics } = performance_diagnostics;
  t.deepEqual(diagnostics, {
    rows_read: 2,
    total_scored: 2,
    rows_refused: 0,
    timings_ms: { resolve: 0, load: 0, read: 0, score: 0, write: 0, wait: 0, total: 0 },
    warnings: [],
  });
  t.is(prediction_distribution['prediction']?.mean, 5.5);
});

for (const [form, data] of [
  [
    'records',
    [
      { b: 0, a: 1, more: 'x' },
      { a: 2, b: 1 },
    ],
  ],
  ['columns', { more: ['x', 'y'], b: [0, 1], a: [1, 2] }],
  [
    'split',
    {
      columns: ['b', 'more', 'a'],
      data: [
        [0, 'x', 1],
        [1, 'y', 2],
      ],
    },
  ],
] as const) {
  test(`${form} are scored, whatever else they hold`, async (t) => {
    const { service } = await scoringService();
    t.deepEqual(rightOf(await service.score({ ...sums, data })()).predictions, [
      { row: 0, prediction: 3 },
      { row: 1, prediction: 8 },
    ]);
  });
}

/** Zero rows, as each entrance brings them. */
for (const [what, data] of [
  ['records', []],
  ['columns', { a: [], b: [] }],
  ['split', { columns: ['a', 'b'], data: [] }],
] as const) {
  test(`zero rows as ${what} are an answer of no predictions`, async (t) => {
    const { service, runs } = await scoringService();
    const { predictions, performance_diagnostics } = rightOf(await service.score({ ...sums, data })());
    t.deepEqual(predictions, []);
    t.is(performance_diagnostics.total_scored, 0);
    t.is(performance_diagnostics.prediction_distribution['prediction']?.count, 0);
    t.deepEqual(performance_diagnostics.warnings, ['The data has no rows: nothing was scored.']);
    t.deepEqual(runs, []);
  });
}

test('a file of zero rows that were sent has the columns that a file of some has', async (t) => {
  const { service, ports } = await scoringService(withGames);
  for (const [rows, data] of [
    [0, { a: [], b: [], id: [] }],
    [1, { a: [1], b: [2], id: [3] }],
  ] as const) {
    rightOf(await service.score({ ...sums, data, output_location: `${rows}.parquet` })());
    const columns = ports.sink.outputs.get(`${rows}.parquet`)?.schema.columns.map(({ name }) => name);
    t.deepEqual(columns, ['id', 'prediction'], `${rows}`);
  }
});

test('zero rows of a source are an answer of no predictions, and a file of no rows', async (t) => {
  const nothing = sourceOf([], { columnNames: ['a', 'b', 'id'], keys: ['id'] });
  const { service, ports } = await scoringService({ ...withGames, sources: { games: nothing } });
  const all = rightOf(await service.score(sums)());
  t.deepEqual(all.predictions, []);
  t.deepEqual(all.performance_diagnostics.warnings, ['The source has no rows: nothing was scored.']);
  const ofYears = rightOf(await service.score({ ...sums, start_year: 2020 })());
  t.deepEqual(ofYears.performance_diagnostics.warnings, [
    'No rows of the source matched the years: nothing was scored.',
  ]);
  const { output_location } = rightOf(await service.score({ ...sums, output_location: 'out.parquet' })());
  t.is(output_location, 'memory/out.parquet');
  t.deepEqual(ports.sink.outputs.get('out.parquet')?.batches, []);
});

test('a file of zero rows has the keys with their types', async (t) => {
  const nothing = sourceOf([rowBatch({ a: typed('float64'), b: typed('float64'), id: typed('int32') })], {
    keys: ['id'],
  });
  const { service, ports } = await scoringService({ ...withGames, sources: { games: nothing } });
  rightOf(await service.score({ ...sums, output_location: 'out.parquet' })());
  t.deepEqual(ports.sink.outputs.get('out.parquet')?.schema.columns, [
    { name: 'id', type: 'int32' },
    { name: 'prediction', type: 'float64' },
  ]);
});

for (const key of ['row', 'prediction', 'job_id']) {
  test(`a key called ${key} is refused: every output has a column of that name`, async (t) => {
    const batch = rowBatch({ a: typed('float64', 1), b: typed('float64', 2), [key]: typed('int32', 3) });
    const { service } = await scoringService({ ...withGames, sources: { games: sourceOf([batch], { keys: [key] }) } });
    const { message } = leftOf(await service.score(sums)(), 'InvalidInput');
    t.regex(message, new RegExp(`The source's key "${key}"`));
  });
}

/** A body without two of the features, and where that is told. */
for (const [form, data, pointers] of [
  ['records', [{ aa: 1 }], ['/data/0/a', '/data/0/b']],
  ['columns', { aa: [1] }, ['/data/a/0', '/data/b/0']],
  ['split', { columns: ['aa'], data: [[1]] }, ['/data/columns', '/data/columns']],
] as const) {
  test(`${form} without features: all are named at once with the nearest, and pointed to`, async (t) => {
    const { service } = await scoringService();
    const failed = leftOf(await service.score({ ...sums, data })(), 'SignatureMismatch');
    t.deepEqual(
      failed.problems.map(({ pointer }) => pointer),
      [...pointers],
    );
    t.regex(
      failed.message,
      /lacks 2 of the model's 2 features: a \(float32; the nearest column there is "aa"\), b \(float32; the nearest column there is "aa"\)\. The other columns there are "aa"\. Add/,
    );
  });
}

for (const [form, data, pointer] of [
  [
    'records',
    [
      { a: 1, b: 1 },
      { a: 1, b: 'x' },
    ],
    '/data/1/b',
  ],
  ['columns', { a: [1, 1], b: [1, 'x'] }, '/data/b/1'],
  [
    'split',
    {
      columns: ['b', 'a'],
      data: [
        [1, 1],
        ['x', 1],
      ],
    },
    '/data/data/1/0',
  ],
] as const) {
  test(`${form}: a value that does not fit is pointed to where it was sent`, async (t) => {
    const { service } = await scoringService();
    const failed = leftOf(await service.score({ ...sums, data })(), 'SignatureMismatch');
    t.deepEqual(failed.problems, [{ pointer, detail: 'row 1, column "b": expected float32, got the text "x"' }]);
  });
}

test('a source without features: named with the nearest column, and it is closed', async (t) => {
  let closed = 0;
  const source = sourceOf([rowBatch({ 'a/b': typed('float64', 1) })], { onClose: () => closed++ });
  const model: MemoryModel = { ...sumModel, inputs: [spec('a/c', 'float32', 1)], weights: { 'a/c': [[1]] } };
  const { service } = await scoringService({ ...withGames, model, sources: { games: source } });
  const failed = leftOf(await service.score(sums)(), 'SignatureMismatch');
  t.deepEqual(failed.problems, [
    { pointer: '/a~1c', detail: 'the feature "a/c" (float32) is missing; the nearest column there is "a/b"' },
  ]);
  t.is(closed, 1);
});

test('a value of a source that does not fit is pointed to by row and column, as RFC 6901 escapes it', async (t) => {
  const source = sourceOf([rowBatch({ 'a/c': typed('string', 'x') })]);
  const model: MemoryModel = { ...sumModel, inputs: [spec('a/c', 'float32', 1)], weights: { 'a/c': [[1]] } };
  const { service } = await scoringService({ ...withGames, model, sources: { games: source } });
  t.is(leftOf(await service.score(sums)(), 'SignatureMismatch').problems[0]?.pointer, '/0/a~1c');
});

/** Names that every object inherits, as features: JSON.parse makes own properties of them. */
for (const name of ['__proto__', 'constructor', 'toString']) {
  test(`a feature may be called ${name}`, async (t) => {
    const model: MemoryModel = { ...sumModel, inputs: [spec('x', 'float32', 2)], weights: { x: [[2], [3]] } };
    const { service } = await scoringService({ model, modelInfo: { feature_names: [name, 'b'], fills: { b: 10 } } });
    const data = JSON.parse(`[{"${name}": 1, "b": null}, {"b": 1, "${name}": 5}]`);
    t.deepEqual(rightOf(await service.score({ ...sums, data })()).predictions, [
      { row: 0, prediction: 33 },
      { row: 1, prediction: 14 },
    ]);
    const failed = leftOf(await service.score({ ...sums, data: [{ b: 1 }] })(), 'SignatureMismatch');
    t.is(failed.problemTotal, 1);
  });
}

test('a model type may be called constructor', async (t) => {
  const { service, ports } = await scoringService(withGames);
  const key = 'models/experiments/constructor/sums/v1/pipeline.onnx';
  rightOf(await ports.store.put(key, memoryArtifact(sumModel), { kind: 'absent' }, unhurried)());
  rightOf(
    await service.register({ model_type: 'constructor', experiment: 'sums', name: 'sums', skip_validation: true })(),
  );
  leftOf(await service.score({ ...sums, model_type: 'constructor' })(), 'NotFound');
  t.is(
    rightOf(await service.score({ ...sums, model_type: 'constructor', data: [{ a: 1, b: 0 }] })()).predictions?.length,
    1,
  );
});

test('a prediction that is not finite is null, and is counted', async (t) => {
  const { service } = await scoringService();
  const { predictions, performance_diagnostics } = rightOf(
    await service.score({ ...sums, data: { a: [1, null, 1], b: [0, 0, 3e38] } })(),
  );
  t.deepEqual(predictions?.slice(0, 2), [
    { row: 0, prediction: 3 },
    { row: 1, prediction: null },
  ]);
  const { count, nulls } = performance_diagnostics.prediction_distribution['prediction'] ?? {};
  t.deepEqual({ count, nulls }, { count: 2, nulls: 1 });
  t.notRegex(JSON.stringify(predictions), /NaN|Infinity/);
});

test('skip: refused rows come with their reasons and their number, the others with their positions', async (t) => {
  const { service } = await scoringService();
  const data = [
    { a: 1, b: 0 },
    { a: 'x', b: 0 },
    { a: 3, b: 0 },
  ];
  const {
    predictions,
    refused: rows,
    refused_total,
    performance_diagnostics,
  } = rightOf(await service.score({ ...sums, data, on_error: 'skip' })());
  t.deepEqual(predictions, [
    { row: 0, prediction: 3 },
    { row: 2, prediction: 7 },
  ]);
  t.deepEqual(rows, [
    { row: 1, errors: [{ pointer: '/data/1/a', detail: 'row 1, column "a": expected float32, got the text "x"' }] },
  ]);
  t.is(refused_total, 1);
  const { rows_read, total_scored, rows_refused } = performance_diagnostics;
  t.deepEqual({ rows_read, total_scored, rows_refused }, { rows_read: 3, total_scored: 2, rows_refused: 1 });
});

test('skip: the first 100 of 150 refused rows are told, and 150 are counted', async (t) => {
  const { service } = await scoringService();
  const data = Array.from({ length: 150 }, () => ({ a: 'x', b: 0 }));
  const answer = rightOf(await service.score({ ...sums, data, on_error: 'skip' })());
  t.is(answer.refused?.length, 100);
  t.is(answer.refused_total, 150);
  t.deepEqual(answer.predictions, []);
});

test('fail: an answer has no refused rows to tell of', async (t) => {
  const { service } = await scoringService();
  const answer = rightOf(await service.score({ ...sums, data: [{ a: 1, b: 0 }] })());
  t.false('refused' in answer || 'refused_total' in answer || 'rejects_location' in answer);
});

test('more rows than an answer may hold are too large before the model has run once', async (t) => {
  const { service, runs } = await scoringService({
    ...withGames,
    settings: { ...withGames.settings, inlineRowLimit: 3 },
  });
  const data = Array.from({ length: 4 }, () => ({ a: 1, b: 1 }));
  t.regex(leftOf(await service.score({ ...sums, data })(), 'TooLarge').message, /inline_rows.* 3: .*output_location/);
  t.deepEqual(runs, []);
  t.is(rightOf(await service.score({ ...sums, data: data.slice(1) })()).predictions?.length, 3);
  t.is(rightOf(await service.score({ ...sums, data }, { inlineRowLimit: 4 })()).predictions?.length, 4);
});

test('10,000 rows are an answer, and one more is too large, of a source too', async (t) => {
  const rows = (rowCount: number) =>
    rowBatch({
      a: { type: 'float32', values: new Float32Array(rowCount) },
      b: { type: 'float32', values: new Float32Array(rowCount) },
    });
  const sources = { whole: sourceOf([rows(9000), rows(1000)]), more: sourceOf([rows(9000), rows(1001)]) };
  const { service, runs } = await scoringService({ sources });
  leftOf(await service.score({ ...sums, data_source: 'more' })(), 'TooLarge');
  t.deepEqual(runs, []);
  t.is(rightOf(await service.score({ ...sums, data_source: 'whole' })()).predictions?.length, 10_000);
});

test('a file may hold more rows than an answer', async (t) => {
  const { service, ports } = await scoringService({
    ...withGames,
    settings: { ...withGames.settings, inlineRowLimit: 1 },
  });
  const answer = rightOf(await service.score({ ...sums, output_location: 'out.parquet' })());
  t.is(answer.predictions, null);
  t.is(answer.output_location, 'memory/out.parquet');
  t.is(answer.performance_diagnostics.total_scored, 2);
  t.is(ports.sink.outputs.size, 1);
});

test('keys are carried from a source to the answer, and one that it may do without is warned of', async (t) => {
  const source: DataSource = {
    keys: ['id', 'gone'],
    open: (range, call) =>
      pipe(
        games.open(range, call),
        TE.map((opened) => ({ ...opened, absentKeys: ['gone'] })),
      ),
  };
  const { service } = await scoringService({ ...withGames, sources: { games: source } });
  const answer = rightOf(await service.score(sums)());
  t.deepEqual(answer.predictions, [
    { row: 0, id: 10, prediction: 3 },
    { row: 1, id: 20, prediction: 5 },
  ]);
  t.deepEqual(answer.performance_diagnostics.warnings, [
    'The key "gone" is no column of the source, and is left out of the output.',
  ]);
  t.is(answer.scoring_parameters.data_source, 'query');
});

test('a key that a source does not have is InvalidInput and names the nearest column, and the source is closed', async (t) => {
  let closed = 0;
  const rows = rowBatch({ a: typed('float64', 1), b: typed('float64', 1), id: typed('int32', 7) });
  const source = sourceOf([rows], { keys: ['idd', 'id', 'unheard of'], onClose: () => closed++ });
  const { service, ports } = await scoringService({ ...withGames, sources: { games: source } });
  for (const request of [sums, { ...sums, output_location: 'out.parquet' }]) {
    t.is(
      leftOf(await service.score(request)(), 'InvalidInput').message,
      'The source has no column "idd" (did you mean "id"?), "unheard of" for its keys: correct the keys or the query.',
    );
  }
  t.is(closed, 2);
  t.is(ports.sink.outputs.size, 0);
});

test('of a source exactly the features and keys are read, a column that is both as a feature', async (t) => {
  const asked: Array<ReadonlyArray<WantedColumn>> = [];
  const source = sourceOf([
    rowBatch({ id: typed('string', 'p'), b: typed('float64', 0), more: typed('bool', true), a: typed('float64', 1) }),
  ]);
  const spying: DataSource = {
    keys: ['a', 'id'],
    open: (range, call) =>
      pipe(
        source.open(range, call),
        TE.map((opened) => ({ ...opened, read: (wanted) => (asked.push(wanted), opened.read(wanted)) })),
      ),
  };
  const { service } = await scoringService({ ...withGames, sources: { games: spying } });
  t.deepEqual(rightOf(await service.score(sums)()).predictions, [{ row: 0, a: 1, id: 'p', prediction: 3 }]);
  t.deepEqual(asked, [
    [
      { name: 'a', role: 'feature' },
      { name: 'b', role: 'feature' },
      { name: 'id', role: 'key' },
    ],
  ]);
});

test('of inline rows the configured keys that are there are carried', async (t) => {
  const { service } = await scoringService({
    ...withGames,
    sources: { games: { ...games, keys: ['id', 'gone', 'a'] } },
  });
  const answer = rightOf(
    await service.score({
      ...sums,
      data: [
        { id: 'p', a: 1, b: 0 },
        { a: 2, b: 0 },
      ],
    })(),
  );
  t.deepEqual(answer.predictions, [
    { row: 0, id: 'p', a: 1, prediction: 3 },
    { row: 1, id: null, a: 2, prediction: 5 },
  ]);
  t.deepEqual(answer.performance_diagnostics.warnings, []);
});

test('a key that JSON rounded is refused, in the first row or the last of many, and its digits as text are carried', async (t) => {
  const { service } = await scoringService({ ...withGames, sources: { games: { ...games, keys: ['id'] } } });
  const scored = (id: unknown, rowsBefore: number) =>
    service.score({
      ...sums,
      data: {
        id: [...Array(rowsBefore).fill(1), id],
        a: Array(rowsBefore + 1).fill(1),
        b: Array(rowsBefore + 1).fill(0),
      },
    })();
  for (const rowsBefore of [0, 9_999]) {
    for (const id of [2 ** 53, -(2 ** 53), 1e30]) {
      const refused = leftOf(await scored(id, rowsBefore), 'InvalidInput');
      t.is(
        refused.message,
        `The data's row ${rowsBefore}, key "id": an integer beyond ±2^53, which JSON numbers do not carry to the last digit: send its digits as text.`,
      );
      t.is(refused.problems[0]?.pointer, `/data/id/${rowsBefore}`);
    }
    const kept = rightOf(await scored('9007199254740993', rowsBefore)).predictions;
    t.deepEqual(kept?.at(-1), { row: rowsBefore, id: '9007199254740993', prediction: 3 });
  }
  const inRange = [2 ** 53 - 1, -0.5, 1.5e300 / 1e300];
  for (const id of inRange) t.is(rightOf(await scored(id, 0)).predictions?.[0]?.['id'], id);
});

/** What a program may hold and JSON does not, as a key. */
const endless: { self?: unknown } = {};
endless.self = [endless];
const noKeys: ReadonlyArray<readonly [what: string, value: unknown, says: string]> = [
  ['a Date', new Date(0), 'an object (Date)'],
  ['a Map', new Map([[1, 2]]), 'an object (Map)'],
  ['a typed array', Uint8Array.of(1), 'an object (Uint8Array)'],
  ['a Symbol', Symbol('x'), 'a symbol'],
  ['a function', () => 1, 'a function'],
  ['a Date in an object', { at: [new Date(0)] }, 'an object (Date)'],
  ['a bigint in an object', { n: 1n }, 'a bigint in an object or array'],
  ['a toJSON of its own', { toJSON: () => 'x' }, 'a function'],
  ['an object that holds itself', endless, 'something that nests too deeply'],
];

for (const [what, value, says] of noKeys) {
  test(`a key that is ${what} is refused by row and column, and a feature by itself`, async (t) => {
    const { service, ports } = await scoringService({
      ...withGames,
      sources: { games: { ...games, keys: ['id'] } },
    });
    const data = [
      { id: 'p', a: 1, b: 0 },
      { id: value, a: 1, b: 0 },
    ];
    for (const output of [{}, { output_location: 'a.csv' }, { on_error: 'skip' }]) {
      const failed = leftOf(await service.score({ ...sums, data, ...output })(), 'InvalidInput');
      t.is(
        failed.message,
        `The data's row 1, key "id": ${says}, which JSON does not hold: send text, a number, a boolean or null.`,
      );
      t.is(failed.problems[0]?.pointer, '/data/1/id');
    }
    t.deepEqual([...ports.sink.outputs.keys()], []);
    const feature = await service.score({ ...sums, data: [{ id: 'p', a: value, b: 0 }] })();
    t.regex(leftOf(feature, 'SignatureMismatch').message, /row 0, column "a": expected float32, got an object/);
  });
}

test('a key may be anything that JSON holds, and an integer of 64 bits', async (t) => {
  const { service } = await scoringService({ ...withGames, sources: { games: { ...games, keys: ['id'] } } });
  const without: unknown = Object.assign(Object.create(null) as object, { a: 1 });
  const ids = ['p', '', 1.5, true, null, undefined, { deep: [{ x: null }] }, [1], without, 2n ** 60n];
  const data = { id: ids, a: ids.map(() => 1), b: ids.map(() => 0) };
  t.deepEqual(
    JSON.stringify(rightOf(await service.score({ ...sums, data })()).predictions?.map(({ id }) => id)),
    '["p","",1.5,true,null,null,{"deep":[{"x":null}]},[1],{"a":1},"1152921504606846976"]',
  );
});

test('a key that is called __proto__ is carried to the answer', async (t) => {
  const { service } = await scoringService({ ...withGames, sources: { games: { ...games, keys: ['__proto__'] } } });
  const data: unknown = JSON.parse('[{"__proto__":"p","a":1,"b":0}]');
  const { predictions } = rightOf(await service.score({ ...sums, data })());
  t.is(JSON.stringify(predictions), '[{"row":0,"__proto__":"p","prediction":3}]');
});

test('integers that float32 does not hold are warned of, and scored', async (t) => {
  const { service } = await scoringService();
  const answer = rightOf(await service.score({ ...sums, data: [{ a: 16_777_217, b: 0 }] })());
  t.is(answer.performance_diagnostics.warnings.length, 1);
  t.deepEqual(answer.predictions, [{ row: 0, prediction: 33_554_433 }]);
});

test("a file holds keys, predictions and where they come from; without keys, each row's position", async (t) => {
  const { service, ports } = await scoringService({ ...withGames, sources: { games, bare: { ...games, keys: [] } } });
  const { job_id } = rightOf(await service.score({ ...sums, output_location: 'a.parquet' })());
  const { schema, batches } = ports.sink.outputs.get('a.parquet') ?? {};
  t.deepEqual(schema?.columns, [
    { name: 'id', type: 'int64' },
    { name: 'prediction', type: 'float64' },
  ]);
  t.deepEqual(
    schema?.constants.map(({ name, value }) => [name, name === 'scored_at' ? 'then' : value]),
    [
      ['model_type', 'games'],
      ['model_name', 'sums'],
      ['model_version', 1],
      ['job_id', job_id],
      ['scored_at', 'then'],
    ],
  );
  t.deepEqual([...(batches?.[0]?.columns.get('id')?.values ?? [])], [10n, 20n]);
  rightOf(await service.score({ ...sums, data_source: 'bare', output_location: 'b.parquet' })());
  t.deepEqual([...(ports.sink.outputs.get('b.parquet')?.batches[0]?.columns.get('row')?.values ?? [])], [0n, 1n]);
});

test('skip: refused rows of a file are all told beside it', async (t) => {
  const batches = [
    rowBatch({ a: typed('string', 'x', 'y'), b: typed('float64', 0, 0) }),
    rowBatch({ a: typed('float64', 5), b: typed('float64', 0) }),
  ];
  const { service, ports } = await scoringService({ ...withGames, sources: { games: sourceOf(batches) } });
  const answer = rightOf(await service.score({ ...sums, output_location: 'deep/a.csv', on_error: 'skip' })());
  t.is(answer.rejects_location, 'memory/deep/a.rejects.ndjson');
  t.is(answer.refused_total, 2);
  t.deepEqual(
    [...(ports.sink.outputs.get('deep/a.rejects.ndjson')?.batches[0]?.columns.get('row')?.values ?? [])],
    [0n, 1n],
  );
  t.deepEqual(
    ports.sink.outputs.get('deep/a.csv')?.batches.flatMap(({ columns }) => [...(columns.get('row')?.values ?? [])]),
    [2n],
  );
});

test('skip: where nothing was refused there is no place to look, and what an earlier job told there is gone', async (t) => {
  let value = 'x';
  const source: DataSource = {
    keys: [],
    open: (range, call) =>
      sourceOf([rowBatch({ a: typed('string', value), b: typed('float64', 0) })], { textual: true }).open(range, call),
  };
  const { service, ports } = await scoringService({ ...withGames, sources: { games: source } });
  const request = { ...sums, output_location: 'a.csv', on_error: 'skip' } as const;
  t.is(rightOf(await service.score(request)()).rejects_location, 'memory/a.rejects.ndjson');
  value = '7';
  const answer = rightOf(await service.score(request)());
  t.is(answer.rejects_location, null);
  t.is(answer.refused_total, 0);
  t.deepEqual([...ports.sink.outputs.keys()], ['a.csv']);
});

/** A source whose second batch fails in some way. */
const failing: ReadonlyArray<readonly [what: string, batch: Parameters<typeof sourceOf>[0][number], tag: FailureTag]> =
  [
    ['a source that fails', failure('DataUnreadable', 'Row 3 does not parse.'), 'DataUnreadable'],
    ['a value that does not fit', rowBatch({ a: typed('string', 'x'), b: typed('float64', 0) }), 'SignatureMismatch'],
  ];

for (const [what, batch, tag] of failing) {
  test(`${what} in mid-stream leaves the previous file as it was, and nothing beside it`, async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'scorekeeper-scoring-'));
    t.teardown(() => rm(root, { recursive: true }));
    let closed = 0;
    const first = rowBatch({ a: typed('float64', 1), b: typed('float64', 0) });
    const sources = { good: sourceOf([first]), bad: sourceOf([first, batch], { onClose: () => closed++ }) };
    const { service } = await scoringService({ sources, ports: { sink: duckdbPredictionSink({ root }) } });
    rightOf(await service.score({ ...sums, data_source: 'good', output_location: 'out.csv' })());
    const before = await readFile(join(root, 'out.csv'), 'utf8');
    t.regex(before, /^row,prediction,model_type,model_name,model_version,job_id,scored_at\n0,3\.0,games,sums,1,/);
    leftOf(await service.score({ ...sums, data_source: 'bad', output_location: 'out.csv' })(), tag);
    t.is(await readFile(join(root, 'out.csv'), 'utf8'), before);
    t.deepEqual(await readdir(root), ['out.csv']);
    t.is(closed, 1);
  });
}

test('what throws in mid-stream is thrown, and leaves no file behind', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-scoring-'));
  t.teardown(() => rm(root, { recursive: true }));
  const { service } = await scoringService({ ports: { sink: duckdbPredictionSink({ root }) } });
  const request = { ...sums, data: [{ a: 1, b: 1 }], output_location: 'out.ndjson' };
  const onProgress = () => {
    throw new Error('the bar is broken');
  };
  await t.throwsAsync(() => service.score(request, { onProgress })(), { message: 'the bar is broken' });
  t.deepEqual(await readdir(root), []);
});

test('a request counts as it is when the task is run, and is looked at each time', async (t) => {
  const { service } = await scoringService();
  const request: Record<string, unknown> = { ...sums, data: [{ a: 1, b: 1 }] };
  const task = service.score(request);
  rightOf(await task());
  request['model_name'] = '../../x';
  t.regex(leftOf(await task(), 'InvalidInput').message, /model_name/);
});

test('a type whose source is called as something of every object has no keys', async (t) => {
  const { service } = await scoringService({ settings: { sourceOfType: { games: 'constructor' } } });
  t.is(rightOf(await service.score({ ...sums, data: [{ a: 1, b: 1 }] })()).predictions?.length, 1);
});

test('skip: a source that fails in mid-stream leaves neither a file nor refused rows behind', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-scoring-'));
  t.teardown(() => rm(root, { recursive: true }));
  const first = rowBatch({ a: typed('string', '1', 'x'), b: typed('string', '0', '0') });
  const source = sourceOf([first, failure('DataUnreadable', 'Row 3 does not parse.')], { textual: true });
  const { service } = await scoringService({
    ...withGames,
    sources: { games: source },
    ports: { sink: duckdbPredictionSink({ root }) },
  });
  leftOf(await service.score({ ...sums, output_location: 'out.csv', on_error: 'skip' })(), 'DataUnreadable');
  t.deepEqual(await readdir(root), []);
});

test('an artifact that was changed after it was registered is unreadable, and nothing is cached', async (t) => {
  const store = memoryArtifactStore();
  const key = 'models/registered/games/sums/v1/pipeline.onnx';
  let changed = true;
  const tampering: ArtifactStore = {
    ...store,
    get: (wanted, call) =>
      pipe(
        store.get(wanted, call),
        TE.map(
          O.map((object) =>
            changed && wanted === key ? { ...object, bytes: memoryArtifact({ ...sumModel, intercepts: [2] }) } : object,
          ),
        ),
      ),
  };
  const { service, ports, loads } = await scoringService({ ports: { store: tampering } });
  const request = { ...sums, data: [{ a: 1, b: 0 }] };
  t.regex(leftOf(await service.score(request)(), 'ArtifactUnreadable').message, /was changed after it was registered/);
  t.like(ports.cache.usage(), { modelCount: 0, sizeBytes: 0 });
  t.is(loads(), 0);
  changed = false;
  t.deepEqual(rightOf(await service.score(request)()).predictions, [{ row: 0, prediction: 3 }]);
});

test('an artifact that is gone is unreadable', async (t) => {
  const { service, ports } = await scoringService();
  rightOf(await ports.store.delete('models/registered/games/sums/v1/pipeline.onnx', unhurried)());
  t.regex(
    leftOf(await service.score({ ...sums, data: [] })(), 'ArtifactUnreadable').message,
    /is not there, although it is registered/,
  );
});

test('a model that fails on its warm-up row is released and not cached', async (t) => {
  let released = 0;
  const memory = memoryInferenceEngine({ onRun: async () => Promise.reject(new Error('out of luck')) });
  const engine: InferenceEngine = {
    ...memory,
    load: (artifact, call) =>
      pipe(
        memory.load(artifact, call),
        TE.map((loaded) => ({ ...loaded, release: async () => void released++ })),
      ),
  };
  const { service, ports } = await scoringService({ ports: { engine } });
  t.regex(leftOf(await service.score({ ...sums, data: [] })(), 'InferenceFailed').message, /out of luck/);
  t.is(released, 1);
  t.is(ports.cache.usage().modelCount, 0);
});

test('twenty requests at once load and warm up the model once, and are one run', async (t) => {
  const { service, loads, runs, ports } = await scoringService();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, a) => service.score({ ...sums, data: [{ a, b: 0 }] })()),
  );
  t.deepEqual(
    answers.map((answer) => rightOf(answer).predictions?.[0]?.['prediction']),
    Array.from({ length: 20 }, (_, a) => 1 + 2 * a),
  );
  t.is(loads(), 1);
  t.deepEqual(runs, [20]);
  t.is(ports.cache.usage().modelCount, 1);
  rightOf(await service.score({ ...sums, data: [] })());
  t.is(loads(), 1);
});

test('two versions of the same bytes are one loaded model, each with its own features', async (t) => {
  const model: MemoryModel = { ...sumModel, inputs: [spec('x', 'float32', 2)], weights: { x: [[2], [3]] } };
  const { service, register, loads } = await scoringService({ model, modelInfo: { feature_names: ['a', 'b'] } });
  await register(model, { feature_names: ['b', 'a'] });
  const data = [{ a: 1, b: 0 }];
  t.deepEqual(rightOf(await service.score({ ...sums, model_version: 1, data })()).predictions, [
    { row: 0, prediction: 3 },
  ]);
  t.deepEqual(rightOf(await service.score({ ...sums, model_version: 2, data })()).predictions, [
    { row: 0, prediction: 4 },
  ]);
  t.is(loads(), 1);
});

test('the latest version scores unless a version or an alias is named', async (t) => {
  const { service, register } = await scoringService();
  await register({ ...sumModel, intercepts: [100] }, {}, 'champion');
  await register({ ...sumModel, intercepts: [1000] });
  const scored = async (t: ExecutionContext, more: object, version: number, prediction: number): Promise<void> => {
    const answer = rightOf(await service.score({ ...sums, ...more, data: [{ a: 0, b: 0 }] })());
    t.is(answer.model_details.version, version);
    t.deepEqual(answer.predictions, [{ row: 0, prediction }]);
  };
  await scored(t, {}, 3, 1000);
  await scored(t, { model_version: 1 }, 1, 1);
  await scored(t, { model_version: 3 }, 3, 1000);
  await scored(t, { model_alias: 'champion' }, 2, 100);
  await register({ ...sumModel, intercepts: [10_000] });
  await scored(t, {}, 4, 10_000);
  await scored(t, { model_version: 1 }, 1, 1);
  await scored(t, { model_alias: 'champion' }, 2, 100);
});

test('loading, reading and all of it are timed, on the clock of the host', async (t) => {
  const host = hostAt(0);
  const source = sourceOf([rowBatch({ a: typed('float64', 1), b: typed('float64', 0) })], {
    onRead: () => host.pass(100),
  });
  const { service } = await scoringService({
    ...withGames,
    sources: { games: source },
    ports: { host },
    onRun: () => host.pass(3),
  });
  const inline = rightOf(await service.score(sums)()).performance_diagnostics.timings_ms;
  t.deepEqual(inline, { resolve: 0, load: 0, read: 100, score: 3, write: 0, wait: 0, total: 103 });
  const file = rightOf(await service.score({ ...sums, output_location: 'a.csv' })()).performance_diagnostics.timings_ms;
  t.deepEqual(file, { resolve: 0, load: 0, read: 100, score: 3, write: 0, wait: 0, total: 103 });
});

test('turns that are left to others are timed by themselves', async (t) => {
  const host = hostAt(0);
  const batch = rowBatch({ a: typed('float64', 1), b: typed('float64', 0) });
  const { service } = await scoringService({
    ...withGames,
    sources: { games: sourceOf([batch, batch, batch]) },
    ports: { host: { ...host, turn: async () => host.pass(7) } },
    onRun: () => host.pass(3),
  });
  const timings = rightOf(await service.score(sums)()).performance_diagnostics.timings_ms;
  t.like(timings, { read: 0, score: 9, write: 0, wait: 35, load: 7, total: 51 });
});

test('a request that is cancelled while it is scored publishes nothing', async (t) => {
  const cancellation = cancellable();
  const batch = rowBatch({ a: typed('float64', 1), b: typed('float64', 0) });
  let closed = 0;
  const source = sourceOf([batch, batch, batch], { onClose: () => closed++ });
  const { service, ports, runs } = await scoringService({
    sources: { games: source },
    onRun: () => cancellation.abort(),
  });
  leftOf(
    await service.score({ ...sums, data_source: 'games', output_location: 'a.csv' }, { cancellation })(),
    'Cancelled',
  );
  t.deepEqual(runs, [1]);
  t.is(ports.sink.outputs.size, 0);
  t.is(closed, 1);
});

test('a source that cannot be opened fails as it says', async (t) => {
  const source: DataSource = { keys: [], open: () => TE.left(failure('Unavailable', 'The warehouse is closed.')) };
  const { service } = await scoringService({ ...withGames, sources: { games: source } });
  t.is(leftOf(await service.score(sums)(), 'Unavailable').message, 'The warehouse is closed.');
});

test('a range of years goes to the source, an absent side stays open', async (t) => {
  const ranges: unknown[] = [];
  const source: DataSource = { keys: [], open: (range, call) => (ranges.push(range), games.open(range, call)) };
  const { service } = await scoringService({ ...withGames, sources: { games: source } });
  for (const range of [{}, { start_year: 2020 }, { end_year: 2025 }, { start_year: -50, end_year: 0 }]) {
    const answer = rightOf(await service.score({ ...sums, ...range })());
    t.like(answer.scoring_parameters, { start_year: null, end_year: null, ...range });
  }
  t.deepEqual(ranges, [{}, { startYear: 2020 }, { endYear: 2025 }, { startYear: -50, endYear: 0 }]);
});

test('the same rows score the same as JSON, CSV, Parquet and NDJSON', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-scoring-'));
  t.teardown(() => rm(root, { recursive: true }));
  const rows = [
    { id: 1, a: 0.5, b: 3, n: -7, flag: true, s: 'go' },
    { id: 2, a: null, b: -2.25, n: 0, flag: false, s: 'chess' },
    { id: 3, a: 1024, b: 0, n: 12, flag: true, s: null },
    { id: 4, a: 2, b: 2, n: 2, flag: false, s: '007' },
  ];
  const names = ['id', 'a', 'b', 'n', 'flag', 's'] as const;
  const csv = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]
    .map((fields) => `${fields.join(',')}\n`)
    .join('');
  await writeFile(join(root, 'rows.csv'), csv);
  await writeFile(join(root, 'rows.ndjson'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const table = rowBatch({
    id: typed('int32', ...rows.map(({ id }) => id)),
    a: typed('float64', ...rows.map(({ a }) => a)),
    b: typed('float64', ...rows.map(({ b }) => b)),
    n: typed('int64', ...rows.map(({ n }) => n)),
    flag: typed('bool', ...rows.map(({ flag }) => flag)),
    s: typed('string', ...rows.map(({ s }) => s)),
  });
  const schema = { columns: [...table.columns].map(([name, { type }]) => ({ name, type })), constants: [] };
  const writer = rightOf(await duckdbPredictionSink({ root }).open('rows.parquet', schema, unhurried)());
  rightOf(await writer.write(table)());
  rightOf(await writer.commit());
  const sourceFor = (file: string) => duckdbDataSource({ files: { rows: file }, keys: ['id'], baseDir: root });
  const sources = { csv: sourceFor('rows.csv'), parquet: sourceFor('rows.parquet'), ndjson: sourceFor('rows.ndjson') };
  const modelInfo = { feature_names: ['a', 'b'], fills: { s: 'chess' } };
  const { service } = await scoringService({ model: mixedModel, modelInfo, sources });
  const inline = rightOf(await service.score({ ...sums, data: rows })()).predictions?.map(
    ({ prediction }) => prediction,
  );
  t.deepEqual(inline, [0.5 + 1 + 9 - 35 + 7 + 0.25, null, 0.5 + 2048 + 60 + 7 + 100, 0.5 + 4 + 6 + 10]);
  for (const data_source of Object.keys(sources)) {
    const answer = rightOf(await service.score({ ...sums, data_source })());
    t.deepEqual(
      answer.predictions?.map(({ prediction }) => prediction),
      inline,
      data_source,
    );
    t.deepEqual(
      answer.predictions?.map(({ id }) => `${id}`),
      ['1', '2', '3', '4'],
    );
  }
});

/** A service over ONNX Runtime in which a fixture is the model. */
const onnxService = async (fixture: string, modelInfo: object) => {
  const artifact = await onnxFixture(fixture);
  const onnx = onnxruntimeInferenceEngine();
  // The helper's artifact is that of a memory model; what is inspected and loaded is the fixture.
  const engine: typeof onnx = {
    inspect: (_, hint, call) => onnx.inspect(artifact, hint, call),
    load: (_, call) => onnx.load(artifact, call),
  };
  return scoringService({ modelInfo: { ...modelInfo }, ports: { engine } });
};

test('a classifier answers with its label as a number and the probability of its second class', async (t) => {
  const { service } = await onnxService('classifier', { feature_names: ['left', 'right'] });
  const answer = rightOf(
    await service.score({
      ...sums,
      data: [
        { left: 1, right: 1 },
        { left: -1, right: 0 },
      ],
    })(),
  );
  t.deepEqual(
    answer.predictions?.map((row) => Object.keys(row)),
    [
      ['row', 'prediction', 'probability'],
      ['row', 'prediction', 'probability'],
    ],
  );
  t.deepEqual(
    answer.predictions?.map(({ prediction }) => prediction),
    [1, 0],
  );
  const [first] = answer.predictions ?? [];
  t.true(Math.abs(Number(first?.['probability']) - 1 / (1 + Math.exp(-2))) < 1e-6);
  t.is(answer.performance_diagnostics.prediction_distribution['prediction']?.mean, 0.5);
});

test('a classifier of three answers with a name and a probability for each of its classes', async (t) => {
  const { service } = await onnxService('classifier-three', {
    feature_names: ['left', 'right'],
    classes: ['low', 'mid', 'high'],
  });
  const answer = rightOf(await service.score({ ...sums, data: [{ left: 5, right: 0 }] })());
  t.deepEqual(Object.keys(answer.predictions?.[0] ?? {}), [
    'row',
    'prediction',
    'probability_low',
    'probability_mid',
    'probability_high',
  ]);
  t.is(answer.predictions?.[0]?.['prediction'], 'mid');
  t.deepEqual(Object.keys(answer.performance_diagnostics.prediction_distribution), [
    'probability_low',
    'probability_mid',
    'probability_high',
  ]);
});

test('a single input of [N] may have a feature of another name', async (t) => {
  const { service } = await onnxService('rank-one', { feature_names: ['weight'] });
  t.deepEqual(rightOf(await service.score({ ...sums, data: { weight: [1, 41] } })()).predictions, [
    { row: 0, prediction: 2 },
    { row: 1, prediction: 42 },
  ]);
});

test('several outputs keep their names, numbered where they are wide', async (t) => {
  const { service } = await onnxService('wide', { feature_names: ['left', 'right'] });
  t.deepEqual(rightOf(await service.score({ ...sums, data: [{ left: 1, right: 10 }] })()).predictions, [
    { row: 0, wide_0: 41, wide_1: 52, wide_2: 63, total: 11, best: 1 },
  ]);
});

test('infinities and NaN of the runtime are null, and counted', async (t) => {
  const { service } = await onnxService('not-finite', {});
  const { predictions, performance_diagnostics } = rightOf(await service.score({ ...sums, data: { x: [-1, 0, 1] } })());
  t.deepEqual(predictions, [
    { row: 0, log: null, reciprocal: -1 },
    { row: 1, log: null, reciprocal: null },
    { row: 2, log: 0, reciprocal: 1 },
  ]);
  t.is(performance_diagnostics.prediction_distribution['log']?.nulls, 2);
  t.is(performance_diagnostics.prediction_distribution['reciprocal']?.nulls, 1);
});

test('a sink that cannot publish fails the request', async (t) => {
  const memory = memoryPredictionSink();
  let aborted = 0;
  const sink: PredictionSink = {
    ...memory,
    open: (location, schema, call) =>
      pipe(
        memory.open(location, schema, call),
        TE.map((writer) => ({
          ...writer,
          commit: failTask('Unavailable', 'The disk is full.'),
          abort: async () => void aborted++,
        })),
      ),
  };
  const { service } = await scoringService({ ...withGames, ports: { sink } });
  t.is(
    leftOf(await service.score({ ...sums, output_location: 'a.csv' })(), 'Unavailable').message,
    'The disk is full.',
  );
  t.is(aborted, 1);
});

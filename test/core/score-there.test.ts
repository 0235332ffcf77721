/** What must hold before rows are scored where they are, what their source is told, and what is answered. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryInferenceEngine } from '../../adapters/memory/inference-engine.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import {
  type DataSource,
  type Failure,
  failTask,
  type FailureTag,
  failure,
  type OnnxFormat,
  type PredictingThere,
  type PredictionSink,
  type RowBatch,
  type ScoredThere,
  type ScoreRequest,
  type ScoringThere,
} from '../../core/index.js';
import { leftOf, rightOf, rowBatch, scoringService, sourceOf, sums, typed } from '../support/scoring.js';

const rows = rowBatch({
  a: typed('float64', 1),
  b: typed('float64', 0),
  id: typed('int64', 10n),
  job_id: typed('int64', 10n),
});

const scored: ScoredThere = {
  rowCount: 5,
  summaries: { prediction: { count: 4, mean: 2, std: 1, min: 0, max: 4, quantiles: [0, 1, 2, 3, 4] } },
  warnings: [],
  loadMs: 7,
  scoreMs: 8,
};

interface Options {
  readonly location?: string;
  readonly format?: OnnxFormat;
  readonly keys?: ReadonlyArray<string>;
  readonly sink?: PredictionSink;
  /** What is predicted for a file. */
  readonly predicted?: ReadonlyArray<RowBatch | Failure>;
  /** Whether the source can. */
  readonly there?: 'scores' | 'cannot' | 'fails';
}

/** A service whose one source scores there, and what that was told. */
const prepared = async (options: Options = {}) => {
  const { location = 'gs://bgg-models/prod', format = { ir_version: 8, opsets: { 'ai.onnx': 17 } } } = options;
  const told: PredictingThere[] = [];
  let closes = 0;
  const source = sourceOf([rows], { keys: options.keys ?? ['id'], onClose: () => void closes++ });
  const score = (scoring: ScoringThere) => {
    told.push(scoring);
    return options.there === 'fails' ? failTask('Unavailable', 'BigQuery is not available.') : TE.right(scored);
  };
  const predict = (predicting: PredictingThere) => {
    told.push(predicting);
    return TE.right(
      (async function* () {
        for (const batch of options.predicted ?? []) yield 'tag' in batch ? E.left(batch) : E.right(batch);
      })(),
    );
  };
  const games: DataSource = {
    ...source,
    open: (...asked) =>
      pipe(
        source.open(...asked),
        TE.map((opened) => (options.there === 'cannot' ? opened : { ...opened, there: { score, predict } })),
      ),
  };
  const engine = memoryInferenceEngine();
  const resolve: PredictionSink['resolve'] = (table) => TE.right(`bigquery://project.dataset.${table}`);
  const { service } = await scoringService({
    sources: { games },
    settings: { sourceOfType: { games: 'games' } },
    ports: {
      store: { ...memoryArtifactStore(), location },
      sink: options.sink ?? { ...memoryPredictionSink(), resolve },
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
  return { service, told, closes: () => closes };
};

const request = { ...sums, output_location: 'predictions' };

test('the source is told the model, where it is, the keys and the table; the answer is as of any scoring', async (t) => {
  const { service, told, closes } = await prepared();
  const answer = rightOf(await service.scoreThere(request)());
  const [scoring] = told;
  t.regex(scoring?.modelName ?? '', /^games_sums_v1_[0-9a-f]{12}$/);
  t.like(scoring, {
    artifact: 'gs://bgg-models/prod/models/registered/games/sums/v1/pipeline.onnx',
    keys: ['id'],
    output: 'bigquery://project.dataset.predictions',
  } satisfies Partial<ScoringThere>);
  t.like(scoring?.provenance, { modelType: 'games', modelName: 'sums', modelVersion: 1, jobId: answer.job_id });
  t.deepEqual(
    scoring?.features.map(({ name }) => name),
    ['a', 'b'],
  );
  t.like(answer, {
    model_details: { model_type: 'games', name: 'sums', version: 1 },
    scoring_parameters: { data_source: 'query', start_year: null },
    output_location: 'bigquery://project.dataset.predictions',
    predictions: null,
  });
  t.like(answer.performance_diagnostics, { rows_read: 5, total_scored: 5, rows_refused: 0, warnings: [] });
  t.like(answer.performance_diagnostics.timings_ms, { load: 7, score: 8, write: 0 });
  t.like(answer.performance_diagnostics.prediction_distribution['prediction'], {
    count: 4,
    nulls: 1,
    mean: 2,
    median: 2,
    approximate: true,
  });
  t.is(closes(), 1);
});

const half = (...predictions: ReadonlyArray<number>): RowBatch =>
  rowBatch({
    id: typed('int64', ...predictions.map((_, row) => BigInt(row))),
    prediction: typed('float64', ...predictions),
  });

test('what is predicted for a file is written as by any scoring, and told exactly', async (t) => {
  const sink = memoryPredictionSink();
  const { service, told, closes } = await prepared({ sink, predicted: [half(1, 2), half(6)] });
  const answer = rightOf(await service.scoreThere({ ...sums, output_location: 'predictions.parquet' })());
  t.is(told[0]?.provenance.jobId, answer.job_id);
  t.like(answer, { output_location: 'memory/predictions.parquet', predictions: null });
  t.like(answer.performance_diagnostics, { rows_read: 3, total_scored: 3, rows_refused: 0, warnings: [] });
  t.like(answer.performance_diagnostics.prediction_distribution['prediction'], {
    count: 3,
    mean: 3,
    median: 2,
    max: 6,
    approximate: false,
  });
  const output = sink.outputs.get('predictions.parquet');
  t.deepEqual(output?.schema.columns, [
    { name: 'id', type: 'int64' },
    { name: 'prediction', type: 'float64' },
  ]);
  t.deepEqual(output?.schema.constants.map(({ value }) => value).slice(0, 4), ['games', 'sums', 1, answer.job_id]);
  t.deepEqual(
    output?.batches.flatMap(({ columns }) => [...(columns.get('prediction')?.values ?? [])]),
    [1, 2, 6],
  );
  t.is(closes(), 1);
});

test('predictions that end with a failure leave the file as it was', async (t) => {
  const sink = memoryPredictionSink();
  const asked = { ...sums, output_location: 'predictions.parquet' };
  rightOf(await (await prepared({ sink, predicted: [half(1)] })).service.scoreThere(asked)());
  const before = sink.outputs.get('predictions.parquet');
  const broken = await prepared({ sink, predicted: [half(2), failure('Unavailable', 'BigQuery is not available.')] });
  leftOf(await broken.service.scoreThere(asked)(), 'Unavailable');
  t.is(sink.outputs.get('predictions.parquet'), before);
  t.is(broken.closes(), 1);
});

const refusals: ReadonlyArray<
  readonly [what: string, request: Partial<ScoreRequest> & typeof sums, options: Options, tag: FailureTag, says: RegExp]
> = [
  ['no output', sums, {}, 'InvalidInput', /goes to an output: name a table there, .* or a file\.$/],
  [
    'a file of no known format',
    { ...request, output_location: 'predictions.xlsx' },
    { sink: memoryPredictionSink() },
    'InvalidInput',
    /predictions\.xlsx/,
  ],
  ['rows to be left out', { ...request, on_error: 'skip' }, {}, 'InvalidInput', /scores all rows or none/],
  ['a registry in a folder', request, { location: '/var/registry' }, 'InvalidInput', /scorekeeper copy/],
  [
    'a model that does not qualify',
    request,
    { format: { ir_version: 10, opsets: { 'ai.onnx': 21 } } },
    'InvalidInput',
    /^BigQuery ML cannot score with games\/sums@1\. The artifact has the ONNX IR version 10, .* opset 21 of ai\.onnx/,
  ],
  ['another kind of source', request, { there: 'cannot' }, 'InvalidInput', /is no query in BigQuery/],
  ['no keys', request, { keys: [] }, 'InvalidInput', /name columns of the source as its keys/],
  ['a key of our own', request, { keys: ['job_id'] }, 'InvalidInput', /key "job_id" has the name of a column/],
  ['a key that is not there', request, { keys: ['ide'] }, 'InvalidInput', /did you mean "id"/],
  ['a source that is not there', { ...request, data_source: 'game' }, {}, 'NotFound', /Did you mean games\?/],
  ['what the source says', request, { there: 'fails' }, 'Unavailable', /BigQuery is not available/],
];
for (const [what, asked, options, tag, says] of refusals) {
  test(`refused: ${what}`, async (t) => {
    const { service, told } = await prepared(options);
    t.regex(leftOf(await service.scoreThere(asked)(), tag).message, says);
    if (options.there !== 'fails') t.deepEqual(told, []);
  });
}

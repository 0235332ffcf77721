/** What must hold before rows are scored where they are, what their source is told, and what is answered. */
import test from 'ava';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryInferenceEngine } from '../../adapters/memory/inference-engine.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import {
  type DataSource,
  failTask,
  type FailureTag,
  type OnnxFormat,
  type PredictionSink,
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
  loadMs: 7,
  scoreMs: 8,
};

interface Options {
  readonly location?: string;
  readonly format?: OnnxFormat;
  readonly keys?: ReadonlyArray<string>;
  readonly resolve?: PredictionSink['resolve'];
  /** Whether the source can. */
  readonly there?: 'scores' | 'cannot' | 'fails';
}

/** A service whose one source scores there, and what that was told. */
const prepared = async (options: Options = {}) => {
  const { location = 'gs://bgg-models/prod', format = { ir_version: 8, opsets: { 'ai.onnx': 17 } } } = options;
  const told: ScoringThere[] = [];
  let closes = 0;
  const source = sourceOf([rows], { keys: options.keys ?? ['id'], onClose: () => void closes++ });
  const scoreThere = (scoring: ScoringThere) => {
    told.push(scoring);
    return options.there === 'fails' ? failTask('Unavailable', 'BigQuery is not available.') : TE.right(scored);
  };
  const games: DataSource = {
    ...source,
    open: (...asked) =>
      pipe(
        source.open(...asked),
        TE.map((opened) => (options.there === 'cannot' ? opened : { ...opened, scoreThere })),
      ),
  };
  const engine = memoryInferenceEngine();
  const resolve: PredictionSink['resolve'] = (table) => TE.right(`bigquery://project.dataset.${table}`);
  const { service } = await scoringService({
    sources: { games },
    settings: { sourceOfType: { games: 'games' } },
    ports: {
      store: { ...memoryArtifactStore(), location },
      sink: { ...memoryPredictionSink(), resolve: options.resolve ?? resolve },
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
  });
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

const refusals: ReadonlyArray<
  readonly [what: string, request: Partial<ScoreRequest> & typeof sums, options: Options, tag: FailureTag, says: RegExp]
> = [
  ['no output', sums, {}, 'InvalidInput', /becomes a table there: name one/],
  [
    'a file',
    request,
    { resolve: () => TE.right('/tmp/predictions.parquet') },
    'InvalidInput',
    /becomes a table there, .* and not \/tmp\/predictions\.parquet\.$/,
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

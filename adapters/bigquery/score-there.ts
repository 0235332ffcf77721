/** Scores a source's rows in BigQuery ML: imports the model, writes what it predicts into a table, and summarises that. */
import {
  type CallOptions,
  type DistributionSummary,
  failure,
  type ScoredThere,
  type ScoringThere,
} from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { fieldsOf, orRaise, raised, textOf, toFailure } from '../google-cloud/errors.js';
import { readerOf, type SourceColumn, toBatch } from './columns.js';
import { bigquery } from './errors.js';
import { runJob } from './jobs.js';
import { createModel, everyOutput, type Prediction, predictions, refusalIn } from './predict-sql.js';
import { ceilingOf, configurationOf, dryRun, type QueryPlace, readPage, startQuery } from './query-job.js';
import type { Statement } from './sql.js';
import { isSummarised, readSummary, summaryOf } from './summary-sql.js';
import { addressOf, destinationOf, type Target, targetAt } from './table-address.js';
import type { Topic } from './warehouse.js';

/** An opened source, and where its models are kept. */
export interface ScoringPlace {
  readonly place: QueryPlace;
  readonly statement: Statement;
  readonly columns: ReadonlyArray<SourceColumn>;
  /** `project.dataset`; by default that of the output. */
  readonly modelDataset: string | undefined;
}

/** The SQL is ours, so no place in it says anything. */
const about = (what: string, named: string, invalidQuery: Topic['invalidQuery']): Topic => ({
  what,
  named,
  invalidQuery,
  linesBefore: Number.POSITIVE_INFINITY,
});
const importing = about('the import of the model', 'the import of the model', 'InvalidInput');
const preparing = about('the dry run of a scoring', 'the scoring by the imported model', 'InvalidInput');
const scoringTopic = about('the scoring', 'the scoring by the imported model', 'DataUnreadable');

export const scoreThere = async (
  { place, statement, columns, modelDataset }: ScoringPlace,
  scoring: ScoringThere,
  call: CallOptions,
): Promise<ScoredThere> => {
  const { jobId } = scoring.provenance;
  const target = targetAt(scoring.output);
  const dataset = modelDataset ?? `${target.project}.${target.dataset}`;
  const model = `${dataset}.${scoring.modelName}`;
  const startedMs = nowMs();

  const imported = { sql: createModel(model, scoring.artifact), parameters: {} };
  await runJob(place, importing, jobId, configurationOf(place, imported, {}), call);
  const arrayInputs = await arrayInputsOf(place, dataset, scoring.modelName, call);
  const prediction: Prediction = { ...scoring, statement, columns, model, arrayInputs };
  const outputs = (await dryRun(place, everyOutput(prediction), call, preparing)).columns;
  const loadedMs = nowMs();

  const into = { ...destinationOf(target), ...ceilingOf(place) };
  const configuration = configurationOf(place, predictions(prediction, outputs), into);
  await runScoring(place, scoringTopic, jobId, configuration, call);
  const summary = await summarise(place, target, scoring, call);
  return { ...summary, loadMs: loadedMs - startedMs, scoreMs: nowMs() - loadedMs };
};

/** Runs the job; that rows do not fit the model is told as such. */
const runScoring = async (...asked: Parameters<typeof runJob>): Promise<void> => {
  try {
    await runJob(...asked);
  } catch (error) {
    const refused = refusalIn(error instanceof Error ? error.message : '');
    throw refused === undefined
      ? error
      : raised(
          failure(
            'SignatureMismatch',
            `The data does not fit the model: ${refused}. Nothing was written. Correct the source's SQL, or give the feature a fill.`,
          ),
        );
  }
};

/** The inputs that BigQuery wants as arrays; where it does not tell, single values are tried. */
const arrayInputsOf = async (
  { ask }: QueryPlace,
  modelDataset: string,
  model: string,
  call: CallOptions,
): Promise<ReadonlySet<string>> => {
  const [project = '', dataset = ''] = modelDataset.split('.');
  const path = `/datasets/${dataset}/models/${model}`;
  const { featureColumns } = orRaise(await ask(importing, call, { method: 'GET', path, project }));
  const inputs = (Array.isArray(featureColumns) ? featureColumns : []).map(fieldsOf);
  return new Set(inputs.filter(({ type }) => fieldsOf(type)['typeKind'] === 'ARRAY').map(({ name }) => textOf(name)));
};

/** By one query over what was written. */
const summarise = async (
  place: QueryPlace,
  target: Target,
  { predictionColumns, provenance: { jobId } }: ScoringThere,
  call: CallOptions,
): Promise<Pick<ScoredThere, 'rowCount' | 'summaries'>> => {
  try {
    const summarised = predictionColumns.filter(isSummarised);
    const table = `${target.project}.${target.dataset}.${target.table}`;
    const job = await startQuery(place, summaryOf(table, jobId, summarised), jobId, call, () => undefined);
    const { rows, columns } = orRaise(await readPage(place, job, undefined, 1, call));
    const found = (
      await toBatch(
        columns.flatMap((column) => readerOf(column, 'key') ?? []),
        rows,
      )
    ).columns;
    const summaries = summarised.map(({ name }, at): readonly [string, DistributionSummary] => [
      name,
      readSummary(textOf(found.get(`s${at}`)?.values[0])),
    ]);
    return { rowCount: Number(found.get('row_count')?.values[0] ?? 0), summaries: Object.fromEntries(summaries) };
  } catch (error) {
    const failed = toFailure(bigquery)('the summary of the predictions', `project ${place.project}`)(error);
    const message = `${failed.message} The predictions are in ${addressOf(target)} all the same, with the job_id ${jobId}.`;
    throw raised({ ...failed, message });
  }
};

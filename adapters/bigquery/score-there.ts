/** Scores a source's rows in BigQuery ML into a table, and summarises what was written. */
import type { CallOptions, DistributionSummary, ScoredThere, ScoringThere } from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { fieldsOf, orRaise, raised, textOf, toFailure } from '../google-cloud/errors.js';
import type { Json } from './client.js';
import { readerOf, toBatch } from './columns.js';
import { bigquery } from './errors.js';
import { importModel, misfitIn, topicOf } from './imported-model.js';
import { runJob } from './jobs.js';
import type { Opened } from './pages.js';
import { tableRows } from './predict-sql.js';
import { ceilingOf, configurationOf, type QueryPlace, readPage, startQuery } from './query-job.js';
import { isSummarised, readSummary, summaryOf } from './summary-sql.js';
import { addressOf, destinationOf, inDoubt, type Target, targetAt } from './table-address.js';

const scoringTopic = topicOf('the scoring', 'the scoring by the imported model', 'DataUnreadable');

export const scoreThere = async (opened: Opened, scoring: ScoringThere): Promise<ScoredThere> => {
  const { place, call, modelDataset } = opened;
  const target = targetAt(scoring.output);
  const startedMs = nowMs();
  const dataset = modelDataset ?? `${target.project}.${target.dataset}`;
  const { prediction, outputs } = await importModel(opened, scoring, dataset);
  const loadedMs = nowMs();

  const into = { ...destinationOf(target), ...ceilingOf(place) };
  const configuration = configurationOf(place, tableRows(prediction, outputs), into);
  const job = await runScoring(target, place, scoringTopic, scoring.provenance.jobId, configuration, call);
  const summary = await summarise(place, target, scoring, rowsWrittenBy(job), call);
  return { ...summary, loadMs: loadedMs - startedMs, scoreMs: nowMs() - loadedMs };
};

/** Runs the job; that rows do not fit the model is told as such. */
const runScoring = async (target: Target, ...asked: Parameters<typeof runJob>): Promise<Json> => {
  const [place, , jobId] = asked;
  try {
    return await runJob(...asked);
  } catch (error) {
    const misfit = misfitIn(error instanceof Error ? error.message : '');
    if (misfit !== undefined) throw raised(misfit);
    throw raised(inDoubt(toFailure(bigquery)('the scoring', `project ${place.project}`)(error), target, jobId));
  }
};

/** By the last stage of its plan; undefined where BigQuery does not tell. */
const rowsWrittenBy = ({ statistics }: Json): number | undefined => {
  const { queryPlan } = fieldsOf(fieldsOf(statistics)['query']);
  const { recordsWritten } = fieldsOf(Array.isArray(queryPlan) ? queryPlan.at(-1) : undefined);
  return recordsWritten === undefined ? undefined : Number(recordsWritten);
};

/** By one query over what was written, all of the table's rows. That it fails takes nothing back, so it is a warning. */
const summarise = async (
  place: QueryPlace,
  target: Target,
  { predictionColumns, provenance: { jobId } }: ScoringThere,
  rowsWritten: number | undefined,
  call: CallOptions,
): Promise<Pick<ScoredThere, 'rowCount' | 'summaries' | 'warnings'>> => {
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
    const rowCount = Number(found.get('row_count')?.values[0] ?? 0);
    return { rowCount, summaries: Object.fromEntries(summaries), warnings: [] };
  } catch (error) {
    const failed = toFailure(bigquery)('the summary of the predictions', `project ${place.project}`)(error);
    if (rowsWritten !== undefined && failed.tag !== 'Cancelled') {
      const warning = `The rows are written; the distribution was not computed, because the query for it failed. ${failed.message}`;
      return { rowCount: rowsWritten, summaries: {}, warnings: [warning] };
    }
    const message = `${failed.message} The predictions are in ${addressOf(target)} all the same, with the job_id ${jobId}.`;
    throw raised({ ...failed, message });
  }
};

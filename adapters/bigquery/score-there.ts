/** Scores a source's rows in BigQuery ML into a table, and summarises what was written. */
import type { CallOptions, DistributionSummary, ScoredThere, ScoringThere } from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { orRaise, raised, textOf, toFailure } from '../google-cloud/errors.js';
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
  await runScoring(target, place, scoringTopic, scoring.provenance.jobId, configuration, call);
  const summary = await summarise(place, target, scoring, call);
  return { ...summary, loadMs: loadedMs - startedMs, scoreMs: nowMs() - loadedMs };
};

/** Runs the job; that rows do not fit the model is told as such. */
const runScoring = async (target: Target, ...asked: Parameters<typeof runJob>): Promise<void> => {
  const [place, , jobId] = asked;
  try {
    await runJob(...asked);
  } catch (error) {
    const misfit = misfitIn(error instanceof Error ? error.message : '');
    if (misfit !== undefined) throw raised(misfit);
    throw raised(inDoubt(toFailure(bigquery)('the scoring', `project ${place.project}`)(error), target, jobId));
  }
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

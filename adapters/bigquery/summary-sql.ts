/** The SQL that summarises what a scoring wrote into a table, and what comes of it. */
import type { DistributionSummary, PredictionColumn } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';
import { quoteName, type Statement } from './sql.js';

/** So many steps of rank. */
const steps = 1000;

export const isSummarised = ({ type }: PredictionColumn): boolean => type !== 'string' && type !== 'bool';

/** One row: how many rows the scoring wrote, and for each of the columns a summary, as JSON. */
export const summaryOf = (table: string, jobId: string, columns: ReadonlyArray<PredictionColumn>): Statement => {
  const values = columns.map(
    ({ name }, at) =>
      `IF(IS_NAN(${quoteName(name)}) OR IS_INF(${quoteName(name)}), NULL, CAST(${quoteName(name)} AS FLOAT64)) AS v${at}`,
  );
  const summaries = columns.map(
    (_, at) =>
      `TO_JSON_STRING(STRUCT(COUNT(v${at}) AS count, AVG(v${at}) AS mean, STDDEV_POP(v${at}) AS std, MIN(v${at}) AS min, MAX(v${at}) AS max, APPROX_QUANTILES(v${at}, ${steps}) AS quantiles)) AS s${at}`,
  );
  return {
    parameters: {},
    sql: `SELECT ${['COUNT(*) AS row_count', ...summaries].join(', ')}\nFROM (\nSELECT ${['TRUE', ...values].join(', ')}\nFROM ${quoteName(table)}\nWHERE \`job_id\` = ${JSON.stringify(jobId)})`,
  };
};

/** Of a column's JSON. Raises `Unavailable` for what is none. */
export const readSummary = (json: string | undefined): DistributionSummary => {
  try {
    const { count, mean, std, min, max, quantiles } = JSON.parse(json ?? '');
    if (typeof count === 'number') {
      return { count, mean, std, min, max, quantiles: Array.isArray(quantiles) && count > 0 ? quantiles : null };
    }
  } catch {
    // Told below.
  }
  return raise('Unavailable', `BigQuery's summary of the predictions cannot be read (${`${json}`.slice(0, 80)}).`);
};

/** The job that exports the result of a query to Parquet files in a bucket. Exporting is free of charge. */
import type { CallOptions } from '../../core/index.js';
import { fieldsOf, orRaise, raise } from '../google-cloud/errors.js';
import { type JobReference, readJob, runJob } from './jobs.js';
import type { QueryPlace } from './query-job.js';
import type { Topic } from './warehouse.js';

const exporting: Topic = {
  what: "the export of the source's rows",
  named: 'the output location',
  invalidQuery: 'InvalidInput',
  linesBefore: 0,
  apart:
    'BigQuery exports to buckets that are where the data is, and the bucket of the output is elsewhere: name an output in one that is there, or one on this machine',
};

/**
 * The addresses of the files, all of which begin with `prefix`. Fails as the job does, which is cancelled when nobody waits for it any more.
 * https://cloud.google.com/bigquery/docs/exporting-data
 */
export const exportResult = async (
  place: QueryPlace,
  query: JobReference,
  prefix: string,
  key: string,
  call: CallOptions,
): Promise<ReadonlyArray<string>> => {
  const { configuration: asked } = orRaise(await readJob(place, query, exporting, call));
  const { labels } = place;
  const configuration = {
    ...(labels === undefined ? {} : { labels }),
    extract: {
      // Of a query that names none, it is a table that BigQuery made, and keeps for a day.
      sourceTable: fieldsOf(fieldsOf(asked)['query'])['destinationTable'],
      destinationUris: [`${prefix}*.parquet`],
      destinationFormat: 'PARQUET',
      compression: 'SNAPPY',
    },
  };
  const { statistics } = await runJob({ ...place, ...locationIn(query) }, exporting, key, configuration, call);
  const { destinationUriFileCounts: counts } = fieldsOf(fieldsOf(statistics)['extract']);
  const fileCount = Array.isArray(counts) && counts.length === 1 ? Number(counts[0]) : Number.NaN;
  if (!Number.isInteger(fileCount)) {
    return raise('Unavailable', 'BigQuery does not tell how many files it exported the rows to: try again.');
  }
  return Array.from({ length: fileCount }, (_, i) => `${prefix}${`${i}`.padStart(12, '0')}.parquet`);
};

const locationIn = ({ location }: JobReference) => (location === undefined ? {} : { location });

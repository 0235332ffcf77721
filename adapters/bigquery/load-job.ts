/** The job that loads a Parquet file into a table: all of its rows at once, or none. */
import type { CallOptions } from '../../core/index.js';
import { fieldsOf, orRaise, raise } from '../google-cloud/errors.js';
import { awaitJob, cancelJob, ensureJob, jobIdOf, type JobPlace, type JobReference } from './jobs.js';
import { destinationOf, type Target } from './table-address.js';
import type { Topic } from './warehouse.js';

const loading = (what: string): Topic => ({
  what,
  named: 'the output location',
  invalidQuery: 'InvalidInput',
  linesBefore: 0,
});

/** Where the dataset is. Fails `NotFound`, `PermissionDenied`. */
export const locateDataset = async (place: JobPlace, { dataset }: Target, call: CallOptions): Promise<string> => {
  const path = `/datasets/${dataset}`;
  const found = orRaise(await place.ask(loading('the dataset of the output'), call, { method: 'GET', path }));
  const { location } = found;
  return typeof location === 'string' ? location : raise('Unavailable', `BigQuery does not tell where ${dataset} is.`);
};

const configurationOf = (target: Target) => ({
  load: {
    sourceFormat: 'PARQUET',
    // Columns with one value are enumerations, which would else be bytes.
    parquetOptions: { enumAsString: true },
    ...destinationOf(target),
  },
});

/**
 * Loads the file, unless the scoring `key` has loaded into this target already, and answers how many rows were. Fails as the job does; then
 * the table is as it was.
 */
export const loadFile = async (
  place: JobPlace,
  target: Target,
  file: string,
  key: string,
  call: CallOptions,
  onBegin: (job: JobReference) => void,
): Promise<number> => {
  const topic = loading('the loading of predictions');
  const configuration = configurationOf(target);
  const job = await ensureJob(
    place,
    { topic, stem: jobIdOf([key, configuration]), configuration, file, onBegin },
    call,
  );
  const { statistics } = await awaitJob(place, job, topic, call);
  return Number(fieldsOf(fieldsOf(statistics)['load'])['outputRows'] ?? 0);
};

export const cancelLoad = (place: JobPlace, job: JobReference): Promise<void> =>
  cancelJob(place, job, loading('the end of a load'));

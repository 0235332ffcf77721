/** Tables as outputs: `bigquery://project.dataset` is the root, and a location in it is a table, or one partition of a table. */
import { brief, type Failure } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';

export interface DatasetAddress {
  readonly project: string;
  readonly dataset: string;
}

/** A table, or one of its partitions, by its id: `20240101`. */
export interface Target extends DatasetAddress {
  readonly table: string;
  readonly partition: string | undefined;
}

/** Refused rows go to a table beside. */
const rejects = '.rejects.ndjson';

/** The table, or partition, of a location. Raises `InvalidInput`. */
export const targetOf = (address: DatasetAddress, location: string): Target => {
  const isRejects = location.endsWith(rejects);
  const [, table, partition] =
    /^([\p{L}\p{N}_-]{1,1000})(?:\$(\d{1,19}))?$/u.exec(isRejects ? location.slice(0, -rejects.length) : location) ??
    [];
  if (table === undefined) {
    return raise(
      'InvalidInput',
      `The output location "${brief(location)}" is no table: letters, digits, _ and -, and for one partition its id behind a $, such as predictions$20240101.`,
    );
  }
  return isRejects ? { ...address, table: `${table}_rejects`, partition: undefined } : { ...address, table, partition };
};

export const addressOf = ({ project, dataset, table, partition }: Target): string =>
  `bigquery://${project}.${dataset}.${table}${partition === undefined ? '' : `$${partition}`}`;

/** The target that `addressOf` tells. Raises `InvalidInput`. */
export const targetAt = (address: string): Target => {
  const [, project = '', dataset = '', location = ''] = /^bigquery:\/\/(.*)\.([^.]*)\.([^.]*)$/s.exec(address) ?? [];
  return targetOf({ project, dataset }, location);
};

/** How a job is told of it: a table is appended to, and made if it is not there; one partition of a table that is there is replaced. */
export const destinationOf = ({ project, dataset, table, partition }: Target) => ({
  destinationTable: {
    projectId: project,
    datasetId: dataset,
    tableId: partition === undefined ? table : `${table}$${partition}`,
  },
  ...(partition === undefined
    ? { writeDisposition: 'WRITE_APPEND', createDisposition: 'CREATE_IF_NEEDED' }
    : { writeDisposition: 'WRITE_TRUNCATE', createDisposition: 'CREATE_NEVER' }),
});

/** What is to be said where nobody knows whether the job that writes a scoring's rows has ended: it appends all of them, or none. */
export const inDoubt = (failed: Failure, target: Target, jobId: string): Failure =>
  failed.ambiguous
    ? {
        ...failed,
        message: `${failed.message} The rows may be in ${addressOf(target)} all the same: look for the job_id ${jobId} there before you score again.`,
      }
    : failed;

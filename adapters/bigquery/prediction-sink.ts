/** Prediction sink: tables in BigQuery, each output written as one Parquet file on this machine and loaded by one job. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type CallOptions,
  type Failure,
  failTask,
  type PredictionSink,
  type SinkSchema,
  type SinkWriter,
} from '../../core/index.js';
import { orRaise, raise, toFailure } from '../google-cloud/errors.js';
import { bigquery } from './errors.js';
import type { JobPlace, JobReference } from './jobs.js';
import { cancelLoad, loadFile, locateDataset } from './load-job.js';
import { addressOf, type DatasetAddress, inDoubt, type Target, targetOf } from './table-address.js';
import { openWarehouse, type WarehouseOptions } from './warehouse.js';

/** The dataset that outputs are tables of. Loading runs in its project, and costs nothing. */
export interface BigquerySinkOptions extends Omit<WarehouseOptions, 'project'>, DatasetAddress {
  /** Writes files on this machine, Parquet among them, below a folder that has room for an output. */
  readonly staging: PredictionSink;
}

/**
 * A location is a table, to which rows are appended, or `table$partition`, which is replaced; refused rows are appended to `table_rejects`. The
 * target is in place of a file: at every moment it has all of an output's rows or none. The id of the job that loads is derived from the
 * column `job_id` of the output: what was loaded once is not loaded again.
 *
 * `open` fails `NotFound` without such a dataset; `commit` fails `InvalidInput` when the table has other columns. One process
 * writes an output: `join` and `digest` fail `InvalidInput`. A `commit` that fails `ambiguous` may have loaded.
 */
export const bigqueryPredictionSink = (options: BigquerySinkOptions): PredictionSink => {
  const { project, dataset, staging } = options;
  const root = `bigquery://${project}.${dataset}`;
  const warehouse = openWarehouse(options);
  const anywhere = { project, ask: warehouse.ask };
  const targetAt = (location: string): TE.TaskEither<Failure, Target> =>
    TE.tryCatch(async () => targetOf({ project, dataset }, location), toFailure(bigquery)(location, root));
  const alone = failTask(
    'InvalidInput',
    `Several processes write one file, and ${root} has tables: score in one process.`,
  );

  const open = async (target: Target, schema: SinkSchema, call: CallOptions): Promise<SinkWriter> => {
    const place = { ...anywhere, location: await locateDataset(anywhere, target, call) };
    const staged = orRaise(await staging.open(`scorekeeper-${randomUUID()}.parquet`, schema, call)());
    return writerOf(place, target, staged, keyOf(schema), call);
  };

  return {
    root,
    resolve: (location) => pipe(targetAt(location), TE.map(addressOf)),
    open: (location, schema, call) =>
      pipe(
        targetAt(location),
        TE.flatMap((target) =>
          TE.tryCatch(() => open(target, schema, call), toFailure(bigquery)(addressOf(target), warehouse.place)),
        ),
      ),
    join: () => alone,
    digest: () => alone,
  };
};

/** What names the scoring. */
const keyOf = ({ constants }: SinkSchema): string => {
  const jobId = constants.find(({ name }) => name === 'job_id');
  return jobId?.type === 'string' ? jobId.value : randomUUID();
};

const writerOf = (place: JobPlace, target: Target, staged: SinkWriter, key: string, call: CallOptions): SinkWriter => {
  let file: string | undefined;
  let running: JobReference | undefined;

  const commit = async () => {
    const { location, rowCount, sizeBytes } = orRaise(await staged.commit());
    file = location;
    const loaded = await loadFile(place, target, file, key, call, (job) => {
      running = job;
    });
    running = undefined;
    await removeFile();
    if (loaded !== rowCount) {
      raise(
        'Unavailable',
        `BigQuery loaded ${loaded} of ${rowCount} rows into ${addressOf(target)}: look at the table.`,
      );
    }
    return { location: addressOf(target), rowCount, sizeBytes };
  };
  const removeFile = async (): Promise<void> => {
    if (file !== undefined) await rm(file, { force: true });
  };

  return {
    write: staged.write,
    commit: pipe(
      TE.tryCatch(commit, toFailure(bigquery)(addressOf(target), `project ${place.project}`)),
      TE.mapLeft((failed) => inDoubt(failed, target, key)),
    ),
    // Rows of other scorings are there, and stay.
    clear: async () => {
      await staged.abort();
      return E.right<Failure, void>(undefined);
    },
    abort: async () => {
      await staged.abort();
      await removeFile();
      if (running !== undefined) await cancelLoad(place, running);
      running = undefined;
    },
  };
};

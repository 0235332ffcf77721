/** Scoring jobs whose tasks run on Cloud Run, for the command line and the REST service. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { CloudRunJob, Execution } from '../adapters/cloud-run/job.js';
import { type CallOptions, fail, type Failure, failTask, type JobStatus } from '../core/index.js';
import { emulatorOf } from './composition/stores.js';
import { isBucketAddress, type Registry } from './places.js';
import type { Settings } from './settings.js';

/** What starts workers of scoring jobs, and tells of them. */
export interface CloudRunJobs extends Pick<CloudRunJob, 'read' | 'failedTasks' | 'cancel'> {
  /** Has an execution work at the job and finish it: one that is under way for it, else a new one. Fails `InvalidInput` when its workers could not see what they need. */
  readonly start: (
    job: JobStatus,
    taskCount: number | undefined,
    call: CallOptions,
  ) => TE.TaskEither<Failure, Execution>;
  /** The newest execution that worked at the job in the folder `path`. */
  readonly newest: (path: string, call: CallOptions) => TE.TaskEither<Failure, O.Option<Execution>>;
}

/** Tasks of an execution unless somebody says otherwise. */
const defaultTaskCount = 16;

/** As the settings say. Fails `InvalidInput` when they name no job, or a registry that Cloud Run does not see. */
export const openCloudRunJobs = ({ cloudRunJobs, registry }: Settings): TE.TaskEither<Failure, CloudRunJobs> => {
  if (cloudRunJobs === undefined)
    return failTask(
      'InvalidInput',
      'The settings do not say which job of Cloud Run is meant: give scorekeeper.json cloud_run_jobs, with project, location and job.',
    );
  if (registry.kind === 'local')
    return failTask(
      'InvalidInput',
      `Cloud Run does not see the registry in the ${registry.location}: name a bucket with --bucket or GCS_BUCKET_NAME.`,
    );
  const { project, location, job, tasks, task_timeout_seconds: taskTimeoutSeconds } = cloudRunJobs;
  return async () => {
    const { cloudRunJob } = await import('../adapters/cloud-run/job.js');
    const apiEndpoint = emulatorOf('CLOUD_RUN_EMULATOR_HOST');
    const runner = cloudRunJob({ project, location, job, ...(apiEndpoint === undefined ? {} : { apiEndpoint }) });
    return E.right({
      ...runner,
      start: (status, taskCount, call) =>
        pipe(
          TE.fromEither(checkSeen(status)),
          TE.chain(() =>
            runner.start(
              {
                args: workerArgs(registry, status.path),
                taskCount: tasksOf(status, taskCount ?? tasks ?? defaultTaskCount),
                ...(taskTimeoutSeconds === undefined ? {} : { taskTimeoutSeconds }),
              },
              call,
            ),
          ),
        ),
      newest: (path, call) => runner.newest(workerArgs(registry, path), call),
    });
  };
};

/** Not more tasks than there are shards left: those would only do what others do. */
const tasksOf = ({ shard_count, shards_committed }: JobStatus, wanted: number): number =>
  Math.max(1, Math.min(wanted, shard_count - shards_committed));

const workerArgs = ({ bucket, prefix }: Registry & { readonly kind: 'gcs' }, path: string): ReadonlyArray<string> => [
  ...['job', 'work', '--finish', `--bucket=${prefix === '' ? bucket : `${bucket}/${prefix}`}`, '--', path],
];

/** Fails `InvalidInput` for a place of this machine, or tables. */
export const checkInBucket = (place: string): E.Either<Failure, void> =>
  isBucketAddress(place)
    ? E.right(undefined)
    : fail(
        'InvalidInput',
        `Tasks on Cloud Run write no output to ${place}: let it be in a bucket, such as gs://bucket/predictions.parquet.`,
      );

const checkSeen = ({ path, source_files: files }: JobStatus): E.Either<Failure, void> => {
  const unseen = files.find((file) => !isBucketAddress(file));
  return unseen === undefined
    ? checkInBucket(path)
    : fail(
        'InvalidInput',
        `Cloud Run does not see the rows in ${unseen}: put the file into a bucket and name it there, or let a source of the settings select from it, whose rows are uploaded.`,
      );
};

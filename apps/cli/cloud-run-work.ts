/** Has a job worked at by tasks on Cloud Run: starts an execution, follows it, and tells why it failed. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Execution, FailedTask } from '../../adapters/cloud-run/job.js';
import { pause } from '../../adapters/google-cloud/pause.js';
import { nodeHost } from '../../adapters/node-host.js';
import {
  type CallOptions,
  fail,
  type Failure,
  failure,
  type FailureTag,
  type JobStatus,
  neverCancelled,
} from '../../core/index.js';
import type { CloudRunJobs } from '../cloud-run-jobs.js';
import { type FailureRow, failureTable } from '../failure-table.js';
import type { Session } from './base-command.js';
import type { ToldProgress } from './progress.js';
import type { WorkAt } from './sharded-score.js';

const { nowMs } = nodeHost();

export interface CloudRunWorkOptions {
  /** As many as the settings say unless given. */
  readonly taskCount: number | undefined;
  /** A line for people. */
  readonly say: (line: string) => void;
}

/** Between two looks: at first, and at most, unless a look itself takes long, as at a job of a thousand shards. */
const pauses = { firstMs: 250, mostMs: 5_000, growth: 1.5, timesTheLook: 3 };

/** For a last request, when the command is to end. */
const patienceMs = 10_000;

/**
 * The execution finishes the job by itself. When this command is stopped, it is cancelled; when it cannot be followed any more, it goes on. Fails as the
 * first task that was given up, by its exit code; one that every task would meet ends the others.
 */
export const onCloudRun =
  (session: Pick<Session, 'service' | 'cancellation'>, jobs: CloudRunJobs, options: CloudRunWorkOptions): WorkAt =>
  (path, onProgress) =>
  async () => {
    const { service, cancellation } = session;
    const { taskCount, say } = options;
    const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation };
    const begun = await pipe(
      service.jobStatus(path, call),
      TE.chain((status) => jobs.start(status, taskCount, call)),
    )();
    if (E.isRight(begun)) {
      const { name, taskCount: count, logUri } = begun.right;
      say(
        `execution ${name}, ${count === 1 ? 'one task' : `${count} tasks`}${logUri === '' ? '' : `\nlog: ${logUri}`}`,
      );
    }
    const followed = E.isLeft(begun)
      ? begun
      : await follow(session, jobs, { path, name: begun.right.name, onProgress }, call);
    if (cancellation.aborted) {
      const last: CallOptions = { deadlineMs: nowMs() + patienceMs, cancellation: neverCancelled };
      say(await stop(jobs, path, last));
      return fail('Cancelled', 'The scoring was stopped.');
    }
    return followed;
  };

interface Followed {
  readonly path: string;
  /** Of the execution. */
  readonly name: string;
  readonly onProgress: (progress: ToldProgress) => void;
}

const follow = async (
  { service, cancellation }: Pick<Session, 'service' | 'cancellation'>,
  jobs: CloudRunJobs,
  { path, name, onProgress }: Followed,
  call: CallOptions,
): Promise<E.Either<Failure, void>> => {
  let rowsFound: number | undefined;
  let isEnded = false;
  for (let pauseMs = pauses.firstMs; ; pauseMs = Math.min(pauses.mostMs, pauseMs * pauses.growth)) {
    const lookedMs = nowMs();
    const execution = await jobs.read(name, call)();
    if (E.isLeft(execution)) return E.left(outOfSight(execution.left, name));
    // After the execution, so that what it did before its end is seen.
    const status = await service.jobStatus(path, call)();
    if (E.isLeft(status)) return E.left(outOfSight(status.left, name));
    const rowsScored = status.right.rows_scored + status.right.rows_refused;
    rowsFound ??= rowsScored;
    onProgress({ rowsScored, rowsFound, note: noteOf(execution.right, status.right) });
    if (status.right.state === 'finished') return E.right(undefined);
    if (isOver(execution.right))
      return status.right.state === 'worked' ? E.right(undefined) : E.left(await whyOf(jobs, execution.right, call));
    if (!isEnded && execution.right.failedCount > 0 && (await isHopeless(jobs, name, call))) {
      isEnded = true;
      await jobs.cancel(name, call)();
    }
    await pause(Math.max(pauseMs, pauses.timesTheLook * (nowMs() - lookedMs)), cancellation);
    if (cancellation.aborted) return fail('Cancelled', 'The scoring was stopped.');
  }
};

const isOver = ({ state }: Execution): boolean => state === 'succeeded' || state === 'failed' || state === 'cancelled';

const noteOf = ({ runningCount }: Execution, { shards_committed: done, shard_count: total }: JobStatus): string =>
  `${done} of ${total} shards, ${runningCount === 1 ? 'one task runs' : `${runningCount} tasks run`}`;

const outOfSight = (failed: Failure, name: string): Failure =>
  failed.tag === 'Cancelled' ? failed : { ...failed, message: `${failed.message} The execution ${name} goes on.` };

/** What the exit code of a worker means. */
const tagOf = (exitCode: number | undefined): FailureTag | undefined =>
  (Object.entries(failureTable) as ReadonlyArray<[FailureTag, FailureRow]>).find(
    ([, { exit }]) => exit === exitCode,
  )?.[0];

/** A failure that every worker would meet; the service would try each task again and again. */
const isLasting = ({ exitCode }: FailedTask): boolean => {
  const tag = tagOf(exitCode);
  return tag !== undefined && tag !== 'Cancelled' && failureTable[tag].retry !== 'yes';
};

const isHopeless = async (jobs: CloudRunJobs, name: string, call: CallOptions): Promise<boolean> => {
  const failed = await jobs.failedTasks(name, call)();
  return E.isRight(failed) && failed.right.some(isLasting);
};

/** Why an execution is over before its work is done. */
const whyOf = async (jobs: CloudRunJobs, execution: Execution, call: CallOptions): Promise<Failure> => {
  const { name, failedCount, taskCount, message, logUri } = execution;
  const found = await jobs.failedTasks(name, call)();
  const failed = E.isRight(found) ? found.right : [];
  const first = failed.find(isLasting) ?? failed[0];
  if (first === undefined) {
    const how = execution.state === 'cancelled' ? 'was cancelled' : 'ended';
    const said = message === '' ? '' : ` (${message.replace(/\.$/, '')})`;
    return failure(
      'Unavailable',
      `The execution ${name} ${how} before all rows were scored${said}. Its log: ${logUri}`,
    );
  }
  const tag = tagOf(first.exitCode);
  const how =
    first.exitCode === undefined
      ? `was killed or took too long (${first.message || 'no reason was given'})`
      : `ended with exit code ${first.exitCode}${tag === undefined ? '' : ` (${failureTable[tag].title})`}`;
  return failure(
    tag === undefined || tag === 'Cancelled' ? 'Unavailable' : tag,
    `${failedCount} of ${taskCount} tasks of the execution ${name} failed: task ${first.index} ${how}. Its log: ${first.logUri || logUri}`,
  );
};

/** Cancels what works at the job, also when it is not known whether its start was heard; what became of it is said. */
const stop = async (jobs: CloudRunJobs, path: string, call: CallOptions): Promise<string> => {
  const stopped = await pipe(
    jobs.newest(path, call),
    TE.map(O.filter(({ state }) => state === 'running')),
    TE.chain(
      O.match(
        () => TE.right('No execution works at it.'),
        ({ name }) =>
          pipe(
            jobs.cancel(name, call),
            TE.map(() => `The execution ${name} is cancelled.`),
          ),
      ),
    ),
  )();
  return E.isRight(stopped)
    ? stopped.right
    : `Its execution may go on, for it could not be cancelled: ${stopped.left.message} See "gcloud run jobs executions list".`;
};

/** Where the shards of a job are worked at, as flags say: in processes of this machine, or by tasks on Cloud Run. */
import { availableParallelism } from 'node:os';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure } from '../../core/index.js';
import { checkInBucket, openCloudRunJobs } from '../cloud-run-jobs.js';
import type { Session } from './base-command.js';
import { workWithProcesses } from './job-processes.js';
import type { WorkAt } from './sharded-score.js';

export type Workplace =
  | { readonly kind: 'processes'; readonly count: number }
  | { readonly kind: 'cloud-run-jobs'; readonly taskCount: number | undefined };

export interface WorkplaceFlags {
  readonly processes: string | undefined;
  readonly on: string | undefined;
  readonly tasks: string | undefined;
}

/** What the help says of `--on` and `--tasks`. */
export const onHelp =
  'PLACE: Have tasks elsewhere work: cloud-run-jobs, the job of Cloud Run that the settings name (cloud_run_jobs)';
export const scoreOnHelp = `${onHelp}; or bigquery: BigQuery ML scores the rows of a source in BigQuery where they are, into a table there or a file`;
export const tasksHelp =
  'N: With --on: start N tasks, but no more than shards are left (default: tasks of the settings, else 16)';

const mostProcesses = 256;

/** As the service allows. */
const mostTasks = 10_000;

/** None when no flag says any. Fails `InvalidInput`. */
export const workplaceOf = ({ processes, on, tasks }: WorkplaceFlags): E.Either<Failure, Workplace | undefined> => {
  if (on === undefined) {
    if (tasks !== undefined)
      return fail('InvalidInput', '--tasks is of --on cloud-run-jobs: processes of this machine are --processes.');
    return processes === undefined
      ? E.right(undefined)
      : pipe(
          processCountOf(processes),
          E.map((count) => ({ kind: 'processes', count })),
        );
  }
  if (on !== 'cloud-run-jobs')
    return fail('InvalidInput', `--on must be cloud-run-jobs (or for score bigquery), got "${on}".`);
  if (processes !== undefined)
    return fail('InvalidInput', '--processes are of this machine, and --on names another place: give one of them.');
  if (tasks === undefined) return E.right({ kind: on, taskCount: undefined });
  const taskCount = countIn(tasks, mostTasks);
  return taskCount === undefined
    ? fail('InvalidInput', `--tasks must be an integer from 1 to ${mostTasks}, got "${tasks}".`)
    : E.right({ kind: on, taskCount });
};

/** Where `score` may have the work done: BigQuery needs no workers. */
export type ScorePlace = Workplace | { readonly kind: 'bigquery' };

/** As `workplaceOf`. */
export const scorePlaceOf = (flags: WorkplaceFlags): E.Either<Failure, ScorePlace | undefined> => {
  if (flags.on !== 'bigquery') return workplaceOf(flags);
  return flags.processes === undefined && flags.tasks === undefined
    ? E.right({ kind: flags.on })
    : fail('InvalidInput', 'BigQuery takes as many machines as it wants: leave --processes and --tasks out.');
};

/** `--processes`: a number, or one for each processor that this process may use. */
const processCountOf = (given: string): E.Either<Failure, number> => {
  const count = given === 'auto' ? availableParallelism() : countIn(given, mostProcesses);
  return count === undefined
    ? fail('InvalidInput', `--processes must be an integer from 1 to ${mostProcesses}, or auto, got "${given}".`)
    : E.right(count);
};

const countIn = (given: string, most: number): number | undefined => {
  const count = /^\d+$/.test(given) ? Number(given) : 0;
  return count >= 1 && count <= most ? count : undefined;
};

/** How a job with its output in `place` is worked at there; `flags` say which registry it is. Fails `InvalidInput` for what Cloud Run does not see. */
export const workAtOf = (
  session: Session,
  workplace: Workplace,
  about: { readonly place: string; readonly flags: ReadonlyArray<string>; readonly say: (line: string) => void },
): TE.TaskEither<Failure, WorkAt> => {
  if (workplace.kind === 'processes') {
    const { cancellation } = session;
    const { count } = workplace;
    return TE.right((path, onProgress) =>
      workWithProcesses({ path, count, flags: about.flags, onProgress, cancellation }),
    );
  }
  return pipe(
    TE.fromEither(checkInBucket(about.place)),
    TE.chain(() => openCloudRunJobs(session.settings)),
    TE.chainTaskK((jobs) => async () => {
      const { onCloudRun } = await import('./cloud-run-work.js');
      return onCloudRun(session, jobs, { taskCount: workplace.taskCount, say: about.say });
    }),
  );
};

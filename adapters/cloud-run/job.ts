/** A job of Cloud Run, which runs any number of tasks with arguments of the caller's. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { CallOptions, Failure } from '../../core/index.js';
import { bounded } from '../google-cloud/bounded.js';
import { fieldsOf, raise, textOf } from '../google-cloud/errors.js';
import { persistently, type RetryPolicy } from '../google-cloud/persistently.js';
import { type ApiRequest, openRest } from '../google-cloud/rest.js';
import { cloudRun } from './errors.js';
import { argsOf, type Execution, executionOf, type FailedTask, failedTaskOf, listOf } from './execution.js';

export type { Execution, FailedTask };

export interface CloudRunJobOptions {
  readonly project: string;
  /** The region. */
  readonly location: string;
  readonly job: string;
  /** After so long without an answer a request is given up, and tried again; 20,000 by default. */
  readonly idleTimeoutMs?: number;
  readonly retries?: RetryPolicy;
  /** Another service that speaks the Admin API v2, `https://run.googleapis.com` by default. Credentials go only to `https:`. */
  readonly apiEndpoint?: string;
}

/** What an execution is to have otherwise than its job. How many tasks run at a time is the job's own, and cannot be said here. */
export interface Run {
  readonly args: ReadonlyArray<string>;
  readonly taskCount: number;
  /** Of each attempt at a task, in seconds; the job's own unless given. */
  readonly taskTimeoutSeconds?: number;
}

/**
 * Every call fails `NotFound` (no such job or execution), `PermissionDenied`, `InvalidInput` (the service refuses what is asked for), `Unavailable`,
 * `DeadlineExceeded`, `Cancelled`.
 */
export interface CloudRunJob {
  /**
   * An execution with these arguments that is under way; else a new one. The service would start a second one for a request that is sent again
   * because its answer was lost, so before each request it is looked whether one has begun. Two callers at once may still begin two.
   */
  readonly start: (run: Run, call: CallOptions) => TE.TaskEither<Failure, Execution>;
  /** The newest execution with these arguments, among the last hundred of the job. */
  readonly newest: (args: ReadonlyArray<string>, call: CallOptions) => TE.TaskEither<Failure, O.Option<Execution>>;
  /** The execution `name`, as it is now. */
  readonly read: (name: string, call: CallOptions) => TE.TaskEither<Failure, Execution>;
  /** Tasks of the execution that were given up: the first few. */
  readonly failedTasks: (name: string, call: CallOptions) => TE.TaskEither<Failure, ReadonlyArray<FailedTask>>;
  /** Stops the tasks of the execution, which is over a while later. */
  readonly cancel: (name: string, call: CallOptions) => TE.TaskEither<Failure, void>;
}

/** Of executions and of tasks: the most that the service answers at once. */
const pageSize = 100;

const failedTasksShown = 5;

export const cloudRunJob = (options: CloudRunJobOptions): CloudRunJob => {
  const { project, location, job } = options;
  const name = `projects/${project}/locations/${location}/jobs/${job}`;
  const within = bounded(cloudRun, `${project}/${location}`, options.idleTimeoutMs ?? 20_000);
  const again = persistently(options.retries);
  const send = openRest(options.apiEndpoint ?? 'https://run.googleapis.com', 'v2');

  const get = (what: string, call: CallOptions, path: string, query: ApiRequest['query'] = {}) =>
    within(what, call, (attempt) => send(attempt, { method: 'GET', path, query }));

  const listed = (args: ReadonlyArray<string>, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<Execution>> =>
    pipe(
      get(`job ${job}`, call, `${name}/executions`, { pageSize }),
      TE.map(({ executions }) =>
        listOf(executions)
          .map(fieldsOf)
          .filter((resource) => areSame(argsOf(resource), args))
          // As the service sorts them; said here, because the newest one is meant.
          .sort((a, b) => textOf(b['createTime']).localeCompare(textOf(a['createTime'])))
          .map(executionOf),
      ),
    );

  const run = ({ args, taskCount, taskTimeoutSeconds }: Run, call: CallOptions) =>
    within(`job ${job}`, call, async (attempt) => {
      const overrides = {
        containerOverrides: [{ args }],
        taskCount,
        ...(taskTimeoutSeconds === undefined ? {} : { timeout: `${taskTimeoutSeconds}s` }),
      };
      const operation = await attempt.commit(() =>
        send(attempt, { method: 'POST', path: `${name}:run`, body: { overrides } }),
      );
      const begun = executionOf(fieldsOf(operation['metadata']));
      return begun.name === ''
        ? raise('Unavailable', `Cloud Run does not tell which execution of the job ${job} it has begun: try again.`)
        : begun;
    });

  return {
    start: (asked, call) => {
      let before: ReadonlySet<string> | undefined;
      const begunMeanwhile = (executions: ReadonlyArray<Execution>): Execution | undefined => {
        const found = executions.find((each) => each.state === 'running' || before?.has(each.name) === false);
        before ??= new Set(executions.map((each) => each.name));
        return found;
      };
      return again(
        call,
        pipe(
          listed(asked.args, call),
          TE.map(begunMeanwhile),
          TE.chain((found) => (found === undefined ? run(asked, call) : TE.right(found))),
        ),
      );
    },
    newest: (args, call) =>
      pipe(
        again(call, listed(args, call)),
        TE.map(([first]) => O.fromNullable(first)),
      ),
    read: (execution, call) => pipe(again(call, get(shortOf(execution), call, execution)), TE.map(executionOf)),
    failedTasks: (execution, call) => {
      const page = (found: ReadonlyArray<FailedTask>, pageToken?: string): TE.TaskEither<Failure, typeof found> =>
        pipe(
          again(call, get(shortOf(execution), call, `${execution}/tasks`, { pageSize, pageToken })),
          TE.chain(({ tasks, nextPageToken }) => {
            const all = [...found, ...listOf(tasks).flatMap((task) => failedTaskOf(fieldsOf(task)) ?? [])];
            return typeof nextPageToken === 'string' && nextPageToken !== '' && all.length < failedTasksShown
              ? page(all, nextPageToken)
              : TE.right(all.slice(0, failedTasksShown));
          }),
        );
      return page([]);
    },
    cancel: (execution, call) =>
      pipe(
        again(
          call,
          within(shortOf(execution), call, (attempt) =>
            send(attempt, { method: 'POST', path: `${execution}:cancel`, body: {} }),
          ),
        ),
        TE.map(() => undefined),
      ),
  };
};

const shortOf = (execution: string): string => `execution ${execution.slice(execution.lastIndexOf('/') + 1)}`;

const areSame = (some: ReadonlyArray<unknown>, others: ReadonlyArray<string>): boolean =>
  some.length === others.length && some.every((each, i) => each === others[i]);

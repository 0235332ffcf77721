/** Executions of the fake: they really run their tasks, so many at a time, and try failed ones again, as Cloud Run does. */

/** What the container of a task is given. */
export interface TaskStart {
  readonly args: ReadonlyArray<string>;
  readonly env: Readonly<Record<string, string>>;
}

/** A task that runs. */
export interface RunningTask {
  /** With the exit code; null for one that was killed. */
  readonly ended: Promise<number | null>;
  /** As SIGTERM does. */
  readonly stop: () => void;
}

export type RunTask = (task: TaskStart) => RunningTask;

/** The job resource. */
export interface FakeJob {
  /** `projects/…/locations/…/jobs/…` */
  readonly name: string;
  readonly maxRetries: number;
  /** Tasks at a time, which no execution can override. */
  readonly parallelism: number;
}

/** https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/run#Overrides */
export interface Overrides {
  readonly containerOverrides?: ReadonlyArray<{ readonly args?: ReadonlyArray<string> }>;
  readonly taskCount?: number;
  readonly timeout?: string;
}

interface Task {
  readonly index: number;
  state: 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  retried: number;
  exitCode: number | null;
  running: RunningTask | undefined;
}

export interface FakeExecution {
  readonly name: string;
  readonly resource: () => object;
  readonly tasks: () => ReadonlyArray<object>;
  readonly cancel: () => void;
  /** Once no task of it runs any more. */
  readonly over: Promise<void>;
}

export const startExecution = (
  job: FakeJob,
  ordinal: number,
  { containerOverrides: [container] = [], taskCount = 1, timeout }: Overrides,
  runTask: RunTask,
): FakeExecution => {
  const id = `${job.name.slice(job.name.lastIndexOf('/') + 1)}-${ordinal.toString(36).padStart(5, '0')}`;
  const name = `${job.name}/executions/${id}`;
  const args = container?.args ?? [];
  const createTime = new Date(Date.UTC(2026, 0, 1) + ordinal * 1000).toISOString();
  const tasks = Array.from({ length: taskCount }, (_, index): Task => {
    return { index, state: 'waiting', retried: 0, exitCode: null, running: undefined };
  });
  const among = (state: Task['state']): number => tasks.filter((task) => task.state === state).length;
  let isCancelled = false;

  const attempt = async (task: Task): Promise<void> => {
    task.state = 'running';
    for (;;) {
      task.running = runTask({
        args,
        env: {
          CLOUD_RUN_JOB: job.name.slice(job.name.lastIndexOf('/') + 1),
          CLOUD_RUN_EXECUTION: id,
          CLOUD_RUN_TASK_INDEX: `${task.index}`,
          CLOUD_RUN_TASK_COUNT: `${taskCount}`,
          CLOUD_RUN_TASK_ATTEMPT: `${task.retried}`,
        },
      });
      if (isCancelled) task.running.stop();
      task.exitCode = await task.running.ended;
      if (isCancelled || task.exitCode === 0 || task.retried === job.maxRetries) break;
      task.retried++;
    }
    task.state = isCancelled ? 'cancelled' : task.exitCode === 0 ? 'succeeded' : 'failed';
  };

  const lane = async (): Promise<void> => {
    for (;;) {
      const next = tasks.find(({ state }) => state === 'waiting');
      if (next === undefined) return;
      if (isCancelled) next.state = 'cancelled';
      else await attempt(next);
    }
  };

  const over = Promise.all(Array.from({ length: Math.min(job.parallelism, taskCount) }, lane)).then(() => undefined);
  const isOver = (): boolean => among('waiting') + among('running') === 0;

  const completion = (): object => {
    if (!isOver()) return { state: 'CONDITION_RECONCILING', ...(isCancelled ? { executionReason: 'CANCELLING' } : {}) };
    if (isCancelled)
      return { state: 'CONDITION_FAILED', executionReason: 'CANCELLED', message: 'Execution was cancelled.' };
    return among('failed') === 0
      ? { state: 'CONDITION_SUCCEEDED' }
      : { state: 'CONDITION_FAILED', executionReason: 'NON_ZERO_EXIT_CODE', message: 'A task has failed.' };
  };

  return {
    name,
    over,
    cancel: () => {
      isCancelled = true;
      for (const { running } of tasks) running?.stop();
    },
    // What is zero is left out, as in JSON made of protocol buffers.
    resource: () => ({
      name,
      job: job.name,
      createTime,
      ...(isOver() ? { completionTime: createTime } : {}),
      parallelism: job.parallelism,
      taskCount,
      template: {
        containers: [{ image: 'scorekeeper', args }],
        maxRetries: job.maxRetries,
        timeout: timeout ?? '600s',
      },
      conditions: [{ type: 'Completed', ...completion() }],
      ...counted({
        runningCount: among('running'),
        succeededCount: among('succeeded'),
        failedCount: among('failed'),
        cancelledCount: among('cancelled'),
        retriedCount: tasks.filter(({ retried }) => retried > 0).length,
      }),
      logUri: `https://console.cloud.google.com/logs/viewer?execution=${id}`,
    }),
    tasks: () =>
      tasks.map((task) => ({
        name: `${name}/tasks/${id}-task${task.index}`,
        ...counted({ index: task.index, retried: task.retried }),
        conditions: [
          {
            type: 'Completed',
            ...(task.state === 'succeeded'
              ? { state: 'CONDITION_SUCCEEDED' }
              : task.state === 'failed'
                ? { state: 'CONDITION_FAILED', executionReason: 'NON_ZERO_EXIT_CODE' }
                : task.state === 'cancelled'
                  ? { state: 'CONDITION_FAILED', executionReason: 'CANCELLED' }
                  : { state: 'CONDITION_RECONCILING' }),
          },
        ],
        lastAttemptResult:
          task.exitCode === null
            ? { status: { code: 2, message: 'The container was killed.' } }
            : counted({ exitCode: task.exitCode }),
        logUri: `https://console.cloud.google.com/logs/viewer?execution=${id}&task=${task.index}`,
      })),
  };
};

const counted = (counts: Readonly<Record<string, number>>): object =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

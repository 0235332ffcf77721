/** A Cloud Run job against the fake of its API: what is sent, what is made of the answers, and that a lost answer starts nothing twice. */
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { type CloudRunJob, type CloudRunJobOptions, cloudRunJob } from '../../../adapters/cloud-run/job.js';
import {
  type CallOptions,
  cancellationSource,
  type Failure,
  type FailureTag,
  neverCancelled,
} from '../../../core/index.js';
import type { RunTask, TaskStart } from '../../support/fake-cloud-run/executions.js';
import {
  type FakeCloudRun,
  type FakeCloudRunOptions,
  fakeJob,
  type Fault,
  type RequestKind,
  startFakeCloudRun,
} from '../../support/fake-cloud-run/server.js';

const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const quickRetries = { limit: 3, firstPauseMs: 1, budget: 50 };
const jobName = 'projects/games-project/locations/europe-west1/jobs/scorekeeper-worker';
const args = ['job', 'work', '--finish', '--bucket=games', '--', 'gs://games/predictions/p.parquet.job/1'];

/** Tasks end with what `exitCodeOf` says, at once; those with none run until they are stopped. */
const ending =
  (exitCodeOf: (task: TaskStart) => number | null | undefined): RunTask =>
  (task) => {
    const code = exitCodeOf(task);
    let stop = (): void => undefined;
    const stopped = new Promise<number>((resolve) => (stop = () => resolve(75)));
    return { ended: code === undefined ? stopped : Promise.resolve(code), stop };
  };

const forEver = ending(() => undefined);

const inAFake = async (
  t: ExecutionContext,
  runTask: RunTask,
  options: Partial<FakeCloudRunOptions & CloudRunJobOptions> = {},
): Promise<{ readonly fake: FakeCloudRun; readonly job: CloudRunJob }> => {
  const fake = await startFakeCloudRun({ runTask, ...options });
  t.teardown(fake.close);
  return { fake, job: cloudRunJob({ ...fakeJob, apiEndpoint: fake.url, retries: quickRetries, ...options }) };
};

const right = <A>(outcome: E.Either<Failure, A>): A => {
  if (E.isLeft(outcome)) throw new Error(`${outcome.left.tag}: ${outcome.left.message}`);
  return outcome.right;
};

const left = (outcome: E.Either<Failure, unknown>): Failure => {
  if (E.isRight(outcome)) throw new Error('it did not fail');
  return outcome.left;
};

test('what is sent is what the API wants, and nothing else', async (t) => {
  const { fake, job } = await inAFake(t, forEver);
  const begun = right(await job.start({ args, taskCount: 3, taskTimeoutSeconds: 3600 }, call)());
  right(await job.read(begun.name, call)());
  right(await job.failedTasks(begun.name, call)());
  right(await job.newest(args, call)());
  right(await job.cancel(begun.name, call)());
  t.is(begun.name, `${jobName}/executions/scorekeeper-worker-00001`);
  t.deepEqual(fake.requests(), [
    { method: 'GET', url: `/v2/${jobName}/executions?pageSize=100`, body: undefined },
    {
      method: 'POST',
      url: `/v2/${jobName}:run`,
      body: { overrides: { containerOverrides: [{ args }], taskCount: 3, timeout: '3600s' } },
    },
    { method: 'GET', url: `/v2/${begun.name}`, body: undefined },
    { method: 'GET', url: `/v2/${begun.name}/tasks?pageSize=100`, body: undefined },
    { method: 'GET', url: `/v2/${jobName}/executions?pageSize=100`, body: undefined },
    { method: 'POST', url: `/v2/${begun.name}:cancel`, body: {} },
  ]);
  t.is(fake.authorized(), 0, 'credentials go to https: alone');
});

test('an execution is told from its beginning to its end', async (t) => {
  const tries = new Map<string, number>();
  const { fake, job } = await inAFake(
    t,
    ending(({ env: { CLOUD_RUN_TASK_INDEX: index = '' } }) => {
      const tried = (tries.get(index) ?? 0) + 1;
      tries.set(index, tried);
      return index === '1' && tried === 1 ? 75 : 0;
    }),
  );
  const { name } = right(await job.start({ args, taskCount: 3 }, call)());
  await fake.executions()[0]?.over;
  const ended = right(await job.read(name, call)());
  t.like(ended, { name, state: 'succeeded', taskCount: 3, succeededCount: 3, failedCount: 0, retriedCount: 1 });
  t.regex(ended.logUri, /^https:\/\/console\.cloud\.google\.com\//);
  t.deepEqual(right(await job.failedTasks(name, call)()), []);
  t.is(O.toUndefined(right(await job.newest(args, call)()))?.name, name);
  t.deepEqual(right(await job.newest([...args, 'other'], call)()), O.none);
});

test('tasks that are given up are told with their exit codes, from whichever page', async (t) => {
  const { fake, job } = await inAFake(
    t,
    ending(({ env: { CLOUD_RUN_TASK_INDEX: index } }) => (index === '104' ? 23 : index === '102' ? null : 0)),
    { maxRetries: 1 },
  );
  const { name } = right(await job.start({ args, taskCount: 105 }, call)());
  await fake.executions()[0]?.over;
  t.like(right(await job.read(name, call)()), {
    state: 'failed',
    failedCount: 2,
    succeededCount: 103,
    retriedCount: 2,
  });
  const failed = right(await job.failedTasks(name, call)());
  t.deepEqual(
    failed.map(({ index, exitCode }) => [index, exitCode]),
    [
      [102, undefined],
      [104, 23],
    ],
  );
  t.is(failed[0]?.message, 'The container was killed.');
});

test('what is under way is taken up; what is over, or being cancelled, or works at another job is not', async (t) => {
  const { fake, job } = await inAFake(t, forEver);
  const first = right(await job.start({ args, taskCount: 2 }, call)());
  t.is(right(await job.start({ args, taskCount: 8 }, call)()).name, first.name);
  const other = right(await job.start({ args: [...args.slice(0, -1), 'gs://games/q'], taskCount: 2 }, call)());
  t.not(other.name, first.name);
  right(await job.cancel(first.name, call)());
  await fake.executions()[0]?.over;
  t.like(right(await job.read(first.name, call)()), { state: 'cancelled', cancelledCount: 2 });
  t.not(right(await job.start({ args, taskCount: 2 }, call)()).name, first.name);
  t.is(fake.executions().length, 3);
});

for (const [said, runTask] of [
  ['runs', forEver],
  ['is over already', ending(() => 0)],
] as const) {
  test(`of an execution whose answer was lost, one is begun, also when it ${said}`, async (t) => {
    const { fake, job } = await inAFake(t, runTask);
    const before = right(await job.start({ args, taskCount: 1 }, call)());
    right(await job.cancel(before.name, call)());
    await fake.executions()[0]?.over;
    fake.fault({ on: 'run', fault: { kind: 'lost' } });
    const begun = right(await job.start({ args, taskCount: 1 }, call)());
    t.is(fake.executions().length, 2);
    t.is(fake.executions()[1]?.name, begun.name);
  });
}

const passing: ReadonlyArray<readonly [RequestKind, Fault]> = [
  ['run', { kind: 'refusal', status: 503, code: 'UNAVAILABLE', message: 'The service is currently unavailable.' }],
  ['run', { kind: 'refusal', status: 429, code: 'RESOURCE_EXHAUSTED', message: 'Quota exceeded' }],
  ['run', { kind: 'refusal', status: 409, code: 'ABORTED', message: 'Conflict for resource' }],
  ['run', { kind: 'reset' }],
  ['run', { kind: 'proxy' }],
  ['list', { kind: 'reset' }],
  ['get', { kind: 'proxy' }],
  ['get', { kind: 'reset' }],
  ['cancel', { kind: 'lost' }],
];

for (const [on, fault] of passing) {
  test(`a request (${on}) is sent again after ${JSON.stringify(fault)}`, async (t) => {
    const { fake, job } = await inAFake(t, forEver);
    fake.fault({ on, fault, times: 2 });
    const { name } = right(await job.start({ args, taskCount: 1 }, call)());
    right(await job.read(name, call)());
    right(await job.cancel(name, call)());
    t.is(fake.executions().length, 1);
  });
}

// By itself: the other tests together can be silent for longer on a machine that is busy.
test.serial('a service that is silent is given up, and one that stays away is Unavailable', async (t) => {
  const { fake, job } = await inAFake(t, forEver, { idleTimeoutMs: 1_000 });
  fake.fault({ on: 'run', fault: { kind: 'silence' } });
  right(await job.start({ args, taskCount: 1 }, call)());
  fake.fault({ on: 'get', fault: { kind: 'proxy' }, times: 9 });
  const away = left(await job.read(`${jobName}/executions/x`, call)());
  t.is(away.tag, 'Unavailable');
  t.is(away.message, 'Cloud Run is not available for execution x in games-project/europe-west1 (502): try again.');
});

const denied = (permission: string) =>
  `Permission '${permission}' denied on resource '${jobName}' (or resource may not exist).`;

const lasting: ReadonlyArray<readonly [RequestKind, Fault & { readonly kind: 'refusal' }, FailureTag, RegExp]> = [
  [
    'run',
    { kind: 'refusal', status: 403, code: 'PERMISSION_DENIED', message: denied('run.jobs.runWithOverrides') },
    'PermissionDenied',
    /^This account may not run or cancel job scorekeeper-worker in games-project\/europe-west1, for it lacks run\.jobs\.runWithOverrides: give it the role roles\/run\.jobsExecutorWithOverrides on the job \(403: /,
  ],
  [
    'list',
    { kind: 'refusal', status: 403, code: 'PERMISSION_DENIED', message: denied('run.executions.list') },
    'PermissionDenied',
    /lacks run\.executions\.list: give it the role roles\/run\.viewer/,
  ],
  [
    'run',
    {
      kind: 'refusal',
      status: 403,
      code: 'PERMISSION_DENIED',
      message: 'Cloud Run Admin API has not been used in project 7 before or it is disabled.',
    },
    'PermissionDenied',
    /run "gcloud services enable run\.googleapis\.com --project games-project"/,
  ],
  [
    'run',
    { kind: 'refusal', status: 401, code: 'UNAUTHENTICATED', message: 'Request had invalid credentials.' },
    'PermissionDenied',
    /^Cloud Run wants credentials .*gcloud auth application-default login/,
  ],
  [
    'list',
    { kind: 'refusal', status: 404, code: 'NOT_FOUND', message: "Resource 'scorekeeper-worker' was not found." },
    'NotFound',
    /^Cloud Run has no job scorekeeper-worker in games-project\/europe-west1: create it .*, or correct cloud_run_jobs .* \(404: Resource 'scorekeeper-worker' was not found\)\.$/,
  ],
  [
    'run',
    { kind: 'refusal', status: 400, code: 'INVALID_ARGUMENT', message: 'task_count must be at most 10000.' },
    'InvalidInput',
    /^Cloud Run refused the request about job scorekeeper-worker .*: task_count must be at most 10000\)\.$/,
  ],
];

for (const [on, fault, tag, sentence] of lasting) {
  test(`a refusal (${fault.status} of ${on}) is told at once: ${fault.message}`, async (t) => {
    const { fake, job } = await inAFake(t, forEver);
    fake.fault({ on, fault, times: 9 });
    const failed = left(await job.start({ args, taskCount: 1 }, call)());
    t.is(failed.tag, tag);
    t.regex(failed.message, sentence);
    t.false(failed.ambiguous);
    t.is(fake.executions().length, 0);
  });
}

test('a start in doubt says so, and one that is cancelled or late ends', async (t) => {
  const { fake, job } = await inAFake(t, forEver);
  fake.fault({ on: 'run', fault: { kind: 'reset' }, times: 9 });
  t.like(left(await job.start({ args, taskCount: 1 }, call)()), { tag: 'Unavailable', ambiguous: true });
  fake.fault({ on: 'get', fault: { kind: 'silence' }, times: 9 });
  const { cancellation, cancel } = cancellationSource();
  const waiting = job.read(`${jobName}/executions/x`, { ...call, cancellation })();
  cancel();
  t.is(left(await waiting).tag, 'Cancelled');
  const late = { ...call, deadlineMs: performance.timeOrigin + performance.now() + 20 };
  t.is(left(await job.read(`${jobName}/executions/x`, late)()).tag, 'DeadlineExceeded');
});

/** What becomes of a command whose tasks run on Cloud Run when it is stopped, they fail, or nobody answers; against the fake of its API. */
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { cloudRunJob } from '../../../adapters/cloud-run/job.js';
import { type CloudRunJobs, openCloudRunJobs } from '../../../apps/cloud-run-jobs.js';
import { onCloudRun } from '../../../apps/cli/cloud-run-work.js';
import { scoreSharded } from '../../../apps/cli/sharded-score.js';
import { compose } from '../../../apps/composition/compose.js';
import { loadSettings } from '../../../apps/settings.js';
import {
  cancellationSource,
  type Failure,
  type JobStatus,
  neverCancelled,
  type ScoreAnswer,
} from '../../../core/index.js';
import type { RunTask } from '../../support/fake-cloud-run/executions.js';
import { tasksAsProcesses } from '../../support/fake-cloud-run/processes.js';
import {
  type FakeCloudRun,
  type FakeCloudRunOptions,
  fakeJob,
  startFakeCloudRun,
} from '../../support/fake-cloud-run/server.js';
import { fakeService } from '../http/harness.js';
import { runHere } from './command-line.js';
import { commitsOf, counts, reference, scoringFolder } from './job-scores.js';

/** Three shards. */
const rowCount = 300_000;
const folder = await scoringFolder(rowCount);
const everyRow = [rowCount, rowCount, 1, 0];

/** The job of the fake, whose tasks are told of this registry as those of a bucket would be. */
const jobsOf = (fake: FakeCloudRun): CloudRunJobs => {
  const retries = { limit: 3, firstPauseMs: 1, budget: 50 };
  const runner = cloudRunJob({ ...fakeJob, apiEndpoint: fake.url, retries });
  const args = (path: string) => ['job', 'work', '--finish', '--local=.', '--', path];
  return {
    ...runner,
    start: ({ path }, taskCount = 1, call) => runner.start({ args: args(path), taskCount }, call),
    newest: (path, call) => runner.newest(args(path), call),
  };
};

const inAFake = async (
  t: ExecutionContext,
  runTask: RunTask,
  options: Partial<FakeCloudRunOptions> = {},
): Promise<FakeCloudRun> => {
  const fake = await startFakeCloudRun({ runTask, ...options });
  t.teardown(fake.close);
  return fake;
};

interface Scored {
  readonly outcome: E.Either<Failure, ScoreAnswer>;
  readonly said: ReadonlyArray<string>;
}

/** Scores as `score --on cloud-run-jobs` does; one that `isStopped` is stopped when it first tells how far it is. */
const score = async (
  fake: FakeCloudRun,
  output: string,
  { source = 'rows.parquet', taskCount = 1, isStopped = false } = {},
): Promise<Scored> => {
  process.chdir(folder);
  const settings = await loadSettings({ local: '.' }, { env: { HOME: folder }, workingDir: folder })();
  if (E.isLeft(settings)) throw new Error(settings.left.message);
  const composition = compose(settings.right, { sourceFile: { name: source, keys: [] } });
  const { cancellation, cancel } = cancellationSource();
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const session = { ...composition, cancellation };
  const tell = (): void => {
    if (isStopped) cancel();
  };
  const outcome = await scoreSharded(session, {
    request: { model_type: 'rating', model_name: 'm', data_source: source, output_location: output },
    repetition: 'done',
    workAt: onCloudRun(session, jobsOf(fake), { taskCount, say }),
    startProgress: async () => ({ tell, stop: () => undefined }),
    say,
    command: 'the same command',
  })();
  await composition.close();
  return { outcome, said };
};

test.serial('a command that is stopped cancels its execution; the same command goes on with another one', async (t) => {
  const output = join(folder, 'stopped.parquet');
  const fake = await inAFake(t, tasksAsProcesses(folder));
  const stopped = await score(fake, 'stopped.parquet', { isStopped: true });
  t.is(E.isLeft(stopped.outcome) ? stopped.outcome.left.tag : '', 'Cancelled');
  t.regex(
    stopped.said.join('\n'),
    /\nThe execution projects\/.*-00001 is cancelled\.\nWhat was scored so far is kept in .*\. To go on from there:\n {2}the same command$/,
  );
  await fake.executions()[0]?.over;
  t.false(existsSync(output));
  const committed = await commitsOf(output);
  const resumed = await score(fake, 'stopped.parquet');
  t.true(E.isRight(resumed.outcome));
  t.is(fake.executions().length, 2);
  t.deepEqual(await counts(output), everyRow);
  const after = await commitsOf(output);
  for (const [shard, commit] of committed) t.is(after.get(shard), commit);
});

test.serial('rows that do not fit end every task, and the command as they end a scoring', async (t) => {
  await writeFile(join(folder, 'holes.csv'), 'id,weight,year\n0,much,2\n1,2,3\n');
  const processes = tasksAsProcesses(folder);
  // The second task would run for ever.
  const fake = await inAFake(
    t,
    (task) => {
      if (task.env['CLOUD_RUN_TASK_INDEX'] === '0') return processes(task);
      let stop = (): void => undefined;
      return { ended: new Promise((resolve) => (stop = () => resolve(75))), stop: () => stop() };
    },
    { maxRetries: 0 },
  );
  const { outcome } = await score(fake, 'holes.parquet', { source: 'holes.csv', taskCount: 2 });
  const failed = E.isLeft(outcome) ? outcome.left : undefined;
  t.is(failed?.tag, 'SignatureMismatch');
  t.regex(
    failed?.message ?? '',
    /^1 of 2 tasks of the execution projects\/.*-00001 failed: task 0 ended with exit code 23 \(The rows do not fit the model\)\. Its log: https:.*&task=0$/,
  );
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('holes.parquet')),
    [],
    'nothing is left',
  );
});

const begun: JobStatus = {
  job_id: 'j',
  path: 'p',
  state: 'begun',
  model: { model_type: 'rating', name: 'm', version: 1, artifact_sha256: '' } as JobStatus['model'],
  data_source: 's',
  source_files: [],
  planned_at: '',
  shard_count: 4,
  shards_committed: 0,
  row_count: 4,
  rows_scored: 0,
  rows_refused: 0,
  output_location: '',
};

/** Has tasks that end so work at a job of which `states` are read, one after the other. */
const work = (fake: FakeCloudRun, states: ReadonlyArray<JobStatus['state']>) => {
  const left = [...states];
  const service = fakeService({
    jobStatus: () => TE.right({ ...begun, state: left.length > 1 ? (left.shift() ?? 'begun') : (left[0] ?? 'begun') }),
  });
  const { cancellation } = cancellationSource();
  const session = { service, cancellation };
  return onCloudRun(session, jobsOf(fake), { taskCount: 2, say: () => undefined })('p', () => undefined)();
};

const ending =
  (code: number | null): RunTask =>
  () => ({ ended: Promise.resolve(code), stop: () => undefined });

test.serial('an execution that ends too early is told by what its tasks ended with', async (t) => {
  const failedWith = async (code: number | null) => {
    const outcome = await work(await inAFake(t, ending(code), { maxRetries: 1 }), ['begun']);
    return E.isLeft(outcome) ? ([outcome.left.tag, outcome.left.message] as const) : (['', ''] as const);
  };
  const again = await failedWith(75);
  t.is(again[0], 'Unavailable');
  t.regex(again[1], /^2 of 2 tasks .* failed: task 0 ended with exit code 75 \(A backing service did not answer\)\./);
  const killed = await failedWith(null);
  t.is(killed[0], 'Unavailable');
  t.regex(killed[1], /task 0 was killed or took too long \(The container was killed\.\)\./);
  const crashed = await failedWith(1);
  t.is(crashed[0], 'Unavailable');
  t.regex(crashed[1], /task 0 ended with exit code 1\. Its log: https:/);
  t.is((await failedWith(28))[0], 'PermissionDenied');
  const done = await failedWith(0);
  t.is(done[0], 'Unavailable');
  t.regex(done[1], /ended before all rows were scored/);
});

test.serial('work that is done counts, whatever became of the execution', async (t) => {
  const fake = await inAFake(t, ending(1), { maxRetries: 0 });
  t.deepEqual(await work(fake, ['begun', 'worked']), E.right(undefined));
});

test.serial('an execution that cannot be followed goes on, and that is said', async (t) => {
  const fake = await inAFake(t, () => {
    let stop = (): void => undefined;
    return { ended: new Promise((resolve) => (stop = () => resolve(75))), stop: () => stop() };
  });
  fake.fault({ on: 'get', fault: { kind: 'proxy' }, times: 9 });
  const lost = await work(fake, ['begun']);
  t.is(E.isLeft(lost) ? lost.left.tag : '', 'Unavailable');
  t.regex(E.isLeft(lost) ? lost.left.message : '', /try again\. The execution projects\/.*-00001 goes on\.$/);
  t.regex(JSON.stringify(fake.executions()[0]?.resource()), /CONDITION_RECONCILING/);
});

test.serial('what Cloud Run could not do, or not see, is refused before anything is asked of it', async (t) => {
  const asked = ['score', reference, '--source', 'rows.parquet', '--output', 'never.parquet'];
  const refusals: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [['--on', 'mars'], /--on must be cloud-run-jobs \(or for score bigquery\), got "mars"/],
    [['--on', 'cloud-run-jobs', '--processes', '2'], /--processes are of this machine, and --on names another place/],
    [['--on', 'cloud-run-jobs', '--tasks', '0'], /--tasks must be an integer from 1 to 10000, got "0"/],
    [['--tasks', '2'], /--tasks is of --on cloud-run-jobs/],
    [['--on', 'cloud-run-jobs'], /Tasks on Cloud Run write no output to .*: let it be in a bucket/],
  ];
  for (const [flags, sentence] of refusals) {
    const refused = await runHere(folder, [...asked, ...flags]);
    t.is(refused.code, 2);
    t.regex(refused.stderr, sentence);
  }
  await writeFile(
    join(folder, 'elsewhere.json'),
    JSON.stringify({ scoring_jobs: 'cloud-run-jobs', cloud_run_jobs: fakeJob }),
  );
  const served = await runHere(folder, ['serve', '--port', '0', '--settings', 'elsewhere.json']);
  t.is(served.code, 2);
  t.regex(served.stderr, /Tasks on Cloud Run write no output to /);
  const settings = await loadSettings({ local: '.' }, { env: {}, workingDir: folder })();
  if (E.isLeft(settings)) return t.fail(settings.left.message);
  const nameless = await openCloudRunJobs(settings.right)();
  t.regex(E.isLeft(nameless) ? nameless.left.message : '', /give scorekeeper\.json cloud_run_jobs, with project/);
  const unseen = await openCloudRunJobs({ ...settings.right, cloudRunJobs: fakeJob })();
  t.regex(E.isLeft(unseen) ? unseen.left.message : '', /does not see the registry in the local folder .*--bucket/);
});

test.serial('workers get the bucket and as many tasks as there is work for', async (t) => {
  const fake = await inAFake(t, ending(0));
  process.env['CLOUD_RUN_EMULATOR_HOST'] = fake.url.slice('http://'.length);
  t.teardown(() => delete process.env['CLOUD_RUN_EMULATOR_HOST']);
  const settings = await loadSettings({ bucket: 'games/prod' }, { env: {}, workingDir: folder })();
  if (E.isLeft(settings)) return t.fail(settings.left.message);
  const cloudRunJobs = { ...fakeJob, tasks: 3, task_timeout_seconds: 3600 };
  const jobs = await openCloudRunJobs({ ...settings.right, cloudRunJobs })();
  if (E.isLeft(jobs)) return t.fail(jobs.left.message);
  const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
  const job = { ...begun, path: 'gs://games/predictions/p.parquet.job/j' };
  for (const [status, asked] of [
    [job, undefined],
    [job, 7],
    [{ ...job, shards_committed: 3 }, 7],
    [{ ...job, shards_committed: 4 }, 7],
  ] as const) {
    t.true(E.isRight(await jobs.right.start(status, asked, call)()));
    await fake.executions().at(-1)?.over;
  }
  const overrides = fake.requests().flatMap(({ method, body }) => (method === 'POST' ? [body] : []));
  const args = ['job', 'work', '--finish', '--bucket=games/prod', '--', job.path];
  t.deepEqual(
    overrides,
    [3, 4, 1, 1].map((taskCount) => ({
      overrides: { containerOverrides: [{ args }], taskCount, timeout: '3600s' },
    })),
  );
  const here = await jobs.right.start({ ...job, source_files: ['gs://games/a', '/srv/rows.parquet'] }, 1, call)();
  t.like(E.isLeft(here) ? here.left : {}, {
    tag: 'InvalidInput',
    message:
      'Cloud Run does not see the rows in /srv/rows.parquet: put the file into a bucket and name it there, or let a source of the settings select from it, whose rows are uploaded.',
  });
  const folderHere = await jobs.right.start(begun, 1, call)();
  t.is(E.isLeft(folderHere) ? folderHere.left.tag : '', 'InvalidInput');
});

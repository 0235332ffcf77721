/** Scorings that tasks elsewhere do: what `POST /score` begins, and what `GET /job/{job_id}` tells of it. */
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Execution } from '../../../adapters/cloud-run/job.js';
import { type ScoringJobs, scoringJobs } from '../../../apps/http/scoring-jobs.js';
import type { CloudRunJobs } from '../../../apps/cloud-run-jobs.js';
import { failTask, type JobStatus, type Service } from '../../../core/index.js';
import { fakeService, post, problemOf, scoreAnswer, serve } from './harness.js';

const jobId = '6b1c1d0e-0000-8000-8000-000000000000';
const path = `gs://games/predictions/p q.parquet.job/${jobId}`;

const status: JobStatus = {
  job_id: jobId,
  path,
  state: 'begun',
  model: { model_type: 'rating', name: 'm', version: 3, artifact_sha256: 'ab' } as JobStatus['model'],
  data_source: 'games',
  source_files: ['gs://games/games.parquet'],
  planned_at: '2026-01-01T00:00:00.000Z',
  shard_count: 8,
  shards_committed: 2,
  row_count: 800,
  rows_scored: 199,
  rows_refused: 1,
  output_location: 'gs://games/predictions/p q.parquet',
};

const execution: Execution = {
  name: 'projects/p/locations/europe-west1/jobs/w/executions/w-1',
  state: 'running',
  taskCount: 8,
  runningCount: 6,
  succeededCount: 0,
  failedCount: 2,
  cancelledCount: 0,
  retriedCount: 3,
  message: '',
  logUri: 'https://console.cloud.google.com/logs',
};

const told = {
  name: execution.name,
  state: 'running',
  task_count: 8,
  running_count: 6,
  succeeded_count: 0,
  failed_count: 2,
  cancelled_count: 0,
  retried_count: 3,
  message: '',
  log_uri: execution.logUri,
  failed_tasks: [
    { index: 4, exit_code: 23, message: '', log_uri: 'https://log/4' },
    { index: 5, exit_code: null, message: 'killed', log_uri: 'https://log/5' },
  ],
};

const serveJobs = async (
  t: ExecutionContext,
  service: Partial<Service> = {},
  cloudRun: Partial<CloudRunJobs> = {},
): Promise<{ readonly url: string; readonly started: ReadonlyArray<unknown> }> => {
  const started: unknown[] = [];
  const overrides: Partial<Service> = {
    planJob: () => TE.right({ path, state: 'begun', job_id: jobId, shard_count: 8, row_count: 800 }),
    jobStatus: (asked) => (asked === path ? TE.right(status) : failTask('NotFound', `There is no job in ${asked}.`)),
    finishJob: () => TE.right({ ...scoreAnswer, predictions: null, output_location: status.output_location }),
    ...service,
  };
  const jobs: ScoringJobs = scoringJobs(
    fakeService(overrides),
    {
      resolve: (location) =>
        location.includes('..')
          ? failTask('InvalidInput', 'It climbs.')
          : TE.right(`gs://games/predictions/${location}`),
    },
    {
      start: (...asked) => {
        started.push(asked.slice(0, 2));
        return TE.right(execution);
      },
      newest: () => TE.right(O.some(execution)),
      read: () => TE.right(execution),
      failedTasks: () =>
        TE.right([
          { index: 4, exitCode: 23, message: '', logUri: 'https://log/4' },
          { index: 5, exitCode: undefined, message: 'killed', logUri: 'https://log/5' },
        ]),
      cancel: () => TE.right(undefined),
      ...cloudRun,
    },
  );
  return { url: (await serve(t, overrides, { jobs })).url, started };
};

const asked = { model_type: 'rating', model_name: 'm', data_source: 'games', output_location: 'p q.parquet' };

test('a source and an output are work for tasks elsewhere: 202, and where it can be asked how far that is', async (t) => {
  const { url, started } = await serveJobs(t);
  const response = await post(url, JSON.stringify(asked));
  t.is(response.status, 202);
  const document = await response.json();
  t.deepEqual(document, { ...status, execution: told } as unknown);
  t.deepEqual(started, [[status, undefined]]);
  const location = response.headers.get('location') ?? '';
  t.is(location, `/job/${jobId}?output_location=p+q.parquet`);
  const read = await fetch(new URL(location, url));
  t.is(read.status, 200);
  t.is(read.headers.get('cache-control'), 'no-cache');
  t.deepEqual(await read.json(), document);
});

for (const [what, request] of [
  ['rows that are sent', { ...asked, data_source: 'inline', data: [] }],
  ['rows without a word about their source', { ...asked, data_source: undefined, data: [] }],
  ['predictions for the answer', { ...asked, output_location: null }],
] as const) {
  test(`${what} are scored here`, async (t) => {
    const { url, started } = await serveJobs(t);
    const response = await post(url, JSON.stringify(request));
    t.is(response.status, 200);
    t.deepEqual(await response.json(), scoreAnswer as unknown);
    t.deepEqual(started, []);
  });
}

test('what was scored before answers with its report, and its job without an execution', async (t) => {
  const { url, started } = await serveJobs(
    t,
    {
      planJob: () => TE.right({ path, state: 'finished', job_id: jobId, shard_count: 8, row_count: 800 }),
      jobStatus: () => TE.right({ ...status, state: 'finished' }),
    },
    { newest: () => failTask('Unavailable', 'It is not asked.') },
  );
  const response = await post(url, JSON.stringify(asked));
  t.is(response.status, 200);
  t.like(await response.json(), { predictions: null, output_location: status.output_location });
  t.deepEqual(started, []);
  const read = await fetch(`${url}/job/${jobId}?output_location=p+q.parquet`);
  t.like(await read.json(), { state: 'finished', execution: null });
});

test('a job that nobody works at says so', async (t) => {
  const { url } = await serveJobs(t, {}, { newest: () => TE.right(O.none) });
  t.like(await (await fetch(`${url}/job/${jobId}?output_location=p+q.parquet`)).json(), { execution: null });
});

test('what cannot be planned or started is a problem like any other', async (t) => {
  const unplanned = await serveJobs(t, { planJob: () => failTask('NotFound', 'There is no such model.') });
  t.like(await problemOf(await post(unplanned.url, JSON.stringify(asked))), { status: 404, code: 'NotFound' });
  const unstarted = await serveJobs(t, {}, { start: () => failTask('PermissionDenied', 'It may not run the job.') });
  t.like(await problemOf(await post(unstarted.url, JSON.stringify(asked))), { status: 403, code: 'PermissionDenied' });
});

test('a job that is not there, and one that is asked for in another way, is refused', async (t) => {
  const { url } = await serveJobs(t);
  const refused = async (below: string) => problemOf(await fetch(`${url}/job/${below}`));
  t.like(await refused(`${jobId}?output_location=other.parquet`), { status: 404 });
  t.like(await refused(`${jobId}?output_location=..%2Fp.parquet`), { status: 400, detail: 'It climbs.' });
  t.regex(`${(await refused(`${jobId}`))['detail']}`, /^The query is not valid: \/output_location/);
  t.regex(`${(await refused('..%2F1?output_location=p.parquet'))['detail']}`, /must be the job_id that POST \/score/);
  t.regex(`${(await problemOf(await fetch(`${url}/jobs`)))['detail']}`, /, GET \/job\/\{job_id\}\.$/);
  const without = await serve(t);
  t.like(await problemOf(await fetch(`${without.url}/job/${jobId}`)), { status: 404, code: 'NotFound' });
});

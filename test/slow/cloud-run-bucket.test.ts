/** Jobs on Cloud Run from the command line and over REST, with registry, source and output in a bucket: fakes of both services, and tasks that really run. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { tasksAsProcesses } from '../support/fake-cloud-run/processes.js';
import { fakeJob, startFakeCloudRun } from '../support/fake-cloud-run/server.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { emptyFolder, runHere, shown, start } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';

/** Three shards. */
const rowCount = 300_000;
const everyRow = [rowCount, rowCount, 1, 0];
const [folder, elsewhere, gcs] = await Promise.all([
  scoringFolder(rowCount),
  emptyFolder(),
  startFakeGcs({ buckets: ['games'] }),
]);
const processes = tasksAsProcesses(elsewhere, { STORAGE_EMULATOR_HOST: gcs.url });
/** The first attempt at the first task is killed. */
const cloudRun = await startFakeCloudRun({
  runTask: (task) => {
    const { CLOUD_RUN_TASK_INDEX: index, CLOUD_RUN_TASK_ATTEMPT: attempt } = task.env;
    return index === '0' && attempt === '0' ? { ended: Promise.resolve(null), stop: () => undefined } : processes(task);
  },
});
test.after.always(async () => {
  await cloudRun.close();
  await gcs.close();
});
const env = { STORAGE_EMULATOR_HOST: gcs.url, CLOUD_RUN_EMULATOR_HOST: cloudRun.url };
// For commands in this process.
Object.assign(process.env, env);
const bucket = inABucket(gcs.url);
const local = (name: string): string => join(folder, name);
const settings = ['--bucket', 'games/prod', '--settings', 'cloud.json'];
const scorekeeper = (...args: ReadonlyArray<string>) => runHere(folder, [...args, ...settings], { env });
const onCloudRun = ['--on', 'cloud-run-jobs'];

test.before(async () => {
  await writeFile(
    local('cloud.json'),
    JSON.stringify({
      output_root: 'gs://games/predictions',
      cloud_run_jobs: { ...fakeJob, tasks: 2 },
      sources: { rows: { kind: 'duckdb', files: { rows: 'rows.parquet' }, sql: 'SELECT * FROM rows ORDER BY id' } },
      model_types: { rating: { source: 'rows' } },
    }),
  );
  await bucket.put(local('rows.parquet'), 'gs://games/in/rows.parquet');
  await runHere(folder, ['score', reference, '--source', 'rows.parquet', '--output', 'one.parquet']);
  await runHere(folder, ['copy', `${reference}@1`, '--to', 'gs://games/prod'], { env });
});

test.serial(
  'tasks score into a bucket and finish, though one is killed and the answer to the start is lost',
  async (t) => {
    cloudRun.fault({ on: 'run', fault: { kind: 'lost' } });
    cloudRun.fault({ on: 'get', fault: { kind: 'refusal', status: 503, code: 'UNAVAILABLE', message: 'Busy.' } });
    const output = 'gs://games/2026/ratings.parquet';
    const asked = [
      'score',
      reference,
      '--source',
      'gs://games/in/rows.parquet',
      '--output',
      output,
      '--json',
      ...onCloudRun,
    ];
    const scored = await scorekeeper(...asked);
    t.is(scored.code, 0, scored.stderr);
    t.like(JSON.parse(scored.stdout), { output_location: output, performance_diagnostics: { total_scored: rowCount } });
    t.regex(scored.stderr, /^execution projects\/games-project\/.*-00001, 2 tasks\nlog: https:/m);
    t.is(cloudRun.executions().length, 1);
    const path = await bucket.fetch(output, local('ratings.parquet'));
    t.deepEqual(await counts(path), everyRow);
    t.is(await differences(local('one.parquet'), path), 0);
    const again = await scorekeeper(...asked);
    t.regex(again.stderr, /^This was scored before/m);
    t.is(cloudRun.executions().length, 1);

    const here = await scorekeeper('score', reference, '--source', 'rows.parquet', '--output', output, ...onCloudRun);
    t.is(here.code, 2);
    t.regex(here.stderr, /Cloud Run does not see the rows in .*rows\.parquet: put the file into a bucket/);
    t.regex(here.stderr, /The job is kept in gs:.*: have it worked at in another way, by --processes auto for example/);
    t.notRegex(here.stderr, /To go on from there/);
  },
);

test.serial('a request is planned by the service and done by tasks, which any instance tells of', async (t) => {
  const serving = start(folder, ['serve', '--port', '0', ...settings], {
    ...env,
    SCOREKEEPER_SCORING_JOBS: 'cloud-run-jobs',
  });
  t.teardown(() => serving.child.kill('SIGTERM'));
  const [, url = ''] = await shown(serving, /listening on (\S+)/);
  const post = () =>
    fetch(`${url}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model_type: 'rating', model_name: 'm', output_location: 'rest/ratings.parquet' }),
    });
  const before = cloudRun.executions().length;
  const response = await post();
  t.is(response.status, 202, await response.clone().text());
  t.like(await response.json(), { state: 'begun', row_count: rowCount, execution: { state: 'running' } });
  t.is((await post()).status, 202, 'the same job');
  const location = new URL(response.headers.get('location') ?? '', url);
  for (;;) {
    const job = (await (await fetch(location)).json()) as { readonly state: string; readonly rows_scored: number };
    if (job.state === 'finished') break;
    await pause(100);
  }
  t.is(cloudRun.executions().length, before + 1);
  const done = await post();
  t.is(done.status, 200);
  t.like(await done.json(), { output_location: 'gs://games/predictions/rest/ratings.parquet', predictions: null });
  const path = await bucket.fetch('gs://games/predictions/rest/ratings.parquet', local('rest.parquet'));
  t.deepEqual(await counts(path), everyRow);
});

/** `doctor --cloud` asks for each permission that the settings make necessary, once for each resource, and names the role that is missing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { runTrial } from '../../../apps/cli/checks.js';
import { cloudTrials } from '../../../apps/cli/cloud-checks.js';
import { loadSettings } from '../../../apps/settings.js';
import { neverCancelled } from '../../../core/index.js';
import { bodyOf } from '../../support/fake-gcs/misbehave.js';
import { emptyFolder, run } from './command-line.js';

const variables = ['STORAGE_EMULATOR_HOST', 'CLOUD_RESOURCE_MANAGER_EMULATOR_HOST', 'CLOUD_RUN_EMULATOR_HOST'];

/** Speaks for the three services that are asked, of which the first request may be refused; tells what it was asked. */
const startFake = async (t: ExecutionContext, held: ReadonlyArray<string>, refusals: ReadonlyArray<number> = []) => {
  const asked: string[] = [];
  const left = [...refusals];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const url = decodeURIComponent(request.url ?? '');
      asked.push([request.method, url, body.toString()].join(' ').trim());
      const status = left.shift() ?? 200;
      response.writeHead(status, { 'content-type': 'application/json' });
      const wanted = [...url.matchAll(/permissions=([\w.]+)/g)].map(([, name]) => name);
      const all = wanted.length > 0 ? wanted : JSON.parse(body.toString()).permissions;
      const permissions = all.filter((name: string) => held.includes(name));
      // Without any, Google leaves the field out.
      const answer = status === 200 ? (permissions.length > 0 ? { permissions } : {}) : { error: { message: 'No.' } };
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, env: Object.fromEntries(variables.map((name) => [name, address])) };
};

const job = { project: 'games-project', location: 'europe-west1', job: 'scorekeeper-worker' };

const everything = {
  store: 'gcs',
  bucket: 'models/prod',
  output_root: 'gs://scores/daily',
  sources: {
    files: {
      kind: 'duckdb',
      files: { a: 'gs://features/a.parquet', b: 'b.csv', c: 'gs://models/c.parquet' },
      sql: 'SELECT 1',
    },
    table: { kind: 'bigquery', project: 'warehouse-project', sql_file: 'gs://queries/table.sql' },
  },
  cloud_run_jobs: job,
};

const checksOf = async (t: ExecutionContext, content: object, env: Readonly<Record<string, string>>) => {
  const workingDir = await emptyFolder();
  await writeFile(join(workingDir, 'scorekeeper.json'), JSON.stringify(content));
  const settings = await loadSettings({}, { env: {}, workingDir })();
  if (E.isLeft(settings)) throw new Error(settings.left.message);
  Object.assign(process.env, env);
  t.teardown(() => {
    for (const name of variables) delete process.env[name];
  });
  const trials = cloudTrials(settings.right, { deadlineMs: Date.now() + 10_000, cancellation: neverCancelled });
  const checks = [];
  for (const trial of trials) checks.push(await runTrial(trial));
  return checks;
};

test.serial(
  'each resource is asked once for what it takes: buckets that are written and read, projects that pay, the job',
  async (t) => {
    const storage = ['get', 'list', 'create', 'delete'].map((verb) => `storage.objects.${verb}`);
    const running = ['run.jobs.run', 'run.jobs.runWithOverrides', 'run.executions.cancel'];
    const looking = ['run.executions.get', 'run.executions.list', 'run.tasks.list'];
    const { asked, env } = await startFake(t, [...storage, 'bigquery.jobs.create', ...running, ...looking]);
    const checks = await checksOf(t, everything, env);
    const query = storage.map((name) => `permissions=${name}`).join('&');
    const body = (permissions: ReadonlyArray<string>) => JSON.stringify({ permissions });
    const path = `/v2/projects/${job.project}/locations/${job.location}/jobs/${job.job}:testIamPermissions`;
    t.deepEqual(asked, [
      `GET /storage/v1/b/models/iam/testPermissions?${query}`,
      `GET /storage/v1/b/scores/iam/testPermissions?${query}`,
      'GET /storage/v1/b/features/iam/testPermissions?permissions=storage.objects.get',
      'GET /storage/v1/b/queries/iam/testPermissions?permissions=storage.objects.get',
      `POST /v1/projects/warehouse-project:testIamPermissions ${body(['bigquery.jobs.create'])}`,
      `POST ${path} ${body(running)}`,
      `POST ${path} ${body(looking)}`,
    ]);
    t.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    );
    t.is(checks.length, 1 + 4 + 4 + 1 + 1 + 1 + 3 + 3);
  },
);

test.serial(
  'a permission that is missing is told with its role and the command that gives it, and no other with it',
  async (t) => {
    const { env } = await startFake(t, ['storage.objects.get', 'storage.objects.list', 'run.jobs.run']);
    const missing = (await checksOf(t, everything, env)).filter(({ ok }) => !ok);
    t.is(missing.length, 2 + 2 + 1 + 2 + 3);
    t.true(missing.every(({ failure }) => failure?.tag === 'PermissionDenied'));
    const told = (name: string) => missing.find((check) => check.name === name)?.detail;
    t.is(
      told('storage.objects.create'),
      'not held on gs://models: give it the role roles/storage.objectUser with: gcloud storage buckets add-iam-policy-binding gs://models --role=roles/storage.objectUser --member=user:ADDRESS',
    );
    t.is(
      told('bigquery.jobs.create'),
      'not held on project warehouse-project: give it the role roles/bigquery.jobUser with: gcloud projects add-iam-policy-binding warehouse-project --role=roles/bigquery.jobUser --member=user:ADDRESS',
    );
    t.is(
      told('run.executions.cancel'),
      'not held on job scorekeeper-worker in games-project/europe-west1: give it the role roles/run.jobsExecutorWithOverrides with: gcloud run jobs add-iam-policy-binding scorekeeper-worker --project=games-project --region=europe-west1 --role=roles/run.jobsExecutorWithOverrides --member=user:ADDRESS',
    );
  },
);

test.serial(
  'a resource that is not there, and one that nobody tells of, are told so; what fails for a moment is asked again',
  async (t) => {
    const onlyJob = { store: 'local', cloud_run_jobs: job };
    const { env } = await startFake(t, ['run.jobs.run'], [503, 404, 403]);
    const [, running, , , looking] = await checksOf(t, onlyJob, env);
    t.like(running, { name: 'run.jobs.run', ok: false, failure: { tag: 'NotFound' } });
    t.regex(running?.detail ?? '', /^There is no job scorekeeper-worker in games-project\/europe-west1: create it/);
    t.like(looking, { name: 'run.executions.get', ok: false, failure: { tag: 'PermissionDenied' } });
    const [nothing, ...others] = await checksOf(t, { store: 'local' }, env);
    t.deepEqual([nothing?.ok, nothing?.detail, others], [true, 'nothing in the settings is in Google Cloud', []]);
  },
);

test.serial('the command asks only when it is told to, and exits as the first failure says', async (t) => {
  const { asked, env } = await startFake(t, ['bigquery.jobs.create']);
  const home = await emptyFolder();
  await writeFile(
    join(home, 'scorekeeper.json'),
    JSON.stringify({ output_root: 'bigquery://games-project.scores', cloud_run_jobs: job }),
  );
  const local = await run(home, ['doctor', '--json'], { env });
  t.is(local.code, 0, local.stdout);
  t.deepEqual(asked, []);
  const cloud = await run(home, ['doctor', '--cloud'], { env });
  t.is(cloud.code, 28, cloud.stdout);
  t.regex(cloud.stdout, /^bigquery\.jobs\.create +ok +held on project games-project$/m);
  t.regex(cloud.stdout, /^run\.jobs\.run +FAILED +not held on job scorekeeper-worker in /m);
  t.regex(cloud.stderr, /6 of \d+ checks failed: run\.jobs\.run, /);
});

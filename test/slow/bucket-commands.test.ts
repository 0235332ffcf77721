/** Outputs and jobs in buckets: the same commands, the same files, against a fake of Cloud Storage. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sql } from '../adapters/duckdb/files.js';
import { startChaosProxy } from '../support/chaos-proxy.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { run, runHere } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';

/** Two shards. */
const rowCount = 140_000;
const [folder, fake] = await Promise.all([scoringFolder(rowCount), startFakeGcs({ buckets: ['games'] })]);
test.after.always(fake.close);
/** Where files wait, which then go. */
const scratch = join(folder, 'scratch');
const env = { STORAGE_EMULATOR_HOST: fake.url, TMPDIR: scratch };
// For commands in this process.
Object.assign(process.env, env);
const bucket = inABucket(fake.url);
const scorekeeper = (...args: ReadonlyArray<string>) => runHere(folder, args, { env });
const asked = (output: string, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...[reference, '--source', 'rows.csv', '--output', output],
  ...more,
];
const local = (name: string): string => join(folder, name);

test.before(() => mkdir(scratch));
test.before(() => sql(`COPY (SELECT * FROM '${local('rows.parquet')}' ORDER BY id) TO '${local('rows.csv')}'`));

const schemaOf = (path: string) => sql(`DESCRIBE SELECT * FROM '${path}'`);

/** Each is tried again at once, or after a pause that is short: no silences. */
const chances = { '429': 0.03, '503': 0.03, reset: 0.03, lost: 0.03, cut: 0.03, truncate: 0.03, flip: 0.03 };

test.serial('one process, several, and workers on a job in a bucket write the same rows to it', async (t) => {
  t.is((await scorekeeper('score', ...asked('one.parquet'))).code, 0);
  const alone = await scorekeeper('score', ...asked('gs://games/2026/alone.parquet', '--json'));
  t.is(alone.code, 0, alone.stderr);
  t.like(JSON.parse(alone.stdout), { output_location: 'gs://games/2026/alone.parquet' });
  const processes = await run(folder, ['score', ...asked('gs://games/2026/two.parquet', '--processes', '2')], { env });
  t.is(processes.code, 0, processes.stderr);

  // A name that no key of a registry has.
  const output = 'gs://games/dt=2026-01-01/it is/three.parquet';
  const planned = await scorekeeper('job', 'plan', ...asked(output));
  t.is(planned.code, 0, planned.stderr);
  const job = planned.stdout.trim();
  t.regex(job, /^gs:\/\/games\/dt=2026-01-01\/it is\/three\.parquet\.job\/[\da-f-]{36}$/);
  t.is((await scorekeeper('job', 'plan', ...asked(output))).stdout.trim(), job);
  const early = await scorekeeper('job', 'finish', `${job}/`);
  t.regex(early.stderr, /^Conflict: 2 of 2 shards are not done yet/m);
  // Two with one place, by a line on which everything goes wrong.
  const proxy = await startChaosProxy({ target: fake.url, seed: 3, chances });
  t.teardown(proxy.close);
  const twin = { STORAGE_EMULATOR_HOST: proxy.url, CLOUD_RUN_TASK_INDEX: '1', CLOUD_RUN_TASK_COUNT: '2' };
  const twins = await Promise.all([1, 2].map(() => run(folder, ['job', 'work', job], { env: twin })));
  for (const { code, stderr } of twins) t.is(code, 0, stderr);
  t.true(Object.keys(proxy.faultCounts()).length > 2, JSON.stringify(proxy.faultCounts()));
  const status = await scorekeeper('job', 'status', job);
  t.regex(status.stdout, /^shards +2 of 2 committed\nrows +140,000 scored of 140,000, 0 refused$/m);
  const finished = await scorekeeper('job', 'finish', job, '--json');
  t.is(finished.code, 0, finished.stderr);
  t.like(JSON.parse(finished.stdout), { output_location: output });

  for (const [address, name] of [
    ['gs://games/2026/alone.parquet', 'alone.parquet'],
    ['gs://games/2026/two.parquet', 'two.parquet'],
    [output, 'three.parquet'],
  ] as const) {
    const path = await bucket.fetch(address, local(`fetched/${name}`));
    t.deepEqual(await counts(path), [rowCount, rowCount, 1, 0], name);
    t.is(await differences(local('one.parquet'), path), 0, name);
    t.deepEqual(await schemaOf(path), await schemaOf(local('one.parquet')));
  }
  t.deepEqual(await bucket.namesBelow(`${job}/`), [
    ...['.scorekeeper-self-test', '_SUCCESS', '_commits/00000.json', '_commits/00001.json'],
    ...['_manifest.json', '_plan.json'],
  ]);
  t.like(JSON.parse((await scorekeeper('job', 'plan', ...asked(output, '--json'))).stdout), { state: 'finished' });
  await bucket.remove(output);
  t.like(JSON.parse((await scorekeeper('job', 'plan', ...asked(output, '--json'))).stdout), { state: 'begun' });
});

test.serial('refused rows are beside the output, in a bucket too, until a scoring has none', async (t) => {
  await sql(
    `COPY (SELECT range AS id, 1 AS weight, (CASE range WHEN 3 THEN 'much' ELSE '2' END) AS year FROM range(10)) TO '${local('holes.csv')}'`,
    `COPY (SELECT range AS id, 1 AS weight, 2 AS year FROM range(10)) TO '${local('whole.csv')}'`,
  );
  const score = (source: string, ...more: ReadonlyArray<string>) =>
    runHere(
      folder,
      ['score', reference, '--source', source, '--output', 'h/holes.csv', '--on-error', 'skip', ...more],
      {
        env: { ...env, SCOREKEEPER_OUTPUT_ROOT: 'gs://games/root/' },
      },
    );
  for (const more of [[], ['--processes', '1']]) {
    const holes = await score('holes.csv', '--json', ...more);
    t.is(holes.code, 0, holes.stderr);
    t.like(JSON.parse(holes.stdout), {
      output_location: 'gs://games/root/h/holes.csv',
      rejects_location: 'gs://games/root/h/holes.rejects.ndjson',
      refused_total: 1,
    });
    const names = async () => (await bucket.namesBelow('gs://games/root/h/')).filter((name) => !name.includes('/'));
    t.deepEqual(await names(), ['holes.csv', 'holes.rejects.ndjson']);
    t.is((await score('whole.csv', ...more)).code, 0);
    t.deepEqual(await names(), ['holes.csv']);
  }
});

test.serial('doctor writes an output to the bucket, and removes it', async (t) => {
  const outputs = async (root: string) => {
    const { code, stdout } = await runHere(folder, ['doctor', '--json'], {
      env: { ...env, SCOREKEEPER_OUTPUT_ROOT: root },
    });
    const { checks } = JSON.parse(stdout) as { checks: ReadonlyArray<{ name: string; ok: boolean; detail: string }> };
    return { code, ...checks.find(({ name }) => name === 'outputs') };
  };
  const detail = 'predictions go below gs://games/doctor, which can be written';
  t.like(await outputs('gs://games/doctor'), { code: 0, ok: true, detail });
  t.deepEqual(await bucket.namesBelow('gs://games/doctor/'), []);
  t.like(await outputs('gs://games//doctor'), { code: 2, ok: false });
  const nobodys = await outputs('gs://nobodys/doctor');
  t.like(nobodys, { code: 20, ok: false });
  t.regex(nobodys.detail ?? '', /There is no bucket gs:\/\/nobodys/);
});

test.serial('what fails for good leaves no job behind; a place that is not for outputs is refused', async (t) => {
  await sql(`COPY (SELECT range AS id, 'much' AS weight, 1 AS year FROM range(10)) TO '${local('bad.csv')}'`);
  const bad = await run(
    folder,
    ['score', reference, '--source', 'bad.csv', '--output', 'gs://games/bad.parquet', '--processes', '1'],
    { env },
  );
  t.is(bad.code, 23);
  t.deepEqual(await bucket.namesBelow('gs://games/bad'), []);
  const nobodys = await scorekeeper('score', ...asked('gs://nobodys/x.parquet'));
  t.is(nobodys.code, 20);
  t.regex(nobodys.stderr, /There is no bucket gs:\/\/nobodys/);
  const registry = { env: { ...env, GCS_BUCKET_NAME: 'games/prod' } };
  for (const output of ['gs://games/prod/models/x.parquet', 'gs://games', 'gs://games/a//x.parquet', 'gs://games/x'])
    t.is((await runHere(folder, ['score', ...asked(output)], registry)).code, 2, output);
  for (const command of ['work', 'finish', 'status', 'resume']) {
    const lost = await (command === 'work' ? run : runHere)(folder, ['job', command, 'gs://games/nowhere'], { env });
    t.is(lost.code, 20);
    t.regex(lost.stderr, /^NotFound: There is no job in gs:\/\/games\/nowhere: it has no _plan\.json\.$/m);
  }
});

test.serial('nothing is left in the temporary folder of this machine', async (t) => {
  t.deepEqual(await readdir(scratch), []);
});

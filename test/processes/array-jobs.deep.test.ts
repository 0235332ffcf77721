/** `job plan|work|finish|resume|status`: what tasks of an array scheduler do on a folder that all of them see. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run, runHere, shown, start } from '../apps/cli/command-line.js';
import { counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';

/** Three shards. */
const rowCount = 300_000;
const folder = await scoringFolder(rowCount);
const asked = (output: string, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...[reference, '--source', 'rows.parquet', '--output', output],
  ...more,
];
const statusOf = async (job: string) => JSON.parse((await runHere(folder, ['job', 'status', job, '--json'])).stdout);

test.serial('what was planned here is worked at by tasks of two schedulers, and finished elsewhere', async (t) => {
  t.is((await runHere(folder, ['score', ...asked('one.parquet')])).code, 0);
  const planned = await runHere(folder, ['job', 'plan', ...asked('out/two.parquet')]);
  t.is(planned.code, 0, planned.stderr);
  const job = planned.stdout.trim();
  t.true(job.startsWith(join(folder, 'out', 'two.parquet.job/')));
  t.regex(planned.stderr, new RegExp(`^300,000 rows in 3 shards\nTo work at it:\n  scorekeeper job work ${job}$`, 'm'));
  const again = await runHere(folder, ['job', 'plan', ...asked('out/two.parquet', '--json')]);
  t.like(JSON.parse(again.stdout), { path: job, state: 'begun', shard_count: 3, row_count: rowCount });

  const early = await runHere(folder, ['job', 'finish', job]);
  t.is(early.code, 22);
  t.regex(early.stderr, /^Conflict: 3 of 3 shards are not done yet: run the workers again\.$/m);
  t.like(await statusOf(job), { state: 'begun', shards_committed: 0, rows_scored: 0 });

  const stopped = start(folder, ['job', 'work', job], { JOB_COMPLETION_INDEX: '0', SCOREKEEPER_TASK_COUNT: '2' });
  await shown(stopped, /registry: /);
  stopped.child.kill('SIGTERM');
  t.like(await stopped.ended, { code: 75 });
  const environments = [
    { CLOUD_RUN_TASK_INDEX: '1', CLOUD_RUN_TASK_COUNT: '2' },
    { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '3', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_STEP: '1' },
  ];
  for (const { code, stderr } of await Promise.all(
    environments.map((env) => run(folder, ['job', 'work', job], { env })),
  ))
    t.is(code, 0, stderr);
  const worked = await runHere(folder, ['job', 'status', job]);
  t.regex(worked.stdout, /^shards +3 of 3 committed\nrows +300,000 scored of 300,000, 0 refused$/m);
  t.true(worked.stdout.trimEnd().endsWith(`scorekeeper job finish ${job}`));

  // Its place is found by the folder's, wherever that is seen and whatever the output root is.
  await rename(join(folder, 'out'), join(folder, 'seen elsewhere'));
  const there = job.replace(join(folder, 'out'), join(folder, 'seen elsewhere'));
  const output = join(folder, 'seen elsewhere', 'two.parquet');
  const env = { SCOREKEEPER_OUTPUT_ROOT: join(folder, 'nowhere') };
  const finished = await runHere(folder, ['job', 'finish', there, '--json'], { env });
  t.is(finished.code, 0, finished.stderr);
  t.like(JSON.parse(finished.stdout), {
    output_location: output,
    performance_diagnostics: { rows_read: rowCount, total_scored: rowCount, rows_refused: 0 },
  });
  t.is(await differences(join(folder, 'one.parquet'), output), 0);
  t.deepEqual(await counts(output), [rowCount, rowCount, 1, 0]);
  const before = await readFile(output);
  const answered = await runHere(folder, ['job', 'finish', there]);
  t.regex(answered.stdout, /^rows +300,000 scored of 300,000 read, 0 refused$/m);
  t.deepEqual(await readFile(output), before);
  t.like(await statusOf(there), { state: 'finished', shards_committed: 3, rows_scored: rowCount });
  t.false((await runHere(folder, ['job', 'status', there])).stdout.includes('next'));
});

test.serial(
  'of workers that finish, the first alone puts the output in its place; what was stopped is resumed',
  async (t) => {
    const planned = await runHere(folder, ['job', 'plan', ...asked('out/three.parquet')]);
    const job = planned.stdout.trim();
    const place = (index: number) => ({ env: { CLOUD_RUN_TASK_INDEX: `${index}`, CLOUD_RUN_TASK_COUNT: '2' } });
    t.is((await run(folder, ['job', 'work', '--finish', job], place(1))).code, 0);
    t.like(await statusOf(job), { state: 'worked', shards_committed: 3 });
    t.is((await run(folder, ['job', 'work', '--finish', job], place(0))).code, 0);
    t.like(await statusOf(job), { state: 'finished' });
    t.deepEqual(await counts(join(folder, 'out', 'three.parquet')), [rowCount, rowCount, 1, 0]);

    const left = (await runHere(folder, ['job', 'plan', ...asked('out/four.parquet')])).stdout.trim();
    const resumed = await runHere(folder, ['job', 'resume', left, '--json']);
    t.is(resumed.code, 0, resumed.stderr);
    t.like(JSON.parse(resumed.stdout), { performance_diagnostics: { total_scored: rowCount } });
    t.deepEqual(await counts(join(folder, 'out', 'four.parquet')), [rowCount, rowCount, 1, 0]);
    const again = await runHere(folder, ['job', 'resume', left]);
    t.regex(again.stderr, /^This job is finished: nothing is to be done\.$/m);
    t.regex(again.stdout, /^rows +300,000 scored of 300,000 read, 0 refused$/m);
  },
);

test.serial('a failure that another try would meet again has its own exit code, and names what is wrong', async (t) => {
  await writeFile(join(folder, 'holes.csv'), 'id,weight,year\n0,much,2\n1,2,3\n');
  const planned = await runHere(folder, [
    ...['job', 'plan', reference, '--source', 'holes.csv', '--output', 'holes.parquet'],
  ]);
  t.is(planned.code, 0, planned.stderr);
  t.like(await run(folder, ['job', 'work', planned.stdout.trim()]), { code: 23 });
  const uncounted = await run(folder, ['job', 'work', 'nowhere'], { env: { JOB_COMPLETION_INDEX: '4' } });
  t.is(uncounted.code, 2);
  t.regex(uncounted.stderr, /JOB_COMPLETION_INDEX .* set SCOREKEEPER_TASK_COUNT/);
  for (const command of ['work', 'finish', 'resume', 'status']) {
    const lost = await run(folder, ['job', command, 'nowhere']);
    t.is(lost.code, 20);
    t.regex(lost.stderr, /^NotFound: There is no job in .*nowhere: it has no _plan\.json\.$/m);
    const elsewhere = await run(folder, ['job', command, 's3://bucket/a.parquet.job/b']);
    t.is(elsewhere.code, 2);
    t.regex(elsewhere.stderr, /FOLDER must be the folder of a job, .*"s3:.* is not an address of files in a bucket/);
  }
  const nameless = await runHere(folder, ['job', 'plan', reference, '--source', 'rows.parquet']);
  t.is(nameless.code, 2);
  t.regex(nameless.stderr, /job plan needs --output/);
  const nothing = await runHere(folder, ['job', 'wrok']);
  t.is(nothing.code, 2);
  t.regex(nothing.stderr, /^"job wrok" is no command: job plan, job work, job finish, job resume, job status are\.$/m);
  const table = await runHere(folder, ['job', 'plan', ...asked('bigquery://project.dataset.table')]);
  t.is(table.code, 2);
  t.regex(table.stderr, /has tables: name a file as --output/);
});

/** `score --processes`: the same output as of one process, whoever is killed on the way. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run, runHere, shown, start } from '../apps/cli/command-line.js';
import {
  childrenOf,
  commitsOf,
  counts,
  differences,
  firstCommit,
  gone,
  jobOf,
  reference,
  scoringFolder,
} from '../apps/cli/job-scores.js';

/** Three shards. */
const rowCount = 300_000;
const folder = await scoringFolder(rowCount);
const score = (output: string, ...more: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...['score', reference, '--source', 'rows.parquet', '--output', output],
  ...more,
];
const everyRow = [rowCount, rowCount, 1, 0];

test.serial('two processes write what one writes, and say so when they are asked again', async (t) => {
  t.is((await runHere(folder, score('one.parquet'))).code, 0);
  const both = await run(folder, score('two.parquet', '--processes', '2', '--json'));
  t.is(both.code, 0, both.stderr);
  t.is(await differences(join(folder, 'one.parquet'), join(folder, 'two.parquet')), 0);
  t.deepEqual(await counts(join(folder, 'two.parquet')), everyRow);
  const answer = JSON.parse(both.stdout);
  t.like(answer.performance_diagnostics, { rows_read: rowCount, total_scored: rowCount, rows_refused: 0 });
  t.deepEqual((await readdir(await jobOf(join(folder, 'two.parquet')))).sort(), [
    '.scorekeeper-tmp',
    '_SUCCESS',
    '_commits',
    '_manifest.json',
    '_plan.json',
  ]);
  const before = await readFile(join(folder, 'two.parquet'));
  const again = await runHere(folder, score('two.parquet', '--processes', '2', '--json'));
  t.is(again.code, 0);
  t.regex(again.stderr, /^This was scored before, .* --overwrite does it again\.$/m);
  t.is(JSON.parse(again.stdout).job_id, answer.job_id);
  t.deepEqual(await readFile(join(folder, 'two.parquet')), before);
  const anew = await run(folder, score('two.parquet', '--processes', '2', '--json', '--overwrite'));
  t.is(anew.code, 0, anew.stderr);
  t.not(JSON.parse(anew.stdout).job_id, answer.job_id);
  t.deepEqual(await counts(join(folder, 'two.parquet')), everyRow);
});

test.serial('a process that is killed is replaced, and no row is lost or doubled', async (t) => {
  const output = join(folder, 'killed.parquet');
  const running = start(folder, score('killed.parquet', '--processes', '2'));
  await firstCommit(output, running);
  const [victim] = await childrenOf(running.child.pid ?? 0);
  process.kill(victim ?? 0, 'SIGKILL');
  t.like(await running.ended, { code: 0 });
  t.deepEqual(await counts(output), everyRow);
});

test.serial(
  'a command that is killed takes its processes along, and the same command goes on where it was',
  async (t) => {
    const output = join(folder, 'resumed.parquet');
    await writeFile(output, 'what was there before');
    const running = start(folder, score('resumed.parquet', '--processes', '2'));
    await firstCommit(output, running);
    const workers = await childrenOf(running.child.pid ?? 0);
    running.child.kill('SIGKILL');
    await gone(workers);
    t.is(workers.length, 2);
    t.is(await readFile(output, 'utf8'), 'what was there before');
    const committed = await commitsOf(output);
    const resumed = await run(folder, score('resumed.parquet', '--processes', '2'));
    t.is(resumed.code, 0, resumed.stderr);
    t.deepEqual(await counts(output), everyRow);
    const after = await commitsOf(output);
    for (const [shard, commit] of committed) t.is(after.get(shard), commit, `shard ${shard} was not done again`);
  },
);

test.serial('a command that is interrupted stops its processes and says how to go on', async (t) => {
  const output = join(folder, 'stopped.parquet');
  const running = start(folder, score('stopped.parquet', '--processes', '2'));
  await firstCommit(output, running);
  const workers = await childrenOf(running.child.pid ?? 0);
  running.child.kill('SIGINT');
  const { code, stderr } = await running.ended;
  t.is(code, 130);
  await gone(workers);
  const [, command = ''] = /is kept in .*To go on from there:\n {2}scorekeeper (.*)$/m.exec(stderr) ?? [];
  t.is(command, score('stopped.parquet', '--processes', '2').join(' '));
  const left = await readdir(await jobOf(output));
  t.deepEqual(
    left.filter((name) => name.endsWith('.tmp')),
    [],
    'nothing half written',
  );
  t.is((await run(folder, command.split(' '))).code, 0);
  t.deepEqual(await counts(output), everyRow);
});

test.serial('workers that were started by hand do a job that another command planned', async (t) => {
  const output = join(folder, 'aside.parquet');
  const running = start(folder, score('aside.parquet', '--processes', '1'));
  await firstCommit(output, running);
  running.child.kill('SIGINT');
  await running.ended;
  const out = await jobOf(output);
  const worker = (index: number) => ({ SCOREKEEPER_TASK_INDEX: `${index}`, SCOREKEEPER_TASK_COUNT: '2' });
  const stopped = start(folder, ['job', 'work', out], worker(0));
  await shown(stopped, /registry: /);
  stopped.child.kill('SIGTERM');
  t.true([0, 75].includes((await stopped.ended).code ?? -1));
  for (const { code, stderr } of await Promise.all(
    [1, 1].map((i) => run(folder, ['job', 'work', out], { env: worker(i) })),
  ))
    t.is(code, 0, stderr);
  t.is((await commitsOf(output)).size, 3);
  t.is((await run(folder, score('aside.parquet', '--processes', '1'))).code, 0);
  t.deepEqual(await counts(output), everyRow);
});

test.serial('rows that do not fit fail the job as they fail a scoring, and nothing is left', async (t) => {
  const path = join(folder, 'holes.csv');
  const rows = Array.from({ length: 140_000 }, (_, row) => `${row},${row === 139_000 || row === 5 ? 'much' : 1},2`);
  await writeFile(path, `id,weight,year\n${rows.join('\n')}\n`);
  const asked = ['score', reference, '--source', 'holes.csv', '--output', 'holes.parquet'];
  const one = await runHere(folder, asked);
  const two = await run(folder, [...asked, '--processes', '2']);
  t.is(two.code, 23);
  t.is(two.stderr, one.stderr);
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('holes.parquet')),
    [],
  );
  const skipped = await run(folder, [...asked, '--processes', '2', '--on-error', 'skip', '--json']);
  t.is(skipped.code, 0, skipped.stderr);
  t.like(JSON.parse(skipped.stdout), { refused_total: 2, rejects_location: join(folder, 'holes.rejects.ndjson') });
  const told = (await readFile(join(folder, 'holes.rejects.ndjson'), 'utf8')).trim().split('\n');
  t.deepEqual(
    told.map((line) => JSON.parse(line).pointer),
    ['/5/weight', '/139000/weight'],
  );
});

test.serial('what is no number of processes, and a job without an output, is refused', async (t) => {
  for (const processes of ['0', '1.5', 'all', '257']) {
    const refused = await runHere(folder, score('never.parquet', '--processes', processes));
    t.is(refused.code, 2);
    t.regex(refused.stderr, /--processes must be an integer from 1 to 256, or auto, got/);
  }
  const inline = await runHere(folder, ['score', reference, '--source', 'rows.parquet', '--processes', 'auto']);
  t.is(inline.code, 2);
  t.regex(inline.stderr, /name an output_location \(--output\)/);
  t.is((await run(folder, ['job', 'work', 'nowhere'])).code, 20);
  const env = { SCOREKEEPER_TASK_INDEX: '2', SCOREKEEPER_TASK_COUNT: '2' };
  t.is((await run(folder, ['job', 'work', 'nowhere'], { env })).code, 2);
});

/** A job on a Slurm of two nodes, with the array script that `docs/deploy/` has: workers are stopped, and killed before and after their commits; two have one place. */
import { chmod, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { sql } from '../adapters/duckdb/files.js';
import { run } from '../apps/cli/command-line.js';
import { commitsOf, counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';
import { startCluster } from './cluster.js';

const rowCount = 1_200_000;
const shardCount = 12;
/** Of each kind; three workers of twelve are left alone. */
const kills = 4;

const checkout = fileURLToPath(new URL('../../../', import.meta.url));

/** The workers at the job that run now, by the part that each of them is writing. */
const writers = async (job: string): Promise<ReadonlyMap<string, number>> => {
  const parts = new Map<string, number>();
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    const folder = `/proc/${pid}/fd`;
    for (const fd of await readdir(folder).catch(() => [])) {
      const path = await readlink(join(folder, fd)).catch(() => '');
      const [, part] = /\/\.(part-.*\.parquet)\.[^/]*\.tmp$/.exec(path.startsWith(job) ? path : '') ?? [];
      if (part !== undefined) parts.set(part, pid);
    }
  }
  return parts;
};

/**
 * Ends workers while there are some: first one by SIGTERM, which its task survives; then by SIGKILL one that writes a part, then one whose part was just
 * committed, and so on.
 */
const endWorkers = async (output: string, job: string, isOver: () => boolean) => {
  const told = { stopped: 0, killedBefore: 0, killedAfter: 0 };
  const known = new Map<string, number>();
  const dead = new Set<number>();
  while (!isOver() && told.killedBefore + told.killedAfter < 2 * kills) {
    for (const [part, pid] of await writers(job)) known.set(part, pid);
    const committed = [...(await commitsOf(output)).values()].map((text) => JSON.parse(text).part.name as string);
    const next = told.stopped === 0 ? 'stopped' : told.killedAfter < told.killedBefore ? 'killedAfter' : 'killedBefore';
    const [, victim] =
      [...known].findLast(([part, pid]) => !dead.has(pid) && committed.includes(part) === (next === 'killedAfter')) ??
      [];
    if (victim !== undefined) {
      dead.add(victim);
      try {
        process.kill(victim, next === 'stopped' ? 'SIGTERM' : 'SIGKILL');
        told[next]++;
      } catch {
        // It ended by itself.
      }
    }
    await pause(5);
  }
  return told;
};

test('an array on two nodes, whose workers are killed, scores every row once, as one process does', async (t) => {
  const folder = await scoringFolder(rowCount);
  await sql(
    `COPY (SELECT * FROM '${join(folder, 'rows.parquet')}' ORDER BY id) TO '${join(folder, 'shared.parquet')}' (ROW_GROUP_SIZE ${rowCount / shardCount})`,
  );
  const asked = (output: string) => [reference, '--source', 'shared.parquet', '--output', output];
  t.like(await run(folder, ['score', ...asked('one.parquet')]), { code: 0 });
  t.like(await run(folder, ['score', ...asked('processes.parquet'), '--processes', '2']), { code: 0 });

  const bin = join(folder, 'bin');
  await mkdir(bin);
  const main = join(checkout, 'dist', 'apps', 'cli', 'main.js');
  await writeFile(join(bin, 'scorekeeper'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  await chmod(join(bin, 'scorekeeper'), 0o755);
  const cluster = await startCluster({ PATH: `${bin}:${process.env['PATH']}:/usr/sbin:/sbin`, HOME: folder });
  try {
    const planned = await run(folder, ['job', 'plan', ...asked('slurm.parquet'), '--json']);
    t.is(planned.code, 0, planned.stderr);
    const { path: job, shard_count } = JSON.parse(planned.stdout);
    t.is(shard_count, shardCount);
    const submit = (log: string, ...args: ReadonlyArray<string>) =>
      cluster.run('sbatch', ['--parsable', `--chdir=${folder}`, `--output=${join(folder, log)}`, ...args]);
    const script = [join(checkout, 'docs', 'deploy', 'slurm-array.sh'), job];
    const twin = '--export=ALL,SCOREKEEPER_TASK_INDEX=0,SCOREKEEPER_TASK_COUNT=12';
    const duplicate = await submit('twin.log', '--array=0', twin, ...script);
    const array = await submit('%a.log', '--array=0-11', ...script);
    const command = `--wrap=scorekeeper job finish --json '${job}' 2> finish.err`;
    await submit('finish.json', `--dependency=afterany:${array}:${duplicate}`, command);

    let isOver = false;
    const over = cluster.idle().then(() => (isOver = true));
    const { stopped, killedBefore, killedAfter } = await endWorkers(join(folder, 'slurm.parquet'), job, () => isOver);
    await over;
    t.log(`${stopped} worker was stopped, ${killedBefore} were killed before a commit, ${killedAfter} after one`);
    t.true(stopped === 1 && killedBefore > 0 && killedAfter > 0);
    t.regex(
      await cluster.run('scontrol', ['show', 'jobs']),
      /Restarts=1/,
      'the one that was stopped was started again',
    );

    const report = await readFile(join(folder, 'finish.json'), 'utf8');
    t.like(JSON.parse(report).performance_diagnostics, {
      rows_read: rowCount,
      total_scored: rowCount,
      rows_refused: 0,
    });
    for (const output of ['processes.parquet', 'slurm.parquet']) {
      t.deepEqual(await counts(join(folder, output)), [rowCount, rowCount, 1, 0], output);
      t.is(await differences(join(folder, 'one.parquet'), join(folder, output)), 0, output);
    }
  } finally {
    await cluster.stop();
  }
});

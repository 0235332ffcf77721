/** A job in a bucket behind a line on which everything goes wrong: workers are killed before and after their commits, two have one place, the finisher is killed; every row is there once. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { sql } from '../adapters/duckdb/files.js';
import { type Running, run, start } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';
import { startChaosProxy } from '../support/chaos-proxy.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';

const rowCount = 1_200_000;
const shardCount = 12;
/** Of each kind; four workers of twelve are left alone. */
const kills = 4;
/** Beside the duplicate. */
const workersAtOnce = 3;

const seed = Number(process.env['JOBS_SEED'] ?? Date.now() % 2 ** 31);

/** A silence takes twenty seconds, and is rare. */
const chances = {
  ...{ '429': 0.02, '503': 0.03, reset: 0.02, lost: 0.03, cut: 0.03, truncate: 0.02, flip: 0.03 },
  ...{ silence: 0.002, stall: 0.002 },
} as const;

/** Commands about one output, whose requests go to `url`. */
const place = (folder: string, url: string, name: string) => {
  const env = { STORAGE_EMULATOR_HOST: url };
  const output = `gs://games/dt=2026-01-01/${name}`;
  const asked = [reference, '--source', 'gs://games/rows.parquet', '--output', output];
  return { env, output, asked, scorekeeper: (...args: ReadonlyArray<string>) => run(folder, args, { env }) };
};

/** Commands that fail for a passing reason are run again, as their schedulers do. */
const persistently = async (command: () => Promise<{ readonly code: number | null; readonly stderr: string }>) => {
  for (let tries = 1; ; tries++) {
    const ran = await command();
    if (ran.code === 0 || tries === 20 || ran.code !== 75) return ran;
  }
};

test('twelve shards in a bucket, with a line that fails and workers that are killed, have every row once', async (t) => {
  t.timeout(580_000);
  const folder = await scoringFolder(rowCount);
  await sql(
    `COPY (SELECT * FROM '${join(folder, 'rows.parquet')}' ORDER BY id) TO '${join(folder, 'shared.parquet')}' (ROW_GROUP_SIZE ${rowCount / shardCount})`,
  );
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(fake.close);
  const proxy = await startChaosProxy({ target: fake.url, seed, chances });
  t.teardown(proxy.close);
  const bucket = inABucket(fake.url);
  await bucket.put(join(folder, 'shared.parquet'), 'gs://games/rows.parquet');
  t.like(await run(folder, ['score', reference, '--source', 'shared.parquet', '--output', 'one.parquet']), { code: 0 });

  // Without faults, to be counted.
  const calm = place(folder, fake.url, 'calm.parquet');
  const counted = async (...args: ReadonlyArray<string>) => {
    fake.forget();
    const ran = await calm.scorekeeper(...args);
    t.is(ran.code, 0, ran.stderr);
    const requests = Object.entries(fake.counts()).map(([kind, count]) => `${count} ${kind}`);
    t.log(`${args.slice(0, 2).join(' ')}: ${requests.join(', ')}`);
    return ran.stdout.trim();
  };
  const calmJob = await counted('job', 'plan', ...calm.asked);
  await counted('job', 'work', calmJob);
  await counted('job', 'finish', calmJob);

  const wild = place(folder, proxy.url, 'wild.parquet');
  let job = '';
  const planned = await persistently(async () => {
    const ran = await wild.scorekeeper('job', 'plan', ...wild.asked, '--json');
    if (ran.code === 0) job = JSON.parse(ran.stdout).path;
    return ran;
  });
  t.is(planned.code, 0, planned.stderr);

  const told = { killedBefore: 0, killedAfter: 0, askedAgain: 0 };
  const alive = new Map<Running, string>();
  const begin = async (args: ReadonlyArray<string>, env = {}): Promise<Running> => {
    const scratch = join(folder, 'scratch', `${Math.random()}`);
    await mkdir(scratch, { recursive: true });
    const running = start(folder, args, { ...wild.env, TMPDIR: scratch, ...env });
    alive.set(running, scratch);
    void running.ended.then(() => alive.delete(running));
    return running;
  };
  /** What a worker that waits on the disk of this machine is writing, or a finisher is fetching. */
  const namesIn = (scratch: string) => readdir(scratch, { recursive: true }).catch(() => []);

  const task = async (index: number): Promise<void> => {
    const place = { CLOUD_RUN_TASK_INDEX: `${index}`, CLOUD_RUN_TASK_COUNT: `${shardCount}` };
    for (;;) {
      const { ended } = await begin(['job', 'work', job], place);
      const { code, stderr } = await ended;
      if (code === 0) return;
      if (code === 75) told.askedAgain++;
      if (code !== 75 && code !== null) throw new Error(`exit code ${code}: ${stderr}`);
    }
  };
  const waiting = Array.from({ length: shardCount }, (_, index) => index);
  const slot = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) await task(index);
  };
  let isOver = false;
  const over = Promise.all([task(0), ...Array.from({ length: workersAtOnce }, slot)]).finally(() => (isOver = true));

  /** The worker that has made each part, as far as it was seen. */
  const makers = new Map<string, Running>();
  const dead = new Set<Running>();
  while (!isOver && told.killedBefore + told.killedAfter < 2 * kills) {
    for (const [running, scratch] of alive) {
      for (const name of await namesIn(scratch)) {
        const [, part] = /\/\.?(part-.*\.parquet)(?:\.[^/]*\.tmp)?$/.exec(name) ?? [];
        if (part !== undefined) makers.set(part, running);
      }
    }
    const committed = new Set<string>();
    for (const name of await bucket.namesBelow(`${job}/_commits/`)) {
      committed.add(JSON.parse(await bucket.read(`${job}/_commits/${name}`)).part.name);
    }
    const kind = told.killedAfter < told.killedBefore ? 'killedAfter' : 'killedBefore';
    const [, victim] =
      [...makers].findLast(
        ([part, running]) =>
          alive.has(running) && !dead.has(running) && committed.has(part) === (kind === 'killedAfter'),
      ) ?? [];
    if (victim !== undefined) {
      dead.add(victim);
      victim.child.kill('SIGKILL');
      told[kind]++;
    }
    await pause(5);
  }
  await over;

  // Killed while it has fetched a part and not all.
  const first = await begin(['job', 'finish', job]);
  let isKilled = false;
  void first.ended.then(() => (isKilled = true));
  while (!isKilled) {
    if ((await namesIn(alive.get(first) ?? '')).some((name) => /\.parts\/.*part-/.test(name)))
      first.child.kill('SIGKILL');
    await pause(5);
  }
  const finisherDied = (await first.ended).code === null;
  const finished = await persistently(async () => wild.scorekeeper('job', 'finish', job, '--json'));
  t.is(finished.code, 0, finished.stderr);

  t.log(`seed ${seed}: ${proxy.requestCount()} requests, faults: ${JSON.stringify(proxy.faultCounts())}`);
  t.log(
    `${told.killedBefore} killed before a commit, ${told.killedAfter} after one, ${told.askedAgain} asked to be started again`,
  );
  t.true(told.killedBefore === kills && told.killedAfter === kills && finisherDied);
  for (const { output } of [calm, wild]) {
    const path = await bucket.fetch(output, join(folder, 'fetched', output.slice('gs://'.length)));
    t.deepEqual(await counts(path), [rowCount, rowCount, 1, 0], `${output}, seed ${seed}`);
    t.is(await differences(join(folder, 'one.parquet'), path), 0, `${output}, seed ${seed}`);
  }
  const documents = Array.from({ length: shardCount }, (_, shard) => `_commits/${`${shard}`.padStart(5, '0')}.json`);
  t.deepEqual(
    await bucket.namesBelow(`${job}/`),
    ['.scorekeeper-self-test', '_SUCCESS', ...documents, '_manifest.json', '_plan.json'],
    'no part is left, of whomever',
  );
  t.deepEqual(
    (await bucket.namesBelow('gs://games/')).filter((name) => !name.includes('.job/')),
    ['dt=2026-01-01/calm.parquet', 'dt=2026-01-01/wild.parquet', 'rows.parquet'],
  );
});

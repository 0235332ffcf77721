/** Jobs on Cloud Run whose commands and tasks are killed and whose API fails at random: every row is in the output once, and executions are not started in vain. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { sql } from '../adapters/duckdb/files.js';
import { emptyFolder, runHere, start } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { counts, reference, scoringFolder } from '../apps/cli/job-scores.js';
import { fakeJob, type Fault, type RequestKind, startFakeCloudRun } from '../support/fake-cloud-run/server.js';
import { randomFrom } from '../support/fake-gcs/faults.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';

const rowCount = 300_000;
const rounds = 5;
const seed = Number(process.env['JOBS_SEED'] ?? Date.now() % 2 ** 31);

const passing: ReadonlyArray<Fault> = [
  { kind: 'refusal', status: 503, code: 'UNAVAILABLE', message: 'Busy.' },
  { kind: 'refusal', status: 429, code: 'RESOURCE_EXHAUSTED', message: 'Too many.' },
  { kind: 'lost' },
  { kind: 'reset' },
  { kind: 'proxy' },
];
const kinds: ReadonlyArray<RequestKind> = ['run', 'list', 'get', 'tasks', 'cancel'];

test('five jobs whose commands, tasks and requests fail at random have every row once', async (t) => {
  t.timeout(600_000);
  const random = randomFrom(seed);
  const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)] as A;
  const [folder, elsewhere, gcs] = await Promise.all([
    scoringFolder(rowCount),
    emptyFolder(),
    startFakeGcs({ buckets: ['games'] }),
  ]);
  t.teardown(gcs.close);
  let taskKills = 0;
  const cloudRun = await startFakeCloudRun({
    maxRetries: 10,
    runTask: ({ args, env }) => {
      const { child, ended } = start(elsewhere, args, { STORAGE_EMULATOR_HOST: gcs.url, ...env });
      if (random() < 0.4) {
        taskKills++;
        const timer = setTimeout(() => child.kill('SIGKILL'), random() * 2_000);
        child.once('close', () => clearTimeout(timer));
      }
      return { ended: ended.then(({ code }) => code), stop: () => void child.kill('SIGTERM') };
    },
  });
  t.teardown(cloudRun.close);
  const env = { STORAGE_EMULATOR_HOST: gcs.url, CLOUD_RUN_EMULATOR_HOST: cloudRun.url };
  Object.assign(process.env, env);
  await writeFile(join(folder, 'cloud.json'), JSON.stringify({ cloud_run_jobs: { ...fakeJob, tasks: 2 } }));
  await sql(`COPY (SELECT * FROM '${join(folder, 'rows.parquet')}' ORDER BY id) TO '${join(folder, 'rows.csv')}'`);
  await runHere(folder, ['copy', `${reference}@1`, '--to', 'gs://games'], { env });
  const bucket = inABucket(gcs.url);
  let commandKills = 0;
  for (let round = 1; round <= rounds; round++) {
    const output = `gs://games/out/round-${round}.parquet`;
    const before = cloudRun.executions().length;
    for (let kills = 0, isDone = false; !isDone; ) {
      for (let i = 0; i < 3; i++) cloudRun.fault({ on: pick(kinds), fault: pick(passing) });
      const running = start(
        folder,
        [
          'score',
          reference,
          '--source',
          'rows.csv',
          '--output',
          output,
          '--on',
          'cloud-run-jobs',
          '--bucket',
          'games',
          '--settings',
          'cloud.json',
        ],
        env,
      );
      let code: number | null | undefined;
      void running.ended.then((ran) => (code = ran.code));
      await Promise.race([pause(random() * 6_000), running.ended]);
      if (code === undefined && kills < 3) {
        kills++;
        commandKills++;
        running.child.kill('SIGKILL');
      }
      const { code: ended, stderr } = await running.ended;
      t.true(
        ended === null || ended === 0 || ended === 75,
        `exit code ${ended} in round ${round} of seed ${seed}: ${stderr}`,
      );
      isDone = ended === 0;
    }
    const path = await bucket.fetch(output, join(folder, `round-${round}.parquet`));
    t.deepEqual(await counts(path), [rowCount, rowCount, 1, 0], `round ${round} of seed ${seed}`);
    // One, unless all of its tasks were given up.
    t.true(
      cloudRun.executions().length - before <= 2,
      `${cloudRun.executions().length - before} executions of round ${round} of seed ${seed}`,
    );
  }
  t.log(
    `${commandKills} commands and ${taskKills} tasks were killed, ${cloudRun.executions().length} executions; seed ${seed}`,
  );
});

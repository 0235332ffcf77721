/** Jobs whose processes and commands are killed at random, over a million rows: every row is in the output once, with its prediction. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { run, start } from '../apps/cli/command-line.js';
import { childrenOf, counts, differences, gone, jobOf, reference, scoringFolder } from '../apps/cli/job-scores.js';

const rowCount = 1_000_000;
const rounds = 10;
/** In a round; the run after that is left alone. */
const mostKills = 30;

const seed = Number(process.env['JOBS_SEED'] ?? Date.now() % 2 ** 31);

/** Numbers from 0 to 1 that the seed decides (Park and Miller, CACM 31:10, 1988). */
const randomFrom = (first: number) => {
  let state = (first % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
};

test('ten jobs of a million rows, whose processes and commands are killed at random, have every row once', async (t) => {
  t.timeout(1_500_000);
  const random = randomFrom(seed);
  const folder = await scoringFolder(rowCount);
  const alone = ['score', reference, '--source', 'rows.parquet', '--output'];
  t.is((await run(folder, [...alone, 'one.parquet'])).code, 0);
  let [commands, children] = [0, 0];
  for (let round = 1; round <= rounds; round++) {
    const output = join(folder, `round-${round}.parquet`);
    let kills = 0;
    for (let isDone = false; !isDone; ) {
      const processes = `${1 + Math.floor(random() * 3)}`;
      const { child, ended } = start(folder, [...alone, `round-${round}.parquet`, '--processes', processes]);
      let code: number | null | undefined;
      void ended.then((ran) => (code = ran.code));
      while (code === undefined) {
        await Promise.race([pause(random() * 1_000), ended]);
        if (code !== undefined || kills >= mostKills) continue;
        kills++;
        const workers = await childrenOf(child.pid ?? 0).catch(() => []);
        const victim = workers[Math.floor(random() * workers.length * 1.5)];
        if (victim === undefined) {
          commands++;
          child.kill('SIGKILL');
          await ended;
          await gone(workers);
        } else {
          children++;
          process.kill(victim, 'SIGKILL');
        }
      }
      // Killed, or given up after three deaths without a shard in between.
      t.true(code === null || code === 0 || code === 75, `exit code ${code}`);
      isDone = code === 0;
    }
    t.deepEqual(await counts(output), [rowCount, rowCount, 1, 0], `round ${round} of seed ${seed}`);
    t.is(await differences(join(folder, 'one.parquet'), output), 0, `round ${round} of seed ${seed}`);
    const left = (await readdir(await jobOf(output))).filter((name) => !/^_|^\.scorekeeper-tmp$/.test(name));
    t.deepEqual(left, [], `round ${round} of seed ${seed}`);
  }
  t.log(`seed ${seed}: ${commands} commands and ${children} processes were killed over ${rounds * rowCount} rows`);
  t.true(commands > 0 && children > 0);
});

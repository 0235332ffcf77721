/** Workers that are killed again and again under load: what was theirs breaks, and nothing else. */
import test from 'ava';
import { keepScoring, replaced, startWorkers, unanswered, urlOf } from '../apps/http/workers.js';

const killCount = 12;
const clientCounts = { keeping: 10, renewing: 6 };

test('of twelve workers that are killed under load, each breaks its own connections only, and each is replaced', async (t) => {
  t.timeout(300_000);
  const { child, exited, line } = startWorkers(t, 'serve');
  const url = await urlOf({ line });
  const keeping = keepScoring(url, clientCounts.keeping);
  const renewing = keepScoring(url, clientCounts.renewing, 'a new connection each');
  const killed = new Set<number>();
  for (let kill = 1; kill <= killCount; kill++) {
    const before = new Map(renewing.answeredBy);
    let victim: number | undefined;
    while (victim === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      // One that serves now: it answered since.
      victim = [...renewing.answeredBy].find(([pid, count]) => !killed.has(pid) && count > (before.get(pid) ?? 0))?.[0];
    }
    process.kill(victim, 'SIGKILL');
    killed.add(victim);
    await replaced(url, kill);
  }
  await Promise.all([keeping.stop(), renewing.stop()]);
  const broken = [...keeping.broken, ...renewing.broken];
  t.log(
    `${killCount} kills broke ${keeping.broken.length} kept connections and ${renewing.broken.length} new ones, ` +
      `of ${[...keeping.answeredBy.values(), ...renewing.answeredBy.values()].reduce((sum, n) => sum + n, 0)} requests`,
  );
  t.deepEqual(
    broken.filter(({ error }) => error === unanswered),
    [],
  );
  t.deepEqual(
    keeping.broken.filter(({ pid }) => pid === undefined || !killed.has(pid)),
    [],
  );
  t.true(keeping.broken.length <= killCount * clientCounts.keeping);
  t.true(renewing.broken.length <= killCount * clientCounts.renewing);
  child.kill('SIGTERM');
  t.deepEqual(await exited, [0, null]);
});

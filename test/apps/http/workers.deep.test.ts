/** Workers: one that is killed is replaced and harms no other's connection; failures to start. What signals do is in `test/slow/worker-signals.test.ts`. */
import test from 'ava';
import { replacementPauseMs } from '../../../apps/http/workers.js';
import { serve } from './harness.js';
import { countOf, until } from './metrics.js';
import { keepScoring, replaced, startWorkers } from './workers.js';

const scoredCount = (url: string): Promise<number> =>
  countOf(url, 'scorekeeper_http_requests_total', '{route="/score",status="200"}');

test('under load, a worker that is killed breaks its own connections, once each, and is replaced; counts never fall', async (t) => {
  const { child, exited, line } = startWorkers(t, 'serve');
  const [url = '', ...warnings] = (await line()).split(' ');
  t.deepEqual(warnings, ['once']);
  const load = keepScoring(url, 12);
  await until(() => load.answeredBy.size === 2);
  const [killed = 0, other = 0] = [...load.answeredBy.keys()];
  const before = await scoredCount(url);
  process.kill(killed, 'SIGKILL');
  await replaced(url, 1);
  const answered = load.answeredBy.get(other) ?? 0;
  await until(() => (load.answeredBy.get(other) ?? 0) > answered + 20);
  await load.stop();
  t.true(load.broken.length <= 12);
  t.deepEqual(
    load.broken.filter(({ pid }) => pid !== killed),
    [],
  );
  const after = await scoredCount(url);
  t.true(after >= before, `${before} requests were counted before, ${after} after`);
  child.kill('SIGTERM');
  t.deepEqual(await exited, [0, null]);
  t.is(await line(), 'undefined', 'where they listen is told once');
});

test('a port in use is told once, by the sentence of a process that serves alone', async (t) => {
  const { url } = await serve(t);
  const port = Number(new URL(url).port);
  const { line } = startWorkers(t, 'serve', port);
  t.is(
    await line(),
    `Unavailable: Port ${port} of 127.0.0.1 is in use: stop what listens there, or choose another port.`,
  );
  t.is(await line(), 'undefined');
});

test('workers of which none gets as far as listening are not replaced for ever', async (t) => {
  const { line } = startWorkers(t, 'crash');
  t.is(
    await line(),
    'Unavailable: No worker could start: each ended at once, the last with exit code 7. Serve with one worker to see why.',
  );
  t.is(await line(), 'undefined');
});

test('the pause before the next worker grows while workers end soon after their start', (t) => {
  t.deepEqual([0, 1, 2, 3, 4, 9, 10, 100].map(replacementPauseMs), [0, 100, 200, 400, 800, 25_600, 30_000, 30_000]);
});

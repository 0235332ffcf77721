/** Workers: one that is killed is replaced and harms no other's connection; signals, failures to start, the primary's own death. */
import { Agent } from 'node:http';
import test from 'ava';
import { replacementPauseMs } from '../../../apps/http/workers.js';
import { post, serve } from './harness.js';
import { countOf, until } from './metrics.js';
import { keepScoring, replaced, scoreOnce, startWorkers, unanswered, urlOf, type Workers } from './workers.js';

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

test('a connection that is on its way to a worker when that is killed is not left without an answer', async (t) => {
  const url = await urlOf(startWorkers(t, 'serve'));
  const load = keepScoring(url, 12, 'a new connection each');
  await until(() => load.answeredBy.size === 2);
  const [killed = 0] = [...load.answeredBy.keys()];
  process.kill(killed, 'SIGKILL');
  await until(() => load.answeredBy.size === 3);
  await load.stop();
  // What it had taken breaks.
  t.true(load.broken.length <= 12);
  t.deepEqual(
    load.broken.filter(({ error }) => error === unanswered),
    [],
  );
});

test('whichever worker is asked for the metrics tells the sum of all', async (t) => {
  const url = await urlOf(startWorkers(t, 'serve'));
  const load = keepScoring(url, 8);
  await until(() => load.answeredBy.size === 2 && [...load.answeredBy.values()].every((count) => count > 20));
  await load.stop();
  t.deepEqual(load.broken, []);
  const total = [...load.answeredBy.values()].reduce((sum, count) => sum + count, 0);
  const told = await Promise.all(Array.from({ length: 8 }, () => scoredCount(url)));
  t.deepEqual(
    told,
    told.map(() => total),
  );
});

test('when all workers are killed at once, others listen on the same port, although it was picked', async (t) => {
  const url = await urlOf(startWorkers(t, 'serve'));
  const load = keepScoring(url, 8);
  await until(() => load.answeredBy.size === 2);
  await load.stop();
  for (const pid of load.answeredBy.keys()) process.kill(pid, 'SIGKILL');
  const agent = new Agent();
  await until(async () => {
    const outcome = await scoreOnce(url, agent);
    return 'pid' in outcome && !load.answeredBy.has(outcome.pid);
  });
  await replaced(url, 2);
  t.pass();
});

/** A request in flight, and the worker that has it. */
const busy = async (workers: Workers) => {
  const url = await urlOf(workers);
  const inFlight = post(url, '{}');
  inFlight.catch(() => undefined);
  return { url, inFlight, pid: Number(await workers.line()) };
};

/** Whether new connections are refused. */
const refuses = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    () => false,
    () => true,
  );

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const [signal, whom] of [
  ['SIGTERM', 'the primary process'],
  // As a terminal does.
  ['SIGINT', 'all of them'],
] as const) {
  test(`${signal} to ${whom} lets workers finish what is in flight, and exits 0`, async (t) => {
    const workers = startWorkers(t, 'hold');
    const { url, inFlight, pid } = await busy(workers);
    if (whom === 'all of them') process.kill(pid, signal);
    workers.child.kill(signal);
    await until(() => refuses(url));
    process.kill(pid, 'SIGUSR2');
    const response = await inFlight;
    t.is(response.status, 200);
    await response.text();
    t.deepEqual(await workers.exited, [0, null]);
    t.false(isAlive(pid));
  });
}

test('a second SIGTERM ends every worker at once', async (t) => {
  const workers = startWorkers(t, 'hold');
  const { url, inFlight, pid } = await busy(workers);
  workers.child.kill('SIGTERM');
  await until(() => refuses(url));
  workers.child.kill('SIGTERM');
  await t.throwsAsync(inFlight);
  t.deepEqual(await workers.exited, [143, null]);
  await until(() => !isAlive(pid));
});

test('a worker that is told to stop finishes what is in flight, and is replaced', async (t) => {
  const workers = startWorkers(t, 'hold');
  const { url, inFlight, pid } = await busy(workers);
  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGUSR2');
  const response = await inFlight;
  t.is(response.status, 200);
  await response.text();
  await replaced(url, 1);
  t.false(isAlive(pid));
});

test('workers do not outlive the process that forked them', async (t) => {
  const workers = startWorkers(t, 'hold');
  const { url, inFlight, pid } = await busy(workers);
  workers.child.kill('SIGKILL');
  await t.throwsAsync(inFlight);
  await until(() => !isAlive(pid));
  await until(() => refuses(url));
  t.pass();
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

/** Workers: what is on its way to one that is killed, metrics of all, signals to one and to all, the primary's own death. */
import { Agent } from 'node:http';
import test from 'ava';
import { post } from '../apps/http/harness.js';
import { countOf, until } from '../apps/http/metrics.js';
import {
  keepScoring,
  replaced,
  scoreOnce,
  startWorkers,
  unanswered,
  urlOf,
  type Workers,
} from '../apps/http/workers.js';

const scoredCount = (url: string): Promise<number> =>
  countOf(url, 'scorekeeper_http_requests_total', '{route="/score",status="200"}');

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

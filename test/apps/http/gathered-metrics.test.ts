/** Sums over workers: of those that serve, that are busy, that ended. */
import test from 'ava';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { gatherMetrics } from '../../../apps/http/gathered-metrics.js';
import type { Figures } from '../../../apps/http/metrics.js';

/** What a worker says that has counted so much. */
const figuresOf = (count: number): Promise<Figures> => {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'counted_total', help: 'h', labelNames: ['a'], registers }).inc({ a: 'x' }, count);
  new Histogram({ name: 'took_seconds', help: 'h', buckets: [1, 2], registers }).observe(count);
  new Gauge({ name: 'held', help: 'h', registers }).set(count);
  new Gauge({ name: 'oldest_seconds', help: 'h', aggregator: 'max', registers }).set(count);
  return registry.getMetricsAsJSON();
};

/** Workers that answer at once with what they were set to have counted; those that are busy do not. */
const workers = () => {
  const said = new Map<number, Figures | 'busy'>();
  const gathering = gatherMetrics((ask) => {
    for (const [worker, answer] of said)
      if (answer !== 'busy') queueMicrotask(() => gathering.hear(worker, ask, answer));
    return [...said.keys()];
  });
  return {
    set: async (worker: number, count: number) => void said.set(worker, await figuresOf(count)),
    busy: (worker: number) => void said.set(worker, 'busy'),
    end: (worker: number) => {
      said.delete(worker);
      gathering.gone(worker);
    },
    text: gathering.text,
    lines: async () => (await gathering.text()).split('\n').filter((line) => !/^(?:#|$)/.test(line)),
  };
};

test('counts and durations are summed up, and of ages the oldest is told', async (t) => {
  const { set, lines } = workers();
  await set(1, 1);
  await set(2, 2);
  t.deepEqual(await lines(), [
    'counted_total{a="x"} 3',
    'took_seconds_bucket{le="1"} 1',
    'took_seconds_bucket{le="2"} 2',
    'took_seconds_bucket{le="+Inf"} 2',
    'took_seconds_sum 3',
    'took_seconds_count 2',
    'held 3',
    'oldest_seconds 2',
    'scorekeeper_workers_ended_total 0',
  ]);
});

test('what a worker had counted outlives it; what it held does not', async (t) => {
  const { set, end, lines } = workers();
  for (let worker = 1; worker <= 4; worker++) {
    await set(worker, 10);
    await set(0, worker);
    await lines();
    end(worker);
  }
  const told = await lines();
  for (const line of ['counted_total{a="x"} 44', 'took_seconds_count 5', 'held 4', 'oldest_seconds 4'])
    t.true(told.includes(line), told.join('\n'));
  t.true(told.includes('scorekeeper_workers_ended_total 4'));
});

test('a worker that is too busy to say counts with what it said last, and one that ends meanwhile is not waited for', async (t) => {
  const { set, busy, end, lines, text } = workers();
  await set(1, 1);
  await set(2, 2);
  await text();
  await set(1, 5);
  busy(2);
  t.true((await lines()).includes('counted_total{a="x"} 7'));
  const told = lines();
  end(2);
  t.true((await told).includes('counted_total{a="x"} 7'));
});

test('all who ask at once are answered by one gathering', async (t) => {
  const { set, text } = workers();
  await set(1, 1);
  const [first, second] = [text(), text()];
  t.is(first, second);
  await first;
  t.not(text(), first);
});

/** Metrics: what is counted and measured, by which labels, and that nothing a caller sent is among them. */
import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import { createMetrics, type Metrics } from '../../../apps/http/metrics.js';
import type { Service, ServiceUsage } from '../../../core/index.js';
import { failureTask, fakeService, latch, post, problemOf, rawConnection, scoreAnswer, serve } from './harness.js';
import { metricOf, until } from './metrics.js';

/** A server that measures. */
const measured = (t: ExecutionContext, overrides: Partial<Service> = {}, limits = {}) =>
  serve(t, overrides, { metrics: createMetrics(fakeService(overrides)), limits });

const versionLabels = '{model_type="rating",model_name="production_rating_model",model_version="1"}';

test('requests are counted by the pattern of their route and their status', async (t) => {
  const { url } = await measured(t, {
    score: (request) => ('bad' in request ? failureTask({ tag: 'SignatureMismatch' }) : TE.right(scoreAnswer)),
  });
  for (const body of ['{}', '{}', '{"bad":1}', 'no JSON']) await post(url, body);
  for (const path of ['/models', '/model/rating/a/info', '/model/rating/b/info', '/health', '/nowhere', '/score'])
    await (await fetch(`${url}${path}`)).text();
  await (await fetch(`${url}/metrics`)).text();
  t.deepEqual(
    await metricOf(url, 'scorekeeper_http_requests_total'),
    new Map([
      ['{route="/score",status="200"}', 2],
      ['{route="/score",status="422"}', 1],
      ['{route="/score",status="400"}', 1],
      ['{route="/models",status="200"}', 1],
      ['{route="/model/:model_type/:model_name/info",status="200"}', 2],
      ['{route="/health",status="200"}', 1],
      ['{route="none",status="404"}', 1],
      ['{route="none",status="405"}', 1],
      ['{route="/metrics",status="200"}', 1],
    ]),
  );
});

test('a client that went away, and what never became a request, are counted too', async (t) => {
  const asked = latch();
  const { url } = await measured(t, {
    score: (_, control) => async () => {
      asked.open();
      await new Promise<void>((resolve) => control?.cancellation?.onAbort(resolve));
      return failureTask({ tag: 'Cancelled' })();
    },
  });
  const impatient = await rawConnection(url);
  await impatient.send(
    'POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  );
  await asked.opened;
  impatient.hangUp();
  const gibberish = await rawConnection(url);
  await gibberish.send('gibberish\r\n\r\n');
  await gibberish.received;
  const counted = () => metricOf(url, 'scorekeeper_http_requests_total');
  await until(async () => (await counted()).get('{route="/score",status="cancelled"}') === 1);
  t.is((await counted()).get('{route="none",status="400"}'), 1);
});

test('the time of a scoring is told in parts that add up to its whole, and failures have none', async (t) => {
  const { url } = await measured(t, {
    score: (request) =>
      'bad' in request
        ? failureTask({ tag: 'InferenceFailed' })
        : pipe(
            TE.fromTask(() => new Promise((resolve) => setTimeout(resolve, 20))),
            TE.map(() => scoreAnswer),
          ),
  });
  for (const body of ['{}', '{}', '{"bad":1}']) await post(url, body);
  const sumOf = async (part: string): Promise<number> => {
    t.is((await metricOf(url, `scorekeeper_score${part}_seconds_count`)).get(versionLabels), 2);
    return (await metricOf(url, `scorekeeper_score${part}_seconds_sum`)).get(versionLabels) ?? Number.NaN;
  };
  const [decode, queue, run] = [await sumOf('_decode'), await sumOf('_queue'), await sumOf('_run')];
  const [encode, total] = [await sumOf('_encode'), await sumOf('')];
  // As the fake service says: 3 ms to read, 4 to score, 5 to write, each twice.
  t.true(decode >= 0.006 && encode >= 0.01);
  t.is(run, 0.008);
  t.true(queue > 0);
  t.true(Math.abs(total - decode - queue - run - encode) < 1e-9);
  t.is((await metricOf(url, 'scorekeeper_rows_scored_total')).get(versionLabels), 2);
});

test('what the service holds and knows is told as it is when somebody asks', async (t) => {
  let usage: ServiceUsage = {
    cache: { modelCount: 2, sizeBytes: 700, hits: 5, misses: 3 },
    look_ups: [
      { reference: 'rating/m@latest', version: 3, age_ms: 1_500, failing: null },
      { reference: 'rating/m@champion', version: 2, age_ms: 90_000, failing: 'The bucket is out of reach.' },
    ],
  };
  const { url } = await measured(t, { usage: () => usage });
  const value = async (name: string): Promise<number | undefined> => (await metricOf(url, name)).get('');
  t.is(await value('scorekeeper_models_loaded'), 2);
  t.is(await value('scorekeeper_models_loaded_bytes'), 700);
  t.is(await value('scorekeeper_model_cache_hits_total'), 5);
  t.is(await value('scorekeeper_model_cache_misses_total'), 3);
  t.is(await value('scorekeeper_registry_lookups_failing'), 1);
  t.deepEqual(
    await metricOf(url, 'scorekeeper_registry_lookup_age_seconds'),
    new Map([
      ['{reference="rating/m@latest"}', 1.5],
      ['{reference="rating/m@champion"}', 90],
    ]),
  );
  usage = { cache: { modelCount: 0, sizeBytes: 0, hits: 9, misses: 3 }, look_ups: [] };
  t.is(await value('scorekeeper_models_loaded'), 0);
  t.is(await value('scorekeeper_model_cache_hits_total'), 9);
  t.deepEqual(await metricOf(url, 'scorekeeper_registry_lookup_age_seconds'), new Map());
});

test('an event loop that was held shows in its delay', async (t) => {
  const { url } = await measured(t);
  const lateCount = async (): Promise<number> => {
    const buckets = await metricOf(url, 'scorekeeper_event_loop_delay_seconds_bucket');
    return (buckets.get('{le="+Inf"}') ?? 0) - (buckets.get('{le="0.1"}') ?? 0);
  };
  const before = await lateCount();
  const end = performance.now() + 200;
  while (performance.now() < end);
  await until(async () => (await lateCount()) > before);
  t.pass();
});

test('of more versions than have series of their own, those that scored longest ago are forgotten', async (t) => {
  const metrics = createMetrics(fakeService({}));
  const score = (version: number): void =>
    metrics.countScoring(
      { ...scoreAnswer, model_details: { ...scoreAnswer.model_details, version } },
      { decodeMs: 1, runMs: 1, encodeMs: 1, totalMs: 3 },
    );
  for (let version = 1; version <= 64; version++) score(version);
  score(1);
  for (let version = 65; version <= 100; version++) score(version);
  const { url } = await serve(t, {}, { metrics });
  for (const name of ['scorekeeper_rows_scored_total', 'scorekeeper_score_run_seconds_count']) {
    const versions = [...(await metricOf(url, name)).keys()].map((labels) =>
      Number(/model_version="(\d+)"/.exec(labels)?.[1]),
    );
    t.deepEqual(
      versions.sort((a, b) => a - b),
      [1, ...Array.from({ length: 63 }, (_, i) => 38 + i)],
    );
  }
});

test('nothing that a caller sent is among the metrics', async (t) => {
  const { url } = await measured(t);
  await post(url, '{"data":[{"name":"SECRET"}]}', { authorization: 'SECRET', 'x-request-id': 'SECRET' });
  await (await fetch(`${url}/model/SECRET/SECRET/info?version=SECRET`)).text();
  await (await fetch(`${url}/SECRET?SECRET=SECRET`, { method: 'DELETE' })).text();
  const gibberish = await rawConnection(url);
  await gibberish.send('SECRET\r\n\r\n');
  await gibberish.received;
  const text = await (await fetch(`${url}/metrics`)).text();
  t.true(text.includes('scorekeeper_http_requests_total{route="none",status="404"} 1'));
  t.notRegex(text, /SECRET/);
});

test('the answer is in the text format, and every metric of ours is in docs/rest.md', async (t) => {
  const { url } = await measured(t);
  await post(url, '{}');
  const response = await fetch(`${url}/metrics`);
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const lines = (await response.text()).trimEnd().split('\n');
  const odd = lines.filter(
    (line) =>
      !/^(?:|# HELP [a-z_0-9]+ \S.*|# TYPE [a-z_0-9]+ (?:counter|gauge|histogram|summary))$/.test(line) &&
      !/^[a-z_0-9]+(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? (?:[+-]?[\d.]+(?:e[+-]?\d+)?|Nan)$/.test(line),
  );
  t.deepEqual(odd, []);
  const documented = await readFile(new URL('../../../../docs/rest.md', import.meta.url), 'utf8');
  const ours = lines.flatMap((line) => /^# TYPE (scorekeeper_\S+)/.exec(line)?.[1] ?? []);
  t.is(ours.length, 15);
  t.deepEqual(
    ours.filter((name) => !documented.includes(`\`${name}\``)),
    [],
  );
});

test('asking for the metrics is not counted as a concurrent request', async (t) => {
  const [asked, go] = [latch(), latch()];
  const score: Service['score'] = () => async () => {
    asked.open();
    await go.opened;
    return TE.right(scoreAnswer)();
  };
  const { url } = await measured(t, { score }, { concurrentRequests: 1 });
  const first = post(url, '{}');
  await asked.opened;
  t.is((await post(url, '{}')).status, 429);
  t.is((await fetch(`${url}/metrics`)).status, 200);
  go.open();
  t.is((await first).status, 200);
});

test('metrics that cannot be gathered are 503', async (t) => {
  const metrics: Metrics = { ...createMetrics(fakeService({})), text: failureTask({ tag: 'Unavailable' }) };
  const { url } = await serve(t, {}, { metrics });
  const response = await fetch(`${url}/metrics`);
  t.is(response.status, 503);
  t.is((await problemOf(response))['code'], 'Unavailable');
});

test('an application without metrics has no such path', async (t) => {
  const [without, having] = [await serve(t), await measured(t)];
  const response = await fetch(`${without.url}/metrics`);
  t.is(response.status, 404);
  t.notRegex(`${(await problemOf(response))['detail']}`, /metrics/);
  t.regex(`${(await problemOf(await fetch(`${having.url}/nowhere`)))['detail']}`, /, GET \/metrics\.$/);
});

test("metrics go into a registry of the caller's, beside what it has, and out of it again", async (t) => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Counter({ name: 'jobs_total', help: 'Jobs.', registers: [registry] }).inc(3);
  const before = registry.getMetricsAsArray();
  for (let round = 0; round < 2; round++) {
    const metrics = createMetrics(fakeService({}), { registry });
    t.throws(() => createMetrics(fakeService({}), { registry }), { message: /already been registered/ });
    const { url } = await serve(t, {}, { metrics });
    await post(url, '{}');
    t.is((await metricOf(url, 'jobs_total')).get(''), 3);
    t.is((await metricOf(url, 'scorekeeper_http_requests_total')).get('{route="/score",status="200"}'), 1);
    t.regex(await registry.metrics(), /\nscorekeeper_models_loaded 0\n/);
    metrics.close();
    t.deepEqual(registry.getMetricsAsArray(), before);
  }
});

test('metrics that are closed measure no more, and tell what was counted', async (t) => {
  const delaysOf = async (metrics: Metrics): Promise<unknown> => {
    const figures = await metrics.figures();
    return figures.find(({ name }) => name === 'scorekeeper_event_loop_delay_seconds');
  };
  const metrics = createMetrics(fakeService({}));
  await until(async () => JSON.stringify(await delaysOf(metrics)).includes('"value":1'));
  metrics.countRequest('/score', 200);
  metrics.close();
  const counted = await delaysOf(metrics);
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(await delaysOf(metrics), counted);
  t.regex(JSON.stringify(await metrics.figures()), /"value":1,"labels":\{"route":"\/score","status":"200"\}/);
});

test('what prom-client observes of the process is observed once, for any number of metrics', async (t) => {
  const [first, second] = [createMetrics(fakeService({})), createMetrics(fakeService({}))];
  t.teardown(first.close);
  t.teardown(second.close);
  const heap = async ({ figures }: Metrics) =>
    (await figures()).filter(({ name }) => name === 'nodejs_gc_duration_seconds');
  t.is((await heap(first)).length, 1);
  t.deepEqual(await heap(first), await heap(second));
});

/** The limits on time and on concurrent requests. Those on bodies are in body.test.ts. */
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { createHttpApp, defaultHttpLimits } from '../../../apps/http/app.js';
import { failureTask, fakeService, latch, post, problemOf, scoreAnswer, serve } from './harness.js';

test('requests above the concurrent ones are told to come again; health, readiness and later requests are not', async (t) => {
  const [asked, go] = [latch(), latch()];
  const { url } = await serve(
    t,
    {
      score: () => async () => {
        asked.open();
        await go.opened;
        return TE.right(scoreAnswer)();
      },
    },
    { limits: { concurrentRequests: 1 } },
  );
  const first = post(url, '{}');
  await asked.opened;
  for (const response of [await post(url, '{}'), await fetch(`${url}/models`)]) {
    const problem = await problemOf(response);
    t.is(response.status, 429);
    t.is(response.headers.get('retry-after'), '1');
    t.is(problem['code'], 'TooManyRequests');
    t.regex(`${problem['detail']}`, /limit concurrent_requests, which is 1:/);
  }
  t.is((await fetch(`${url}/health`)).status, 200);
  t.is((await fetch(`${url}/ready`)).status, 200);
  go.open();
  t.is((await first).status, 200);
  t.is((await fetch(`${url}/models`)).status, 200);
});

test('the service is given the deadline, and its DeadlineExceeded is 504', async (t) => {
  const remaining: number[] = [];
  const { url } = await serve(
    t,
    {
      score: (_, control) => {
        remaining.push((control?.deadlineMs ?? 0) - (performance.timeOrigin + performance.now()));
        return failureTask({ tag: 'DeadlineExceeded' });
      },
      ready: (control) => {
        remaining.push((control?.deadlineMs ?? 0) - (performance.timeOrigin + performance.now()));
        return failureTask({ tag: 'DeadlineExceeded' });
      },
    },
    { limits: { requestTimeoutMs: 40_000 } },
  );
  t.is((await post(url, '{}')).status, 504);
  t.is((await fetch(`${url}/ready`)).status, 503);
  const [score = 0, ready = 0] = remaining;
  t.true(score > 5_000 && score <= 40_000);
  t.true(ready <= 5_000);
});

test('limits that are no numbers, or negative ones, are refused before anything is served', async (t) => {
  for (const limit of [Number.NaN, -1]) {
    for (const name of Object.keys(defaultHttpLimits)) {
      t.throws(() => createHttpApp({ service: fakeService({}), limits: { [name]: limit } }), {
        instanceOf: RangeError,
        message: `${name} must be a number of 0 or more, got ${limit}: correct it, or leave it out.`,
      });
    }
    await t.throwsAsync(serve(t, {}, { graceMs: limit }), { message: /^graceMs must be a number of 0 or more/ });
  }
});

test('a time that no timer holds is no time that is over at once', async (t) => {
  for (const requestTimeoutMs of [Number.POSITIVE_INFINITY, 2 ** 32]) {
    const { url } = await serve(t, { score: () => TE.right(scoreAnswer) }, { limits: { requestTimeoutMs } });
    const halves = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from('{');
      await setTimeout(50);
      yield Buffer.from('}');
    };
    const headers = { 'content-type': 'application/json' };
    const sent: RequestInit = { method: 'POST', headers, body: ReadableStream.from(halves()), duplex: 'half' };
    t.is((await fetch(`${url}/score`, sent)).status, 200);
  }
});

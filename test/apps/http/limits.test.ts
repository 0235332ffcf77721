/** The limits on time and on concurrent requests. Those on bodies are in body.test.ts. */
import test from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { failureTask, latch, post, problemOf, scoreAnswer, serve } from './harness.js';

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

/** The REST application inside another Koa application, below a path. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import Koa from 'koa';
import { createHttpApp, type HttpAppOptions } from '../../../apps/http/app.js';
import { fakeService, listed, post, scoreAnswer } from './harness.js';

/** Where the application answers, below `/ml`, and what its neighbours saw afterwards in the state of each request. */
const mounted = async (t: ExecutionContext, options: HttpAppOptions, readsBodies = false) => {
  const { middleware } = createHttpApp(options);
  const users: unknown[] = [];
  const outer = new Koa();
  outer.use(async (ctx) => {
    ctx.state['user'] = 'ann';
    if (readsBodies) for await (const _ of ctx.req);
    ctx.path = ctx.path.replace(/^\/ml/, '');
    const run = async (at: number): Promise<void> => {
      await middleware[at]?.(ctx as never, () => run(at + 1));
    };
    await run(0);
    users.push(ctx.state['user']);
  });
  const server = outer.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ml`, users };
};

test('links and problems have the path that the client used, and the state of the other application stays', async (t) => {
  const models = () => TE.right({ models: { rating: [listed] }, nextPageToken: 'next' });
  const { url, users } = await mounted(t, { service: fakeService({ models }) });
  const listing = await fetch(`${url}/models?limit=1`);
  t.is(listing.headers.get('link'), '</ml/models?limit=1&page_token=next>; rel="next"');
  const problem = (await (await fetch(`${url}/score?a=1`)).json()) as Readonly<Record<string, unknown>>;
  t.is(problem['instance'], '/ml/score');
  t.is(problem['detail'], '/ml/score does not take GET, only POST, OPTIONS.');
  t.deepEqual(users, ['ann', 'ann']);
});

test('a body that somebody else has read is told to the log, and keeps nothing waiting', async (t) => {
  const said: unknown[] = [];
  const logger = { info: () => undefined, warn: () => undefined, error: (about: object) => void said.push(about) };
  const { url } = await mounted(t, { service: fakeService({}), logger }, true);
  t.is((await post(url, '{}')).status, 500);
  t.regex(JSON.stringify(said), /the body was read before this app was asked: mount it ahead/);
});

test('limits that are undefined are as if they were not given', async (t) => {
  const limits = {
    bodyBytes: undefined,
    jsonDepth: undefined,
    requestTimeoutMs: undefined,
    concurrentRequests: undefined,
  };
  const service = fakeService({ score: () => TE.right(scoreAnswer) });
  const { url } = await mounted(t, { service, limits: limits as object });
  t.is((await post(url, '{}')).status, 200);
  t.is((await post(url, `{"data":${'['.repeat(100)}${']'.repeat(100)}}`)).status, 413);
});

/** The REST service as a Koa application, to be served by `main.ts` or mounted by whoever embeds it. */
import Router, { type RouterContext, type RouterMiddleware } from '@koa/router';
import * as E from 'fp-ts/lib/Either.js';
import Koa, { type Middleware, type Next } from 'koa';
import { checkLimits, failure, type Service, show } from '../../core/index.js';
import { negotiated } from './answer-formats.js';
import { isConnectionError } from './client-errors.js';
import { exchange, loggedBug } from './exchange.js';
import { defaultHttpLimits, type HttpLimits } from './limits.js';
import { type HttpLogger, unfailing } from './logger.js';
import { answeringScores, countingRequests, metricsRoute } from './measured.js';
import { createMetrics, type Metrics } from './metrics.js';
import { askedPath, type Exchange, type HttpContext, respond, respondProblem } from './respond.js';
import { healthRoute, infoRoute, modelsRoute, readyRoute, type Route } from './routes.js';
import { scoreRoute } from './score-route.js';
import { jobRoute, type ScoringJobs } from './scoring-jobs.js';

export {
  createMetrics,
  defaultHttpLimits,
  type Exchange,
  type HttpLimits,
  type HttpLogger,
  type Metrics,
  type ScoringJobs,
};

export interface HttpAppOptions {
  readonly service: Service;
  /** What is absent is as in `defaultHttpLimits`. */
  readonly limits?: Partial<HttpLimits>;
  /** pino, or what has its `info`, `warn` and `error`. Nothing is logged without it, and a request whose line it fails to write goes on. */
  readonly logger?: HttpLogger;
  /** From `createMetrics`. Nothing is measured and there is no `/metrics` without it. */
  readonly metrics?: Metrics;
  /** Takes scorings from a source to an output, and answers `/job/{job_id}`. Without it they are scored here, and there is no such route. */
  readonly jobs?: ScoringJobs;
  /** Aborted when the server stops: `/ready` turns 503 and answers close their connections. */
  readonly stopping?: AbortSignal;
  /** Aborted when the time for stopping is over: cancels every request in flight, which is answered with 503. */
  readonly abandoned?: AbortSignal;
}

/**
 * `POST /score`, `GET /models`, `GET /model/{model_type}/{model_name}/info`, `GET /health`, `GET /ready`, `GET /metrics`, `GET /job/{job_id}`.
 * A failure is answered with RFC 9457 problem+json whose `type` is `urn:scorekeeper:failure:{code}`; a bug with 500 without detail.
 * Throws a RangeError for a limit that is no number, or a negative one.
 */
export const createHttpApp = ({
  service,
  metrics,
  jobs,
  stopping,
  abandoned,
  ...options
}: HttpAppOptions): Koa<Exchange> => {
  const logger = unfailing(options.logger);
  const limits = { ...defaultHttpLimits, ...given(options.limits) };
  checkLimits({ ...limits });
  const admit = admission(limits.concurrentRequests);
  const answerScores = answeringScores(scoreRoute(service, limits, jobs), metrics);
  const router = new Router<Exchange>()
    .post('/score', admit, negotiated, answerScores)
    .get('/models', admit, answering(modelsRoute(service)))
    .get('/model/:model_type/:model_name/info', admit, answering(infoRoute(service)))
    .get('/health', answering(healthRoute))
    .get('/ready', answering(readyRoute(service, stopping)));
  if (metrics !== undefined) router.get('/metrics', metricsRoute(metrics));
  if (jobs !== undefined) router.get('/job/:job_id', admit, answering(jobRoute(jobs)));
  const app = new Koa<Exchange>();
  if (metrics !== undefined) app.use(countingRequests(metrics));
  app.use(exchange({ requestTimeoutMs: limits.requestTimeoutMs, logger, stopping, abandoned }));
  app.use(addressed);
  app.use(hosted);
  app.use(pastRouter('POST', '/score', (ctx) => admit(ctx, () => negotiated(ctx, () => answerScores(ctx)))));
  app.use(router.routes());
  const routes = [
    knownRoutes,
    ...(metrics === undefined ? [] : ['GET /metrics']),
    ...(jobs === undefined ? [] : ['GET /job/{job_id}']),
  ];
  app.use(unrouted(router, routes.join(', ')));
  // Koa also tells of clients that went away, which the request's own line says; bugs in routes never come here.
  app.on('error', (error: unknown, ctx: HttpContext) => {
    if (ctx.res.destroyed || isConnectionError(error)) return;
    logger?.error({ request_id: ctx.state.requestId, err: loggedBug(error) }, 'response');
  });
  return app;
};

/** What is there and not undefined, as an optional setting is that a caller hands on. */
const given = (limits: Partial<HttpLimits> = {}): Partial<HttpLimits> =>
  Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));

const answering =
  (route: Route): RouterMiddleware<Exchange> =>
  async (ctx) =>
    respond(ctx, await route(ctx)());

/** Answers the path that is asked most often before the router, which takes as long as parsing a row, is asked; it has the same route. */
const pastRouter =
  (method: string, path: string, answer: (ctx: RouterContext<Exchange>) => Promise<void>): RouterMiddleware<Exchange> =>
  (ctx, next) => {
    if (ctx.method !== method || ctx.path !== path) return next();
    ctx._matchedRoute = path;
    return answer(ctx);
  };

/** A target that is an address, as proxies get them, need not be one that parses; and whoever reads a query expects one value of each. */
const addressed: Middleware<Exchange> = (ctx, next) => {
  try {
    void ctx.path;
  } catch {
    ctx.req.url = '/';
    respond(ctx, E.left(failure('InvalidInput', "The request's target is no valid URL: send the path alone.")));
    return undefined;
  }
  const twice =
    ctx.querystring === '' ? undefined : Object.keys(ctx.query).find((name) => Array.isArray(ctx.query[name]));
  if (twice === undefined) return next();
  respond(ctx, E.left(failure('InvalidInput', `The query says ${show(twice)} more than once: say it once.`)));
  return undefined;
};

/** RFC 9112, 3.2. Node's own answer would have no body. */
const hosted: Middleware<Exchange> = (ctx, next) => {
  if (ctx.req.headers.host !== undefined || ctx.req.httpVersion !== '1.1') return next();
  respond(ctx, E.left(failure('InvalidInput', 'HTTP/1.1 needs the header Host: send it.')));
};

/** Lets so many requests in at a time. */
const admission = (concurrentRequests: number) => {
  let inside = 0;
  return async (ctx: RouterContext<Exchange>, next: Next): Promise<void> => {
    if (inside >= concurrentRequests) {
      const limit = `the limit concurrent_requests, which is ${concurrentRequests}`;
      respondProblem(
        ctx,
        'TooManyRequests',
        `The server is answering as many requests as ${limit}: try again in a moment.`,
      );
      return;
    }
    inside++;
    try {
      await next();
    } finally {
      inside--;
    }
  };
};

const knownRoutes = 'POST /score, GET /models, GET /model/{model_type}/{model_name}/info, GET /health, GET /ready';

/** A path that nobody has, or one that does not take this method. */
const unrouted =
  (router: Router<Exchange>, routes: string): Middleware<Exchange> =>
  (ctx) => {
    const methods = router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods);
    if (methods.length === 0) {
      respond(ctx, E.left(failure('NotFound', `There is no such path. There are ${routes}.`)));
      return;
    }
    const allowed = [...methods, 'OPTIONS'].join(', ');
    ctx.set('Allow', allowed);
    if (ctx.method === 'OPTIONS') ctx.status = 204;
    else respondProblem(ctx, 'MethodNotAllowed', `${askedPath(ctx)} does not take ${ctx.method}, only ${allowed}.`);
  };

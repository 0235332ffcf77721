/** Tells the metrics of requests and scorings as they are answered. */
import type { RouterContext, RouterMiddleware } from '@koa/router';
import * as E from 'fp-ts/lib/Either.js';
import { nodeHost } from '../../adapters/node-host.js';
import { refusalOf } from './client-errors.js';
import { type Metrics, metricsContentType } from './metrics.js';
import { type Answer, type Exchange, respond, statusOf } from './respond.js';
import type { Route } from './routes.js';
import type { Scored } from './score-route.js';

const { nowMs } = nodeHost();

/** Around everything that answers, so that it sees how. */
export const countingRequests =
  ({ countRequest }: Metrics): RouterMiddleware<Exchange> =>
  async (ctx, next) => {
    await next();
    const { _matchedRoute: route } = ctx;
    const status = statusOf(ctx);
    countRequest(
      route === undefined ? route : `${route}`,
      status === 'cancelled' ? status : (refusalOf(ctx.res)?.status ?? status),
    );
  };

/** Answers a scoring, and tells where its time went. */
export const answeringScores =
  (route: Route<Scored | Answer>, metrics: Metrics | undefined) =>
  async (ctx: RouterContext<Exchange>): Promise<void> => {
    const outcome = await route(ctx)();
    respond(ctx, outcome);
    // What tasks elsewhere score is not counted here.
    if (metrics === undefined || E.isLeft(outcome) || !('answer' in outcome.right)) return;
    const { answer, parseMs, scoredMs } = outcome.right;
    const { read, score, write } = answer.performance_diagnostics.timings_ms;
    const endedMs = nowMs();
    metrics.countScoring(answer, {
      decodeMs: parseMs + read,
      runMs: score,
      encodeMs: write + endedMs - scoredMs,
      totalMs: endedMs - ctx.state.startedMs,
    });
  };

/** `GET /metrics` */
export const metricsRoute =
  ({ text }: Metrics): RouterMiddleware<Exchange> =>
  async (ctx) => {
    const told = await text();
    if (E.isLeft(told)) return respond(ctx, told);
    ctx.set('Content-Type', metricsContentType);
    ctx.body = told.right;
  };

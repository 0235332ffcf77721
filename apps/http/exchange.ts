/** What surrounds every request: its id, its deadline, its cancellation, its line in the log, and the net under bugs. */
import type { RouterMiddleware } from '@koa/router';
import { cancellationOf, nodeHost } from '../../adapters/node-host.js';
import { type Cancellation, cancellationSource } from '../../core/index.js';
import { refusalOf } from './client-errors.js';
import type { HttpLogger } from './logger.js';
import { type Exchange, type HttpContext, respondProblem, statusOf } from './respond.js';

export interface ExchangeOptions {
  readonly requestTimeoutMs: number;
  readonly logger?: HttpLogger | undefined;
  /** Aborted when the server stops: answers then close their connections. */
  readonly stopping?: AbortSignal | undefined;
  /** Aborted when the time for stopping is over: cancels every request in flight. */
  readonly abandoned?: AbortSignal | undefined;
}

const { nowMs, randomId } = nodeHost();

/** Must come first: what follows finds `Exchange` in the context's state, and may throw. */
export const exchange = ({
  requestTimeoutMs,
  logger,
  stopping,
  abandoned,
}: ExchangeOptions): RouterMiddleware<Exchange> => {
  // One listener on the signal, and not one for each request.
  const { cancellation: abandonment, cancel: abandon } = cancellationSource();
  if (abandoned !== undefined) cancellationOf(abandoned).onAbort(abandon);
  return async (ctx, next) => {
    const startedMs = nowMs();
    const cancellation = cancellationOn(ctx, abandonment);
    const requestId = requestIdOf(ctx.get('X-Request-Id'));
    // Of an app that this one is mounted in, the state is shared.
    const own: Exchange = { requestId, startedMs, control: { deadlineMs: startedMs + requestTimeoutMs, cancellation } };
    Object.assign(ctx.state, own);
    ctx.set('X-Request-Id', requestId);
    let bug: unknown;
    try {
      await next();
    } catch (thrown) {
      bug = thrown ?? new Error('nothing was thrown');
      if (ctx.headerSent) ctx.res.destroy();
      respondProblem(ctx, 'InternalError');
    }
    if (stopping?.aborted === true) closeConnection(ctx);
    if (logger !== undefined) log(logger, ctx, ctx._matchedRoute, bug);
  };
};

/** After the answer, of which the headers may be gone already. */
const closeConnection = (ctx: HttpContext): void => {
  if (ctx.headerSent) ctx.req.socket.destroySoon();
  else ctx.set('Connection', 'close');
};

/** Aborts when the client goes away or the server gives the request up. */
const cancellationOn = (ctx: HttpContext, abandonment: Cancellation): Cancellation => {
  const { cancellation, cancel } = cancellationSource();
  const forget = abandonment.onAbort(cancel);
  ctx.res.once('close', () => {
    forget();
    if (!ctx.res.writableFinished) cancel();
  });
  return cancellation;
};

/** The caller's own, when it is fit for a header and a log. */
const requestIdOf = (given: string): string => (/^[\x21-\x7e]{1,128}$/.test(given) ? given : randomId());

/** One line a request. It names the route's pattern: paths, queries and bodies are the caller's data. */
const log = (logger: HttpLogger, ctx: HttpContext, route: string | RegExp | undefined, bug: unknown): void => {
  const { requestId, startedMs, code, detail } = ctx.state;
  const status = statusOf(ctx);
  const line = {
    request_id: requestId,
    method: ctx.method,
    route: route ?? null,
    status: status === 'cancelled' ? null : status,
    duration_ms: Math.round((nowMs() - startedMs) * 100) / 100,
    code,
    ...refusalOf(ctx.res),
  };
  if (bug !== undefined) logger.error({ ...line, err: loggedBug(bug) }, 'request');
  else if (status !== 'cancelled' && status >= 500) logger.warn({ ...line, detail }, 'request');
  else logger.info(line, 'request');
};

/** All that a log may hold of a bug: an error's other properties may carry what the caller sent. */
export const loggedBug = (thrown: unknown): object => {
  const { constructor, message, stack } = thrown instanceof Error ? thrown : new Error('what was thrown is no Error');
  // Without a prototype, pino's serializer for errors leaves `type` as it is.
  return Object.assign(Object.create(null) as object, { type: constructor.name, message, stack });
};

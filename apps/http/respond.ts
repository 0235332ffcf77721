/** From an outcome to an HTTP response: JSON when it is right, RFC 9457 problem+json when it is a failure. */
import * as E from 'fp-ts/lib/Either.js';
import type { ParameterizedContext } from 'koa';
import { nodeHost } from '../../adapters/node-host.js';
import { type CallOptions, type Failure, failure, type Problem, type Timings } from '../../core/index.js';
import { failureTable } from '../failure-table.js';

/** What is kept of one request while it is answered. */
export interface Exchange {
  readonly requestId: string;
  readonly startedMs: number;
  readonly control: CallOptions;
  /** The media type of the answer, where the client has a choice. */
  accepted?: string;
  /** Of the problem that was answered; `Cancelled` when nobody was there to answer. */
  code?: string;
  /** Of the problem that was answered. */
  detail?: string | undefined;
  /** What the status of the failure is that ended a streamed answer, whose own status had been sent. */
  brokenOff?: number;
}

export type HttpContext = ParameterizedContext<Exchange>;

/** A right outcome. Without a body it is a 304. */
export interface Answer {
  /** 200 unless given. */
  readonly status?: number;
  readonly body?: unknown;
  /** The body as JSON, where it is written already. */
  readonly json?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the service's time went, for `Server-Timing`. */
  readonly timingsMs?: Timings;
}

/** Problems that only HTTP has; like failure tags, their codes never change meaning. */
const httpProblems = {
  NotAcceptable: { status: 406, title: 'No answer of a type that is accepted' },
  MethodNotAllowed: { status: 405, title: 'The path does not take this method' },
  TooManyRequests: { status: 429, title: 'Too many requests at once' },
  InternalError: { status: 500, title: 'A fault of the service itself: report it with the request_id' },
} as const;

const { nowMs } = nodeHost();

const retryAfterSeconds: Readonly<Record<number, string>> = { 429: '1', 503: '5' };

/** Answers with the outcome. A caller who went away gets nothing, and one whose answer was streamed has got it already. */
export const respond = (ctx: HttpContext, outcome: E.Either<Failure, Answer>): void => {
  if (ctx.respond === false) {
    if (E.isLeft(outcome)) noteFailure(ctx, outcome.left);
  } else if (E.isRight(outcome)) respondAnswer(ctx, outcome.right);
  else respondFailure(ctx, outcome.left);
};

/** What the answer counts as in the log and the metrics. */
export const statusOf = ({ state, status }: HttpContext): number | 'cancelled' =>
  state.code === 'Cancelled' ? 'cancelled' : (state.brokenOff ?? status);

const noteFailure = ({ state }: HttpContext, { tag, message }: Failure): void => {
  state.code = tag;
  state.detail = message;
  state.brokenOff = failureTable[tag].status ?? failureTable.Unavailable.status;
};

const respondAnswer = (ctx: HttpContext, { status = 200, body, json, headers, timingsMs }: Answer): void => {
  for (const name in headers) ctx.set(name, headers[name] ?? '');
  if (json !== undefined) send(ctx, status, 'application/json', json, timingsMs);
  else if (body === undefined) ctx.status = 304;
  else send(ctx, status, 'application/json', JSON.stringify(body), timingsMs);
};

const respondFailure = (ctx: HttpContext, failed: Failure): void => {
  const problem = problemOf(failed);
  if (problem !== undefined) sendProblem(ctx, problem);
  else if (ctx.res.destroyed) ctx.state.code = failed.tag;
  else respondFailure(ctx, stopped);
};

const stopped = failure('Unavailable', 'The service stopped working on this request: send it again.');

/** None where nobody is left to be answered. */
const problemOf = ({ tag, message, problems, problemTotal }: Failure): HttpProblem | undefined => {
  const { status, title } = failureTable[tag];
  if (status === null) return undefined;
  const more = problemTotal > problems.length ? { errors_total: problemTotal } : {};
  return { code: tag, status, title, detail: message, errors: problems, ...more };
};

/** As the client sent it, also where this app is mounted below a path. */
export const askedPath = ({ originalUrl, path }: Pick<HttpContext, 'originalUrl' | 'path'>): string =>
  originalUrl.startsWith('/') ? (originalUrl.split('?', 1)[0] ?? path) : path;

/** A failure as its problem document, for where a status cannot be sent any more. */
export const failureDocument = (ctx: HttpContext, failed: Failure): object => {
  const problem = problemOf(failed);
  return problem === undefined
    ? failureDocument(ctx, stopped)
    : problemDocument(problem, { instance: askedPath(ctx), request_id: ctx.state.requestId });
};

/** Answers with a problem that only HTTP has. */
export const respondProblem = (ctx: HttpContext, code: keyof typeof httpProblems, detail?: string): void =>
  sendProblem(ctx, { code, ...httpProblems[code], detail, errors: [] });

export interface HttpProblem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly errors: ReadonlyArray<Problem>;
  /** Present when more were counted than are listed. */
  readonly errors_total?: number;
}

/** RFC 9457. */
export const problemDocument = (
  problem: HttpProblem,
  of: { readonly instance?: string; readonly request_id: string },
): object => ({ type: `urn:scorekeeper:failure:${problem.code}`, ...problem, ...of });

const sendProblem = (ctx: HttpContext, problem: HttpProblem): void => {
  const { code, status, detail } = problem;
  ctx.state.code = code;
  ctx.state.detail = detail;
  const retryAfter = retryAfterSeconds[status];
  if (retryAfter !== undefined) ctx.set('Retry-After', retryAfter);
  const document = problemDocument(problem, { instance: askedPath(ctx), request_id: ctx.state.requestId });
  send(ctx, status, 'application/problem+json', JSON.stringify(document));
};

const send = (ctx: HttpContext, status: number, type: string, json: string, timingsMs: Partial<Timings> = {}): void => {
  let timing = '';
  for (const name in timingsMs)
    if (name !== 'total') timing += `${name};dur=${(timingsMs[name as keyof Timings] ?? 0).toFixed(2)}, `;
  ctx.set('Server-Timing', `${timing}total;dur=${(nowMs() - ctx.state.startedMs).toFixed(2)}`);
  ctx.set('Content-Type', type);
  ctx.status = status;
  ctx.body = json;
};

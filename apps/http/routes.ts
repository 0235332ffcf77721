/** What each route but that of scoring asks of the service, and what it makes of the answer. */
import type { RouterContext } from '@koa/router';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import { closed, decode, type Failure, failTask, failure, type Service } from '../../core/index.js';
import { type Answer, askedPath, type Exchange } from './respond.js';

export type Route<A extends Answer = Answer> = (ctx: RouterContext<Exchange>) => TE.TaskEither<Failure, A>;

/** `GET /models` */
export const modelsRoute =
  (service: Service): Route =>
  (ctx) => {
    const { query, querystring, state } = ctx;
    return pipe(
      TE.fromEither(decode(ModelsQuery, 'The query')(query)),
      TE.map(({ latest, limit, ...texts }) => ({
        ...texts,
        ...optional({ latest: truth(latest), limit: count(limit) }),
      })),
      TE.chain((request) => service.models(request, state.control)),
      TE.map(({ models, nextPageToken }) => ({
        body: models,
        headers: nextPageToken === undefined ? {} : { Link: nextLink(askedPath(ctx), querystring, nextPageToken) },
      })),
    );
  };

/** `GET /model/:model_type/:model_name/info` */
export const infoRoute =
  (service: Service): Route =>
  (ctx) =>
    pipe(
      TE.fromEither(decode(InfoQuery, 'The query')(ctx.query)),
      TE.map(({ version, alias }) => ({ ...ctx.params, ...optional({ version: count(version), alias }) })),
      TE.chain((request) => service.info(request, ctx.state.control)),
      TE.map(({ info, tag }) => ({
        headers: { ETag: `"${tag}"`, 'Cache-Control': 'no-cache' },
        ...(isKnown(ctx.get('If-None-Match'), `"${tag}"`) ? {} : { body: info }),
      })),
    );

/** `GET /health`: the process answers. */
export const healthRoute: Route = () => TE.right({ body: { status: 'alive' } });

/** A load balancer's probe waits about this long. */
const readyTimeoutMs = 5_000;

/** `GET /ready`: the store answers too, and the server is not about to stop. */
export const readyRoute =
  (service: Service, stopping: AbortSignal | undefined): Route =>
  ({ state: { startedMs, control } }) =>
    stopping?.aborted === true
      ? failTask('Unavailable', 'The server is stopping: send requests to another one.')
      : pipe(
          service.ready({ ...control, deadlineMs: Math.min(control.deadlineMs, startedMs + readyTimeoutMs) }),
          TE.bimap(
            ({ tag, message }) =>
              tag === 'Cancelled'
                ? failure(tag, message)
                : failure('Unavailable', `The store does not answer: ${message}`),
            (readiness) => ({ body: { status: 'ready', ...readiness } }),
          ),
        );

// A parameter that is given twice arrives as an array, and t.string refuses it.
const ModelsQuery = closed(
  'ModelsQuery',
  {},
  { model_type: t.string, name: t.string, latest: t.string, limit: t.string, page_token: t.string },
);
const InfoQuery = closed('InfoQuery', {}, { version: t.string, alias: t.string });

/** What is not a number or a truth stays text, and the service says what it should be. */
export const count = (text: unknown): unknown =>
  typeof text === 'string' && /^(?:0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : text;

const truth = (text: string | undefined): boolean | string | undefined =>
  text === 'true' ? true : text === 'false' ? false : text;

/** Without the fields that are undefined. */
export const optional = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** RFC 8288; relative, because only the caller knows the address that it used. */
const nextLink = (path: string, querystring: string, pageToken: string): string => {
  const query = new URLSearchParams(querystring);
  query.set('page_token', pageToken);
  return `<${path}?${query.toString()}>; rel="next"`;
};

/** RFC 9110, 13.1.2: weak comparison. Koa's own ignores the header when `Cache-Control: no-cache` comes with it, as from `fetch`. */
const isKnown = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.split(',').some((known) => ['*', etag, `W/${etag}`].includes(known.trim()));

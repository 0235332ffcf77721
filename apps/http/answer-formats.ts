/** The media types of a scoring's answer: JSON, and those that are sent as they are made. */
import type { RouterContext } from '@koa/router';
import type { Next } from 'koa';
import { ndjsonEncoder } from '../../core/index.js';
import { parquetAnswer } from './parquet-answer.js';
import { type Exchange, type HttpContext, respondProblem } from './respond.js';
import type { Stillness } from './stillness.js';
import { encodedAnswer, type StreamedAnswer } from './streamed-answer.js';

/** Begins an answer that is sent as it is made. The library is loaded when somebody asks for what it writes. */
export type OpenAnswer = (ctx: HttpContext, watch: Stillness) => StreamedAnswer | Promise<StreamedAnswer>;

const parquet = 'application/vnd.apache.parquet';
const arrow = 'application/vnd.apache.arrow.stream';

const streamed: Readonly<Record<string, OpenAnswer>> = {
  'application/x-ndjson': (ctx, watch) => encodedAnswer(ctx, watch, ndjsonEncoder, 'application/x-ndjson', true),
  'text/csv': async (ctx, watch) => {
    const { csvEncoder } = await import('../../adapters/csv/encoder.js');
    return encodedAnswer(ctx, watch, csvEncoder, 'text/csv; charset=utf-8; header=present');
  },
  [parquet]: async (ctx, watch) => {
    const { stageParquet } = await import('../../adapters/duckdb/parquet-stage.js');
    return parquetAnswer(ctx, watch, stageParquet(watch.control), parquet);
  },
  [arrow]: async (ctx, watch) => {
    const { arrowEncoder } = await import('../../adapters/arrow/encoder.js');
    return encodedAnswer(ctx, watch, arrowEncoder(), arrow);
  },
};

/** In the order in which they are preferred where a client does not mind. */
const mediaTypes: ReadonlyArray<string> = ['application/json', ...Object.keys(streamed)];

/** Of a media type that `negotiated` chose; undefined for JSON. */
export const streamedAnswerOf = (mediaType: string | undefined): OpenAnswer | undefined =>
  mediaType === undefined ? undefined : streamed[mediaType];

/** Without those that we do not tell apart, such as a charset; the weights stay. An empty header asks for nothing. */
const withoutParameters = (accept: string): string =>
  accept.trim() === '' ? '*/*' : accept.replaceAll(/;(?!\s*q\s*=)[^;,]*/gi, '');

/** What nearly everybody sends who wants JSON. */
const plain: ReadonlySet<string> = new Set(['*/*', 'application/json']);

/** Chooses what the client wants (RFC 9110, 12.5.1), or answers that there is no such thing. */
export const negotiated = async (ctx: RouterContext<Exchange>, next: Next): Promise<void> => {
  ctx.response.set('Vary', 'Accept');
  const { accept } = ctx.req.headers;
  if (accept === undefined || plain.has(accept)) return next();
  ctx.req.headers.accept = withoutParameters(accept);
  const chosen = ctx.accepts([...mediaTypes]);
  if (typeof chosen === 'string') {
    ctx.state.accepted = chosen;
    return next();
  }
  const all = `${mediaTypes.slice(0, -1).join(', ')} or ${mediaTypes.at(-1)}`;
  respondProblem(
    ctx,
    'NotAcceptable',
    `The answer comes as ${all}, and the header Accept takes none of them: ask for one.`,
  );
};

/** The media types of a scoring's answer: JSON, and those that are sent as they are made. */
import type { RouterContext } from '@koa/router';
import type { Next } from 'koa';
import { ndjsonEncoder, type PredictionEncoder } from '../../core/index.js';
import { type Exchange, respondProblem } from './respond.js';

/** A format that is sent as it is made. */
export interface StreamFormat {
  readonly contentType: string;
  /** A new one for each answer. The library is loaded when somebody asks for what it writes. */
  readonly encoder: () => PredictionEncoder | Promise<PredictionEncoder>;
  /** Whether the last line says how it went; else only a connection that breaks off tells of a failure. */
  readonly hasTrailer: boolean;
}

const streamFormats: Readonly<Record<string, StreamFormat>> = {
  'application/x-ndjson': {
    contentType: 'application/x-ndjson',
    encoder: () => ndjsonEncoder,
    hasTrailer: true,
  },
  'text/csv': {
    contentType: 'text/csv; charset=utf-8; header=present',
    encoder: async () => (await import('../../adapters/csv/encoder.js')).csvEncoder,
    hasTrailer: false,
  },
};

/** In the order in which they are preferred where a client does not mind. */
const mediaTypes: ReadonlyArray<string> = ['application/json', ...Object.keys(streamFormats)];

/** The format of a media type that `negotiated` chose; undefined for JSON. */
export const streamFormatOf = (mediaType: string | undefined): StreamFormat | undefined =>
  mediaType === undefined ? undefined : streamFormats[mediaType];

/** Chooses what the client wants (RFC 9110, 12.5.1), or answers that there is no such thing. */
export const negotiated = async (ctx: RouterContext<Exchange>, next: Next): Promise<void> => {
  ctx.vary('Accept');
  const chosen = ctx.accepts([...mediaTypes]);
  if (typeof chosen === 'string') {
    ctx.state.accepted = chosen;
    await next();
    return;
  }
  const all = `${mediaTypes.slice(0, -1).join(', ')} or ${mediaTypes.at(-1)}`;
  respondProblem(
    ctx,
    'NotAcceptable',
    `The answer comes as ${all}, and the header Accept takes none of them: ask for one.`,
  );
};

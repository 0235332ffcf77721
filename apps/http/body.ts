/** Reads what a request carries: its media type, its encoding, a JSON object up to the limit, or the bytes of rows as they arrive. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import readRawBody from 'raw-body';
import { type ByteStream, type CallOptions, type Failure, fail, failure, type JsonObject } from '../../core/index.js';
import { decodeUtf8 } from '../utf8.js';
import { isConnectionError } from './client-errors.js';
import { inflated } from './inflated.js';
import { parseStrictJson } from './json.js';
import { type HttpLimits, timerMs } from './limits.js';
import { rowMediaTypes } from './row-bodies.js';

/**
 * The body of a request that says it is JSON, inflated.
 * Fails `InvalidInput` (another media type, or an encoding nobody reads here), `TooLarge` (above `body_bytes`), `DeadlineExceeded` (it did not
 * arrive in time), `Cancelled` (the client went away).
 */
export const readJsonBytes =
  (limits: HttpLimits) =>
  (request: IncomingMessage, control: CallOptions): TE.TaskEither<Failure, Buffer> => {
    const encoding = jsonEncodingOf(request.headers);
    return E.isLeft(encoding) ? TE.left(encoding.left) : readBytes(limits, request, control)(encoding.right);
  };

/** The body's object, parsed and not decoded. Fails `InvalidInput` (not an object of JSON in UTF-8), `TooLarge` (above `json_depth`). */
export const parseJsonObject =
  ({ jsonDepth }: HttpLimits) =>
  (bytes: Buffer): E.Either<Failure, JsonObject> => {
    const text = decodeUtf8('The body')(bytes);
    if (E.isLeft(text)) return text;
    const value = parseStrictJson(jsonDepth)(text.right);
    if (E.isLeft(value)) return value;
    return isObject(value.right) ? E.right(value.right) : E.left(notAnObject(value.right));
  };

/** The media type, without its parameters, in lower case. */
export const mediaTypeOf = (headers: IncomingHttpHeaders): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

/**
 * The body of a request as it arrives, inflated: what is not pulled waits with the client. `onPart` is told of each part. `close` throws the rest
 * away, which a client has to send before it reads the answer. Fails `InvalidInput` for an encoding nobody reads here.
 */
export const openBody = (
  request: IncomingMessage,
  { cancellation }: CallOptions,
  onPart: () => void,
): E.Either<Failure, { readonly bytes: ByteStream; readonly close: () => void }> =>
  pipe(
    contentEncodingOf(request.headers),
    E.map((encoding) => {
      const body = inflated(request, encoding);
      // What arrives while rows are scored is there at once when they are.
      const waiting = new PassThrough({ highWaterMark: waitingBytes });
      // Told to who pulls, if anybody does.
      waiting.on('error', () => undefined);
      const breakOff = (): void => void waiting.destroy(new ConnectionEnded());
      body.on('error', (error) => waiting.destroy(error)).pipe(waiting);
      const isCutOff = (): void => {
        if (!request.complete) breakOff();
      };
      request.once('close', isCutOff);
      const forget = cancellation.onAbort(breakOff);
      const bytes = async function* (): AsyncGenerator<E.Either<Failure, Uint8Array>, void, undefined> {
        try {
          for await (const part of waiting) {
            onPart();
            yield E.right(await withMore(part as Buffer, waiting));
          }
        } catch (thrown) {
          yield E.left(bytesFailure(encoding, thrown));
        }
      };
      const close = (): void => {
        forget();
        request.off('close', isCutOff).unpipe();
        if (body !== request) body.destroy();
        waiting.destroy();
        request.resume();
      };
      return { bytes: bytes(), close };
    }),
  );

/** A few milliseconds' worth of work. */
const waitingBytes = 2 ** 19;

/** A part with those that come right behind it: few large batches take less time than many small ones, and who sends slowly waits for a turn only. */
const withMore = async (part: Buffer, waiting: PassThrough): Promise<Buffer> => {
  const parts = [part];
  for (let byteCount = part.length; byteCount < waitingBytes; ) {
    await turn();
    const more = waiting.read() as Buffer | null;
    if (more === null) break;
    parts.push(more);
    byteCount += more.length;
  }
  return parts.length === 1 ? part : Buffer.concat(parts);
};

class ConnectionEnded extends Error {
  readonly code = 'ERR_STREAM_PREMATURE_CLOSE';
}

/** The Content-Encoding of a request that says it is JSON. Fails `InvalidInput`. */
export const jsonEncodingOf = (headers: IncomingHttpHeaders): E.Either<Failure, string> => {
  const type = headers['content-type'] ?? '';
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    const got = type === '' ? 'nothing' : JSON.stringify(type.slice(0, 100));
    return fail(
      'InvalidInput',
      `The body must be JSON: send the header Content-Type: application/json, got ${got}. Rows alone come as ${rowMediaTypes.join(', ')}.`,
    );
  }
  return contentEncodingOf(headers);
};

const contentEncodingOf = (headers: IncomingHttpHeaders): E.Either<Failure, string> => {
  const type = headers['content-type'] ?? '';
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) {
    return fail('InvalidInput', `The body must be in UTF-8, got the charset ${JSON.stringify(charset.slice(0, 100))}.`);
  }
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  return ['identity', 'gzip', 'deflate', 'br'].includes(encoding)
    ? E.right(encoding)
    : fail(
        'InvalidInput',
        `The Content-Encoding must be gzip, deflate, br or identity, got ${JSON.stringify(encoding.slice(0, 100))}.`,
      );
};

const readBytes =
  (limits: HttpLimits, request: IncomingMessage, control: CallOptions) =>
  (encoding: string): TE.TaskEither<Failure, Buffer> =>
  async () => {
    if (request.readableEnded)
      throw new Error('the body was read before this app was asked: mount it ahead of any that parses bodies');
    const stream = inflated(request, encoding);
    const interruption = interrupted(limits, control);
    const bytes = await Promise.race([
      readRawBody(stream, {
        limit: limits.bodyBytes,
        length: encoding === 'identity' ? (request.headers['content-length'] ?? null) : null,
      }).then(
        (buffer) => E.right<Failure, Buffer>(buffer),
        (thrown: unknown) => E.left(readFailure(limits, encoding, thrown)),
      ),
      interruption.settled,
    ]).finally(interruption.release);
    if (E.isLeft(bytes)) {
      if (stream !== request) {
        request.unpipe();
        stream.destroy();
      }
      // A client reads the answer only after it has sent everything.
      request.resume();
    }
    return bytes;
  };

/** Settles when the time is over or the client went away. */
const interrupted = (limits: HttpLimits, control: CallOptions) => {
  let release = (): void => undefined;
  const settled = new Promise<E.Either<Failure, never>>((resolve) => {
    const overdue = (): void =>
      resolve(
        fail(
          'DeadlineExceeded',
          `The body did not arrive within the limit request_timeout_ms, which is ${limits.requestTimeoutMs}: send it again, or less at once.`,
        ),
      );
    const timer = setTimeout(overdue, timerMs(limits.requestTimeoutMs));
    const forget = control.cancellation.onAbort(() => resolve(fail('Cancelled', gone)));
    release = () => {
      clearTimeout(timer);
      forget();
    };
  });
  return { settled, release: () => release() };
};

const gone = 'The client went away before its body had arrived.';

const readFailure = (limits: HttpLimits, encoding: string, thrown: unknown): Failure => {
  const { type } = thrown as { readonly type?: string };
  if (type === 'entity.too.large') {
    return failure(
      'TooLarge',
      `The body is larger than the limit body_bytes, which is ${limits.bodyBytes} bytes after inflation: send fewer rows at once.`,
    );
  }
  if (type === 'request.aborted') return failure('Cancelled', gone);
  return bytesFailure(encoding, thrown);
};

const bytesFailure = (encoding: string, thrown: unknown): Failure => {
  if (isConnectionError(thrown)) return failure('Cancelled', gone);
  if (encoding !== 'identity')
    return failure(
      'InvalidInput',
      `The body is damaged, or not ${encoding} as its Content-Encoding says, or something comes behind its end.`,
    );
  throw thrown;
};

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const notAnObject = (value: unknown): Failure =>
  failure(
    'InvalidInput',
    `The body must be a JSON object, got ${Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`}.`,
  );

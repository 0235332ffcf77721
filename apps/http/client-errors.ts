/** What goes wrong on the client's side: it goes away, or sends what Node refuses before the application sees a request. */
import { maxHeaderSize, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { nodeHost } from '../../adapters/node-host.js';
import { type Failure, failure } from '../../core/index.js';
import { failureTable } from '../failure-table.js';
import { type HttpLogger, unfailing } from './logger.js';
import type { Metrics } from './metrics.js';
import { problemDocument } from './respond.js';

/** Of a connection that ended too early, of what was sent into it, and (`HPE_…`) of what Node's parser got. */
const connectionErrorCodes: ReadonlySet<unknown> = new Set([
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPIPE',
  'ERR_HTTP_REQUEST_TIMEOUT',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
  'ETIMEDOUT',
]);

/** Such an error is no bug, and may carry what the client sent. */
export const isConnectionError = (error: unknown): boolean => {
  const code = codeOf(error);
  return connectionErrorCodes.has(code) || (code?.startsWith('HPE_') ?? false);
};

const codeOf = (error: unknown): string | undefined => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
};

/** How a request was answered behind the application's back. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Node's code of what was wrong. */
  readonly fault: string | undefined;
}

const refusals = new WeakMap<ServerResponse, Refusal>();

/** Of a response that was still to come when its request was refused. */
export const refusalOf = (response: ServerResponse): Refusal | undefined => refusals.get(response);

export interface ClientErrors {
  /** To be told of every response, so that no problem is written into the middle of one. */
  readonly watch: (response: ServerResponse) => void;
  /** For the server's `clientError`: answers with a problem when the client can take it, and ends the connection. */
  readonly answer: (error: Error, socket: Duplex) => void;
}

/** The client ended its side in the middle of a request; it may still read. */
const brokenOff = 'HPE_INVALID_EOF_STATE';

const { randomId } = nodeHost();

export const clientErrors = (given: HttpLogger | undefined, metrics?: Metrics): ClientErrors => {
  const logger = unfailing(given);
  const latest = new WeakMap<Duplex, ServerResponse>();
  return {
    watch: (response) => void latest.set(response.req.socket, response),
    answer: (error, socket) => {
      const response = latest.get(socket);
      if (!socket.writable || codeOf(error) === 'ECONNRESET' || !expectsAnswer(response)) {
        socket.destroy();
        return;
      }
      const { status, failed } = refusalFor(error);
      const refusal = { status, code: failed.tag, fault: codeOf(error) };
      const inFlight = response !== undefined && !response.writableFinished;
      const given = inFlight ? response.getHeader('X-Request-Id') : undefined;
      const requestId = typeof given === 'string' ? given : randomId();
      // The line of a request in flight is still to come; of one that breaks off it says that its client went away.
      if (!inFlight) {
        metrics?.countRequest(undefined, status);
        logger?.info({ request_id: requestId, method: null, route: null, ...refusal }, 'request');
      } else if (refusal.fault !== brokenOff) refusals.set(response, refusal);
      socket.end(rawProblem(status, failed, requestId), () => socket.destroy());
    },
  };
};

/** Nothing was asked before, or all of it was answered, or what is being answered next has not begun. */
const expectsAnswer = (response: ServerResponse | undefined): boolean => {
  if (response === undefined) return true;
  // Without a socket it waits for the answer to an earlier request.
  return response.writableFinished ? response.req.complete : response.socket !== null && !response.headersSent;
};

interface Refused {
  readonly status: number;
  readonly failed: Failure;
}

const refusalFor = (error: Error): Refused => {
  switch (codeOf(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        failed: failure(
          'TooLarge',
          `The request's headers are larger than the limit max_http_header_size, which is ${maxHeaderSize} bytes: send fewer or shorter ones.`,
        ),
      };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return {
        status: 413,
        failed: failure('TooLarge', 'The extensions of the chunks are above the limit of 16384 bytes: send none.'),
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        failed: failure('DeadlineExceeded', 'The request did not arrive in time: send it again, or less at once.'),
      };
    case brokenOff:
      return {
        status: 400,
        failed: failure('InvalidInput', 'The connection ended in the middle of the request: send all of it.'),
      };
    default:
      return {
        status: 400,
        failed: failure(
          'InvalidInput',
          'What came over the connection is not HTTP/1.1: check the headers, the Content-Length and the chunks.',
        ),
      };
  }
};

const rawProblem = (status: number, { tag, message }: Failure, requestId: string): string => {
  const problem = { code: tag, status, title: failureTable[tag].title, detail: message, errors: [] };
  const json = JSON.stringify(problemDocument(problem, { request_id: requestId }));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(json)}`,
    `Date: ${new Date().toUTCString()}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    json,
  ].join('\r\n');
};

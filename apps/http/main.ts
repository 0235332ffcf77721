/** Serves the REST application: listens, stops gracefully, obeys signals. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { checkLimits, type Failure, failure, type Service } from '../../core/index.js';
import { clientErrors } from './client-errors.js';
import {
  createHttpApp,
  defaultHttpLimits,
  type HttpLimits,
  type HttpLogger,
  type Metrics,
  type ScoringJobs,
} from './app.js';
import { timerMs } from './limits.js';
import { exitCodeOf, hearSignals } from './signals.js';

export interface ServerOptions {
  readonly service: Service;
  readonly limits?: Partial<HttpLimits>;
  readonly logger?: HttpLogger;
  readonly metrics?: Metrics;
  readonly jobs?: ScoringJobs;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** How long requests in flight may go on after `close`, in milliseconds. */
  readonly graceMs: number;
}

export interface RunningServer {
  readonly url: string;
  /**
   * Stops accepting connections and turns `/ready` to 503 at once; settles when what is in flight is answered. After the grace time
   * it is cancelled and answered with 503, and a second later its connections are cut. The service is left open.
   */
  readonly close: () => Promise<void>;
}

/** Longer than Google's load balancers keep an idle connection (600 s), so that they never send into one that is being closed. */
const keepAliveTimeoutMs = 620_000;

/** For answering what was cancelled. */
const abandonedMs = 1_000;

/** Listens. Fails `Unavailable` (the port is in use), `PermissionDenied` (the port needs privileges), `InvalidInput` (no such address). */
export const startServer = ({
  host,
  port,
  graceMs,
  ...options
}: ServerOptions): TE.TaskEither<Failure, RunningServer> =>
  TE.tryCatch(
    async () => {
      checkLimits({ graceMs });
      const stopping = new AbortController();
      const abandoned = new AbortController();
      const app = createHttpApp({ ...options, stopping: stopping.signal, abandoned: abandoned.signal });
      const callback = app.callback();
      const refused = clientErrors(options.logger, options.metrics);
      // The application answers a late body itself, and one that is streamed may come for hours; what still comes after the answer is cut off.
      const afterAnswerMs = timerMs((options.limits?.requestTimeoutMs ?? defaultHttpLimits.requestTimeoutMs) + 10_000);
      const answer = (request: IncomingMessage, response: ServerResponse): void => {
        refused.watch(response);
        response.once('finish', () => cutOffLate(request, afterAnswerMs));
        void callback(request, response);
      };
      const server = createServer(
        {
          requestTimeout: 0,
          headersTimeout: Math.min(30_000, afterAnswerMs),
          keepAliveTimeout: keepAliveTimeoutMs,
          requireHostHeader: false,
        },
        answer,
      );
      // Any expectation may be ignored (RFC 9110, 10.1.1); Node's own answer would have no body.
      server.on('checkExpectation', answer).on('clientError', refused.answer);
      const opened = new Set<Socket>();
      server.on('connection', (socket: Socket) => {
        opened.add(socket);
        socket.once('close', () => opened.delete(socket));
      });
      const address = await listen(server, host, port);
      const close = async (): Promise<void> => {
        stopping.abort();
        // Node takes a connection on which nothing ever came for one that is in use.
        for (const socket of opened) if (socket.bytesRead === 0) socket.destroy();
        let timer = setTimeout(() => {
          abandoned.abort();
          timer = setTimeout(() => server.closeAllConnections(), abandonedMs);
        }, timerMs(graceMs));
        await new Promise<void>((resolve) => server.close(() => resolve()));
        clearTimeout(timer);
      };
      return {
        url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
        close,
      };
    },
    (thrown) => listenFailure(thrown, host, port),
  );

/** Ends the connection of a client that was answered and still sends. */
const cutOffLate = (request: IncomingMessage, afterMs: number): void => {
  if (request.complete) return;
  const timer = setTimeout(() => request.socket.destroy(), afterMs).unref();
  request.once('close', () => clearTimeout(timer));
};

const listen = (server: Server, host: string, port: number): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });

const listenFailure = (thrown: unknown, host: string, port: number): Failure => {
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return failure(
        'Unavailable',
        `Port ${port} of ${host} is in use: stop what listens there, or choose another port.`,
      );
    case 'EACCES':
      return failure(
        'PermissionDenied',
        `Port ${port} of ${host} needs privileges this process does not have: choose one above 1023.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return failure(
        'InvalidInput',
        `${host} is no address of this machine: listen on 127.0.0.1, or on 0.0.0.0 for every address.`,
      );
    case 'ERR_SOCKET_BAD_PORT':
      return failure('InvalidInput', `${port} is no port: choose one from 0 to 65535.`);
    default:
      throw thrown;
  }
};

/**
 * Waits for SIGTERM, SIGINT or `told`, stops the server, then closes what it served with `close`. Settles with the exit code 0.
 * A second signal ends the process at once, with the exit code that shells give to the signal.
 */
export const serveUntilSignal = async (
  server: RunningServer,
  close: () => Promise<void>,
  told: Promise<void> = new Promise(() => undefined),
): Promise<number> => {
  const { first, second } = hearSignals();
  // A terminal's interrupt reaches a worker and its primary process, which then tells it too: that is one signal.
  void second.then((signal) => process.exit(exitCodeOf(signal)));
  await Promise.race([first, told]);
  await server.close();
  await close();
  return 0;
};

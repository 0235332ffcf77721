/** A proxy in front of a service that speaks the JSON API of Cloud Storage, which lets faults befall its requests by chance. */
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from './fake-gcs/answers.js';
import { type Chances, faultPlan, nameOf, randomFrom } from './fake-gcs/faults.js';
import { bodyOf, misbehave } from './fake-gcs/misbehave.js';
import { type ApiRequest, apiRequestOf } from './fake-gcs/requests.js';

export interface ChaosProxyOptions {
  /** The URL of the service, without a path. */
  readonly target: string;
  /** Determines which requests meet a fault, and which bits flip. */
  readonly seed: number;
  readonly chances: Chances;
}

export interface ChaosProxy {
  /** To be passed as `apiEndpoint`. */
  readonly url: string;
  /** How many requests came. */
  readonly requestCount: () => number;
  /** How often each fault befell one. */
  readonly faultCounts: () => Readonly<Record<string, number>>;
  /** No more faults. */
  readonly calm: () => void;
  readonly close: () => Promise<void>;
}

export const startChaosProxy = async ({ target, seed, chances }: ChaosProxyOptions): Promise<ChaosProxy> => {
  const random = randomFrom(seed);
  const plan = faultPlan(random, chances);
  const agent = new Agent({ keepAlive: true });
  const faultCounts: Record<string, number> = {};
  let requestCount = 0;

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = apiRequestOf(message);
    const drawn = plan.next(asked.kind);
    const fault = drawn?.kind === 'flip' && !carriesMedia(asked) ? undefined : drawn;
    requestCount += 1;
    if (fault !== undefined) faultCounts[nameOf(fault)] = (faultCounts[nameOf(fault)] ?? 0) + 1;
    await misbehave({ message, response, request: asked, fault, random }, (body) => forward(message, body));
  };

  /** Only what arrived whole goes on. */
  const forward = ({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const options = { method, headers: { ...endToEnd(headers), 'content-length': body.length }, agent };
      const forwarded = request(`${target}${url}`, options, (answer) => {
        bodyOf(answer).then(
          (bytes) => resolve({ status: answer.statusCode ?? 500, headers: endToEnd(answer.headers), body: bytes }),
          reject,
        );
      });
      forwarded.once('error', reject);
      forwarded.end(body);
    });

  const server = createServer((message, response) => {
    // A client that goes away in the middle is no concern of the proxy's.
    serve(message, response).catch((error: unknown) => {
      if (!message.destroyed && !response.destroyed) response.destroy(error instanceof Error ? error : undefined);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requestCount: () => requestCount,
    faultCounts: () => ({ ...faultCounts }),
    calm: plan.calm,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
};

/**
 * A flipped bit is one of an object's bytes, on their way to the service or from it. Of a range the service tells no digest: there TLS alone sees to
 * it, which the proxy does not speak.
 */
const carriesMedia = ({ kind, headers }: ApiRequest): boolean =>
  (kind === 'media' && headers.range === undefined) || kind === 'upload' || kind === 'chunk';

/**
 * What belongs to one connection alone (RFC 9110, 7.6.1), the length, which is told anew, and the mark of a client's own requests: a client in this
 * process would end those that it does not know.
 */
const ofOneConnection = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-scorekeeper-attempt'];

const endToEnd = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      ofOneConnection.includes(name) || value === undefined ? [] : [[name, `${value}`]],
    ),
  );

/** A fake of Cloud Storage's JSON API on the loopback, faithful where a registry depends on it, with faults on command. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asText, json } from './answers.js';
import { type Chances, faultPlan, nameOf, randomFrom, type Rule } from './faults.js';
import { bodyOf, misbehave, send } from './misbehave.js';
import { emptyBucket, type FakeBucket } from './objects.js';
import { answerTo, apiRequestOf, type RequestKind, type World } from './requests.js';

export interface FakeGcsOptions {
  readonly port?: number;
  readonly buckets?: ReadonlyArray<string>;
  /** Determines which requests meet a fault by chance, and which bits flip. */
  readonly seed?: number;
  readonly chances?: Chances;
  /** `one write a second` refuses a faster change of one object with 429, as the real service does. */
  readonly rate?: 'unlimited' | 'one write a second';
  /** As emulators do: which requests are served although they say `ifGenerationMatch`, as if they did not. */
  readonly ignoresGenerationMatch?: (kind: RequestKind, generation: string) => boolean;
  /** How many requests a rewrite takes, 1 by default. */
  readonly rewriteRounds?: number;
  /** The most entries of a page of a list, 1000 by default. */
  readonly pageEntries?: number;
}

export interface FakeGcs {
  /** To be passed as `apiEndpoint`. */
  readonly url: string;
  readonly makeBucket: (name: string) => void;
  /** What befalls the requests that come next. */
  readonly fault: (rule: Rule) => void;
  readonly chance: (chances: Chances) => void;
  /** No more faults. */
  readonly calm: () => void;
  /** How many requests of each kind there were, since the start or the last `forget`. */
  readonly counts: () => Readonly<Partial<Record<RequestKind, number>>>;
  /** How often each fault befell a request. */
  readonly faultCounts: () => Readonly<Record<string, number>>;
  /** How many bytes of objects were answered, since then. */
  readonly mediaBytes: () => number;
  readonly forget: () => void;
  /** How many requests wait for their answer, or for the rest of it. */
  readonly openRequests: () => number;
  /** How many requests carried credentials. */
  readonly authorized: () => number;
  readonly close: () => Promise<void>;
}

export const startFakeGcs = async (options: FakeGcsOptions = {}): Promise<FakeGcs> => {
  const random = randomFrom(options.seed ?? 1);
  const plan = faultPlan(random, options.chances ?? {});
  const buckets = new Map<string, FakeBucket>();
  const counts = new Map<RequestKind, number>();
  const faultCounts = new Map<string, number>();
  const open = new Set<ServerResponse>();
  const sessions: World['sessions'] = new Map();
  let generation = 1_700_000_000_000_000n;
  let authorized = 0;
  let mediaBytes = 0;

  const makeBucket = (name: string) => buckets.set(name, emptyBucket(name));
  const world: World = {
    buckets,
    sessions,
    limitsRate: options.rate === 'one write a second',
    rewriteRounds: options.rewriteRounds ?? 1,
    pageEntries: options.pageEntries ?? 1000,
    nextGeneration: () => {
      generation += 1n + BigInt(Math.floor(random() * 1000));
      return generation;
    },
  };

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = apiRequestOf(message);
    counts.set(request.kind, (counts.get(request.kind) ?? 0) + 1);
    if (message.headers.authorization !== undefined) authorized += 1;
    const demanded = request.query.get('ifGenerationMatch');
    if (demanded !== null && options.ignoresGenerationMatch?.(request.kind, demanded))
      request.query.delete('ifGenerationMatch');
    const fault = plan.next(request.kind);
    if (fault !== undefined) faultCounts.set(nameOf(fault), (faultCounts.get(nameOf(fault)) ?? 0) + 1);
    await misbehave({ message, response, request, fault, random }, (body) => {
      const answer = answerTo(world, request, body);
      if (request.kind !== 'media') return answer;
      mediaBytes += answer.status < 300 ? (answer.body?.length ?? 0) : 0;
      return asText(answer);
    });
  };

  const control = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(message);
    if (message.method === 'PUT') plan.chance(JSON.parse(body.toString()));
    send(response, json({ counts: Object.fromEntries(counts), faults: Object.fromEntries(faultCounts) }));
  };

  const server = createServer((message, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
    // A client that goes away in the middle is no concern of the fake's.
    (message.url === '/fake' ? control : serve)(message, response).catch((error: unknown) => {
      if (!message.destroyed && !response.destroyed) response.destroy(error instanceof Error ? error : undefined);
    });
  });
  server.keepAliveTimeout = 60_000;
  for (const name of options.buckets ?? []) makeBucket(name);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    makeBucket,
    fault: plan.command,
    chance: plan.chance,
    calm: plan.calm,
    counts: () => Object.fromEntries(counts),
    faultCounts: () => Object.fromEntries(faultCounts),
    mediaBytes: () => mediaBytes,
    forget: () => {
      mediaBytes = 0;
      counts.clear();
      faultCounts.clear();
    },
    openRequests: () => open.size,
    authorized: () => authorized,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

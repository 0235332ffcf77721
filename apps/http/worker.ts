/** One worker of several: its line to the primary process that forked it. */
import cluster from 'node:cluster';
import * as E from 'fp-ts/lib/Either.js';
import { type Failure, fail } from '../../core/index.js';
import type { Metrics } from './metrics.js';
import type { FromPrimary, FromWorker } from './worker-messages.js';

/** Whether a primary process forked this one. */
export const isWorker = (): boolean => cluster.isWorker;

export interface Primary {
  /** Settles when the primary process wants this one to stop. */
  readonly stop: Promise<void>;
  /** Measures with `own`, and tells of all workers. */
  readonly measuring: (own: Metrics) => Metrics;
  /** With what people should know, as sentences; what several workers say is told once. */
  readonly listening: (url: string, warnings: ReadonlyArray<string>) => void;
  readonly failed: (failure: Failure) => void;
  /** Lets go of the line, which would keep this process alive. */
  readonly leave: () => void;
}

/** Longer than the primary process waits for a worker that is busy. */
const metricsTimeoutMs = 5_000;

/** To be called once. */
export const toPrimary = (): Primary => {
  // Of what cannot be said any more: a primary process that is gone takes this one with it.
  cluster.worker?.on('error', () => undefined);
  let measured: Metrics | undefined;
  const waiting = new Map<number, (text: E.Either<Failure, string>) => void>();
  let asks = 0;
  const stop = new Promise<void>((resolve) => {
    process.on('message', (message: FromPrimary) => {
      switch (message.kind) {
        case 'stop':
          resolve();
          break;
        case 'figures-wanted':
          void measured?.figures().then((figures) => send({ kind: 'figures', ask: message.ask, figures }));
          break;
        case 'metrics':
          waiting.get(message.ask)?.(E.right(message.text));
          break;
      }
    });
  });
  // Told to stop by somebody else.
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => send({ kind: 'stopping' }));
  const text: Metrics['text'] = () =>
    new Promise((resolve) => {
      const ask = asks++;
      const answer = (told: E.Either<Failure, string>): void => {
        clearTimeout(timer);
        waiting.delete(ask);
        resolve(told);
      };
      const late = fail('Unavailable', 'The process that gathers the metrics does not answer: try again.');
      const timer = setTimeout(() => answer(late), metricsTimeoutMs);
      waiting.set(ask, answer);
      send({ kind: 'metrics-wanted', ask });
    });
  return {
    stop,
    measuring: (own) => {
      measured = own;
      return { ...own, text };
    },
    listening: (url, warnings) => send({ kind: 'listening', url, warnings }),
    failed: (failure) => send({ kind: 'failed', failure }),
    leave: () => void cluster.worker?.disconnect(),
  };
};

const send = (message: FromWorker): void => void process.send?.(message, undefined, undefined, () => undefined);

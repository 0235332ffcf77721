/** Serves with several processes on one port: forks workers, replaces one that ends, and stops them all. */
import cluster, { type Worker } from 'node:cluster';
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure } from '../../core/index.js';
import type { HttpLogger } from './logger.js';
import { gatherMetrics } from './gathered-metrics.js';
import { saveConnectionsOf } from './handed-connections.js';
import { timerMs } from './limits.js';
import { exitCodeOf, hearSignals } from './signals.js';
import type { FromPrimary, FromWorker } from './worker-messages.js';

export interface WorkersOptions {
  readonly count: number;
  /** 0 picks a free one, the same for all. */
  readonly port: number;
  /** The arguments with which this program becomes a worker that listens on `port`. */
  readonly argsFor: (port: number) => ReadonlyArray<string>;
  /** How long requests in flight may go on when the workers stop, in milliseconds. */
  readonly graceMs: number;
  readonly logger?: HttpLogger;
  /** Told once, when each of the first workers listens or has failed to, with what they warn of. */
  readonly onListening: (url: string, warnings: ReadonlyArray<string>) => void;
}

/** A place for one worker after the other. */
interface Slot {
  worker?: Worker | undefined;
  forkedMs: number;
  /** Only one that is serving takes connections. */
  state: 'starting' | 'serving' | 'stopping';
  /** Why its worker could not. */
  failure?: Failure | undefined;
  /** Workers here that ended soon after their start, one after the other. */
  youngDeaths: number;
  /** Whether a worker listened or ended here. */
  isTried: boolean;
  pause?: NodeJS.Timeout;
}

/** How a worker ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker that lives less long did not get far. */
const youngMs = 10_000;

/** What a worker that was told to stop may take after the grace time; then it is killed. */
const afterGraceMs = 3_000;

/** How long to wait before the next worker, in milliseconds, after so many that ended soon after their start. */
export const replacementPauseMs = (youngDeaths: number): number =>
  youngDeaths === 0 ? 0 : Math.min(30_000, 100 * 2 ** (youngDeaths - 1));

/**
 * Serves until SIGTERM or SIGINT, which stop every worker as they stop a process that serves alone; a second one ends all at once.
 * Fails as the first workers do when none of them can listen, `Unavailable` when they end without a word.
 */
export const serveWithWorkers =
  ({ count, argsFor, graceMs, logger, onListening, ...options }: WorkersOptions): TE.TaskEither<Failure, void> =>
  () =>
    new Promise((resolve) => {
      const slots = Array.from(
        { length: count },
        (): Slot => ({ forkedMs: 0, state: 'starting', youngDeaths: 0, isTried: false }),
      );
      let port = options.port;
      /** Where all of them listen, once one does. */
      let known: string | undefined;
      let isAnnounced = false;
      const warnings = new Set<string>();
      /** What comes of it all, once every worker has ended. */
      let outcome: E.Either<Failure, void> | undefined;
      let patience: NodeJS.Timeout | undefined;

      const serving = (): ReadonlyArray<Worker> =>
        slots.flatMap(({ worker, state }) => (worker === undefined || state !== 'serving' ? [] : [worker]));

      const gathering = gatherMetrics((ask) =>
        serving().map((worker) => {
          send(worker, { kind: 'figures-wanted', ask });
          return worker.id;
        }),
      );

      const fork = (slot: Slot): void => {
        cluster.setupPrimary({ args: [...argsFor(port)], serialization: 'advanced' });
        const worker = cluster.fork();
        saveConnectionsOf(worker, () => serving().some((other) => other !== worker && other.isConnected()));
        Object.assign(slot, { worker, forkedMs: performance.now(), state: 'starting', failure: undefined });
        worker
          .on('message', (message: FromWorker) => slot.worker === worker && hear(slot, worker, message))
          .on('exit', (code, signal) => ended(slot, worker, { code, signal }))
          // What cannot be sent was for one that ends; one that could not be forked has no end of its own.
          .on('error', () => worker.process.pid === undefined && ended(slot, worker, { code: null, signal: null }));
      };

      const hear = (slot: Slot, worker: Worker, message: FromWorker): void => {
        switch (message.kind) {
          case 'listening':
            for (const warning of message.warnings) warnings.add(warning);
            return listens(slot, worker, message.url);
          case 'stopping':
            if (slot.state === 'serving') slot.state = 'stopping';
            return;
          case 'failed':
            slot.failure = message.failure;
            return;
          case 'metrics-wanted':
            return void gathering.text().then((text) => send(worker, { kind: 'metrics', ask: message.ask, text }));
          case 'figures':
            return gathering.hear(worker.id, message.ask, message.figures);
        }
      };

      const listens = (slot: Slot, worker: Worker, url: string): void => {
        known ??= url;
        // It began when the last of the others had just ended, and with it the port that was picked.
        if (url !== known) return void worker.process.kill('SIGKILL');
        slot.state = 'serving';
        slot.isTried = true;
        announce();
      };

      const announce = (): void => {
        if (isAnnounced || known === undefined || !slots.every(({ isTried }) => isTried)) return;
        isAnnounced = true;
        onListening(known, [...warnings]);
      };

      const ended = (slot: Slot, worker: Worker, exit: Exit): void => {
        if (slot.worker !== worker) return;
        Object.assign(slot, { worker: undefined, isTried: true });
        gathering.gone(worker.id);
        if (outcome !== undefined) return settle();
        if (known === undefined && slot.failure !== undefined) return end(E.left(slot.failure));
        if (known === undefined && slots.every(({ isTried }) => isTried)) return end(noneStarted(exit));
        // A port that was picked is kept only as long as somebody listens there.
        if (known !== undefined && serving().length === 0) port = Number(new URL(known).port);
        slot.youngDeaths = performance.now() - slot.forkedMs < youngMs ? slot.youngDeaths + 1 : 0;
        const pauseMs = replacementPauseMs(slot.youngDeaths);
        const ending = { worker_pid: worker.process.pid, ...exit, detail: slot.failure?.message, pause_ms: pauseMs };
        logger?.warn(ending, 'worker ended');
        slot.pause = setTimeout(() => fork(slot), pauseMs);
        announce();
      };

      /** Ends every worker; those that serve may finish what they have begun. */
      const end = (as: E.Either<Failure, void>): void => {
        if (outcome !== undefined) return;
        outcome = as;
        for (const slot of slots) {
          clearTimeout(slot.pause);
          if (slot.state === 'starting') slot.worker?.process.kill('SIGKILL');
          else if (slot.worker !== undefined) send(slot.worker, { kind: 'stop' });
          slot.state = 'stopping';
        }
        patience = setTimeout(killAll, timerMs(graceMs + afterGraceMs));
        settle();
      };

      const killAll = (): void => {
        for (const { worker } of slots) worker?.process.kill('SIGKILL');
      };

      const settle = (): void => {
        if (outcome === undefined || slots.some(({ worker }) => worker !== undefined)) return;
        clearTimeout(patience);
        resolve(outcome);
      };

      const { first, second } = hearSignals();
      void first.then(() => end(E.right(undefined)));
      void second.then((signal) => {
        killAll();
        process.exit(exitCodeOf(signal));
      });
      slots.forEach(fork);
    });

const noneStarted = ({ code, signal }: Exit): E.Either<Failure, never> =>
  fail(
    'Unavailable',
    `No worker could start: each ended at once, the last with ${signal ?? `exit code ${code}`}. Serve with one worker to see why.`,
  );

const send = (worker: Worker, message: FromPrimary): void => {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => undefined);
};

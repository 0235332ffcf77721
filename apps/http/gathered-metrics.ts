/** Sums up what workers measure, so that each of them answers for all. */
import { AggregatorRegistry, Counter, Registry } from 'prom-client';
import type { Figures } from './metrics.js';

export interface Gathering {
  /** The sum of all workers in Prometheus' text format. One that is too busy to say counts with what it said last. */
  readonly text: () => Promise<string>;
  /** A worker's answer to an ask. */
  readonly hear: (worker: number, ask: number, figures: Figures) => void;
  /** A worker ended. What it had counted when it was last asked stays in the sums, which never fall. */
  readonly gone: (worker: number) => void;
}

/** How long a worker may take to say what it measured. */
const patienceMs = 2_000;

/** `askAll` asks every worker that serves for its figures, and answers which those are. */
export const gatherMetrics = (askAll: (ask: number) => ReadonlyArray<number>): Gathering => {
  const own = new Registry();
  const ended = new Counter({
    name: 'scorekeeper_workers_ended_total',
    help: 'Workers that ended, and were replaced.',
    registers: [own],
  });
  const latest = new Map<number, Figures>();
  let departed: ReadonlyArray<Figures> = [];
  let asks = 0;
  let waiting: { readonly ask: number; readonly workers: Set<number>; readonly done: () => void } | undefined;
  let gathering: Promise<string> | undefined;

  const answered = (worker: number): void => {
    waiting?.workers.delete(worker);
    if (waiting?.workers.size === 0) waiting.done();
  };

  const everyAnswer = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const ask = asks++;
      waiting = { ask, workers: new Set(askAll(ask)), done };
      if (waiting.workers.size === 0) done();
    });

  const gather = async (): Promise<string> => {
    await everyAnswer();
    waiting = undefined;
    const before = departed;
    const together = await sum(before).getMetricsAsJSON();
    // Another worker may have ended meanwhile.
    departed = [together, ...departed.slice(before.length)];
    const ours = await own.getMetricsAsJSON();
    return sum([...latest.values(), ...departed, ours]).metrics();
  };

  return {
    text: () => {
      gathering ??= gather().finally(() => {
        gathering = undefined;
      });
      return gathering;
    },
    hear: (worker, ask, figures) => {
      latest.set(worker, figures);
      if (ask === waiting?.ask) answered(worker);
    },
    gone: (worker) => {
      ended.inc();
      const figures = latest.get(worker);
      latest.delete(worker);
      if (figures !== undefined) departed = [...departed, figures.filter(isCumulative)];
      answered(worker);
    },
  };
};

const sum = (figures: ReadonlyArray<Figures>): Registry => AggregatorRegistry.aggregate([...figures]);

/** The library's types give the kind as a number, which it is not. */
const isCumulative = ({ type }: Figures[number]): boolean => ['counter', 'histogram'].includes(`${type}`);

/** Runs slices on a loaded model; small ones that wait for it at the same time are run together, since a few rows cost little more than one. */
import * as E from 'fp-ts/lib/Either.js';
import type { Failure } from '../failure.js';
import type { Host } from '../ports/host.js';
import type { LoadedModel, Tensor } from '../ports/inference-engine.js';
import { feedsOf, type Room, rowsOf, type Slice } from './feeds.js';

/** What a run of `rowCount` rows gave, those of the slice from row `at` on. */
export interface SliceOutputs {
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly rowCount: number;
  readonly at: number;
}

type Settled = E.Either<Failure, SliceOutputs>;

interface Waiting {
  readonly slice: Slice;
  readonly room: Room;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (bug: unknown) => void;
}

/** What is known of a loaded model, and who waits for it. */
interface Runner {
  /** Rows of a slice, learnt from what the model cost so far. */
  sliceRows: number;
  readonly waiting: Waiting[];
  isRunning: boolean;
}

/** What a slice may take, in milliseconds. */
const sliceMs = 4;
const firstSliceRows = 64;
const mostSliceRows = 16_384;

/** A slice of more rows saves little by company. */
const mostRowsInCompany = 512;

const runners = new WeakMap<LoadedModel, Runner>();

const runnerOf = (loaded: LoadedModel): Runner => {
  const known = runners.get(loaded);
  if (known !== undefined) return known;
  const runner = { sliceRows: firstSliceRows, waiting: [], isRunning: false };
  runners.set(loaded, runner);
  return runner;
};

/** How many rows a slice of this model may have, to take about four milliseconds. */
export const sliceRowsOf = (loaded: LoadedModel): number => runnerOf(loaded).sliceRows;

/**
 * Runs a slice: a small one after a turn of the event loop, together with others that came meanwhile. What fails for several is tried for each. Fails
 * `InferenceFailed`.
 */
export const runSlice = async (host: Host, loaded: LoadedModel, slice: Slice, room: Room): Promise<Settled> => {
  const runner = runnerOf(loaded);
  const settledBy = (wait: (waiting: Waiting) => void): Promise<Settled> =>
    new Promise((resolve, reject) => wait({ slice, room, resolve, reject }));
  if (rowsOf([slice]) > mostRowsInCompany)
    return settledBy((waiting) => void run(host, loaded, runner, [waiting], false));
  const settled = settledBy((waiting) => runner.waiting.push(waiting));
  await host.turn();
  if (!runner.isRunning) void runAll(host, loaded, runner);
  return settled;
};

/** Until nobody waits, as many at a time as fit into a slice. */
const runAll = async (host: Host, loaded: LoadedModel, runner: Runner): Promise<void> => {
  const { waiting } = runner;
  runner.isRunning = true;
  for (let first = waiting.shift(); first !== undefined; first = waiting.shift()) {
    const together: [Waiting, ...Waiting[]] = [first];
    let left = runner.sliceRows - rowsOf([first.slice]);
    for (let next = waiting[0]; next !== undefined && rowsOf([next.slice]) <= left; next = waiting[0]) {
      left -= rowsOf([next.slice]);
      together.push(next);
      waiting.shift();
    }
    await run(host, loaded, runner, together, waiting.length > 0);
  }
  runner.isRunning = false;
};

const run = async (
  host: Host,
  loaded: LoadedModel,
  runner: Runner,
  together: readonly [Waiting, ...ReadonlyArray<Waiting>],
  areMoreWaiting: boolean,
): Promise<void> => {
  try {
    const [first, ...others] = together;
    const slices = [first.slice, ...others.map(({ slice }) => slice)] as const;
    const rowCount = rowsOf(slices);
    let startedMs = host.nowMs();
    const started = (): void => {
      startedMs = host.nowMs();
    };
    // The room is one scoring's own, and others may be run before this run begins.
    const feeds = feedsOf(slices, others.length === 0 ? first.room : new Map());
    const outputs = await loaded.run(feeds, started)();
    if (E.isLeft(outputs)) {
      if (others.length === 0) first.resolve(outputs);
      else for (const alone of together) await run(host, loaded, runner, [alone], false);
      return;
    }
    const isFull = areMoreWaiting || rowCount >= runner.sliceRows;
    runner.sliceRows = nextSliceRows(runner.sliceRows, rowCount, isFull, host.nowMs() - startedMs);
    let at = 0;
    for (const { slice, resolve } of together) {
      resolve(E.right({ outputs: outputs.right, rowCount, at }));
      at += slice.end - slice.begin;
    }
  } catch (bug) {
    for (const { reject } of together) reject(bug);
  }
};

/**
 * Aims at a slice's time. Grows when there were rows for more, eightfold at most, lest one odd measurement let the next slice hold everybody up, and
 * shrinks at once: of a model that takes a second for its first row, the next slice is one row.
 */
const nextSliceRows = (planned: number, rows: number, isFull: boolean, tookMs: number): number => {
  const aimed = Math.round((rows * sliceMs) / Math.max(tookMs, 0.01));
  if (tookMs >= sliceMs) return Math.max(1, aimed);
  return isFull ? Math.min(mostSliceRows, planned * 8, Math.max(planned, aimed)) : planned;
};

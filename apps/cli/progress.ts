/** A progress bar on stderr. */
import type { ScoringProgress } from '../../core/index.js';

/** How far a scoring is, and what else is to be said of it. */
export interface ToldProgress extends ScoringProgress {
  readonly note?: string;
}

export interface Progress {
  readonly tell: (progress: ToldProgress) => void;
  readonly stop: () => void;
}

/** Without a terminal nothing is drawn. */
export const startProgress = async (isTerminal: boolean): Promise<Progress> => {
  if (!isTerminal) return { tell: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} % | {value} of {total} rows | {rate} rows/s | {left} s left{note}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 40,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    stream: process.stderr,
  });
  let begunMs: number | undefined;
  return {
    tell: ({ rowsScored, rowsFound = 0, rowTotal = rowsScored, note }) => {
      const nowMs = performance.now();
      const rate = ((rowsScored - rowsFound) / (nowMs - (begunMs ?? nowMs))) * 1000;
      const told = {
        note: note === undefined ? '' : ` | ${note}`,
        rate: Number.isFinite(rate) ? Math.round(rate) : '…',
        left: rate > 0 && Number.isFinite(rate) ? Math.ceil((rowTotal - rowsScored) / rate) : '…',
      };
      if (begunMs === undefined) bar.start(rowTotal, rowsScored, told);
      begunMs ??= nowMs;
      bar.setTotal(rowTotal);
      bar.update(rowsScored, told);
    },
    stop: () => bar.stop(),
  };
};

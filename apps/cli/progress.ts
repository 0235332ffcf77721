/** A progress bar on stderr. */
import type { ScoringProgress } from '../../core/index.js';

export interface Progress {
  readonly tell: (progress: ScoringProgress) => void;
  readonly stop: () => void;
}

/** Without a terminal nothing is drawn. */
export const startProgress = async (isTerminal: boolean): Promise<Progress> => {
  if (!isTerminal) return { tell: () => undefined, stop: () => undefined };
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} % | {value} of {total} rows | {duration_formatted}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 40,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    stream: process.stderr,
  });
  let begun = false;
  return {
    tell: ({ rowsScored, rowTotal = rowsScored }) => {
      if (!begun) bar.start(rowTotal, rowsScored);
      begun = true;
      bar.setTotal(rowTotal);
      bar.update(rowsScored);
    },
    stop: () => bar.stop(),
  };
};

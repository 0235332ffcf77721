/** The signals that end a serving process. */

export interface HeardSignals {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<NodeJS.Signals>;
}

/** Takes SIGTERM and SIGINT from now on: neither ends the process by itself any more. */
export const hearSignals = (): HeardSignals => {
  const waiting: Array<(signal: NodeJS.Signals) => void> = [];
  const next = (): Promise<NodeJS.Signals> => new Promise((resolve) => waiting.push(resolve));
  const heard = { first: next(), second: next() };
  const hear = (signal: NodeJS.Signals): void => waiting.shift()?.(signal);
  process.on('SIGTERM', hear).on('SIGINT', hear);
  return heard;
};

/** As shells have it: 128 and the signal's number. */
export const exitCodeOf = (signal: NodeJS.Signals): number => (signal === 'SIGINT' ? 130 : 143);

/** The signals that end a serving process. */

/** The next SIGTERM or SIGINT. */
export const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', heard).off('SIGINT', heard);
      resolve(signal);
    };
    process.on('SIGTERM', heard).on('SIGINT', heard);
  });

/** As shells have it: 128 and the signal's number. */
export const exitCodeOf = (signal: NodeJS.Signals): number => (signal === 'SIGINT' ? 130 : 143);

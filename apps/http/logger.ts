/** The log of an application that serves: whose it is, and that it harms no request. */
import type { BaseLogger } from 'pino';

/** The part of pino's logger that is used. */
export type HttpLogger = Pick<BaseLogger, 'info' | 'warn' | 'error'>;

/** The logger, of which nothing that it throws reaches the request that it is told of: that one goes on, and its line is lost. */
export const unfailing = (logger: HttpLogger | undefined): HttpLogger | undefined => {
  if (logger === undefined) return undefined;
  const at =
    (level: keyof HttpLogger) =>
    (...line: ReadonlyArray<unknown>): void => {
      try {
        Reflect.apply(logger[level], logger, line);
      } catch {
        // There is nobody else to tell.
      }
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
};

/** A pause that a cancellation ends. */
import { setTimeout } from 'node:timers/promises';
import type { Cancellation } from '../../core/index.js';

/** Whether it ended by itself, and not by the cancellation. */
export const pause = async (durationMs: number, cancellation: Cancellation): Promise<boolean> => {
  const stop = new AbortController();
  const forget = cancellation.onAbort(() => stop.abort());
  const byItself = await setTimeout(durationMs, true, { signal: stop.signal }).catch(() => false);
  forget();
  return byItself;
};

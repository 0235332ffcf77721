/** Ends the engine's work by the call's deadline or cancellation. */
import { type CallOptions, failure, type Failure } from '../../core/index.js';
import { raised } from './errors.js';

const longestTimerMs = 2 ** 31 - 1;
const repeatMs = 20;
const nowMs = (): number => performance.timeOrigin + performance.now();

/** Raises the failure of a call that is already over. */
export const assertOngoing = (what: string, call: CallOptions): void => {
  if (call.cancellation.aborted) throw raised(cancelled(what));
  if (nowMs() >= call.deadlineMs) throw raised(pastDeadline(what));
};

/**
 * Runs `work`, statements on this connection, interrupts it at the call's deadline or cancellation, and then raises that
 * failure, whatever the work came to. `what` begins the message.
 */
export const interruptible = async <A>(
  connection: { readonly interrupt: () => void },
  what: string,
  call: CallOptions,
  work: () => Promise<A>,
): Promise<A> => {
  assertOngoing(what, call);
  let over: Failure | undefined;
  let repeat: NodeJS.Timeout | undefined;
  const stop = (why: Failure) => {
    over ??= why;
    connection.interrupt();
    // The engine forgets an interrupt that comes between two statements.
    repeat ??= setInterval(() => connection.interrupt(), repeatMs);
  };
  const remainingMs = Math.min(call.deadlineMs - nowMs(), longestTimerMs);
  const timer = setTimeout(() => stop(pastDeadline(what)), remainingMs);
  const forget = call.cancellation.onAbort(() => stop(cancelled(what)));
  try {
    const result = await work();
    if (over === undefined) return result;
  } catch (error) {
    if (over === undefined) throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(repeat);
    forget();
  }
  throw raised(over);
};

const cancelled = (what: string): Failure => failure('Cancelled', `${what}: the call was cancelled.`);

const pastDeadline = (what: string): Failure => failure('DeadlineExceeded', `${what}: the time allowed ran out.`);

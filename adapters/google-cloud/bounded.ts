/** Ends a call by its deadline, its cancellation or a silence on the line, and knows whether its write may have happened. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ambiguous, type CallOptions, failure, type Failure } from '../../core/index.js';
import { type CloudService, mayHaveHappened, raised, toFailure } from './errors.js';

/** What the work of one call is given. */
export interface Attempt {
  /** Aborted when the call is over, however it ended. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** To be told whenever bytes moved: the watch over silence begins anew. */
  readonly moved: () => void;
  /** To be told when a connection ended before its answer did: the client does not always notice. */
  readonly cut: () => void;
  /** Does what changes something there. It does not begin once the call is over. */
  readonly commit: <A>(step: () => Promise<A>) => Promise<A>;
}

/** A longer one ends at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** Milliseconds since the epoch, on the clock of deadlines. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Runs `work`, which asks the service about `what` (a key) in `place`, until the deadline, the cancellation, or `idleTimeoutMs` without a byte, whichever comes
 * first; what it leaves running is aborted. A failure after `commit` began is `ambiguous`, unless nothing can have happened.
 */
export const bounded =
  (service: CloudService, place: string, idleTimeoutMs: number) =>
  <A>(what: string, call: CallOptions, work: (attempt: Attempt) => Promise<A>): TaskEither<Failure, A> =>
  () => {
    const toOutcome = toFailure(service)(what, place);
    const cancelled = failure('Cancelled', `The call for ${what} in ${place} was cancelled.`);
    const late = failure(
      'DeadlineExceeded',
      `${service.name} did not answer for ${what} in ${place} before the deadline.`,
    );
    const idle = failure(
      'Unavailable',
      `${service.name} was silent for ${idleTimeoutMs} ms about ${what} in ${place}: try again.`,
    );
    const cutOff = failure(
      'Unavailable',
      `The connection to ${service.name} broke while it answered about ${what} in ${place}: try again.`,
    );
    let inDoubt = false;

    const race = async (): Promise<A> => {
      if (call.cancellation.aborted) throw raised(cancelled);
      if (nowMs() >= call.deadlineMs) throw raised(late);
      const controller = new AbortController();
      let end: (why: Failure) => void = () => undefined;
      const ended = new Promise<never>((_resolve, reject) => {
        end = (why) => reject(raised(why));
      });
      const deadline = setTimeout(() => end(late), Math.min(call.deadlineMs - nowMs(), longestTimerMs));
      const silence = setTimeout(() => end(idle), idleTimeoutMs);
      const forget = call.cancellation.onAbort(() => end(cancelled));
      const attempt: Attempt = {
        signal: controller.signal,
        deadlineMs: call.deadlineMs,
        moved: () => void silence.refresh(),
        cut: () => end(cutOff),
        commit: async (step) => {
          controller.signal.throwIfAborted();
          inDoubt = true;
          try {
            return await step();
          } catch (error) {
            inDoubt = mayHaveHappened(error);
            throw error;
          }
        },
      };
      try {
        return await Promise.race([ended, work(attempt)]);
      } finally {
        clearTimeout(deadline);
        clearTimeout(silence);
        forget();
        controller.abort();
      }
    };

    return TE.tryCatch(race, (error) => {
      const failed = toOutcome(error);
      return inDoubt ? ambiguous(failed) : failed;
    })();
  };

/** Ends a call by its deadline or cancellation, and knows whether its write may have happened. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ambiguous, type CallOptions, failure, type Failure } from '../../core/index.js';
import { raised, toFailure } from './errors.js';

/** The one step of a write that makes it visible. It does not begin once the call is over. */
export type Commit = <A>(step: () => Promise<A>) => Promise<A>;

const longestTimerMs = 2 ** 31 - 1;
const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Runs `work` until the call's deadline or cancellation; a system call that hangs is left behind. A failure after `commit`
 * began is `ambiguous`, unless the committed step itself was refused.
 */
export const bounded =
  <A>(location: string, call: CallOptions, work: (commit: Commit) => Promise<A>): TaskEither<Failure, A> =>
  () => {
    let over: Failure | undefined;
    let mayHaveHappened = false;

    const commit: Commit = async (step) => {
      if (over !== undefined) throw raised(over);
      mayHaveHappened = true;
      try {
        return await step();
      } catch (error) {
        mayHaveHappened = false;
        throw error;
      }
    };

    const race = async (): Promise<A> => {
      if (call.cancellation.aborted) throw raised(cancelled(location));
      if (nowMs() >= call.deadlineMs) throw raised(pastDeadline(location));
      const watch = watchOver(location, call);
      watch.ended.catch((error) => {
        over = toFailure(location)(error);
      });
      try {
        return await Promise.race([watch.ended, work(commit)]);
      } finally {
        watch.stop();
      }
    };

    return TE.tryCatch(race, (error) => {
      const failed = toFailure(location)(error);
      return mayHaveHappened ? ambiguous(failed) : failed;
    })();
  };

/** `ended` rejects at the deadline or when the call is cancelled, and never settles otherwise. */
const watchOver = (location: string, call: CallOptions) => {
  let stop: () => void = () => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const end = (why: Failure) => reject(raised(why));
    const timer = setTimeout(() => end(pastDeadline(location)), Math.min(call.deadlineMs - nowMs(), longestTimerMs));
    const forget = call.cancellation.onAbort(() => end(cancelled(location)));
    stop = () => {
      clearTimeout(timer);
      forget();
    };
  });
  return { ended, stop };
};

const cancelled = (location: string): Failure => failure('Cancelled', `The call to ${location} was cancelled.`);

const pastDeadline = (location: string): Failure =>
  failure('DeadlineExceeded', `The ${location} did not answer before the deadline.`);

/** Ends a call by its deadline or cancellation, and knows whether its write may have happened. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ambiguous, type CallOptions, failure, type Failure } from '../../core/index.js';
import { codeOf, raised, toFailure } from './errors.js';

/** The one step of a write that makes it visible. It does not begin once the call is over. */
export type Commit = <A>(step: () => Promise<A>) => Promise<A>;

/** After these a network file system may have done what it was asked. Every other code is a refusal. */
const inDoubt: ReadonlyArray<string> = ['EIO', 'ETIMEDOUT', 'ESTALE'];

const longestTimerMs = 2 ** 31 - 1;
const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Runs `work` until the call's deadline or cancellation; a system call that hangs is left behind. A failure after `commit`
 * began is `ambiguous`, unless the system refused the committed step.
 */
export const bounded =
  <A>(what: string, call: CallOptions, work: (commit: Commit) => Promise<A>): TaskEither<Failure, A> =>
  () => {
    let over: Failure | undefined;
    let mayHaveHappened = false;

    const commit: Commit = async (step) => {
      if (over !== undefined) throw raised(over);
      mayHaveHappened = true;
      try {
        return await step();
      } catch (error) {
        mayHaveHappened = inDoubt.includes(codeOf(error) ?? '');
        throw error;
      }
    };

    const race = async (): Promise<A> => {
      if (call.cancellation.aborted) throw raised(cancelled(what));
      if (nowMs() >= call.deadlineMs) throw raised(pastDeadline(what));
      const watch = watchOver(what, call);
      watch.ended.catch((error) => {
        over = toFailure(what)(error);
      });
      try {
        return await Promise.race([watch.ended, work(commit)]);
      } finally {
        watch.stop();
      }
    };

    return TE.tryCatch(race, (error) => {
      const failed = toFailure(what)(error);
      return mayHaveHappened ? ambiguous(failed) : failed;
    })();
  };

/** `ended` rejects at the deadline or when the call is cancelled, and never settles otherwise. */
const watchOver = (what: string, call: CallOptions) => {
  let stop: () => void = () => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const end = (why: Failure) => reject(raised(why));
    const timer = setTimeout(() => end(pastDeadline(what)), Math.min(call.deadlineMs - nowMs(), longestTimerMs));
    const forget = call.cancellation.onAbort(() => end(cancelled(what)));
    stop = () => {
      clearTimeout(timer);
      forget();
    };
  });
  return { ended, stop };
};

const cancelled = (what: string): Failure =>
  failure('Cancelled', `The call for ${what} in the local folder was cancelled.`);

const pastDeadline = (what: string): Failure =>
  failure('DeadlineExceeded', `The local folder did not answer for ${what} before the deadline.`);

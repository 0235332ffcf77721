/** Tries again what failed for a passing reason. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { ambiguous, type CallOptions, failure, type Failure } from '../../core/index.js';
import { nowMs } from './bounded.js';
import { pause } from './pause.js';

/** How often and how soon. */
export interface RetryPolicy {
  /** The most retries of one call. */
  readonly limit: number;
  /** Before the n-th retry there is a random pause of up to this, doubled n - 1 times (full jitter). */
  readonly firstPauseMs: number;
  /**
   * How many retries all calls together have to spend; each success earns a fifth of one back. It keeps a service that is in
   * trouble from being asked several times as often.
   */
  readonly budget: number;
}

const usualRetries: RetryPolicy = { limit: 5, firstPauseMs: 200, budget: 50 };

const longestPauseMs = 8000;
const earnedBySuccess = 0.2;

/**
 * A task that is made again while it is `Unavailable` and its call's deadline and the budget, which is that of all calls together, allow.
 * Once one try of a write was `ambiguous` every later failure of the call is: an `AlreadyExists` or `Conflict` may then speak of this very
 * write, and the caller has to read it back.
 */
export const persistently = (policy: RetryPolicy = usualRetries) => {
  let budget = policy.budget;
  return <A>(call: CallOptions, task: TaskEither<Failure, A>): TaskEither<Failure, A> =>
    async () => {
      let inDoubt = false;
      const ended = (failed: Failure) => E.left(inDoubt ? ambiguous(failed) : failed);
      for (let retry = 0; ; retry++) {
        const result = await task();
        if (E.isRight(result)) {
          budget = Math.min(policy.budget, budget + earnedBySuccess);
          return result;
        }
        inDoubt ||= result.left.ambiguous;
        if (result.left.tag !== 'Unavailable' || retry === policy.limit || budget < 1) return ended(result.left);
        const pauseMs = Math.random() * Math.min(longestPauseMs, policy.firstPauseMs * 2 ** retry);
        if (nowMs() + pauseMs >= call.deadlineMs) return ended(result.left);
        budget -= 1;
        if (!(await pause(pauseMs, call.cancellation))) {
          return ended(
            failure('Cancelled', `The call was cancelled while it waited to try again. ${result.left.message}`),
          );
        }
      }
    };
};

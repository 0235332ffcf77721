/** Tidying up after a failure. */
import * as E from 'fp-ts/lib/Either.js';
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';

/** Tidies up when what came before failed, or threw, and fails or throws all the same. */
export const afterFailure =
  (tidy: Task<void>) =>
  <A>(of: TaskEither<Failure, A>): TaskEither<Failure, A> =>
  async () => {
    let isDone = false;
    try {
      const outcome = await of();
      isDone = E.isRight(outcome);
      return outcome;
    } finally {
      if (!isDone) await tidy();
    }
  };

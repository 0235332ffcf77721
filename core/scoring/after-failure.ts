/** Tidying up after a failure. */
import { pipe } from 'fp-ts/lib/function.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';

/** Tidies up when what came before failed, and fails all the same. */
export const afterFailure =
  (tidy: Task<void>) =>
  <A>(of: TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> =>
    pipe(
      of,
      TE.orElse((failed) =>
        pipe(
          TE.fromTask<void, Failure>(tidy),
          TE.chain(() => TE.left(failed)),
        ),
      ),
    );

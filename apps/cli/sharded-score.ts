/** A scoring job in several processes, here or elsewhere: plans it or finds it, has it worked at, and puts its output in its place. */
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type Failure,
  type FailureTag,
  type Repetition,
  type ScoreAnswer,
  type ScoreRequest,
} from '../../core/index.js';
import type { Session } from './base-command.js';
import type { Progress, ToldProgress } from './progress.js';

/** Has a job worked at, by whomever, until every shard has a commit. */
export type WorkAt = (path: string, onProgress: (progress: ToldProgress) => void) => TE.TaskEither<Failure, void>;

export interface CompletionOptions {
  readonly workAt: WorkAt;
  readonly startProgress: () => Promise<Progress>;
  /** A line for people. */
  readonly say: (line: string) => void;
  /** The command that goes on where this one stopped. */
  readonly command: string;
}

export interface ShardedScoreOptions extends CompletionOptions {
  readonly request: ScoreRequest;
  readonly repetition: Repetition;
}

/** Another try would fail in the same way, and with other data it is another job. */
const lasting: ReadonlyArray<FailureTag> = ['SignatureMismatch', 'DataUnreadable'];

/** Scores as `service.score` does. What fails for good leaves nothing behind; else what was done is kept, and told. */
export const scoreSharded =
  (session: Session, options: ShardedScoreOptions): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const { service, cancellation } = session;
    const { request, repetition, say } = options;
    const startedMs = performance.now();
    const planned = await service.planJob(request, { cancellation, repetition })();
    if (E.isLeft(planned)) return planned;
    const { path, state, row_count } = planned.right;
    if (state === 'finished') {
      say(
        'This was scored before, and its output is as it was left: nothing is to be done. --overwrite does it again.',
      );
      return service.finishJob(path, { cancellation })();
    }
    return completeJob(session, { path, row_count }, options, startedMs)();
  };

/** Has what is left of the job done, and puts its output in its place. Fails as `scoreSharded` does. */
export const completeJob =
  (
    { service, cancellation }: Session,
    { path, row_count: rowTotal }: { readonly path: string; readonly row_count: number },
    { workAt, startProgress, say, command }: CompletionOptions,
    startedMs = performance.now(),
  ): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const progress = await startProgress();
    const worked = await workAt(path, (soFar) => progress.tell({ ...soFar, rowTotal }))();
    progress.stop();
    const finished = E.isLeft(worked) ? worked : await service.finishJob(path, { cancellation })();
    if (E.isRight(finished)) return E.right(inTotal(finished.right, performance.now() - startedMs));
    if (lasting.includes(finished.left.tag)) await service.removeJob(path)();
    else if (finished.left.tag === 'InvalidInput')
      say(
        `The job is kept in ${path}: have it worked at in another way, by --processes auto for example, or remove that folder.`,
      );
    else say(`What was scored so far is kept in ${path}. To go on from there:\n  ${command}`);
    return finished;
  };

const inTotal = (answer: ScoreAnswer, totalMs: number): ScoreAnswer => {
  const { performance_diagnostics: diagnostics } = answer;
  const timings_ms = { ...diagnostics.timings_ms, total: totalMs };
  return { ...answer, performance_diagnostics: { ...diagnostics, timings_ms } };
};

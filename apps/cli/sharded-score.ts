/** A scoring job in several processes: plans it or finds it, has it worked at, and puts its output in its place. */
import { availableParallelism } from 'node:os';
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import {
  fail,
  type Failure,
  type FailureTag,
  type Repetition,
  type ScoreAnswer,
  type ScoreRequest,
  type ScoringProgress,
} from '../../core/index.js';
import type { Session } from './base-command.js';
import { workWithProcesses } from './job-processes.js';
import type { Progress } from './progress.js';

export interface ShardedScoreOptions {
  readonly request: ScoreRequest;
  readonly repetition: Repetition;
  readonly processCount: number;
  /** The flags that say which registry it is. */
  readonly flags: ReadonlyArray<string>;
  readonly startProgress: () => Promise<Progress>;
  /** A line for people. */
  readonly say: (line: string) => void;
  /** The command that goes on where this one stopped. */
  readonly command: string;
}

const mostProcesses = 256;

/** `--processes`: a number, or one for each processor that this process may use. Fails `InvalidInput`. */
export const processCountOf = (given: string): E.Either<Failure, number> => {
  if (given === 'auto') return E.right(availableParallelism());
  const count = /^\d+$/.test(given) ? Number(given) : 0;
  return count >= 1 && count <= mostProcesses
    ? E.right(count)
    : fail('InvalidInput', `--processes must be an integer from 1 to ${mostProcesses}, or auto, got "${given}".`);
};

/** Another try would fail in the same way, and with other data it is another job. */
const lasting: ReadonlyArray<FailureTag> = ['SignatureMismatch', 'DataUnreadable'];

/** Scores as `service.score` does. What fails for good leaves nothing behind; else what was done is kept, and told. */
export const scoreWithProcesses =
  ({ service, cancellation }: Session, options: ShardedScoreOptions): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const { request, repetition, processCount, flags, say, command } = options;
    const startedMs = performance.now();
    const planned = await service.planJob(request, { cancellation, repetition })();
    if (E.isLeft(planned)) return planned;
    const { path, state, row_count: rowTotal } = planned.right;
    if (state === 'finished') {
      say(
        'This was scored before, and its output is as it was left: nothing is to be done. --overwrite does it again.',
      );
      return service.finishJob(path, { cancellation })();
    }
    const progress = await options.startProgress();
    const onProgress = (soFar: ScoringProgress): void => progress.tell({ ...soFar, rowTotal });
    const worked = await workWithProcesses({ path, count: processCount, flags, onProgress, cancellation })();
    progress.stop();
    const finished = E.isLeft(worked) ? worked : await service.finishJob(path, { cancellation })();
    if (E.isRight(finished)) return E.right(inTotal(finished.right, performance.now() - startedMs));
    if (lasting.includes(finished.left.tag)) await service.removeJob(path)();
    else say(`What was scored so far is kept in ${path}. To go on from there:\n  ${command}`);
    return finished;
  };

const inTotal = (answer: ScoreAnswer, totalMs: number): ScoreAnswer => {
  const { performance_diagnostics: diagnostics } = answer;
  const timings_ms = { ...diagnostics.timings_ms, total: totalMs };
  return { ...answer, performance_diagnostics: { ...diagnostics, timings_ms } };
};

/** `job work`: one worker of a sharded job. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { cancellationSource, type Failure, failure, type ShardProgress } from '../../../core/index.js';
import { failureTable } from '../../failure-table.js';
import type { Settings } from '../../settings.js';
import { jobFolderAt } from '../../places.js';
import { BaseCommand } from '../base-command.js';
import type { FromJobWorker, ToJobWorker } from '../job-messages.js';
import { taskPlaceOf } from '../task-place.js';
import { keepYoungGenerationSmall } from '../young-generation.js';

export class JobWorkCommand extends BaseCommand {
  static override paths = [['job', 'work']];

  static override usage = {
    description: 'Works at a job of several processes until all of its rows are scored.',
    examples: [
      ['A task of an array scheduler, or a worker that works alone', '$0 job work predictions.parquet.job/JOB_ID'],
      [
        'The second of three workers',
        'SCOREKEEPER_TASK_INDEX=1 SCOREKEEPER_TASK_COUNT=3 $0 job work predictions.parquet.job/JOB_ID',
      ],
    ] satisfies Array<[string, string]>,
    details: [
      'FOLDER is the folder of a job that job plan planned, or score --processes began. Which worker this is and how many there are, is in SCOREKEEPER_TASK_INDEX (from 0) and SCOREKEEPER_TASK_COUNT, or in the variables of Cloud Run jobs, Kubernetes (which tells no count), AWS Batch, Google Batch or a Slurm array; without an index it works alone. It begins with its own share, and goes on with what nobody has done. A worker may be killed, stopped and started again at any time, and several may be in one place.',
      'With --finish nobody has to run job finish: every worker stays until all rows are scored, and the one with the index 0 then puts the output in its place.',
      'It exits with 0 when every row is scored, by whichever worker; with 75 when it should be started again, also when it was told to stop by SIGTERM; else with the code of a failure that another try would meet again.',
    ].join('\n\n'),
  };

  folder = Option.String({ name: 'FOLDER' });
  finish = Option.Boolean('--finish', false, {
    description: 'When every row is scored, put the output in its place: done by the worker with the index 0',
  });

  protected override sayRegistry(settings: Settings): void {
    if (!process.connected) super.sayRegistry(settings);
  }

  perform(): TE.TaskEither<Failure, void> {
    keepYoungGenerationSmall();
    return pipe(
      TE.fromEither(jobFolderAt(this.folder)),
      TE.bindTo('path'),
      TE.bind('place', () => TE.fromEither(taskPlaceOf(this.context.env))),
      TE.tap(({ path, place }) =>
        this.withService(({ service, cancellation }) => async () => {
          const stop = cancellationSource();
          cancellation.onAbort(stop.cancel);
          // Whoever forked this process is gone, or says so.
          process.once('disconnect', stop.cancel);
          process.once('message', (_: ToJobWorker) => stop.cancel());
          const done = await pipe(
            service.workJob(path, place, {
              cancellation: stop.cancellation,
              onProgress: sometimes((progress) => send({ kind: 'progress', ...progress })),
            }),
            // No worker ends much before every row is scored, so one can finish for all; when it is killed, it is started again.
            TE.flatMap(() =>
              this.finish && place.index === 0
                ? TE.asUnit(service.finishJob(path, { cancellation: stop.cancellation }))
                : TE.right(undefined),
            ),
          )();
          return stop.cancellation.aborted && E.isLeft(done) ? E.left(stopped) : done;
        }),
      ),
      TE.mapLeft(asRetry),
      TE.tapError((failed) => TE.fromIO(() => send({ kind: 'failed', failure: failed }))),
      TE.map(({ path }) => {
        if (this.json) this.printJson({ path });
      }),
      // It would keep this process alive.
      (task) => async () => {
        try {
          return await task();
        } finally {
          if (process.connected) process.disconnect();
        }
      },
    );
  }
}

const stopped = failure('Unavailable', 'The worker was told to stop before all rows were scored: start it again.');

/** What another try can help with is one failure to a scheduler, which sees the exit code alone. */
const asRetry = (failed: Failure): Failure =>
  failureTable[failed.tag].retry === 'yes' ? failure('Unavailable', failed.message) : failed;

const send = (message: FromJobWorker): void => void process.send?.(message, undefined, undefined, () => undefined);

const progressMs = 100;

/** Passes on the first progress of each shard, every commit, and else not more than people can see. */
const sometimes = (tell: (progress: ShardProgress) => void): ((progress: ShardProgress) => void) => {
  let last: { readonly shard: number; readonly toldMs: number } | undefined;
  return (progress) => {
    const nowMs = performance.now();
    const { shard, isCommitted } = progress;
    if (!isCommitted && last?.shard === shard && nowMs < last.toldMs + progressMs) return;
    last = { shard, toldMs: nowMs };
    tell(progress);
  };
};

/** `job resume`: does what is left of a job, and puts its output in its place. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure, ScoreAnswer } from '../../../core/index.js';
import { jobFolderAt } from '../../places.js';
import { BaseCommand, type Session } from '../base-command.js';
import { startProgress } from '../progress.js';
import { renderReport } from '../report.js';
import { completeJob } from '../sharded-score.js';
import { shellCommand } from '../shell-command.js';
import { onHelp, tasksHelp, type Workplace, workAtOf, workplaceOf } from '../workplace.js';

export class JobResumeCommand extends BaseCommand {
  static override paths = [['job', 'resume']];

  static override usage = {
    description: 'Does what is left of a job, and puts its output in its place.',
    examples: [
      ['With every processor of this machine', '$0 job resume predictions.parquet.job/JOB_ID --processes auto'],
      ['By tasks on Cloud Run', '$0 job resume gs://bucket/predictions.parquet.job/JOB_ID --on cloud-run-jobs'],
    ] satisfies Array<[string, string]>,
    details:
      'FOLDER is the folder of a job that was begun by whichever command, and stopped by whatever. Shards that have a commit are not done again, and workers elsewhere may be at it at the same time. It prints the report that score prints; a job that is finished answers the same again.',
  };

  folder = Option.String({ name: 'FOLDER' });
  processes = Option.String('--processes', {
    description: 'N|auto: Work with N processes, or with auto: one for each processor (default: 1)',
  });
  on = Option.String('--on', { description: onHelp });
  tasks = Option.String('--tasks', { description: tasksHelp });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(workplaceOf({ processes: this.processes, on: this.on, tasks: this.tasks })),
      TE.flatMap((workplace: Workplace = { kind: 'processes', count: 1 }) =>
        this.withService((session) => this.resume(session, workplace)),
      ),
      TE.map((answer) =>
        this.json
          ? this.printJson(answer)
          : this.print(renderReport(answer, this.colorsOf('stdout'), this.widthOf('stdout'))),
      ),
    );
  }

  private resume(session: Session, workplace: Workplace): TE.TaskEither<Failure, ScoreAnswer> {
    const { service, cancellation } = session;
    return pipe(
      TE.fromEither(jobFolderAt(this.folder)),
      TE.flatMap((path) => service.jobStatus(path, { cancellation })),
      TE.flatMap((job) => {
        if (job.state === 'finished') {
          this.say('This job is finished: nothing is to be done.');
          return service.finishJob(job.path, { cancellation });
        }
        const say = (line: string): void => this.say(line);
        return pipe(
          workAtOf(session, workplace, { place: job.path, flags: this.flagWords(), say }),
          TE.flatMap((workAt) =>
            completeJob(session, job, {
              workAt,
              startProgress: () => startProgress(this.isTerminal('stderr')),
              say,
              command: shellCommand(process.argv.slice(2)),
            }),
          ),
        );
      }),
    );
  }
}

/** `job status`: how far a job is, and what is to be done next. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure, JobStatus } from '../../../core/index.js';
import { jobFolderAt } from '../../places.js';
import { BaseCommand } from '../base-command.js';
import { shellCommand } from '../shell-command.js';
import { count, renderFacts } from '../table.js';

export class JobStatusCommand extends BaseCommand {
  static override paths = [['job', 'status']];

  static override usage = {
    description: 'Shows how far a job is, and which command is next.',
    examples: [['The job that job plan planned', '$0 job status predictions.parquet.job/JOB_ID']] satisfies Array<
      [string, string]
    >,
    details:
      'It reads the folder of the job and nothing else: who works at it at this moment, and at what, nobody has to know, and nothing tells. A shard counts when a worker has committed it.',
  };

  folder = Option.String({ name: 'FOLDER' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(jobFolderAt(this.folder)),
      TE.flatMap((path) => this.withService(({ service, cancellation }) => service.jobStatus(path, { cancellation }))),
      TE.map((status) => this.report(status)),
    );
  }

  private report(status: JobStatus): void {
    if (this.json) return this.printJson(status);
    const { model, state } = status;
    const facts: ReadonlyArray<readonly [string, string]> = [
      ['job', status.job_id],
      ['model', `${model.model_type}/${model.name}@${model.version}`],
      ['source', status.data_source],
      ['planned', status.planned_at],
      ['shards', `${count(status.shards_committed)} of ${count(status.shard_count)} committed`],
      [
        'rows',
        `${count(status.rows_scored)} scored of ${count(status.row_count)}, ${count(status.rows_refused)} refused`,
      ],
      ['output', `${status.output_location}${state === 'finished' ? ', finished' : ', not finished'}`],
      ...(state === 'finished'
        ? []
        : ([['next', this.commandOf(state === 'worked' ? 'finish' : 'work', status)]] as const)),
    ];
    this.print(renderFacts(facts, this.widthOf('stdout'), this.colorsOf('stdout').bold));
  }

  private commandOf(command: 'work' | 'finish', { path }: JobStatus): string {
    return shellCommand(['job', command, ...this.flagWords(), path]);
  }
}

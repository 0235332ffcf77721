/** `job finish`: puts the output of a job in its place. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { jobFolderAt } from '../../places.js';
import { BaseCommand } from '../base-command.js';
import { renderReport } from '../report.js';

export class JobFinishCommand extends BaseCommand {
  static override paths = [['job', 'finish']];

  static override usage = {
    description: 'Puts the output of a job in its place, once its workers are done.',
    examples: [['The job that job plan planned', '$0 job finish predictions.parquet.job/JOB_ID']] satisfies Array<
      [string, string]
    >,
    details:
      'It prints the report that score prints. While shards are missing it says how many, exits with 22, and changes nothing; a job that is finished answers the same again.',
  };

  folder = Option.String({ name: 'FOLDER' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(jobFolderAt(this.folder)),
      TE.flatMap((path) => this.withService(({ service, cancellation }) => service.finishJob(path, { cancellation }))),
      TE.map((answer) =>
        this.json
          ? this.printJson(answer)
          : this.print(renderReport(answer, this.colorsOf('stdout'), this.widthOf('stdout'))),
      ),
    );
  }
}

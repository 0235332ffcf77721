/** `job plan`: a scoring job for workers that somebody else starts. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask, type PlannedJob } from '../../../core/index.js';
import { isWarehouseAddress } from '../../places.js';
import { ScoringCommand, scoringHelp } from '../scoring-command.js';
import { shellCommand } from '../shell-command.js';
import { count } from '../table.js';

export class JobPlanCommand extends ScoringCommand {
  static override paths = [['job', 'plan']];

  static override usage = {
    description: 'Plans a scoring job for workers on several machines, and prints its folder.',
    examples: [
      [
        'A job whose folder a script goes on with',
        'job=$($0 job plan rating/production_rating_model --source games.parquet --output predictions.parquet)',
      ],
    ] satisfies Array<[string, string]>,
    details: [
      'The folder is FILE.job/JOB_ID beside the output, and every machine has to see it, the registry, and a source that is a Parquet file; with an --output in a bucket, so is the folder. Other rows are written to it once. A job that was planned before is found by the same command: its folder is printed again.',
      'job work does what was planned, on any number of machines; job finish puts the output in its place; job status tells how far it is.',
      scoringHelp,
    ].join('\n\n'),
  };

  override output = Option.String('--output', {
    description: 'FILE: Write the predictions to this file, which may be gs://BUCKET/FILE, when the job is finished',
  });
  overwrite = Option.Boolean('--overwrite', false, {
    description: 'When this was scored before, plan it as another job',
  });

  protected override needed(): Readonly<Record<string, string | undefined>> {
    return { '--output': this.output };
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      this.withRequest(({ service, ports, cancellation }, request) =>
        isWarehouseAddress(ports.sink.root)
          ? failTask(
              'InvalidInput',
              `Workers write a file, and ${ports.sink.root} has tables: name a file as --output.`,
            )
          : service.planJob(request, { cancellation, repetition: this.overwrite ? 'again' : 'done' }),
      ),
      TE.map((job) => this.report(job)),
    );
  }

  private report(job: PlannedJob): void {
    if (this.json) return this.printJson(job);
    const { path, state, shard_count: shards, row_count: rows } = job;
    this.say(`${count(rows)} rows in ${shards === 1 ? 'one shard' : `${count(shards)} shards`}`);
    if (state === 'finished')
      this.say('This was scored before, and its output is as it was left. --overwrite plans it as another job.');
    else this.say(`To work at it:\n  ${shellCommand(['job', 'work', ...this.flagWords(), path])}`);
    this.print(path);
  }
}

/** `score`: a scoring job, from a source through a model to a file or stdout. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask, type ScoreAnswer, type ScoreRequest } from '../../../core/index.js';
import { isWarehouseAddress } from '../../places.js';
import type { Session } from '../base-command.js';
import { type Progress, startProgress } from '../progress.js';
import { renderReport } from '../report.js';
import { ScoringCommand, scoringHelp } from '../scoring-command.js';
import { scoreSharded } from '../sharded-score.js';
import { shellCommand } from '../shell-command.js';
import { scoreOnHelp, scorePlaceOf, tasksHelp, type Workplace, workAtOf } from '../workplace.js';

export class ScoreCommand extends ScoringCommand {
  static override paths = [['score']];

  static override usage = {
    description: 'Scores rows from a source with one version of a model.',
    examples: [
      [
        'Games of 2020 to 2025 from the source of the model type, to a Parquet file',
        '$0 score rating/production_rating_model --start-year 2020 --end-year 2025 --output predictions.parquet',
      ],
      [
        'A file, with the version under an alias',
        '$0 score rating/production_rating_model@champion --source new-games.csv --output predictions.csv',
      ],
      [
        'A large file, with all processors',
        '$0 score rating/production_rating_model --source games.parquet --processes auto --output predictions.parquet',
      ],
      [
        'A file in a bucket, by 32 tasks on Cloud Run',
        '$0 score rating/production_rating_model --source gs://bucket/games.parquet --on cloud-run-jobs --tasks 32 --output gs://bucket/predictions.parquet',
      ],
      [
        'A source in BigQuery, by BigQuery ML, into a table',
        '$0 score rating/production_rating_model --bucket bgg-models --on bigquery --output bigquery://project.dataset.predictions',
      ],
      [
        'Predictions as NDJSON on stdout, the report on stderr',
        '$0 score rating/production_rating_model@3 --source games | head',
      ],
    ] satisfies Array<[string, string]>,
    details: scoringHelp,
  };

  processes = Option.String('--processes', {
    description:
      'N|auto: Score with N processes, or with auto: one for each processor; a run that was stopped or killed goes on where it was (needs --output; default: in this process)',
  });
  on = Option.String('--on', { description: scoreOnHelp });
  tasks = Option.String('--tasks', { description: tasksHelp });
  overwrite = Option.Boolean('--overwrite', false, {
    description: 'With --processes or --on: score again what was scored before',
  });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(scorePlaceOf({ processes: this.processes, on: this.on, tasks: this.tasks })),
      TE.flatMap((place) =>
        this.withRequest((session, request) => {
          if (place === undefined) return this.scoreHere(session, request);
          return place.kind === 'bigquery'
            ? this.scoreThere(session, request)
            : this.scoreAside(session, request, place);
        }),
      ),
      TE.map((answer) => this.report(answer)),
    );
  }

  /** In this process. */
  private scoreHere({ service, cancellation }: Session, request: ScoreRequest): TE.TaskEither<Failure, ScoreAnswer> {
    return async () => {
      const progress: Progress = await startProgress(this.isTerminal('stderr'));
      const control = { cancellation, onProgress: progress.tell, inlineRowLimit: Number.MAX_SAFE_INTEGER };
      try {
        return await service.score(request, control)();
      } finally {
        progress.stop();
      }
    };
  }

  /** In BigQuery, into a table or a file. */
  private scoreThere({ service, cancellation }: Session, request: ScoreRequest): TE.TaskEither<Failure, ScoreAnswer> {
    return this.overwrite
      ? failTask('InvalidInput', 'Each scoring in BigQuery is one of its own, by its job_id: leave --overwrite out.')
      : service.scoreThere(request, { cancellation });
  }

  /** In processes of their own. */
  private scoreAside(
    session: Session,
    request: ScoreRequest,
    workplace: Workplace,
  ): TE.TaskEither<Failure, ScoreAnswer> {
    const { root } = session.ports.sink;
    if (isWarehouseAddress(root))
      return failTask(
        'InvalidInput',
        `Several processes write a file, and ${root} has tables: leave ${workplace.kind === 'processes' ? '--processes' : '--on'} out.`,
      );
    const say = (line: string): void => this.say(line);
    return pipe(
      workAtOf(session, workplace, { place: root, flags: this.flagWords(), say }),
      TE.flatMap((workAt) =>
        scoreSharded(session, {
          request,
          repetition: this.overwrite ? 'again' : 'done',
          workAt,
          startProgress: () => startProgress(this.isTerminal('stderr')),
          say,
          command: shellCommand(process.argv.slice(2)),
        }),
      ),
    );
  }

  private report(answer: ScoreAnswer): void {
    if (this.json) return this.printJson(answer);
    if (answer.predictions === null)
      return this.print(renderReport(answer, this.colorsOf('stdout'), this.widthOf('stdout')));
    this.printLines(answer.predictions);
    this.say(renderReport(answer, this.colorsOf('stderr'), this.widthOf('stderr')));
  }
}

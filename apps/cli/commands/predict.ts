/** `predict`: rows on stdin, predictions on stdout. */
import { buffer } from 'node:stream/consumers';
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type Cancellation,
  type Failure,
  failTask,
  failure,
  parseModelReference,
  ScoreRequest,
} from '../../../core/index.js';
import { decodeUtf8 } from '../../utf8.js';
import { BaseCommand } from '../base-command.js';
import { decodeFlags, present, referenceHelp, scored } from '../references.js';
import { tellRefused } from '../report.js';
import { parseRows } from '../rows-on-stdin.js';

export class PredictCommand extends BaseCommand {
  static override paths = [['predict']];

  static override usage = {
    description: 'Scores rows given on stdin, as JSON or NDJSON; predictions go to stdout.',
    examples: [
      ['Rows, one object per line', '$0 predict rating/production_rating_model < rows.ndjson'],
      [
        'Columns, for a model with two features, with the version under an alias',
        `echo '{"area": [54, 120], "rooms": [2, 4]}' | $0 predict rent/flats@champion`,
      ],
      ['The whole answer, as POST /score gives it', '$0 predict rating/production_rating_model@3 --json < rows.json'],
    ] satisfies Array<[string, string]>,
    details: `${referenceHelp}\n\nJSON is an array of rows, an object of columns, or {"columns": […], "data": [[…]]}. Predictions are NDJSON, in the order of the rows; \`row\` counts from 0.`,
  };

  reference = Option.String({ name: 'REF' });
  onError = Option.String('--on-error', {
    description: 'fail|skip: Fail at a row that does not fit the model, or leave such rows out (default: fail)',
  });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModelReference(this.reference)),
      TE.flatMapEither((reference) =>
        decodeFlags(ScoreRequest)(present({ ...scored(reference), on_error: this.onError })),
      ),
      TE.flatMap((request) =>
        this.withService(({ service, cancellation }) =>
          pipe(
            this.rows(cancellation),
            TE.flatMap((data) =>
              service.score({ ...request, data }, { cancellation, inlineRowLimit: Number.MAX_SAFE_INTEGER }),
            ),
          ),
        ),
      ),
      TE.map((answer) => {
        for (const warning of answer.performance_diagnostics.warnings) this.say(`warning: ${warning}`);
        for (const row of answer.refused ?? []) this.say(`refused ${tellRefused(row)}`);
        const untold = (answer.refused_total ?? 0) - (answer.refused ?? []).length;
        if (untold > 0) this.say(`and ${untold} more refused rows`);
        if (this.json) this.printJson(answer);
        else this.printLines(answer.predictions ?? []);
      }),
    );
  }

  private rows(cancellation: Cancellation): TE.TaskEither<Failure, unknown> {
    const { stdin } = this.context;
    if ('isTTY' in stdin && stdin.isTTY === true)
      return failTask('InvalidInput', 'There are no rows: pipe JSON or NDJSON into predict.');
    const stopListening = cancellation.onAbort(() => stdin.destroy());
    return pipe(
      TE.tryCatch(
        () => buffer(stdin).finally(stopListening),
        (error) =>
          cancellation.aborted
            ? failure('Cancelled', 'The rows were no longer wanted.')
            : failure(
                'DataUnreadable',
                `The rows on stdin cannot be read (${error instanceof Error ? error.message : error}).`,
              ),
      ),
      TE.flatMapEither(decodeUtf8('What is on stdin')),
      TE.flatMapEither(parseRows),
    );
  }
}

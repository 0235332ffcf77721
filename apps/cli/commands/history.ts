/** `history`: every move of a model's aliases. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { renderHistory } from '../alias-views.js';
import { BaseCommand } from '../base-command.js';
import { parseModel } from '../references.js';

export class HistoryCommand extends BaseCommand {
  static override paths = [['history']];

  static override usage = {
    description: 'Lists every move of a model’s aliases: when, from, to, how and by whom.',
    examples: [['Every move, oldest first', '$0 history rating/production_rating_model']] satisfies Array<
      [string, string]
    >,
    details: 'TYPE/NAME names a model: its type, a slash, and its name.',
  };

  model = Option.String({ name: 'TYPE/NAME' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModel(this.model)),
      TE.flatMap(({ modelType, name }) =>
        this.withService(({ service, cancellation }) =>
          service.history({ model_type: modelType, model_name: name }, { cancellation }),
        ),
      ),
      TE.map((history) =>
        this.json ? this.printJson(history) : this.print(renderHistory(history, this.widthOf('stdout'))),
      ),
    );
  }
}

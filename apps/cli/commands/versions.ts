/** `versions`: lists a model's versions. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { parseModel } from '../references.js';
import { renderModels } from '../registry-views.js';

export class VersionsCommand extends BaseCommand {
  static override paths = [['versions']];

  static override usage = {
    description: 'Lists every version of one model.',
    examples: [['Every version', '$0 versions rating/production_rating_model']] satisfies Array<[string, string]>,
    details: 'TYPE/NAME names a model: its type, a slash, and its name.',
  };

  model = Option.String({ name: 'TYPE/NAME' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModel(this.model)),
      TE.flatMap(({ modelType, name }) =>
        this.withService(({ service, cancellation }) =>
          pipe(
            service.models({ model_type: modelType, name }, { cancellation }),
            // A list of nothing is no answer to a name: this says what was near.
            TE.tap(({ models }) =>
              (models[modelType] ?? []).length > 0
                ? TE.right(undefined)
                : TE.asUnit(service.info({ model_type: modelType, model_name: name }, { cancellation })),
            ),
          ),
        ),
      ),
      TE.map(({ models }) =>
        this.json ? this.printJson(models) : this.print(renderModels(models, this.widthOf('stdout'))),
      ),
    );
  }
}

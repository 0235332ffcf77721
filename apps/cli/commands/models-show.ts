/** `models show`: one version's record. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, parseModelReference } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { referenceHelp, selected } from '../references.js';
import { renderInfo } from '../registry-views.js';

export class ModelsShowCommand extends BaseCommand {
  static override paths = [['models', 'show']];

  static override usage = {
    description: 'Shows one version: the latest, a numbered one, or the one under an alias.',
    examples: [
      ['The latest version', '$0 models show rating/production_rating_model'],
      ['A version, or an alias', '$0 models show rating/production_rating_model@3'],
      [
        'As GET /model/{model_type}/{model_name}/info answers it',
        '$0 models show rating/production_rating_model@champion --json',
      ],
    ] satisfies Array<[string, string]>,
    details: referenceHelp,
  };

  reference = Option.String({ name: 'REF' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModelReference(this.reference)),
      TE.flatMap((reference) =>
        this.withService(({ service, cancellation }) =>
          service.info(
            { model_type: reference.model.modelType, model_name: reference.model.name, ...selected(reference) },
            { cancellation },
          ),
        ),
      ),
      TE.map(({ info }) => (this.json ? this.printJson(info) : this.print(renderInfo(info, this.widthOf('stdout'))))),
    );
  }
}

/** `rollback`: moves an alias back to where it was before. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { AliasRequest, type Failure } from '../../../core/index.js';
import { tellMoved } from '../alias-views.js';
import { BaseCommand } from '../base-command.js';
import { decodeFlags, parseModel, present } from '../references.js';

export class RollbackCommand extends BaseCommand {
  static override paths = [['rollback']];

  static override usage = {
    description: 'Moves an alias back to the version that it was on before its last promotion.',
    examples: [
      ['Undo the last promotion', '$0 rollback rating/production_rating_model --alias champion'],
      ['Where it was before', '$0 history rating/production_rating_model'],
    ] satisfies Array<[string, string]>,
    details:
      'TYPE/NAME names a model: its type, a slash, and its name.\n\nEach rollback undoes one promotion, so that a second one goes back further.',
  };

  model = Option.String({ name: 'TYPE/NAME' });
  alias = Option.String('--alias', { description: 'NAME: Move this alias, such as champion' });
  by = Option.String('--by', { description: 'WHO: Record who moved it (default: registered_by of the settings)' });

  protected override needed() {
    return { '--alias NAME': this.alias };
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModel(this.model)),
      TE.flatMapEither(({ modelType, name }) =>
        decodeFlags(AliasRequest)(present({ model_type: modelType, model_name: name, alias: this.alias, by: this.by })),
      ),
      TE.flatMap((request) =>
        this.withService(({ service, settings, cancellation }) =>
          service.rollback(present({ by: settings.registeredBy, ...request }), { cancellation }),
        ),
      ),
      TE.map((moved) => (this.json ? this.printJson(moved) : this.print(tellMoved(moved)))),
    );
  }
}

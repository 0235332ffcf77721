/** `promote`: sets an alias on a version. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, parseModelReference, PromoteRequest } from '../../../core/index.js';
import { tellMoved } from '../alias-views.js';
import { BaseCommand } from '../base-command.js';
import { decodeFlags, present, referenceHelp, scored } from '../references.js';

export class PromoteCommand extends BaseCommand {
  static override paths = [['promote']];

  static override usage = {
    description: 'Sets an alias on a version: a new alias, or one that was on another version.',
    examples: [
      ['Version 3 becomes the champion', '$0 promote rating/production_rating_model@3 --alias champion'],
      [
        'So does whichever is the challenger',
        '$0 promote rating/production_rating_model@challenger --alias champion --by ana',
      ],
      ['Undo it', '$0 rollback rating/production_rating_model --alias champion'],
    ] satisfies Array<[string, string]>,
    details: `${referenceHelp}\n\nWhen somebody else moves the alias at the same time, one succeeds and the other fails with Conflict.`,
  };

  reference = Option.String({ name: 'REF' });
  alias = Option.String('--alias', { description: 'NAME: Set this alias, such as champion' });
  by = Option.String('--by', { description: 'WHO: Record who moved it (default: registered_by of the settings)' });

  protected override needed() {
    return { '--alias NAME': this.alias };
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseModelReference(this.reference)),
      TE.flatMapEither((reference) =>
        decodeFlags(PromoteRequest)(present({ ...scored(reference), alias: this.alias, by: this.by })),
      ),
      TE.flatMap((request) =>
        this.withService(({ service, settings, cancellation }) =>
          service.promote(present({ by: settings.registeredBy, ...request }), { cancellation }),
        ),
      ),
      TE.map((moved) => (this.json ? this.printJson(moved) : this.print(tellMoved(moved)))),
    );
  }
}

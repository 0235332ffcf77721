/** `copy`: takes a version to another registry. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, parseModelReference } from '../../../core/index.js';
import { parsePlace } from '../../places.js';
import { BaseCommand } from '../base-command.js';
import { present, referenceHelp, scored } from '../references.js';

export class CopyCommand extends BaseCommand {
  static override paths = [['copy']];

  static override usage = {
    description: 'Copies a version to another registry, where it gets the next number and says where it came from.',
    examples: [
      [
        'The champion, from a folder to a bucket',
        '$0 copy rating/production_rating_model@champion --local ./registry --to gs://bgg-models/prod',
      ],
      [
        'Version 3, from a bucket to a folder',
        '$0 copy rating/production_rating_model@3 --bucket bgg-models --to ./registry',
      ],
    ] satisfies Array<[string, string]>,
    details: `${referenceHelp}\n\nThe artifact is the same to the byte, and its checks are not done again. Aliases do not go along.`,
  };

  reference = Option.String({ name: 'REF' });
  to = Option.String('--to', { description: 'DIR|gs://bucket[/prefix]: Copy to the registry there' });

  protected override needed() {
    return { '--to DIR|gs://bucket[/prefix]': this.to };
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      E.Do,
      E.apS('reference', parseModelReference(this.reference)),
      E.apS('place', parsePlace('--to', this.to ?? '')),
      TE.fromEither,
      TE.flatMap(({ reference, place }) =>
        this.withService(({ service, ports, cancellation }) => async () => {
          const { openStore } = await import('../../composition/stores.js');
          const target = openStore(place);
          this.say(`to: ${target.location}`);
          return pipe(
            service.copy(present(scored(reference)), target, { cancellation }),
            TE.map((registration) => ({ registration, from: ports.store.location, to: target.location })),
          )();
        }),
      ),
      TE.map(({ registration, from, to }) => {
        const { model_type, name, version, copied_from } = registration;
        if (this.json) this.printJson(registration);
        else {
          this.print(`Copied ${model_type}/${name}@${copied_from?.version} from ${from}`);
          this.print(`  to ${model_type}/${name}@${version} in ${to}`);
        }
      }),
    );
  }
}

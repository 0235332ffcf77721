/** `verify`: what is stored is read and digested again, and what was left unfinished is finished. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  fail,
  type Failure,
  failTask,
  parseModelReference,
  type VerifyReport,
  type VerifyRequest,
} from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { hanging } from '../table.js';

export class VerifyCommand extends BaseCommand {
  static override paths = [['verify']];

  static override usage = {
    description: 'Reads what is stored, computes its digests again, and tells what is not as it was written.',
    examples: [
      ['Everything in a registry', '$0 verify --local ./registry'],
      ['Every version of a model', '$0 verify rating/production_rating_model'],
      ['One version', '$0 verify rating/production_rating_model@3'],
    ] satisfies Array<[string, string]>,
    details:
      'REF names a model (type/name) or one version of it (type/name@3); without it everything is verified.\n\nA registration that was interrupted is finished. The exit code is 25 when anything is not as it was written, and 20 when there is no such folder.',
  };

  reference = Option.String({ name: 'REF', required: false });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(this.request()),
      TE.flatMap((request) =>
        this.withService(({ service, cancellation }) => service.verify(request, { cancellation })),
      ),
      TE.tapIO((report) => () => (this.json ? this.printJson(report) : this.report(report))),
      TE.flatMap(({ problems: { length } }) =>
        length === 0
          ? TE.right(undefined)
          : failTask(
              'ArtifactUnreadable',
              `${length === 1 ? 'One problem was' : `${length} problems were`} found: not everything is as it was written.`,
            ),
      ),
    );
  }

  protected override withoutFolder(sentence: string): E.Either<Failure, void> {
    return fail('NotFound', sentence);
  }

  private request(): E.Either<Failure, VerifyRequest> {
    const { reference } = this;
    if (reference === undefined) return E.right({});
    return pipe(
      parseModelReference(reference),
      E.flatMap(({ model, selector }): E.Either<Failure, VerifyRequest> => {
        const whole = { model_type: model.modelType, model_name: model.name };
        if (selector.kind === 'version') return E.right({ ...whole, model_version: selector.version });
        return reference.includes('@')
          ? fail('InvalidInput', `"${reference}" is verified by its number: write type/name@3, or type/name for all.`)
          : E.right(whole);
      }),
    );
  }

  private report({ versions_verified: count, problems, finished }: VerifyReport): void {
    const width = this.widthOf('stdout');
    this.print(`${count === 1 ? 'One version was' : `${count} versions were`} verified.`);
    for (const { model_type, name, version, status } of finished) {
      const now = status === 'registered' ? 'is finished now' : 'is given up now, for its artifact is lost';
      this.print(`${model_type}/${name}@${version} was left unfinished, and ${now}.`);
    }
    for (const { model_type, name, version, detail } of problems) {
      const place = `${model_type}/${name}${version === null ? '' : `@${version}`}`;
      this.print(hanging(`${place}: ${detail}`, width - 2, 2));
    }
  }
}

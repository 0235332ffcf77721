/** What archive, restore and delete have in common: they change how one numbered version stands. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  fail,
  type Failure,
  parseModelReference,
  type Service,
  type VersionChanged,
  type VersionRequest,
} from '../../core/index.js';
import { BaseCommand } from './base-command.js';
import { present } from './references.js';

/** What `--help` says of REF where a version must be named. */
export const pinnedHelp = 'REF names one version of a model by its number: type/name@3.';

export abstract class VersionCommand extends BaseCommand {
  reference = Option.String({ name: 'REF' });

  /** What changes it. */
  protected abstract changeOf(service: Service): Service['archive'];

  /** What became of it, as in `was archived`. */
  protected abstract readonly outcome: string;

  /** Who it was, and why, where that is recorded. */
  protected recorded(_registeredBy: string | undefined): Pick<VersionRequest, 'by' | 'reason'> {
    return {};
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parsePinned(this.reference, this.path.join(' '))),
      TE.flatMap((version) =>
        this.withService(({ service, settings, cancellation }) =>
          this.changeOf(service)({ ...version, ...this.recorded(settings.registeredBy) }, { cancellation }),
        ),
      ),
      TE.map((changed) => this.report(changed)),
    );
  }

  private report(changed: VersionChanged): void {
    if (changed.warning !== undefined) this.say(`warning: ${changed.warning}`);
    if (this.json) this.printJson(changed);
    else this.print(`${changed.model_type}/${changed.name}@${changed.version} ${this.outcome}`);
  }
}

/** A change of which is recorded who made it, and why. */
export abstract class RecordedVersionCommand extends VersionCommand {
  reason = Option.String('--reason', { description: 'TEXT: Record why' });
  abstract by: string | undefined;

  protected override recorded(registeredBy: string | undefined) {
    return present({ by: this.by ?? registeredBy, reason: this.reason });
  }
}

/** A number, and neither an alias nor the latest, which may be another version by the time that it is changed. Fails `InvalidInput`. */
const parsePinned = (
  reference: string,
  command: string,
): E.Either<Failure, Pick<VersionRequest, 'model_type' | 'model_name' | 'model_version'>> =>
  pipe(
    parseModelReference(reference),
    E.flatMap(({ model, selector }) =>
      selector.kind === 'version'
        ? E.right({ model_type: model.modelType, model_name: model.name, model_version: selector.version })
        : fail(
            'InvalidInput',
            `"${reference}" names no version by its number: write which one to ${command}, as in ${model.modelType}/${model.name}@3.`,
          ),
    ),
  );

/** `gc`: removes what nobody needs any more. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure, failTask, GcRequest, type GcReport } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { decodeFlags, numeric, present } from '../references.js';
import { count, hanging, table } from '../table.js';

export class GcCommand extends BaseCommand {
  static override paths = [['gc']];

  static override usage = {
    description:
      'Removes artifacts that registrations which died left staged, and when asked, those of versions that were archived long ago.',
    examples: [
      ['See what would be removed', '$0 gc --dry-run'],
      ['Remove what registrations left staged more than a week ago', '$0 gc --older-than 7d'],
      [
        'Delete archived versions too, but for the three highest of each model',
        '$0 gc --keep 3 --older-than 90d --by ana',
      ],
    ] satisfies Array<[string, string]>,
    details:
      'What was staged or archived less than the given time ago stays: a registration may still be under way. What is merely unfinished is finished first. A deleted version keeps its record and its number; one under an alias, or not archived, is never touched.',
  };

  olderThan = Option.String('--older-than', {
    description: 'AGE: Leave what is younger alone, as in 90s, 30m, 12h or 7d (default: 1d)',
  });
  keep = Option.String('--keep', {
    description: 'N: Delete archived versions too, except the N highest of each model (default: delete none)',
  });
  dryRun = Option.Boolean('--dry-run', false, { description: 'Tell what would be removed, and change nothing' });
  by = Option.String('--by', { description: 'WHO: Record who deleted them (default: registered_by of the settings)' });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(parseAge(this.olderThan)),
      TE.flatMapEither((age) =>
        decodeFlags(GcRequest)(
          present({ older_than_ms: age, keep: numeric(this.keep), dry_run: this.dryRun || undefined, by: this.by }),
        ),
      ),
      TE.flatMap((request) =>
        this.withService(({ service, settings, cancellation }) =>
          service.gc(present({ by: settings.registeredBy, ...request }), { cancellation }),
        ),
      ),
      TE.tapIO((report) => () => (this.json ? this.printJson(report) : this.report(report))),
      TE.flatMap(({ problems: { length } }) =>
        length === 0
          ? TE.right(undefined)
          : failTask(
              'ArtifactUnreadable',
              `${length === 1 ? 'A damaged model was' : `${length} damaged models were`} passed over: run verify.`,
            ),
      ),
    );
  }

  private report({ removed, bytes_freed: freed, problems, dry_run: isDry }: GcReport): void {
    const width = this.widthOf('stdout');
    const verb = isDry ? 'would be removed' : removed.length === 1 ? 'was removed' : 'were removed';
    const artifacts =
      removed.length === 1 ? 'One artifact' : `${removed.length === 0 ? 'No' : removed.length} artifacts`;
    this.print(`${artifacts} ${verb}, ${count(freed)} bytes.`);
    if (removed.length > 0) {
      const rows = removed.map(({ kind, bytes, key }) => [kind, count(bytes), key]);
      this.print(table(['was', 'bytes', 'artifact'], rows, { width, yielding: [2] }));
    }
    for (const { model_type, name, detail } of problems)
      this.print(hanging(`${model_type}/${name}: ${detail}`, width - 2, 2));
  }
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `7d` in milliseconds. Fails `InvalidInput`. */
const parseAge = (age: string | undefined): E.Either<Failure, number | undefined> => {
  if (age === undefined) return E.right(undefined);
  const [, count, unit] = /^([0-9]{1,9})([smhd])$/.exec(age) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  return unitMs === undefined
    ? fail(
        'InvalidInput',
        `--older-than must be a number of at most nine digits with s, m, h or d behind it, as in 7d, not "${age}".`,
      )
    : E.right(Number(count) * unitMs);
};

/** `doctor`: is everything here that is needed? */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failureOf } from '../../../core/index.js';
import type { ResolvedSetting } from '../../settings.js';
import { BaseCommand, type Session } from '../base-command.js';
import type { Check, Trial } from '../checks.js';
import { table } from '../table.js';

const cloudTimeoutMs = 60_000;

export class DoctorCommand extends BaseCommand {
  static override paths = [['doctor']];

  static override usage = {
    description:
      'Tries everything a command may need: store, runtime, tables, sources; shows every setting and where it came from.',
    examples: [
      ['Here and now', '$0 doctor'],
      ['On Google Cloud: each permission that the settings make necessary', '$0 doctor --cloud'],
      ['With other settings, for a script', '$0 doctor --settings production.json --json'],
    ] satisfies Array<[string, string]>,
    details: [
      'Exits with the code of the first failure.',
      '--cloud asks Google Cloud which permissions the account has on the buckets, projects and the job that the settings name, and says which role gives one that is missing. Asking needs no permission. What a dataset of BigQuery allows cannot be asked: of a source, the dry run tells.',
    ].join('\n\n'),
  };

  cloud = Option.Boolean('--cloud', false, {
    description: 'Also ask Google Cloud for each permission that is needed',
  });

  /** One of the checks. */
  protected override checkFolder(): TE.TaskEither<Failure, void> {
    return TE.right(undefined);
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      this.settings(),
      TE.flatMap(({ told }) => async () => {
        const { nodeTrial, partTrials, runTrial } = await import('../checks.js');
        const checks = [await runTrial(nodeTrial)];
        const composed = await this.withService((session) => async () => {
          for (const trial of [...partTrials(session), ...(await this.cloudTrials(session))])
            checks.push(await runTrial(trial));
          return E.right(undefined);
        })();
        if (E.isLeft(composed))
          checks.push({ name: 'store', ok: false, detail: composed.left.message, failure: composed.left });
        this.report(
          checks.map(({ name, ok, detail }) => ({ name, ok, detail })),
          told,
        );
        const failures = checks.flatMap(({ name, failure }) => (failure === undefined ? [] : [{ name, failure }]));
        const [first] = failures;
        if (first === undefined) return E.right(undefined);
        const names = failures.map(({ name }) => name).join(', ');
        return E.left(
          failureOf(first.failure.tag, `${failures.length} of ${checks.length} checks failed: ${names}.`, []),
        );
      }),
    );
  }

  private async cloudTrials({ settings, ports: { host }, cancellation }: Session): Promise<ReadonlyArray<Trial>> {
    if (!this.cloud) return [];
    const { cloudTrials } = await import('../cloud-checks.js');
    return cloudTrials(settings, { deadlineMs: host.nowMs() + cloudTimeoutMs, cancellation });
  }

  private report(checks: ReadonlyArray<Check>, settings: ReadonlyArray<ResolvedSetting>): void {
    if (this.json) return this.printJson({ ok: checks.every(({ ok }) => ok), checks, settings });
    const colors = this.colorsOf('stdout');
    const width = this.widthOf('stdout');
    this.print(
      table(
        ['check', '', ''],
        checks.map(({ name, ok, detail }) => [name, ok ? colors.green('ok') : colors.red('FAILED'), detail]),
        { width, yielding: [2] },
      ),
    );
    const rows = settings.map(({ name, value, origin }) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
      origin,
    ]);
    this.print(`\n${table(['setting', 'value', 'from'], rows, { width })}`);
  }
}

/** `doctor`: is everything here that is needed? */
import { pipe } from 'fp-ts/lib/function.js';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failureOf } from '../../../core/index.js';
import type { Told } from '../../settings.js';
import { BaseCommand } from '../base-command.js';
import type { Check } from '../checks.js';
import { table } from '../table.js';

export class DoctorCommand extends BaseCommand {
  static override paths = [['doctor']];

  static override usage = {
    description:
      'Tries everything a command may need: store, runtime, tables, sources; shows every setting and where it came from.',
    examples: [
      ['Here and now', '$0 doctor'],
      ['With other settings, for a script', '$0 doctor --settings production.json --json'],
    ] satisfies Array<[string, string]>,
    details: 'Exits with the code of the first failure.',
  };

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      this.settings(),
      TE.flatMap(({ told }) => async () => {
        const { nodeTrial, partTrials, runTrial } = await import('../checks.js');
        const checks = [await runTrial(nodeTrial)];
        const composed = await this.withService((session) => async () => {
          for (const trial of partTrials(session)) checks.push(await runTrial(trial));
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

  private report(checks: ReadonlyArray<Check>, settings: ReadonlyArray<Told>): void {
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

/** `register`: an experiment's artifact becomes a version of a model. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure, Registered } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { chooseExperiments } from '../experiments-place.js';
import { numeric, parsePairs, present } from '../references.js';

export class RegisterCommand extends BaseCommand {
  static override paths = [['register']];

  static override usage = {
    description: 'Registers an experiment’s artifact as the next version of a model, after every check has passed.',
    examples: [
      [
        'Register the latest run of an experiment in the bucket bgg-models',
        '$0 register --model-type rating --experiment best_rating_model --name production_rating_model --description "Production model for game ratings" --bucket bgg-models',
      ],
      [
        'In a folder, with an alias and a stricter gate; repeating it registers nothing twice',
        '$0 register --local ./registry --model-type rating --experiment best_rating_model --name production_rating_model --min r2=0.7 --alias champion --idempotency-key release-42',
      ],
      [
        'Only run the checks',
        '$0 register --model-type rating --experiment best_rating_model --name production_rating_model --dry-run',
      ],
    ] satisfies Array<[string, string]>,
    details:
      'Experiments are looked for in --experiments; else in ./models/experiments when the experiment is there; else in the registry’s own models/experiments.',
  };

  modelType = Option.String('--model-type', { description: 'TYPE: what is predicted, such as rating' });
  experiment = Option.String('--experiment', { description: 'NAME: the training run' });
  name = Option.String('--name', { description: 'NAME: the model that gets a new version' });
  descriptionText = Option.String('--description', { description: 'TEXT: for people' });
  experiments = Option.String('--experiments', { description: 'DIR|gs://…: the folder that holds {model_type}/' });
  experimentVersion = Option.String('--experiment-version', {
    description: 'N: the version of the experiment (default: the latest)',
  });
  min = Option.Array('--min', [], {
    description: 'METRIC=VALUE: a test metric’s least value, such as r2=0.5 (repeatable)',
  });
  max = Option.Array('--max', [], {
    description: 'METRIC=VALUE: a test metric’s greatest value, such as rmse=1.0 (repeatable)',
  });
  skipValidation = Option.Boolean('--skip-validation', false, {
    description: 'Skip the metrics gate; the registration says so',
  });
  alias = Option.String('--alias', { description: 'NAME: an alias to set on the new version, such as champion' });
  metadata = Option.Array('--metadata', [], { description: 'KEY=VALUE: kept in the registration (repeatable)' });
  registeredBy = Option.String('--registered-by', { description: 'WHO: kept in the registration' });
  idempotencyKey = Option.String('--idempotency-key', {
    description: 'KEY: a retry with it answers with the first registration',
  });
  dryRun = Option.Boolean('--dry-run', false, { description: 'Run every check and write nothing' });

  protected override needed() {
    return { '--model-type TYPE': this.modelType, '--experiment NAME': this.experiment, '--name NAME': this.name };
  }

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      TE.fromEither(this.request()),
      TE.flatMap((request) =>
        this.withService(
          ({ service, ports, cancellation }) => {
            this.say(`experiments: ${ports.experiments.location}`);
            return service.register(request, { cancellation });
          },
          () => chooseExperiments(this.experiments, `${this.modelType}/${this.experiment}`),
        ),
      ),
      TE.map((registered) => this.report(registered)),
    );
  }

  private request(): E.Either<Failure, Readonly<Record<string, unknown>>> {
    return pipe(
      E.Do,
      E.apS('min', parsePairs('--min', this.min)),
      E.apS('max', parsePairs('--max', this.max)),
      E.apS('metadata', parsePairs('--metadata', this.metadata)),
      E.map(({ min, max, metadata }) => {
        const gate = Object.fromEntries([...thresholds('min', min), ...thresholds('max', max)]);
        return present({
          model_type: this.modelType,
          experiment: this.experiment,
          name: this.name,
          experiment_version: numeric(this.experimentVersion),
          description: this.descriptionText,
          gate: given(gate),
          skip_validation: this.skipValidation || undefined,
          alias: this.alias,
          metadata: given(metadata),
          registered_by: this.registeredBy,
          idempotency_key: this.idempotencyKey,
          dry_run: this.dryRun || undefined,
        });
      }),
    );
  }

  private report({ registration, outcome, warnings }: Registered): void {
    const reference = `${registration.model_type}/${registration.name}@${registration.version}`;
    const told = {
      created: `Registered ${reference}.`,
      existing: `${reference} was registered with this idempotency key before: nothing was written.`,
      'dry-run': `Every check passed: ${reference} would be registered. Nothing was written.`,
    };
    for (const warning of warnings) this.say(`warning: ${warning}`);
    if (this.json) {
      this.printJson(registration);
      this.say(told[outcome]);
      return;
    }
    this.print(told[outcome]);
    for (const { metric, rule, threshold, value, passed } of registration.validation_report) {
      this.print(
        `  ${passed ? 'passed' : 'FAILED'}  ${metric} ${value ?? 'missing'} (${rule === 'min' ? 'at least' : 'at most'} ${threshold})`,
      );
    }
    if (registration.validation_skipped) this.print('  the metrics gate was skipped');
    this.print(
      `  artifact ${registration.artifact.bytes.toLocaleString('en-US')} bytes, sha-256 ${registration.artifact.sha256}`,
    );
  }
}

const thresholds = (rule: 'min' | 'max', pairs: Readonly<Record<string, string>>) =>
  Object.entries(pairs).map(([metric, value]) => [`${rule}_${metric}`, numeric(value)] as const);

/** Nothing rather than an empty object: the request is then the same as one that never mentions it. */
const given = (fields: Readonly<Record<string, unknown>>) => (Object.keys(fields).length > 0 ? fields : undefined);

/** `register`: an experiment's artifact becomes a version of a model. */
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, type Registered, RegisterRequest } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { chooseExperiments } from '../experiments-place.js';
import { decodeFlags, numeric, parsePairs, present } from '../references.js';
import { showMetric } from '../registry-views.js';
import { count, hanging } from '../table.js';

export class RegisterCommand extends BaseCommand {
  static override paths = [['register']];

  static override usage = {
    description: 'Registers an experiment’s artifact as the next version of a model, after every check has passed.',
    examples: [
      [
        'Register the latest run of an experiment in a folder',
        '$0 register --local ./registry --model-type rating --experiment best_rating_model --name production_rating_model --description "Production model for game ratings"',
      ],
      [
        'With an alias and a stricter gate; repeating it registers nothing twice',
        '$0 register --local ./registry --model-type rating --experiment best_rating_model --name production_rating_model --min r2=0.7 --alias champion --idempotency-key release-42',
      ],
      [
        'Only run the checks',
        '$0 register --local ./registry --model-type rating --experiment best_rating_model --name production_rating_model --dry-run',
      ],
      [
        'In the Google Cloud Storage bucket bgg-models',
        '$0 register --bucket bgg-models --model-type rating --experiment best_rating_model --name production_rating_model --description "Production model for game ratings"',
      ],
    ] satisfies Array<[string, string]>,
    details:
      'Experiments are looked for in --experiments; else in ./models/experiments when the experiment is there; else in the registry’s own models/experiments.',
  };

  modelType = Option.String('--model-type', {
    description: 'TYPE: Register a model that predicts this, such as rating',
  });
  experiment = Option.String('--experiment', { description: 'NAME: Register the artifact of this training run' });
  name = Option.String('--name', { description: 'NAME: Give the model of this name a new version' });
  descriptionText = Option.String('--description', { description: 'TEXT: Describe the version to people' });
  experiments = Option.String('--experiments', {
    description: 'DIR|gs://…: Look in this folder, which holds one folder for each model type',
  });
  experimentVersion = Option.String('--experiment-version', {
    description: 'N: Take this version of the experiment (default: the latest)',
  });
  min = Option.Array('--min', [], {
    description: 'METRIC=VALUE: Require at least this value of a test metric, such as r2=0.5 (repeatable)',
  });
  max = Option.Array('--max', [], {
    description: 'METRIC=VALUE: Require at most this value of a test metric, such as rmse=1.0 (repeatable)',
  });
  skipValidation = Option.Boolean('--skip-validation', false, {
    description: 'Skip the metrics gate; the registration says so',
  });
  alias = Option.String('--alias', { description: 'NAME: Set this alias on the new version, such as champion' });
  metadata = Option.Array('--metadata', [], { description: 'KEY=VALUE: Keep this in the registration (repeatable)' });
  registeredBy = Option.String('--registered-by', { description: 'WHO: Keep in the registration who registered it' });
  idempotencyKey = Option.String('--idempotency-key', {
    description: 'KEY: Register only once under this key: a retry answers with the first registration',
  });
  dryRun = Option.Boolean('--dry-run', false, { description: 'Run every check and write nothing' });

  protected override needed() {
    return { '--model-type TYPE': this.modelType, '--experiment NAME': this.experiment, '--name NAME': this.name };
  }

  /** It makes it. */
  protected override withoutFolder(): E.Either<Failure, void> {
    return E.right(undefined);
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

  private request(): E.Either<Failure, RegisterRequest> {
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
      E.flatMap(decodeFlags(RegisterRequest)),
    );
  }

  private report(registered: Registered): void {
    const { registration, outcome, sameArtifactAs, warnings } = registered;
    const reference = `${registration.model_type}/${registration.name}@${registration.version}`;
    const told = {
      created: `Registered ${reference}.`,
      existing: `${reference} was registered with this idempotency key before: nothing was written.`,
      'dry-run': `Every check passed: ${reference} would be registered. Nothing was written.`,
    };
    if (sameArtifactAs !== null && outcome !== 'existing') {
      this.say(
        `note: its artifact is byte for byte that of version ${sameArtifactAs}; a retry is made safe with --idempotency-key`,
      );
    }
    for (const warning of warnings) this.say(`warning: ${warning}`);
    if (this.json) {
      this.printJson(registration);
      this.say(told[outcome]);
      return;
    }
    const width = this.widthOf('stdout');
    this.print(told[outcome]);
    for (const line of [...tellGate(registration), ...tellGolden(registration), ...this.tellAlias(registered)])
      this.print(`  ${hanging(line, width - 4, 4)}`);
    const { bytes, sha256 } = registration.artifact;
    this.print(`  ${hanging(`artifact ${count(bytes)} bytes, sha-256 ${sha256}`, width - 4, 4)}`);
  }

  /** A warning says it of an alias that was not set. */
  private tellAlias({ registration, outcome, warnings }: Registered): ReadonlyArray<string> {
    if (this.alias === undefined || warnings.length > 0) return [];
    return [`alias ${this.alias} ${outcome === 'dry-run' ? 'would be' : 'is'} set on version ${registration.version}`];
  }
}

const tellGate = ({
  model_type,
  validation_report,
  validation_skipped,
}: Registered['registration']): ReadonlyArray<string> => {
  if (validation_skipped) return ['validation was skipped: no metric was checked'];
  if (validation_report.length === 0) {
    return [
      `no metrics gate for type ${model_type}: nothing was checked; configure model_types.${model_type}.gate in scorekeeper.json`,
    ];
  }
  return validation_report.map(
    ({ metric, rule, threshold, value, passed }) =>
      `${passed ? 'passed' : 'FAILED'}  ${metric} ${showMetric(value)} (${rule === 'min' ? 'at least' : 'at most'} ${threshold})`,
  );
};

const tellGolden = ({ golden_rows_checked: rows }: Registered['registration']): ReadonlyArray<string> => [
  rows > 0
    ? `golden rows predicted again (${rows})`
    : 'no golden rows: no prediction was compared with the training code’s',
];

const thresholds = (rule: 'min' | 'max', pairs: Readonly<Record<string, string>>) =>
  Object.entries(pairs).map(([metric, value]) => [`${rule}_${metric}`, numeric(value)] as const);

/** Nothing rather than an empty object: the request is then the same as one that never mentions it. */
const given = (fields: Readonly<Record<string, unknown>>) => (Object.keys(fields).length > 0 ? fields : undefined);

/** The checks of an experiment before it is registered: whether it may become a version, and what is to be known of it then. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { Experiment } from '../model/experiment.js';
import { checkGate, defaultGates, type Gate, type GateCheck, passGate } from '../model/metrics-gate.js';
import { type OnnxFormat, type PushDown, pushDownOf, whyNoPushDown } from '../model/push-down.js';
import { type Signature, signatureOf } from '../model/signature.js';
import type { ExperimentSource } from '../ports/experiment-source.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { InferenceEngine } from '../ports/inference-engine.js';
import { compareRuntimes } from '../scoring/compare-runtimes.js';
import { checkGolden, goldenTexts } from '../scoring/golden.js';
import { ownColumns } from '../scoring/outputs.js';
import { checkClasses, checkPredictionColumns, predictionColumnsOf } from '../scoring/predictions.js';
import { scoringModel } from '../scoring/score.js';
import type { RegisterRequest } from './requests.js';

/** Everything that the checks found, ready to be written. */
export interface Checked {
  readonly experiment: Experiment;
  readonly gate: Gate;
  readonly report: ReadonlyArray<GateCheck>;
  readonly signature: Signature;
  readonly goldenRows: number;
  readonly pushDown: PushDown;
}

/** By model type: replaces the type's default gate. */
type Gates = Readonly<Record<string, Gate>>;

export interface CheckPorts {
  readonly host: Host;
  readonly experiments: ExperimentSource;
  readonly engine: InferenceEngine;
}

/** Steps 1 to 6: reads the experiment, holds it against the gate, inspects the artifact, predicts the golden rows, asks whether BigQuery ML could. */
export const checkExperiment =
  ({ experiments, engine, host }: CheckPorts, gates: Gates | undefined) =>
  (request: RegisterRequest, call: CallOptions): TE.TaskEither<Failure, Checked> =>
    pipe(
      TE.Do,
      TE.apS('experiment', experiments.read(experimentWanted(request), call)),
      TE.let('gate', () => gateOf(gates, request)),
      TE.bind('report', ({ experiment, gate }) =>
        TE.fromEither(passGate(showExperiment(experiment), checkGate(gate, experiment.metrics.test))),
      ),
      TE.bind('inspection', ({ experiment }) =>
        pipe(
          engine.inspect(
            experiment.artifact,
            experiment.modelInfo.feature_names ?? [],
            call,
            experiment.golden === undefined ? {} : goldenTexts(experiment.golden),
          ),
          TE.mapLeft(naming(experiment)),
        ),
      ),
      TE.bind('signature', ({ experiment, inspection: { inputs, outputs } }) =>
        pipe(
          TE.fromEither(signatureOf(inputs, outputs, experiment.modelInfo)),
          TE.chainFirstEitherK((signature) => checkClasses(signature, experiment.modelInfo.classes)),
          TE.chainFirstEitherK((signature) =>
            checkPredictionColumns(predictionColumnsOf(signature, experiment.modelInfo.classes), ownColumns),
          ),
          TE.mapLeft(naming(experiment)),
        ),
      ),
      TE.bind('goldenRows', ({ experiment, signature }) => {
        const { golden } = experiment;
        if (golden === undefined) return TE.right(0);
        return pipe(
          TE.bracket(
            engine.load(experiment.artifact, call),
            (loaded) =>
              checkGolden(host)(golden, scoringModel(loaded, signature, experiment.modelInfo.classes), signature, call),
            (loaded) => TE.fromTask(loaded.release),
          ),
          TE.mapLeft(naming(experiment)),
        );
      }),
      TE.bind('pushDown', ({ experiment, inspection: { format }, signature }) =>
        judgePushDown(engine, experiment, format, signature, call),
      ),
    );

/** A model that does not qualify by what it is needs no comparison. */
const judgePushDown = (
  engine: InferenceEngine,
  experiment: Experiment,
  format: OnnxFormat | undefined,
  signature: Signature,
  call: CallOptions,
): TE.TaskEither<Failure, PushDown> => {
  const { artifact, modelInfo } = experiment;
  const predictionColumns = predictionColumnsOf(signature, modelInfo.classes);
  const reasons = whyNoPushDown({ format, sizeBytes: artifact.length, signature, predictionColumns });
  return reasons.length > 0
    ? TE.right(pushDownOf(format, reasons, undefined))
    : pipe(
        compareRuntimes(engine)(experiment, signature, call),
        TE.map(
          O.match(
            () => pushDownOf(format, [], undefined),
            ({ comparison, reasons: found }) => pushDownOf(format, found, comparison),
          ),
        ),
      );
};

const experimentWanted = (request: RegisterRequest) => ({
  modelType: request.model_type,
  name: request.experiment,
  ...(request.experiment_version === undefined ? {} : { version: request.experiment_version }),
});

const showExperiment = ({ modelType, name, version }: Experiment): string =>
  `Experiment ${modelType}/${name} v${version}`;

/** What is wrong with an experiment itself. */
const ofExperiment: ReadonlyArray<Failure['tag']> = ['ArtifactUnreadable', 'InvalidInput', 'SignatureMismatch'];

/** Whoever looks at an artifact, or at golden rows, does not know whose they are. */
const naming =
  (experiment: Experiment) =>
  (failed: Failure): Failure =>
    ofExperiment.includes(failed.tag)
      ? { ...failed, message: `${showExperiment(experiment)} cannot be registered. ${failed.message}` }
      : failed;

/** The type's thresholds, each replaced by the request's of the same name; none when validation is skipped. */
const gateOf = (gates: Gates | undefined, request: RegisterRequest): Gate =>
  request.skip_validation === true
    ? {}
    : { ...(gates?.[request.model_type] ?? defaultGates[request.model_type]), ...request.gate };

/** The model of a registration, loaded, and what is the same for every scoring with it. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import type { InferenceEngine, LoadedModel } from '../ports/inference-engine.js';
import { type ArtifactPorts, readArtifact } from '../registry/artifact.js';
import { afterFailure } from './after-failure.js';
import { allocateColumn, type RowBatch } from './row-batch.js';
import { scoreBatch, type ScoringModel, scoringModel } from './score.js';
import type { ScoreAnswer } from './score-request.js';

/** Fetches the artifact, checks its digest, loads it and warms it up with one row. */
export const loadModel = (
  ports: ArtifactPorts & { readonly engine: InferenceEngine },
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, LoadedModel> =>
  pipe(
    readArtifact(ports)(registration, call),
    TE.chain((artifact) => ports.engine.load(artifact, call)),
    TE.chainFirst((loaded) =>
      pipe(
        scoreBatch(ports.host)(modelOf(loaded, registration), blankRow(registration), call),
        TE.asUnit,
        // It ran when it was registered: it may take none but the texts that it knows.
        TE.orElse((failed) =>
          failed.tag === 'InferenceFailed' && takesText(registration) ? TE.right(undefined) : TE.left(failed),
        ),
        afterFailure(loaded.release),
      ),
    ),
  );

const takesText = ({ signature }: Registration): boolean => signature.features.some(({ type }) => type === 'string');

/** What is the same for every scoring with a registration, worked out once. */
interface Plan {
  readonly model: Omit<ScoringModel, 'loaded'>;
  /** One object, so that who writes it as JSON may do that once. */
  readonly details: ScoreAnswer['model_details'];
}

const plans = new WeakMap<Registration, Plan>();

export const planOf = (loaded: LoadedModel, registration: Registration): Plan => {
  const known = plans.get(registration);
  if (known !== undefined) return known;
  const { loaded: _, ...model } = scoringModel(loaded, registration.signature, registration.model_info.classes);
  const plan = { model, details: detailsOf(registration) };
  plans.set(registration, plan);
  return plan;
};

export const detailsOf = ({
  model_type,
  name,
  version,
  description,
  registered_at,
  original_experiment,
  model_info,
}: Registration): ScoreAnswer['model_details'] => ({
  model_type,
  name,
  version,
  description,
  registered_at,
  original_experiment,
  model_info,
});

export const modelOf = (loaded: LoadedModel, registration: Registration): ScoringModel => ({
  ...planOf(loaded, registration).model,
  loaded,
});

const blankRow = ({ signature }: Registration): RowBatch => ({
  rowCount: 1,
  columns: new Map(signature.features.map(({ name, type }) => [name, allocateColumn(type, 1)])),
});

/** Answers a score request: finds the version, the model and the rows, runs the job, and reports. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask, failureOf } from '../failure.js';
import type { ModelReference } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { DataSource } from '../ports/data-source.js';
import type { CallOptions } from '../ports/host.js';
import type { InferenceEngine, LoadedModel } from '../ports/inference-engine.js';
import type { ModelCache } from '../ports/model-cache.js';
import type { PredictionSink } from '../ports/prediction-sink.js';
import { type ArtifactPorts, readArtifact } from '../registry/artifact.js';
import { referenceOf } from '../registry/requests.js';
import { afterFailure } from './after-failure.js';
import { type OpenedRows, openRows, sourceName } from './open-rows.js';
import { fileOutput, inlineOutput, provenanceColumns } from './outputs.js';
import { allocateColumn, type RowBatch } from './row-batch.js';
import { scoreBatch, type ScoringModel, scoringModel } from './score.js';
import type { ScoreAnswer, ScoreRequest, ScoringProgress } from './score-request.js';
import { gatherBatches, runScoringJob, type ScoringTotals } from './scoring-job.js';

export interface ScorePorts extends ArtifactPorts {
  /** From a reference to the registration that scores. */
  readonly resolve: (reference: ModelReference, call: CallOptions) => TE.TaskEither<Failure, Registration>;
  readonly engine: InferenceEngine;
  readonly cache: ModelCache;
  readonly sources: Readonly<Record<string, DataSource>>;
  readonly sink: PredictionSink;
}

export interface ScoreSettings {
  readonly sourceOfType?: Readonly<Record<string, string>>;
  readonly inlineRowLimit: number;
  readonly onProgress: (progress: ScoringProgress) => void;
}

/**
 * Scores. Fails `InvalidInput`, `NotFound`, `SignatureMismatch`, `ArtifactUnreadable`, `DataUnreadable`, `TooLarge`, `InferenceFailed`, and as the
 * ports do; a failed scoring leaves a previous output as it was.
 */
export const answerScore =
  (ports: ScorePorts, settings: ScoreSettings) =>
  (request: ScoreRequest, call: CallOptions): TE.TaskEither<Failure, ScoreAnswer> => {
    const { host } = ports;
    const startedMs = host.nowMs();
    return pipe(
      TE.fromEither(checkRequest(request)),
      TE.chainEitherK(() => referenceOf(request)),
      TE.chainFirst(() => resolveOutput(ports, request.output_location)),
      TE.chain((reference) => ports.resolve(reference, call)),
      TE.chain((registration) => {
        const resolvedMs = host.nowMs();
        let loadMs = 0;
        const load = pipe(
          loadModel(ports, registration, call),
          TE.map((loaded) => {
            loadMs = host.nowMs() - resolvedMs;
            return loaded;
          }),
        );
        return ports.cache.withModel(registration.artifact.sha256, load, (loaded) =>
          pipe(
            scoreWith(ports, settings, request, registration, loaded, call),
            TE.map((scored) => ({
              ...scored,
              performance_diagnostics: {
                ...scored.performance_diagnostics,
                timings_ms: {
                  ...scored.performance_diagnostics.timings_ms,
                  resolve: resolvedMs - startedMs,
                  load: loadMs,
                  total: host.nowMs() - startedMs,
                },
              },
            })),
          ),
        );
      }),
    );
  };

/** What no codec of single fields sees. */
const checkRequest = (request: ScoreRequest): E.Either<Failure, void> => {
  const { start_year, end_year, data_source, data } = request;
  const refuse = (pointer: string, message: string): E.Either<Failure, never> =>
    E.left(failureOf('InvalidInput', message, [{ pointer, detail: message }]));
  if (start_year !== undefined && end_year !== undefined && start_year > end_year) {
    return refuse('/start_year', `The start year ${start_year} is after the end year ${end_year}: swap them.`);
  }
  if (data !== undefined && data_source !== undefined && data_source !== 'inline') {
    return refuse('/data_source', `data was sent together with the data_source "${data_source}": send one of them.`);
  }
  if (data === undefined && data_source === 'inline') {
    return refuse(
      '/data',
      'The data source is "inline" and there is no data: send the rows as data (predict reads them on stdin).',
    );
  }
  if (data !== undefined && (start_year !== undefined || end_year !== undefined)) {
    return refuse(
      start_year === undefined ? '/end_year' : '/start_year',
      'start_year and end_year choose rows of a source, and the rows were sent as data: leave the years out.',
    );
  }
  return E.right(undefined);
};

/** Where the output will be, told with the field that asks for it. */
const resolveOutput = ({ sink }: ScorePorts, location: string | undefined): TE.TaskEither<Failure, string> =>
  location === undefined
    ? TE.right('')
    : pipe(
        sink.resolve(location),
        TE.mapLeft((failed) =>
          failed.tag === 'InvalidInput'
            ? failureOf(failed.tag, failed.message, [{ pointer: '/output_location', detail: failed.message }])
            : failed,
        ),
      );

/** Fetches the artifact, checks its digest, loads it and warms it up with one row. */
const loadModel = (
  ports: ScorePorts,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, LoadedModel> =>
  pipe(
    readArtifact(ports)(registration, call),
    TE.chain((artifact) => ports.engine.load(artifact, call)),
    TE.chainFirst((loaded) =>
      pipe(
        scoreBatch(ports.host)(modelOf(loaded, registration), blankRow(registration), call),
        afterFailure(loaded.release),
      ),
    ),
  );

/** What feeds a model and what comes of it, worked out once for each registration. */
const plans = new WeakMap<Registration, Omit<ScoringModel, 'loaded'>>();

const modelOf = (loaded: LoadedModel, registration: Registration): ScoringModel => {
  const known = plans.get(registration);
  if (known !== undefined) return { ...known, loaded };
  const { loaded: _, ...plan } = scoringModel(loaded, registration.signature, registration.model_info.classes);
  plans.set(registration, plan);
  return { ...plan, loaded };
};

const blankRow = ({ signature }: Registration): RowBatch => ({
  rowCount: 1,
  columns: new Map(signature.features.map(({ name, type }) => [name, allocateColumn(type, 1)])),
});

const scoreWith = (
  ports: ScorePorts,
  settings: ScoreSettings,
  request: ScoreRequest,
  registration: Registration,
  loaded: LoadedModel,
  call: CallOptions,
): TE.TaskEither<Failure, ScoreAnswer> => {
  const startedMs = ports.host.nowMs();
  return TE.bracket(
    openRows({ ...settings, sources: ports.sources }, request, registration, call),
    (rows) => {
      const openMs = ports.host.nowMs() - startedMs;
      return scoreRows(
        ports,
        settings,
        request,
        registration,
        modelOf(loaded, registration),
        { ...rows, openMs },
        call,
      );
    },
    ({ close }) => TE.fromTask(close),
  );
};

const scoreRows = (
  ports: ScorePorts,
  settings: ScoreSettings,
  request: ScoreRequest,
  registration: Registration,
  model: ScoringModel,
  rows: OpenedRows & { readonly openMs: number },
  call: CallOptions,
): TE.TaskEither<Failure, ScoreAnswer> => {
  const { host, sink } = ports;
  const clash = rows.keys.find((key) => isOurs(key, model));
  if (clash !== undefined) {
    return failTask(
      'InvalidInput',
      `The source's key "${clash}" has the name of a column that every output has of its own. Rename it in the source's SQL.`,
    );
  }
  const jobId = host.randomId();
  const onError = request.on_error ?? 'fail';
  const job = { ...rows, model, features: registration.signature.features, onError, onProgress: settings.onProgress };
  const answer = answerOf(request, registration, jobId, rows);
  if (request.output_location === undefined) {
    const output = inlineOutput();
    const readStartedMs = host.nowMs();
    return pipe(
      gatherBatches(rows.stream, settings.inlineRowLimit),
      TE.chain((stream) => {
        const readMs = host.nowMs() - readStartedMs;
        return pipe(
          runScoringJob(host)({ ...job, stream, output }, call),
          TE.map((totals) => ({ ...totals, readMs: totals.readMs + readMs })),
        );
      }),
      TE.map((totals) => ({
        ...answer(totals, 0),
        predictions: output.predictions,
        ...(onError === 'skip' ? { refused: output.refused, refused_total: totals.rowsRefused } : {}),
      })),
    );
  }
  const provenance = {
    modelType: registration.model_type,
    modelName: registration.name,
    modelVersion: registration.version,
    jobId,
    scoredAt: new Date(host.nowMs()).toISOString(),
  };
  const output = fileOutput(sink, request.output_location, model.predictionColumns, provenance, onError, call);
  return pipe(
    runScoringJob(host)({ ...job, output }, call),
    TE.chain((totals) => {
      const commitStartedMs = host.nowMs();
      return pipe(
        output.commit,
        TE.map(({ location, rejectsLocation }) => ({
          ...answer(totals, host.nowMs() - commitStartedMs),
          output_location: location,
          ...(onError === 'skip'
            ? {
                refused: output.refused,
                refused_total: totals.rowsRefused,
                rejects_location: totals.rowsRefused === 0 ? null : rejectsLocation,
              }
            : {}),
        })),
      );
    }),
    afterFailure(output.abort),
  );
};

const isOurs = (key: string, { predictionColumns }: ScoringModel): boolean =>
  key === 'row' || provenanceColumns.includes(key) || predictionColumns.some(({ name }) => name === key);

const answerOf =
  (
    request: ScoreRequest,
    registration: Registration,
    jobId: string,
    { warnings, openMs }: OpenedRows & { readonly openMs: number },
  ) =>
  (totals: ScoringTotals, commitMs: number): ScoreAnswer => ({
    job_id: jobId,
    model_details: {
      model_type: registration.model_type,
      name: registration.name,
      version: registration.version,
      description: registration.description,
      registered_at: registration.registered_at,
      original_experiment: registration.original_experiment,
      model_info: registration.model_info,
    },
    scoring_parameters: {
      model_type: request.model_type,
      start_year: request.start_year ?? null,
      end_year: request.end_year ?? null,
      data_source: sourceName(request),
    },
    performance_diagnostics: {
      rows_read: totals.rowsRead,
      total_scored: totals.rowsScored,
      rows_refused: totals.rowsRefused,
      prediction_distribution: totals.distributions,
      timings_ms: {
        resolve: 0,
        load: 0,
        read: openMs + totals.readMs,
        score: totals.scoreMs,
        write: totals.writeMs + commitMs,
        total: 0,
      },
      warnings: [...warnings, ...totals.warnings, ...(totals.rowsRead === 0 ? [nothingRead(request)] : [])],
    },
    output_location: null,
    predictions: null,
  });

const nothingRead = ({ data, start_year, end_year }: ScoreRequest): string => {
  if (data !== undefined) return 'The data has no rows: nothing was scored.';
  return start_year === undefined && end_year === undefined
    ? 'The source has no rows: nothing was scored.'
    : 'No rows of the source matched the years: nothing was scored.';
};

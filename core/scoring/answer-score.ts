/** Answers a score request: finds the version, the model and the rows, runs the job, and reports. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure, failureOf } from '../failure.js';
import type { ModelReference } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { DataSource, PassingRows } from '../ports/data-source.js';
import type { CallOptions } from '../ports/host.js';
import type { InferenceEngine, LoadedModel } from '../ports/inference-engine.js';
import type { ModelCache } from '../ports/model-cache.js';
import type { PredictionSink } from '../ports/prediction-sink.js';
import type { PredictionStream } from '../ports/prediction-stream.js';
import type { ArtifactPorts } from '../registry/artifact.js';
import { referenceOf } from '../registry/requests.js';
import { afterFailure } from './after-failure.js';
import { checkRequest } from './check-request.js';
import { type OpenedRows, openRows, type RowSources, sourceName } from './open-rows.js';
import { fileOutput, inlineOutput, provenanceColumns, streamOutput } from './outputs.js';
import type { PredictionColumn } from './predictions.js';
import { loadModel, modelOf, planOf } from './registered-model.js';
import type { RefusedRow, ScoreAnswer, ScoreRequest, ScoringProgress } from './score-request.js';
import { gatherBatches, runScoringJob, type ScoringJob, type ScoringTotals } from './scoring-job.js';

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
  /** Rows that came with the call. */
  readonly rows?: PassingRows | undefined;
  /** Who takes the predictions; without it they are in the answer, or in its file. */
  readonly into?: PredictionStream | undefined;
}

/**
 * Scores. Fails `InvalidInput`, `NotFound`, `SignatureMismatch`, `ArtifactUnreadable`, `DataUnreadable`, `TooLarge`, `InferenceFailed`, and as the
 * ports do; a failed scoring leaves a previous output as it was.
 */
export const answerScore =
  (ports: ScorePorts, settings: ScoreSettings) =>
  (request: ScoreRequest, call: CallOptions): TE.TaskEither<Failure, ScoreAnswer> =>
  // A row is scored in some ten microseconds, and a chain of tasks would cost more than that.
  async () => {
    const { host } = ports;
    const startedMs = host.nowMs();
    const checked = checkRequest(request, settings);
    if (E.isLeft(checked)) return checked;
    const reference = referenceOf(request);
    if (E.isLeft(reference)) return reference;
    if (request.output_location !== undefined) {
      const output = await resolveOutput(ports, request.output_location)();
      if (E.isLeft(output)) return output;
    }
    const resolved = await ports.resolve(reference.right, call)();
    if (E.isLeft(resolved)) return resolved;
    const registration = resolved.right;
    const resolvedMs = host.nowMs();
    let loadMs = 0;
    const load = async (): Promise<E.Either<Failure, LoadedModel>> => {
      const loaded = await loadModel(ports, registration, call)();
      loadMs = host.nowMs() - resolvedMs;
      return loaded;
    };
    const use = (loaded: LoadedModel) => scoreWith(ports, settings, request, registration, loaded, call);
    const scored = await ports.cache.withModel(registration.artifact.sha256, load, use)();
    if (E.isLeft(scored)) return scored;
    const { performance_diagnostics: diagnostics, ...answer } = scored.right;
    const timings_ms = {
      ...diagnostics.timings_ms,
      resolve: resolvedMs - startedMs,
      load: loadMs,
      total: host.nowMs() - startedMs,
    };
    return E.right({ ...answer, performance_diagnostics: { ...diagnostics, timings_ms } });
  };

/** Where the output will be, told with the field that asks for it. */
export const resolveOutput = ({ sink }: Pick<ScorePorts, 'sink'>, location: string): TE.TaskEither<Failure, string> =>
  pipe(
    sink.resolve(location),
    TE.mapLeft((failed) =>
      failed.tag === 'InvalidInput'
        ? failureOf(failed.tag, failed.message, [{ pointer: '/output_location', detail: failed.message }])
        : failed,
    ),
  );

const scoreWith =
  (
    ports: ScorePorts,
    settings: ScoreSettings,
    request: ScoreRequest,
    registration: Registration,
    loaded: LoadedModel,
    call: CallOptions,
  ): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const startedMs = ports.host.nowMs();
    const opened = await openRows({ ...settings, sources: ports.sources }, request, registration, call)();
    if (E.isLeft(opened)) return opened;
    const rows = opened.right;
    const openMs = ports.host.nowMs() - startedMs;
    try {
      return await scoreRows(ports, settings, request, registration, loaded, { ...rows, openMs }, call)();
    } finally {
      await rows.close();
    }
  };

const scoreRows = (
  ports: ScorePorts,
  settings: ScoreSettings,
  request: ScoreRequest,
  registration: Registration,
  loaded: LoadedModel,
  rows: OpenedRows & { readonly openMs: number },
  call: CallOptions,
): TE.TaskEither<Failure, ScoreAnswer> => {
  const { host, sink } = ports;
  const model = modelOf(loaded, registration);
  const checked = checkKeyNames(rows.keys, model.predictionColumns);
  if (E.isLeft(checked)) return TE.fromEither(checked);
  const jobId = host.randomId();
  const onError = request.on_error ?? 'fail';
  const job = { ...rows, model, features: registration.signature.features, onError, onProgress: settings.onProgress };
  const answer = answerOf(request, settings, planOf(loaded, registration).details, jobId, rows);
  if (settings.into !== undefined) return scoreInto(ports, settings.into, job, answer, call);
  if (request.output_location === undefined) return scoreInline(ports, settings, job, answer, call);
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
          ...refusedOf(job, output, totals),
          ...(onError === 'skip' ? { rejects_location: rejectsLocation } : {}),
        })),
      );
    }),
    afterFailure(output.abort),
  );
};

/** The whole answer in memory, so not one row is scored before it is known that there are not too many. */
const scoreInline =
  (
    { host }: ScorePorts,
    { inlineRowLimit }: ScoreSettings,
    job: Omit<ScoringJob, 'output'>,
    answer: (totals: ScoringTotals, commitMs: number) => ScoreAnswer,
    call: CallOptions,
  ): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const output = inlineOutput();
    const readStartedMs = host.nowMs();
    const stream = await gatherBatches(job.stream, inlineRowLimit)();
    if (E.isLeft(stream)) return stream;
    const readMs = host.nowMs() - readStartedMs;
    const totals = await runScoringJob(host)({ ...job, stream: stream.right, output }, call)();
    if (E.isLeft(totals)) return totals;
    return E.right({
      ...answer({ ...totals.right, readMs: totals.right.readMs + readMs }, 0),
      predictions: output.predictions,
      ...refusedOf(job, output, totals.right),
    });
  };

/** Of any number of rows, each of which is gone when the next ones are scored. */
const scoreInto = (
  { host }: ScorePorts,
  into: PredictionStream,
  job: Omit<ScoringJob, 'output'>,
  answer: (totals: ScoringTotals, commitMs: number) => ScoreAnswer,
  call: CallOptions,
): TE.TaskEither<Failure, ScoreAnswer> => {
  const output = streamOutput(into, job.model.predictionColumns);
  return pipe(
    runScoringJob(host)({ ...job, output }, call),
    TE.chainFirst(() => output.finish),
    TE.map((totals) => ({ ...answer(totals, 0), ...refusedOf(job, output, totals) })),
  );
};

const refusedOf = (
  { onError }: Pick<ScoringJob, 'onError'>,
  { refused }: { readonly refused: ReadonlyArray<RefusedRow> },
  { rowsRefused }: ScoringTotals,
): Pick<ScoreAnswer, 'refused' | 'refused_total'> =>
  onError === 'skip' ? { refused, refused_total: rowsRefused } : {};

/** Right when no key has the name of a column that is ours. Fails `InvalidInput`. */
export const checkKeyNames = (
  keys: ReadonlyArray<string>,
  predictionColumns: ReadonlyArray<PredictionColumn>,
): E.Either<Failure, void> => {
  const isOurs = (key: string): boolean =>
    key === 'row' || provenanceColumns.includes(key) || predictionColumns.some(({ name }) => name === key);
  const clash = keys.find(isOurs);
  return clash === undefined
    ? E.right(undefined)
    : fail(
        'InvalidInput',
        `The source's key "${clash}" has the name of a column that every output has of its own. Rename it in the source's SQL.`,
      );
};

/** What every answer tells; what is only of some is added to it. */
export const answerOf =
  (
    request: ScoreRequest,
    settings: Pick<ScoreSettings, 'rows'>,
    details: ScoreAnswer['model_details'],
    jobId: string,
    { warnings, openMs }: Pick<OpenedRows, 'warnings'> & { readonly openMs: number },
  ) =>
  (totals: Omit<ScoringTotals, 'tally'>, commitMs: number): ScoreAnswer => ({
    job_id: jobId,
    model_details: details,
    scoring_parameters: {
      model_type: request.model_type,
      start_year: request.start_year ?? null,
      end_year: request.end_year ?? null,
      data_source: sourceName(request, settings),
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
        wait: totals.waitMs,
        total: 0,
      },
      warnings: [...warnings, ...totals.warnings, ...(totals.rowsRead === 0 ? [nothingRead(request, settings)] : [])],
    },
    output_location: null,
    predictions: null,
  });

/** What an answer says when there were no rows. */
export const nothingRead = (
  request: Pick<ScoreRequest, 'data_source' | 'data' | 'start_year' | 'end_year'>,
  sent: Pick<RowSources, 'rows'>,
): string => {
  const { start_year, end_year } = request;
  if (sourceName(request, sent) === 'inline') return 'The data has no rows: nothing was scored.';
  return start_year === undefined && end_year === undefined
    ? 'The source has no rows: nothing was scored.'
    : 'No rows of the source matched the years: nothing was scored.';
};

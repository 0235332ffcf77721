/** Answers a score request: finds the version, the model and the rows, runs the job, and reports. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { pointerToken } from '../decode.js';
import { type Failure, fail, failTask, failureOf, nearest } from '../failure.js';
import type { ModelReference } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { DataSource, WantedColumn } from '../ports/data-source.js';
import type { CallOptions } from '../ports/host.js';
import type { InferenceEngine, LoadedModel } from '../ports/inference-engine.js';
import type { ModelCache } from '../ports/model-cache.js';
import type { PredictionSink } from '../ports/prediction-sink.js';
import { readArtifact } from '../registry/artifact.js';
import type { RegistryPorts } from '../registry/registry-ports.js';
import { checkColumns } from './features.js';
import { keysOf } from './keys.js';
import { fileOutput, inlineOutput, provenanceColumns } from './outputs.js';
import { readRows } from './rows.js';
import { allocateColumn, type RowBatch } from './row-batch.js';
import { scoreBatch, type ScoringModel, scoringModel } from './score.js';
import type { ScoreAnswer, ScoreRequest, ScoringProgress } from './score-request.js';
import { gatherBatches, type RawStream, runScoringJob, type ScoringTotals, streamOf } from './scoring-job.js';

export interface ScorePorts extends RegistryPorts {
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

/** Rows about to be scored, from wherever they come. */
interface OpenedRows {
  readonly stream: RawStream;
  readonly keys: ReadonlyArray<string>;
  readonly pointerTo: (row: number, column: string) => string;
  readonly warnings: ReadonlyArray<string>;
  readonly close: () => Promise<void>;
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
      TE.chain(() => resolveOutput(ports, request.output_location)),
      TE.chain(() => ports.resolve(referenceOf(request), call)),
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
  if (request.model_version !== undefined && request.model_alias !== undefined) {
    return refuse(
      '/model_alias',
      'model_version and model_alias were both given: name one of them, or neither for the latest version.',
    );
  }
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

const referenceOf = (request: ScoreRequest): ModelReference => ({
  model: { modelType: request.model_type, name: request.model_name },
  selector:
    request.model_version !== undefined
      ? { kind: 'version', version: request.model_version }
      : request.model_alias !== undefined
        ? { kind: 'alias', alias: request.model_alias }
        : { kind: 'latest' },
});

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

/** Tidies up when what came before failed, and fails all the same. */
const afterFailure =
  (tidy: Task<void>) =>
  <A>(of: TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> =>
    pipe(
      of,
      TE.orElse((failed) =>
        pipe(
          TE.fromTask<void, Failure>(tidy),
          TE.chain(() => TE.left(failed)),
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
    openRows(ports, settings, request, registration, call),
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

const sourceName = ({ data_source, data }: ScoreRequest): string =>
  data_source ?? (data === undefined ? 'query' : 'inline');

const openRows = (
  ports: ScorePorts,
  settings: ScoreSettings,
  request: ScoreRequest,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> =>
  request.data === undefined
    ? pipe(
        TE.fromEither(findSource(ports, settings, request)),
        TE.chain((source) => openSource(source, request, registration, call)),
      )
    : TE.fromEither(openInline(ports, settings, request, registration));

/** Only its own: a model type may be called `constructor`. */
const sourceNameOf = (sourceOfType: ScoreSettings['sourceOfType'] = {}, modelType: string): string | undefined =>
  Object.hasOwn(sourceOfType, modelType) ? sourceOfType[modelType] : undefined;

/** The source that the request names; `query` is the one configured for the model type. */
const findSource = (
  { sources }: ScorePorts,
  { sourceOfType }: ScoreSettings,
  request: ScoreRequest,
): E.Either<Failure, DataSource> => {
  const asked = sourceName(request);
  const name = asked === 'query' ? sourceNameOf(sourceOfType, request.model_type) : asked;
  if (name === undefined) {
    return fail(
      'NotFound',
      `No data source is configured for model type ${request.model_type}. Name it as model_types.${request.model_type}.source in scorekeeper.json, or send the rows as data (predict reads them on stdin).`,
    );
  }
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  if (source !== undefined) return E.right(source);
  const known = Object.keys(sources);
  const near = nearest(name, known);
  const hint =
    near !== undefined
      ? `Did you mean ${near}?`
      : known.length > 0
        ? `There is ${known.join(', ')}.`
        : 'None is configured.';
  return fail('NotFound', `There is no data source "${name}". ${hint}`);
};

const openSource = (
  source: DataSource,
  request: ScoreRequest,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> => {
  const { features } = registration.signature;
  const range = {
    ...(request.start_year === undefined ? {} : { startYear: request.start_year }),
    ...(request.end_year === undefined ? {} : { endYear: request.end_year }),
  };
  const pointerTo = (row: number, column: string): string => `/${row}/${pointerToken(column)}`;
  return pipe(
    source.open(range, call),
    TE.chain((opened) => {
      const present = new Set(opened.columnNames);
      const isFeature = new Set(features.map(({ name }) => name));
      return pipe(
        keysOf(source, opened),
        E.chainFirst(() => checkColumns(features, present, (column) => `/${pointerToken(column)}`)),
        E.map((keys): OpenedRows => {
          const wanted: ReadonlyArray<WantedColumn> = [
            ...features.map(({ name }) => ({ name, role: 'feature' }) as const),
            ...keys.filter((key) => !isFeature.has(key)).map((name) => ({ name, role: 'key' }) as const),
          ];
          return {
            stream: rawStream(opened.read(wanted), opened.textual),
            keys,
            pointerTo,
            warnings: source.keys
              .filter((key) => !keys.includes(key))
              .map((key) => `The key "${key}" is no column of the source, and is left out of the output.`),
            close: opened.close,
          };
        }),
        TE.fromEither,
        afterFailure(opened.close),
      );
    }),
  );
};

const rawStream = async function* (batches: AsyncIterable<E.Either<Failure, RowBatch>>, textual: boolean): RawStream {
  for await (const batch of batches) {
    yield pipe(
      batch,
      E.map(({ rowCount, columns }) => ({ rowCount, columns, textual })),
    );
  }
};

const openInline = (
  { sources }: ScorePorts,
  { sourceOfType }: ScoreSettings,
  request: ScoreRequest,
  registration: Registration,
): E.Either<Failure, OpenedRows> => {
  const { features } = registration.signature;
  const keys = sources[sourceNameOf(sourceOfType, request.model_type) ?? '']?.keys ?? [];
  return pipe(
    readRows(request.data, new Set([...features.map(({ name }) => name), ...keys])),
    E.chainFirst(({ raw, columnNames, pointerTo }) =>
      checkColumns(features, new Set([...raw.columns.keys(), ...(raw.rowCount === 0 ? [] : columnNames)]), (column) =>
        pointerTo(0, column),
      ),
    ),
    E.map(({ raw, pointerTo }) => ({
      stream: streamOf(raw.rowCount === 0 ? [] : [E.right(raw)]),
      keys: keys.filter((key) => raw.columns.has(key)),
      pointerTo,
      warnings: [],
      close: async () => undefined,
    })),
  );
};

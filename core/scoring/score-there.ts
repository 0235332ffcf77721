/** Answers a score request by a source that scores its own rows where they are: what must hold before it is asked to, and what it answers. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure, failTask, failureOf } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { OpenedSource } from '../ports/data-source.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { PredictingThere, RowsThere, ScoredThere } from '../ports/source-scoring.js';
import { layout } from '../registry/layout.js';
import { referenceOf } from '../registry/requests.js';
import { answerOf, checkKeyNames, resolveOutput, type ScorePorts, type ScoreSettings } from './answer-score.js';
import { checkRequest } from './check-request.js';
import { distributionOf } from './distribution.js';
import { findSource, openColumns, type OpenedColumns, rangeOf } from './open-rows.js';
import { predictThere, type TotalsThere } from './predict-there.js';
import { predictionColumnsOf } from './predictions.js';
import { detailsOf } from './registered-model.js';
import type { ScoreAnswer, ScoreRequest } from './score-request.js';

/**
 * Scores in BigQuery ML, into a table there or a file. Fails `InvalidInput` when the model does not qualify, the registry is in no bucket, the source
 * is none in BigQuery or has no keys, or there is no output; else as `answerScore` does, before anything was written.
 */
export const scoreThere =
  (ports: ScorePorts, settings: Pick<ScoreSettings, 'sourceOfType'>) =>
  (request: ScoreRequest, call: CallOptions): TE.TaskEither<Failure, ScoreAnswer> =>
  async () => {
    const { host } = ports;
    const startedMs = host.nowMs();
    const checked = checkRequest(request, {});
    if (E.isLeft(checked)) return checked;
    const reference = referenceOf(request);
    if (E.isLeft(reference)) return reference;
    const output = await outputOf(ports, request)();
    if (E.isLeft(output)) return output;
    const resolved = await ports.resolve(reference.right, call)();
    if (E.isLeft(resolved)) return resolved;
    const registration = resolved.right;
    const artifact = artifactOf(ports, registration);
    if (E.isLeft(artifact)) return artifact;
    const source = findSource({ ...settings, sources: ports.sources }, request);
    if (E.isLeft(source)) return source;
    const resolvedMs = host.nowMs();
    const columns = await openColumns(source.right, source.right.open(rangeOf(request), call), registration)();
    if (E.isLeft(columns)) return columns;
    try {
      const order = orderOf(host, registration, columns.right, artifact.right);
      if (E.isLeft(order)) return order;
      const { predicting, there } = order.right;
      const openMs = host.nowMs() - resolvedMs;
      const { location, resolved: place } = output.right;
      const scored = await (place.startsWith('bigquery://')
        ? pipe(there.score({ ...predicting, output: place }), TE.map(totalsOf))
        : predictThere(ports, there.predict, predicting, location, call))();
      if (E.isLeft(scored)) return scored;
      const { jobId } = predicting.provenance;
      const about = { warnings: columns.right.warnings, openMs };
      const answer = answerOf(request, {}, detailsOf(registration), jobId, about)(scored.right, 0);
      const { performance_diagnostics: diagnostics } = answer;
      const timings_ms = {
        ...diagnostics.timings_ms,
        resolve: resolvedMs - startedMs,
        load: scored.right.loadMs,
        total: host.nowMs() - startedMs,
      };
      const performance_diagnostics = { ...diagnostics, timings_ms };
      return E.right({ ...answer, performance_diagnostics, output_location: place });
    } finally {
      await columns.right.opened.close();
    }
  };

/** What the opened source is told, and how. */
const orderOf = (
  host: Host,
  registration: Registration,
  { opened, keys }: OpenedColumns<OpenedSource>,
  artifact: string,
): E.Either<Failure, { readonly predicting: PredictingThere; readonly there: RowsThere }> => {
  const { model_type: modelType, name: modelName, version: modelVersion, signature, model_info } = registration;
  const predictionColumns = predictionColumnsOf(signature, model_info.classes);
  const named = checkKeyNames(keys, predictionColumns);
  if (E.isLeft(named)) return named;
  if (opened.there === undefined) {
    return fail('InvalidInput', 'This source is no query in BigQuery, and only such rows are scored there.');
  }
  if (keys.length === 0) {
    return fail(
      'InvalidInput',
      'Rows in BigQuery have no order, and without keys nobody could tell whose prediction is whose: name columns of the source as its keys.',
    );
  }
  const scoredAt = new Date(host.nowMs()).toISOString();
  const provenance = { modelType, modelName, modelVersion, jobId: host.randomId(), scoredAt };
  const { features } = signature;
  const predicting = { artifact, modelName: nameThere(registration), features, predictionColumns, keys, provenance };
  return E.right({ predicting, there: opened.there });
};

const totalsOf = ({ rowCount, summaries, warnings, loadMs, scoreMs }: ScoredThere): TotalsThere => ({
  rowsRead: rowCount,
  rowsScored: rowCount,
  rowsRefused: 0,
  distributions: Object.fromEntries(
    Object.entries(summaries).map(([name, summary]) => [name, distributionOf(summary, rowCount)]),
  ),
  warnings,
  loadMs,
  readMs: 0,
  scoreMs,
  writeMs: 0,
  waitMs: 0,
});

/** Where the output will be, as it was asked for and resolved. */
const outputOf = (
  ports: ScorePorts,
  { output_location: location, on_error: onError }: ScoreRequest,
): TE.TaskEither<Failure, { readonly location: string; readonly resolved: string }> => {
  if (onError === 'skip') {
    return failTask(
      'InvalidInput',
      'BigQuery scores all rows or none: leave on_error (--on-error) out, and rows that do not fit in the SQL.',
    );
  }
  if (location === undefined) {
    const message =
      'What is scored in BigQuery goes to an output: name a table there, bigquery://project.dataset.table, or a file.';
    return TE.left(failureOf('InvalidInput', message, [{ pointer: '/output_location', detail: message }]));
  }
  return pipe(
    resolveOutput(ports, location),
    TE.map((resolved) => ({ location, resolved })),
  );
};

/** The artifact's address, as BigQuery reads it; only of a model that qualifies. */
const artifactOf = ({ store }: ScorePorts, registration: Registration): E.Either<Failure, string> => {
  const { model_type: modelType, name, version, bigquery_ml: pushDown } = registration;
  const model = `${modelType}/${name}@${version}`;
  if (pushDown === undefined) {
    return fail(
      'InvalidInput',
      `${model} was registered before this was asked: register its experiment again to learn whether BigQuery ML can score with it.`,
    );
  }
  if (!pushDown.qualifies) {
    return fail('InvalidInput', `BigQuery ML cannot score with ${model}. ${pushDown.reasons.join(' ')}`);
  }
  return store.location.startsWith('gs://')
    ? E.right(`${store.location.replace(/\/$/, '')}/${layout.artifact({ modelType, name }, version)}`)
    : fail(
        'InvalidInput',
        `BigQuery reads models from buckets, and the registry is ${store.location}: copy the model to a registry in a bucket (scorekeeper copy) and name that with --bucket.`,
      );
};

/** The digest tells apart what other characters than letters and digits, or another registry, would make one. */
const nameThere = ({ model_type, name, version, artifact: { sha256 } }: Registration): string =>
  `${model_type}_${name}_v${version}_${sha256.slice(0, 12)}`.replaceAll(/\W/g, '_');

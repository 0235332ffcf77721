/** What can be asked of the registry: the codecs of requests, the same over HTTP, on the command line and in the library. */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { closed, integer, text } from '../decode.js';
import { type Failure, failureOf } from '../failure.js';
import { Gate } from '../model/metrics-gate.js';
import {
  AliasName,
  ExperimentName,
  type ModelId,
  ModelName,
  type ModelReference,
  ModelType,
  selectorOf,
  Version,
} from '../model/names.js';

/** Registers the artifact of an experiment as the next version of a model. */
export const RegisterRequest = closed(
  'RegisterRequest',
  { model_type: ModelType, experiment: ExperimentName, name: ModelName },
  {
    /** The highest when absent. */
    experiment_version: Version,
    description: t.string,
    /** Replaces, threshold by threshold, those of the model type. */
    gate: Gate,
    /** Skips the metrics gate; the registration says so. */
    skip_validation: t.boolean,
    /** An alias to set on the new version. */
    alias: AliasName,
    metadata: t.readonly(t.record(t.string, t.string)),
    registered_by: t.string,
    environment: t.string,
    /** A retry with the same key answers with the registration that the first one made. */
    idempotency_key: text('IdempotencyKey', /^[^]+$/, 'must be text that is not empty'),
    /** Does every check and writes nothing. */
    dry_run: t.boolean,
  },
);
export type RegisterRequest = t.TypeOf<typeof RegisterRequest>;

/** Lists registered versions. */
export const ModelsRequest = closed(
  'ModelsRequest',
  {},
  {
    model_type: ModelType,
    name: ModelName,
    /** Only each model's latest version. */
    latest: t.boolean,
    /** Versions per page; everything when absent. */
    limit: integer('Limit', 1, 10_000),
    page_token: t.string,
  },
);
export type ModelsRequest = t.TypeOf<typeof ModelsRequest>;

/** Shows one version: the latest, a version, or the one under an alias. */
export const InfoRequest = closed(
  'InfoRequest',
  { model_type: ModelType, model_name: ModelName },
  { version: Version, alias: AliasName },
);
export type InfoRequest = t.TypeOf<typeof InfoRequest>;

/** Sets `alias` on a version: the latest, a numbered one, or the one under another alias. */
export const PromoteRequest = closed(
  'PromoteRequest',
  { model_type: ModelType, model_name: ModelName, alias: AliasName },
  { model_version: Version, model_alias: AliasName, by: t.string },
);
export type PromoteRequest = t.TypeOf<typeof PromoteRequest>;

/** Moves an alias back. */
export const AliasRequest = closed(
  'AliasRequest',
  { model_type: ModelType, model_name: ModelName, alias: AliasName },
  { by: t.string },
);
export type AliasRequest = t.TypeOf<typeof AliasRequest>;

/** Removes what nobody needs any more. */
export const GcRequest = closed(
  'GcRequest',
  {},
  {
    /** What was staged or archived less than so many milliseconds ago stays (a day). */
    older_than_ms: integer('Age', 0, Number.MAX_SAFE_INTEGER),
    /** Deletes archived versions too, except so many of each model, the highest. Without it none is deleted. */
    keep: integer('Keep', 0, 1_000_000_000),
    /** Tells what would be removed, and changes nothing. */
    dry_run: t.boolean,
    by: t.string,
  },
);
export type GcRequest = t.TypeOf<typeof GcRequest>;

/** Asks for the moves of a model's aliases. */
export const HistoryRequest = closed('HistoryRequest', { model_type: ModelType, model_name: ModelName }, {});
export type HistoryRequest = t.TypeOf<typeof HistoryRequest>;

/** Changes how one numbered version stands. */
export const VersionRequest = closed(
  'VersionRequest',
  { model_type: ModelType, model_name: ModelName, model_version: Version },
  { by: t.string, reason: t.string },
);
export type VersionRequest = t.TypeOf<typeof VersionRequest>;

/** Verifies one version, a model, a type, or everything. */
export const VerifyRequest = closed(
  'VerifyRequest',
  {},
  { model_type: ModelType, model_name: ModelName, model_version: Version },
);
export type VerifyRequest = t.TypeOf<typeof VerifyRequest>;

/** Copies a version: the latest, a numbered one, or the one under an alias. */
export const CopyRequest = closed(
  'CopyRequest',
  { model_type: ModelType, model_name: ModelName },
  { model_version: Version, model_alias: AliasName },
);
export type CopyRequest = t.TypeOf<typeof CopyRequest>;

/** The model that a request names. */
export const modelOf = (request: { readonly model_type: string; readonly model_name: string }): ModelId => ({
  modelType: request.model_type,
  name: request.model_name,
});

/** The version that a request names: a numbered one, the one under an alias, or the latest. Fails `InvalidInput` when it names two. */
export const referenceOf = (
  request: Pick<CopyRequest, 'model_type' | 'model_name' | 'model_version' | 'model_alias'>,
): E.Either<Failure, ModelReference> => {
  const { model_version, model_alias } = request;
  if (model_version !== undefined && model_alias !== undefined) {
    const message =
      'model_version and model_alias were both given: name one of them, or neither for the latest version.';
    return E.left(failureOf('InvalidInput', message, [{ pointer: '/model_alias', detail: message }]));
  }
  return E.right({ model: modelOf(request), selector: selectorOf(model_version, model_alias) });
};

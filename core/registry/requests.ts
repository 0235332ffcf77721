/** What can be asked of the registry: the codecs of requests, the same over HTTP, on the command line and in the library. */
import * as t from 'io-ts';
import { closed, integer } from '../decode.js';
import { Gate } from '../model/metrics-gate.js';
import { AliasName, ExperimentName, ModelName, ModelType, Version } from '../model/names.js';

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
    idempotency_key: t.string,
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

/** Registrations: the record that makes an experiment's artifact a version of a model, and what else may stand in its place. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as t from 'io-ts';
import { decode } from '../decode.js';
import { type Failure, failure } from '../failure.js';
import type { Host } from '../ports/host.js';
import { Metrics, ModelInfo } from './experiment.js';
import { Gate, GateCheck } from './metrics-gate.js';
import { type ModelId, ModelName, ModelType, showModel, Version } from './names.js';
import { type JsonObject, openDocument, parseJson } from './sealed-document.js';
import { PushDown } from './push-down.js';
import { Signature } from './signature.js';

/** `registration.json`, as it is stored. It never changes. */
export const Registration = t.intersection([
  t.readonly(
    t.type({
      schema_version: t.literal(1),
      registration_id: t.string,
      model_type: ModelType,
      name: ModelName,
      version: Version,
      status: t.literal('registered'),
      description: t.string,
      original_experiment: t.readonly(t.type({ name: t.string, version: Version, metadata: t.UnknownRecord })),
      model_info: ModelInfo,
      metrics: t.readonly(t.type({ train: Metrics, tune: Metrics, test: Metrics })),
      parameters: t.UnknownRecord,
      /** The thresholds it was held against; empty when validation was skipped. */
      validation_metrics: Gate,
      validation_report: t.readonlyArray(GateCheck),
      /** True when whoever registered it asked for no metrics gate. */
      validation_skipped: t.boolean,
      /** How many golden rows were predicted again before it was registered. */
      golden_rows_checked: t.number,
      artifact: t.readonly(
        t.type({ file: t.literal('pipeline.onnx'), format: t.literal('onnx'), bytes: t.number, sha256: t.string }),
      ),
      signature: Signature,
      registered_at: t.string,
      registered_by: t.string,
      environment: t.string,
      metadata: t.readonly(t.record(t.string, t.string)),
      sha256: t.string,
    }),
  ),
  t.readonly(
    t.partial({
      /** Whether BigQuery ML can score with it, and why not; registrations of earlier versions do not say. */
      bigquery_ml: PushDown,
      /** The version in another registry that this is a copy of. */
      copied_from: t.readonly(t.type({ registry: t.string, version: Version, registration_id: t.string })),
    }),
  ),
]);
export type Registration = t.TypeOf<typeof Registration>;

/** Stands where a registration was begun and its artifact was lost, so that the number is never used again. */
export const Tombstone = t.readonly(
  t.type({
    schema_version: t.literal(1),
    registration_id: t.string,
    model_type: ModelType,
    name: ModelName,
    version: Version,
    status: t.literal('aborted'),
    sha256: t.string,
  }),
);
export type Tombstone = t.TypeOf<typeof Tombstone>;

/** What a version's `registration.json` turned out to be. */
export type VersionRecord =
  | { readonly kind: 'registered'; readonly version: number; readonly registration: Registration }
  | { readonly kind: 'aborted'; readonly version: number; readonly tombstone: Tombstone }
  /** Written by the Python system: listed and shown, never latest, never scored. */
  | { readonly kind: 'legacy'; readonly version: number; readonly document: JsonObject }
  /** Damaged, or written by a later Scorekeeper. */
  | { readonly kind: 'unreadable'; readonly version: number; readonly failure: Failure };

/** Tells what `bytes`, stored as version `version` of `model`, are. Never fails: damage is one of the answers. */
export const readVersionRecord =
  (host: Host) =>
  (where: string, model: ModelId, version: number, bytes: Uint8Array): VersionRecord =>
    pipe(
      parseJson(host.utf8.decode(bytes)),
      E.mapLeft(() => failure('ArtifactUnreadable', `${where} is not JSON: it is damaged. Restore it from a copy.`)),
      E.chain(decode(t.UnknownRecord, where, 'ArtifactUnreadable')),
      E.chain((document): E.Either<Failure, VersionRecord> => {
        // Damage to one field's name does not make a registration of ours a legacy one.
        const isOurs = Object.hasOwn(document, 'schema_version') || Object.hasOwn(document, 'registration_id');
        if (!isOurs) return E.right({ kind: 'legacy', version, document });
        return document['status'] === 'aborted'
          ? pipe(
              openDocument(host)(Tombstone, where)(bytes),
              E.map((tombstone) => ({ kind: 'aborted', version, tombstone })),
            )
          : pipe(
              openDocument(host)(Registration, where)(bytes),
              E.filterOrElse(
                (said) => said.version === version && said.model_type === model.modelType && said.name === model.name,
                (said) =>
                  failure(
                    'ArtifactUnreadable',
                    `${where} says that it is version ${said.version} of ${said.model_type}/${said.name}, not ${version} of ${showModel(model)}: it was put there by hand.`,
                  ),
              ),
              E.map((registration) => ({ kind: 'registered', version, registration })),
            );
      }),
      E.getOrElse((reason): VersionRecord => ({ kind: 'unreadable', version, failure: reason })),
    );

/** Where everything of the registry is: the keys, which are the same in a folder and in a bucket. */
import type { ModelId } from '../model/names.js';

const registered = 'models/registered';
const registry = 'models/_registry';

const modelFolder = (model: ModelId): string => `${registered}/${model.modelType}/${model.name}`;
const versionFolder = (model: ModelId, version: number): string => `${modelFolder(model)}/v${version}`;
const stateFolder = (model: ModelId): string => `${registry}/${model.modelType}/${model.name}`;
const intentFolder = (model: ModelId): string => `${stateFolder(model)}/intents`;

/** Users' own tree holds two files per version; our state stays outside it. */
export const layout = {
  experiments: 'models/experiments',
  registered,
  /** Our own state: one folder for each model type, besides `reserved`. */
  registry,
  reserved: ['keys', 'staging'] as ReadonlyArray<string>,
  modelType: (modelType: string): string => `${registered}/${modelType}`,
  model: modelFolder,
  statesOfType: (modelType: string): string => `${registry}/${modelType}`,
  /** Immutable. */
  artifact: (model: ModelId, version: number): string => `${versionFolder(model, version)}/pipeline.onnx`,
  /** Immutable; its creation is the commit. */
  registration: (model: ModelId, version: number): string => `${versionFolder(model, version)}/registration.json`,
  /** What the Python system wrote in place of an artifact; never read. */
  pickle: (model: ModelId, version: number): string => `${versionFolder(model, version)}/pipeline.pkl`,
  intents: intentFolder,
  /** Immutable; who owns the version, and all that is needed to finish it. */
  intent: (model: ModelId, version: number): string => `${intentFolder(model)}/v${version}.json`,
  /** Aliases and the latest hint, by compare-and-swap. */
  modelState: (model: ModelId): string => `${stateFolder(model)}/model.json`,
  staging: `${registry}/staging`,
  /** Deleted after the commit. */
  staged: (registrationId: string): string => `${registry}/staging/${registrationId}/pipeline.onnx`,
  /** Immutable; `keyDigest` is the SHA-256 of the caller's key. */
  idempotencyKey: (keyDigest: string): string => `${registry}/keys/${keyDigest}.json`,
} as const;

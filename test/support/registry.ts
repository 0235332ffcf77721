/** A registry over adapters in memory, experiments to register, and a look at everything that a store holds. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { artifactStoreExperimentSource } from '../../adapters/artifact-store/experiment-source.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryArtifact, memoryInferenceEngine, type MemoryModel } from '../../adapters/memory/inference-engine.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { nodeHost } from '../../adapters/node-host.js';
import {
  type ArtifactStore,
  type CallOptions,
  createService,
  type Failure,
  type Host,
  type Listing,
  neverCancelled,
  type RegisterRequest,
  type Registration,
  type Service,
  type ServicePorts,
  type ServiceSettings,
} from '../../core/index.js';

export const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };

/** The machine, on which a pause is one turn. */
export const host: Host = { ...nodeHost(), pause: nodeHost().turn };

/** What the task answers; a failure breaks the test with its message. */
export const right = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isRight(result)) return result.right;
  throw new Error(`failed ${result.left.tag}: ${result.left.message}`);
};

/** The failure of the task; success breaks the test. */
export const left = async <A>(task: TaskEither<Failure, A>): Promise<Failure> => {
  const result = await task();
  if (E.isLeft(result)) return result.left;
  throw new Error(`succeeded: ${JSON.stringify(result.right)}`);
};

/** Predicts `1 + 2·age + 3·weight`, from one column each. */
export const model: MemoryModel = {
  inputs: [
    { name: 'age', type: 'float32', shape: [null, 1] },
    { name: 'weight', type: 'float32', shape: [null, 1] },
  ],
  outputs: [{ spec: { name: 'variable', type: 'float32', shape: [null, 1] }, holds: 'scores', classes: [] }],
  intercepts: [1],
  weights: { age: [[2]], weight: [[3]] },
};

export const goodMetrics = { r2: 0.71, rmse: 0.62 };

/** The experiment `rating/best_rating_model` v7, whose files may be replaced (or left out, with null). Texts and bytes stay as they are. */
export const writeExperiment = async (
  store: ArtifactStore,
  files: Readonly<Record<string, unknown>> = {},
  folder = 'rating/best_rating_model/v7',
): Promise<void> => {
  const all: Readonly<Record<string, unknown>> = {
    'pipeline.onnx': memoryArtifact(model),
    'metadata.json': { name: 'best_rating_model', description: 'Gradient boosting', metadata: { seed: 42 } },
    'train_metrics.json': { r2: 0.9 },
    'tune_metrics.json': { r2: 0.8 },
    'test_metrics.json': goodMetrics,
    'parameters.json': { depth: 6 },
    'model_info.json': { feature_names: ['age', 'weight'], fills: { age: 10 }, library_versions: { sklearn: '1.5' } },
    ...files,
  };
  for (const [file, content] of Object.entries(all)) {
    if (content !== null) await write(store, `models/experiments/${folder}/${file}`, content);
  }
};

/** Creates an object of bytes, of a text as it is, or of anything else's JSON. */
export const write = async (store: ArtifactStore, key: string, content: unknown): Promise<void> => {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const bytes = content instanceof Uint8Array ? content : host.utf8.encode(text);
  await right(store.put(key, bytes, { kind: 'absent' }, call));
};

/** Puts other bytes under a key, as nobody should. */
export const tamper = async (store: ArtifactStore, key: string, change: (text: string) => string): Promise<void> => {
  const found = await right(store.get(key, call));
  assert.ok(O.isSome(found), `${key} is there to be tampered with`);
  await right(store.delete(key, call));
  await write(store, key, change(host.utf8.decode(found.value.bytes)));
};

/** Everything that is stored below `folder`: texts by key. */
export const contentOf = async (store: ArtifactStore, folder = ''): Promise<Readonly<Record<string, string>>> => {
  const found: Record<string, string> = {};
  let page: { limit: number; pageToken?: string } | undefined = { limit: 1000 };
  while (page !== undefined) {
    const listed: Listing = await right(store.list(folder, page, call));
    for (const { key } of listed.objects) {
      const object = await right(store.get(key, call));
      if (O.isSome(object)) found[key] = host.utf8.decode(object.value.bytes);
    }
    for (const name of listed.folders)
      Object.assign(found, await contentOf(store, folder === '' ? name : `${folder}/${name}`));
    page = listed.nextPageToken === undefined ? undefined : { limit: 1000, pageToken: listed.nextPageToken };
  }
  return found;
};

export interface RegistryUnderTest {
  readonly store: ArtifactStore;
  /** Where the experiments are, apart from the registry. */
  readonly experiments: ArtifactStore;
  readonly service: Service;
  /** A service of another process: through `store`, or another handle on what it holds. */
  readonly another: (store?: ArtifactStore, settings?: ServiceSettings, host?: Host) => Service;
  /** A service of another process that has some ports otherwise. */
  readonly withPorts: (ports: Partial<ServicePorts>, settings?: ServiceSettings) => Service;
}

/** A registry in `store`, and the experiment of `writeExperiment` to fill it with. */
export const registryOver = async (
  store: ArtifactStore,
  {
    settings = {},
    files = {},
  }: { readonly settings?: ServiceSettings; readonly files?: Readonly<Record<string, unknown>> } = {},
): Promise<RegistryUnderTest> => {
  const experiments = memoryArtifactStore();
  await writeExperiment(experiments, files);
  const withPorts = (ports: Partial<ServicePorts>, otherSettings = settings): Service =>
    createService(
      {
        host,
        store,
        experiments: artifactStoreExperimentSource({ store: experiments, root: 'models/experiments' }),
        engine: memoryInferenceEngine(),
        cache: lruCacheModelCache({ limitBytes: 1_000_000 }),
        sources: {},
        sink: memoryPredictionSink(),
        ...ports,
      },
      // Nothing is remembered, so that every scoring looks.
      { refreshMs: 0, ...otherSettings },
    );
  const another = (through = store, otherSettings = settings, otherHost = host): Service =>
    withPorts({ store: through, host: otherHost }, otherSettings);
  return { store, experiments, service: another(), another, withPorts };
};

export const makeRegistry = (options: Parameters<typeof registryOver>[1] = {}): Promise<RegistryUnderTest> =>
  registryOver(memoryArtifactStore(), options);

/** Asks for `rating/best_rating_model` as `rating/prod`. */
export const request = (fields: Partial<RegisterRequest> = {}): RegisterRequest => ({
  model_type: 'rating',
  experiment: 'best_rating_model',
  name: 'prod',
  ...fields,
});

/** Registers one after the other. */
export const registerAll = async (
  service: Service,
  requests: ReadonlyArray<Partial<RegisterRequest>>,
): Promise<ReadonlyArray<Registration>> => {
  const made: Registration[] = [];
  for (const fields of requests) made.push((await right(service.register(request(fields)))).registration);
  return made;
};

/** What the Python system wrote as a version: a record with bare NaN, and a pickle. */
export const writeLegacy = async (store: ArtifactStore, version: number, name = 'prod'): Promise<void> => {
  const folder = `models/registered/rating/${name}/v${version}`;
  await write(
    store,
    `${folder}/registration.json`,
    `{"name": "${name}", "version": ${version}, "description": "a pickle", "metrics": {"test": {"r2": NaN, "rmse": -Infinity}},
      "original_experiment": {"name": "old", "version": 1}, "model_info": {"classes": ["NaN"]}, "validation_metrics": {"min_r2": 0.5}}`,
  );
  await write(store, `${folder}/pipeline.pkl`, 'a pickle');
};

/** Scores one row, which for `model` gives 1 + 2·1 + 3·1. */
export const scoreOne = (
  service: Service,
  fields: { readonly model_version?: number; readonly model_alias?: string } = {},
) => service.score({ model_type: 'rating', model_name: 'prod', data: [{ age: 1, weight: 1 }], ...fields });

interface StoredVersion {
  readonly version: number;
  readonly status: string;
  /** Empty for a tombstone. */
  readonly description: string;
  readonly registrationId: string;
}

/**
 * Every version of a model as stored, after proving what the protocol promises: the numbers are 1, 2, 3 … without a hole; each
 * version has its own registration id, and holds a sealed record and the very artifact that this says, or a tombstone.
 */
export const provenVersions = async (store: ArtifactStore, name = 'prod'): Promise<ReadonlyArray<StoredVersion>> => {
  const folder = `models/registered/rating/${name}`;
  const content = await contentOf(store, folder);
  const versions = [...new Set(Object.keys(content).map((key) => Number(/\/v([0-9]+)\//.exec(key)?.[1])))].sort(
    (a, b) => a - b,
  );
  assert.deepEqual(
    versions,
    versions.map((_, i) => i + 1),
    'versions have no holes',
  );
  const stored = versions.map((version) => {
    const files = Object.keys(content).filter((key) => key.startsWith(`${folder}/v${version}/`));
    const record = JSON.parse(content[`${folder}/v${version}/registration.json`] ?? 'null');
    assert.ok(record !== null, `version ${version} is committed`);
    assert.equal(record.version, version);
    if (record.status === 'registered') {
      const artifact = content[`${folder}/v${version}/pipeline.onnx`];
      assert.ok(artifact !== undefined, `version ${version} has its artifact`);
      assert.equal(host.sha256(host.utf8.encode(artifact)), record.artifact.sha256, `of version ${version}`);
      assert.equal(files.length, 2, `version ${version} is two files`);
    } else assert.equal(record.status, 'aborted');
    return {
      version,
      status: record.status,
      description: record.description ?? '',
      registrationId: record.registration_id,
    };
  });
  const ids = stored.filter(({ status }) => status === 'registered').map(({ registrationId }) => registrationId);
  assert.equal(new Set(ids).size, ids.length, 'no registration made two versions');
  return stored;
};

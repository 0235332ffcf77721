// Scoring inside another service: Scorekeeper's core with the adapters that this service chose, and no framework.
import { createService } from 'scorekeeper-ml';
import { artifactStoreExperimentSource } from 'scorekeeper-ml/adapters/artifact-store/experiment-source';
import { duckdbPredictionSink } from 'scorekeeper-ml/adapters/duckdb/prediction-sink';
import { localFilesystemArtifactStore } from 'scorekeeper-ml/adapters/local-filesystem/artifact-store';
import { lruCacheModelCache } from 'scorekeeper-ml/adapters/lru-cache/model-cache';
import { nodeHost } from 'scorekeeper-ml/adapters/node-host';
import { onnxruntimeInferenceEngine } from 'scorekeeper-ml/adapters/onnxruntime/inference-engine';

const registry = process.env.REGISTRY ?? '.';
const store = localFilesystemArtifactStore({ root: registry });

export const scorekeeper = createService({
  host: nodeHost(),
  store,
  experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
  engine: onnxruntimeInferenceEngine(),
  cache: lruCacheModelCache({ limitBytes: 256 * 1024 ** 2 }),
  sources: {},
  sink: duckdbPredictionSink({ root: registry }),
});

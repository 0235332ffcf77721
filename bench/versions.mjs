// Registers one version after the other of an example model in a folder: alike but for a text in the artifact, so that each has bytes of its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { artifactStoreExperimentSource } from '../dist/adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { createService } from '../dist/core/index.js';
import { experimentFile } from './games.mjs';

export const right = (either) => {
  if (either._tag === 'Left') throw new Error(`${either.left.tag}: ${either.left.message}`);
  return either.right;
};

/** A service over the registry in `folder`, whose `engine` inspects one artifact for all. */
export const serviceOver = (folder, { engine = onnxruntimeInferenceEngine(), cache, ...settings } = {}) => {
  const store = localFilesystemArtifactStore({ root: folder });
  let inspected;
  return createService(
    {
      host: nodeHost(),
      store,
      experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
      engine: {
        ...engine,
        inspect:
          (...asked) =>
          async () =>
            (inspected ??= await engine.inspect(...asked)()),
      },
      cache: cache ?? lruCacheModelCache({ limitBytes: 2 ** 28 }),
      sources: {},
      sink: undefined,
    },
    settings,
  );
};

/** Registers the next version of `modelType/bench` from the experiment `modelType/experiment` of the example; `number` is to be another each time. */
export const registerNext = async (service, folder, modelType, experiment, number) => {
  const from = `${modelType}/${experiment}`;
  const files = join(folder, 'models/experiments', modelType, `m${number}`, 'v1');
  mkdirSync(files, { recursive: true });
  // The field doc_string of onnx.proto.
  const text = Buffer.from(`model ${number}`);
  const artifact = readFileSync(experimentFile(from, 'pipeline.onnx'));
  writeFileSync(join(files, 'pipeline.onnx'), Buffer.concat([artifact, Buffer.from([0x32, text.length]), text]));
  for (const file of ['model_info.json', 'test_metrics.json'])
    writeFileSync(join(files, file), readFileSync(experimentFile(from, file)));
  const request = { model_type: modelType, experiment: `m${number}`, name: 'bench', skip_validation: true };
  return right(await service.register(request)());
};

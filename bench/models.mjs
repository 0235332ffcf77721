// Fifty models loaded and dropped in turn under a byte budget that holds five: resident memory is to be flat after the first ten.
// Ends with 1 where it is more than a tenth higher in the end. BENCH_MODELS says how many models instead.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactStoreExperimentSource } from '../dist/adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { createService, neverCancelled } from '../dist/core/index.js';
import { experimentFile, goldenRecords } from './games.mjs';

const count = Number(process.env.BENCH_MODELS ?? 50);
const heldCount = 5;
const experiment = 'users_rated/best_users_rated_model';
const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const right = (either) => {
  if (either._tag === 'Left') throw new Error(either.left.message);
  return either.right;
};

const artifact = readFileSync(experimentFile(experiment, 'pipeline.onnx'));

/** The same model with a text of its own, the field `doc_string` of onnx.proto: other bytes, another digest. */
const artifactOf = (version) => {
  const text = Buffer.from(`model ${version}`);
  return Buffer.concat([artifact, Buffer.from([0x32, text.length]), text]);
};

const engine = onnxruntimeInferenceEngine();
const first = right(
  await engine.load(artifact, { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled })(),
);
await first.release();
const cache = lruCacheModelCache({ limitBytes: Math.ceil((heldCount + 0.5) * first.sizeBytes) });
const store = localFilesystemArtifactStore({ root: folder });
let inspected;
const service = createService({
  host: nodeHost(),
  store,
  experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
  // They are alike, and each inspection is a process of its own.
  engine: {
    ...engine,
    inspect:
      (...asked) =>
      async () =>
        (inspected ??= await engine.inspect(...asked)()),
  },
  cache,
  sources: {},
  sink: undefined,
});

for (let version = 1; version <= count; version++) {
  const files = join(folder, 'models/experiments/users_rated', `m${version}`, 'v1');
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, 'pipeline.onnx'), artifactOf(version));
  for (const file of ['model_info.json', 'test_metrics.json'])
    writeFileSync(join(files, file), readFileSync(experimentFile(experiment, file)));
  const request = { model_type: 'users_rated', experiment: `m${version}`, name: 'bench', skip_validation: true };
  right(await service.register(request)());
}

const mebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
const data = goldenRecords(experiment, 100);
const seen = [];
for (let version = 1; version <= count; version++) {
  const request = { model_type: 'users_rated', model_name: 'bench', model_version: version, data };
  for (let time = 0; time < 20; time++) right(await service.score(request)());
  if (version % 10 === 0) seen.push(mebibytes());
}
const { modelCount } = cache.usage();
await service.close();
console.log(
  `${count} models in turn, ${modelCount} held at the end: resident memory after each ten ${seen.join(', ')} MiB ` +
    `(${(seen.at(-1) / seen[0]).toFixed(2)} × that after the first ten)`,
);
process.exitCode = seen.at(-1) > 1.1 * seen[0] || modelCount !== heldCount ? 1 : 0;

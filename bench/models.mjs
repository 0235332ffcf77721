// Fifty models loaded and dropped in turn under a byte budget that holds five: resident memory is to be flat after the first ten.
// Ends with 1 where it is more than a tenth higher in the end. BENCH_MODELS says how many models instead.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { neverCancelled } from '../dist/core/index.js';
import { experimentFile, goldenRecords } from './games.mjs';
import { registerNext, right, serviceOver } from './versions.mjs';

const count = Number(process.env.BENCH_MODELS ?? 50);
const heldCount = 5;
const [modelType, experiment] = ['users_rated', 'best_users_rated_model'];
const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const engine = onnxruntimeInferenceEngine();
const artifact = readFileSync(experimentFile(`${modelType}/${experiment}`, 'pipeline.onnx'));
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const first = right(await engine.load(artifact, call)());
await first.release();
const cache = lruCacheModelCache({ limitBytes: Math.ceil((heldCount + 0.5) * first.sizeBytes) });
const service = serviceOver(folder, { engine, cache });
for (let version = 1; version <= count; version++) await registerNext(service, folder, modelType, experiment, version);

const data = goldenRecords(`${modelType}/${experiment}`, 100);
const seen = [];
for (let version = 1; version <= count; version++) {
  const request = { model_type: modelType, model_name: 'bench', model_version: version, data };
  for (let time = 0; time < 20; time++) right(await service.score(request)());
  if (version % 10 === 0) seen.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
}
const { modelCount } = cache.usage();
await service.close();
console.log(
  `${count} models in turn, ${modelCount} held at the end: resident memory after each ten ${seen.join(', ')} MiB ` +
    `(${(seen.at(-1) / seen[0]).toFixed(2)} × that after the first ten)`,
);
process.exitCode = seen.at(-1) > 1.1 * seen[0] || modelCount !== heldCount ? 1 : 0;

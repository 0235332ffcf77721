// Parquet to Parquet in one process: a linear model against DuckDB evaluating its formula on all cores, and 200 trees against ONNX Runtime
// alone on one core, by the clock and by the processor's time; and how late the event loop is while such a job runs.
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { artifactStoreExperimentSource } from '../dist/adapters/artifact-store/experiment-source.js';
import { duckdbDataSource } from '../dist/adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../dist/adapters/duckdb/prediction-sink.js';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { createService } from '../dist/core/index.js';
import { duckdbFormula } from './baselines/duckdb-formula.mjs';
import { onnxruntimeOnTensors } from './baselines/onnxruntime-tensors.mjs';
import { severalInPairs } from './measure.mjs';
import { linearModel, treeModel } from './onnx.mjs';
import { features, makeFolder, randomNumbers, registerModel, writeTable } from './table.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 2_000_000);
const treeRowCount = Math.ceil(rowCount / 2);
const folder = makeFolder();
const random = randomNumbers(1);
const coefficients = Object.fromEntries(features.map((name) => [name, random() - 0.5]));
const trees = treeModel(features.length, 200, 6, random);
registerModel(folder, 'linear', linearModel(Object.values(coefficients), 0.25));
registerModel(folder, 'trees', trees);
await writeTable(join(folder, 'linear.parquet'), rowCount);
await writeTable(join(folder, 'trees.parquet'), treeRowCount);

const store = localFilesystemArtifactStore({ root: folder });
const source = (name) => duckdbDataSource({ files: { [name]: `${name}.parquet` }, keys: ['row_id'], baseDir: folder });
const service = createService({
  host: nodeHost(),
  store,
  experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
  engine: onnxruntimeInferenceEngine(),
  cache: lruCacheModelCache({ limitBytes: 256 * 1024 ** 2 }),
  sources: { linear: source('linear'), trees: source('trees') },
  sink: duckdbPredictionSink({ root: folder }),
});

const score = (name) => async () => {
  const request = { model_type: 'bench', model_name: name, data_source: name, output_location: `${name}.out.parquet` };
  const scored = await service.score(request)();
  if (scored._tag === 'Left') throw new Error(scored.left.message);
};

/** Rows by the second of the clock, and of the processor. */
const rates = (rows, work) => async () => {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const clock = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { 'rows/s': rows / clock, 'rows/processor-s': rows / ((user + system) / 1_000_000) };
};

const onTensors = await onnxruntimeOnTensors(trees, features.length, treeRowCount, random);
const formula = await duckdbFormula(
  join(folder, 'linear.parquet'),
  join(folder, 'formula.parquet'),
  ...[coefficients, 0.25],
);
await severalInPairs(
  `Parquet to Parquet, ${rowCount} rows, linear model, ${features.length} features, against DuckDB evaluating the formula`,
  ...[5, rates(rowCount, score('linear')), rates(rowCount, formula)],
);
await severalInPairs(
  `Parquet to Parquet, ${treeRowCount} rows, 200 trees, against ONNX Runtime on tensors in memory`,
  ...[5, rates(treeRowCount, score('trees')), rates(treeRowCount, onTensors)],
);

const delay = monitorEventLoopDelay({ resolution: 1 });
for (const name of ['linear', 'trees']) {
  delay.reset();
  delay.enable();
  await score(name)();
  delay.disable();
  console.log(
    `Event-loop delay while the job runs (${name}): p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, goal 20 ms`,
  );
}
await service.close();

// Parquet to Parquet through a model, against DuckDB copying the same columns: what reading and writing alone cost.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DuckDBInstance } from '@duckdb/node-api';
import { createService } from '../dist/core/index.js';
import { artifactStoreExperimentSource } from '../dist/adapters/artifact-store/experiment-source.js';
import { duckdbDataSource } from '../dist/adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../dist/adapters/duckdb/prediction-sink.js';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { goldenRecords, registered } from './games.mjs';
import { inPairs } from './measure.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 300_000);
const experiment = 'rating/linear_rating_model';
const registry = registered('rating', 'linear_rating_model');
const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const features = Object.keys(goldenRecords(experiment, 1)[0]);
const duckdb = await (await DuckDBInstance.create()).connect();
const column = (name) =>
  name === 'primary_category'
    ? `'category ' || (range % 20) as ${name}`
    : `(hash(range, '${name}') % 1000)::FLOAT as ${name}`;
await duckdb.run(
  `copy (select range as game_id, ${features.map(column)} from range(${rowCount})) to '${folder}/in.parquet'`,
);

const service = createService({
  host: nodeHost(),
  store: localFilesystemArtifactStore({ root: registry }),
  experiments: artifactStoreExperimentSource({
    store: localFilesystemArtifactStore({ root: registry }),
    root: 'models/experiments',
  }),
  engine: onnxruntimeInferenceEngine(),
  cache: lruCacheModelCache({ limitBytes: 256 * 1024 ** 2 }),
  sources: { in: duckdbDataSource({ files: { in: 'in.parquet' }, keys: ['game_id'], baseDir: folder }) },
  sink: duckdbPredictionSink({ root: folder }),
});

const timed = (work) => async () => {
  const startedMs = performance.now();
  await work();
  return rowCount / ((performance.now() - startedMs) / 1000);
};

await inPairs(
  `Parquet to Parquet, linear model, ${features.length} features, against DuckDB summing the same columns`,
  'rows/s',
  5,
  timed(async () => {
    const scored = await service.score({
      model_type: 'rating',
      model_name: 'bench',
      data_source: 'in',
      output_location: 'out.parquet',
    })();
    if (scored._tag === 'Left') throw new Error(scored.left.message);
  }),
  timed(() =>
    duckdb.run(
      `copy (select game_id, ${features.filter((name) => name !== 'primary_category').join(' + ')} + length(primary_category) as prediction ` +
        `from '${folder}/in.parquet') to '${folder}/baseline.parquet' (compression zstd)`,
    ),
  ),
);

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await service.score({ model_type: 'rating', model_name: 'bench', data_source: 'in', output_location: 'out.parquet' })();
delay.disable();
console.log(`Event-loop delay while such a job runs: p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, goal 20 ms`);
await service.close();

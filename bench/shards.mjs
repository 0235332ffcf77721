// What a job of many shards costs besides scoring: planning it, telling how far it is, finishing it. `node bench/shards.mjs [SHARDS]`.
// One shard is scored; the others have copies of its part, which cost who finishes the same.
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { duckdbDataSource } from '../dist/adapters/duckdb/data-source.js';
import { duckdbJobRows } from '../dist/adapters/duckdb/job-rows.js';
import { duckdbPredictionSink } from '../dist/adapters/duckdb/prediction-sink.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { cancellationSource, neverCancelled } from '../dist/core/index.js';
import { finishJob } from '../dist/core/jobs/finish-job.js';
import { createDocument, jobLayout, readDocument, ShardCommit } from '../dist/core/jobs/job-documents.js';
import { jobStatus } from '../dist/core/jobs/job-status.js';
import { planJob } from '../dist/core/jobs/plan-job.js';
import { workShards } from '../dist/core/jobs/work-shards.js';
import { rememberResolved } from '../dist/core/registry/remember-resolved.js';
import { linearModel } from './onnx.mjs';
import { features, makeFolder, registerModel, writeTable } from './table.mjs';
import { right } from './versions.mjs';

const shardCount = Number(process.argv[2] ?? 10_000);
/** A group of rows is cut in pieces of so many each, with none left over. */
const shardRows = 96;
const folder = makeFolder();
registerModel(
  folder,
  'linear',
  linearModel(
    features.map((_, i) => i / 100),
    0.25,
  ),
);
const path = join(folder, 'rows.parquet');
await writeTable(path, shardCount * shardRows);

const host = nodeHost();
const store = localFilesystemArtifactStore({ root: folder });
const ports = {
  host,
  store,
  ...rememberResolved({ host, store }, 0),
  engine: onnxruntimeInferenceEngine(),
  cache: lruCacheModelCache({ limitBytes: 2 ** 28 }),
  sources: { rows: duckdbDataSource({ files: { rows: basename(path) }, baseDir: folder, keys: ['row_id'] }) },
  sink: duckdbPredictionSink({ root: folder }),
  jobFolder: (at) => ({ documents: localFilesystemArtifactStore({ root: at }), ...duckdbJobRows({ folder: at }) }),
};
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const request = { model_type: 'bench', model_name: 'linear', data_source: 'rows', output_location: 'out.parquet' };

const measured = async (what, task) => {
  const [startedMs, startedCpu] = [performance.now(), process.cpuUsage()];
  const result = right(await task());
  const { user, system } = process.cpuUsage(startedCpu);
  const seconds = (value) => `${value.toFixed(2)} s`;
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${what}: ${seconds((performance.now() - startedMs) / 1000)}, of the processors ${seconds((user + system) / 1e6)}; peak so far ${peak} MiB`,
  );
  return result;
};

const planned = await measured('plan', planJob(ports, { shardRows })(request, 'done', call));
console.log(`${planned.shard_count} shards of ${shardRows} rows`);
const stop = cancellationSource();
await workShards(ports)(planned.path, { index: 0, count: 1 }, ({ isCommitted }) => isCommitted && stop.cancel(), {
  ...call,
  cancellation: stop.cancellation,
})();
const documents = { host, folder: ports.jobFolder(planned.path) };
const { value: first } = right(await readDocument(documents)(ShardCommit, jobLayout.commit(0), call)());
for (let shard = 1; shard < shardCount; shard++) {
  const name = jobLayout.part(shard, 'copy');
  await copyFile(join(planned.path, first.part.name), join(planned.path, name));
  const commit = { ...first, shard, part: { ...first.part, name } };
  right(await createDocument(documents)(ShardCommit, jobLayout.commit(shard), commit, call)());
}
await measured(
  'a worker, when all is done',
  workShards(ports)(planned.path, { index: 0, count: 1 }, () => undefined, call),
);
await measured('status', jobStatus(ports)(planned.path, call));
const answer = await measured('finish', finishJob(ports)(planned.path, call));
if (answer.performance_diagnostics.total_scored !== shardCount * shardRows) throw new Error('rows are missing');
await measured('status, when it is finished', jobStatus(ports)(planned.path, call));

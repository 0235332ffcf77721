// How much faster 2, 4 and 8 workers are than one at the same job, when the model's time is simulated: it passes, and takes none of the processor's,
// so that what is left is what a job costs besides its model. `node bench/workers.mjs [MS_PER_1000_ROWS]`.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { duckdbDataSource } from '../dist/adapters/duckdb/data-source.js';
import { duckdbJobRows } from '../dist/adapters/duckdb/job-rows.js';
import { duckdbPredictionSink } from '../dist/adapters/duckdb/prediction-sink.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { neverCancelled } from '../dist/core/index.js';
import { finishJob } from '../dist/core/jobs/finish-job.js';
import { planJob } from '../dist/core/jobs/plan-job.js';
import { workShards } from '../dist/core/jobs/work-shards.js';
import { rememberResolved } from '../dist/core/registry/remember-resolved.js';
import { linearModel } from './onnx.mjs';
import { features, makeFolder, registerModel, writeTable } from './table.mjs';
import { right } from './versions.mjs';

const shardCount = 32;
/** A group of rows is cut in pieces of so many each, with none left over. */
const shardRows = 20_480;
const path = (folder) => join(folder, 'rows.parquet');
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };

/** A runtime whose models take so long besides. */
const slow = (engine, msPer1000Rows) => ({
  ...engine,
  load: (artifact, asked) => async () => {
    const loaded = await engine.load(artifact, asked)();
    if (loaded._tag === 'Left') return loaded;
    let owedMs = 0;
    const run =
      (feeds, ...more) =>
      async () => {
        const [{ shape }] = feeds.values();
        owedMs += (shape[0] * msPer1000Rows) / 1000;
        const startedMs = performance.now();
        if (owedMs > 20) await pause(owedMs);
        if (owedMs > 20) owedMs -= performance.now() - startedMs;
        return loaded.right.run(feeds, ...more)();
      };
    return { ...loaded, right: { ...loaded.right, run } };
  },
});

const portsIn = (folder, msPer1000Rows) => {
  const host = nodeHost();
  const store = localFilesystemArtifactStore({ root: folder });
  return {
    host,
    store,
    ...rememberResolved({ host, store }, 0),
    engine: slow(onnxruntimeInferenceEngine(), msPer1000Rows),
    cache: lruCacheModelCache({ limitBytes: 2 ** 28 }),
    sources: { rows: duckdbDataSource({ files: { rows: basename(path(folder)) }, baseDir: folder, keys: ['row_id'] }) },
    sink: duckdbPredictionSink({ root: folder }),
    jobFolder: (at) => ({ documents: localFilesystemArtifactStore({ root: at }), ...duckdbJobRows({ folder: at }) }),
  };
};

const work = async ([folder, job, index, count, ms]) => {
  const place = { index: Number(index), count: Number(count) };
  process.send('begun');
  await once(process, 'message');
  right(await workShards(portsIn(folder, Number(ms)))(job, place, () => undefined, call)());
  process.disconnect();
};

/** Seconds from the moment when all workers have started until every shard has a commit. */
const timed = async (folder, count, ms) => {
  const ports = portsIn(folder, ms);
  const request = { model_type: 'bench', model_name: 'linear', data_source: 'rows', output_location: 'out.parquet' };
  const planned = right(await planJob(ports, { shardRows })(request, 'again', call)());
  if (planned.shard_count !== shardCount) throw new Error(`${planned.shard_count} shards`);
  const workers = Array.from({ length: count }, (_, index) =>
    fork(fileURLToPath(import.meta.url), [folder, planned.path, index, count, ms]),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const startedMs = performance.now();
  for (const worker of workers) worker.send('go');
  const codes = await Promise.all(workers.map((worker) => once(worker, 'exit')));
  const seconds = (performance.now() - startedMs) / 1000;
  if (codes.some(([code]) => code !== 0)) throw new Error('a worker failed');
  right(await finishJob(ports)(planned.path, call)());
  await rm(planned.path, { recursive: true });
  return seconds;
};

if (process.send !== undefined) await work(process.argv.slice(2));
else {
  const ms = Number(process.argv[2] ?? 40);
  const folder = makeFolder();
  registerModel(
    folder,
    'linear',
    linearModel(
      features.map((_, i) => i / 100),
      0.25,
    ),
  );
  await writeTable(path(folder), shardCount * shardRows);
  let alone;
  for (const count of [1, 2, 4, 8]) {
    const seconds = await timed(folder, count, ms);
    alone ??= seconds;
    const speed = alone / seconds;
    console.log(
      `${count} workers: ${seconds.toFixed(1)} s for ${shardCount} shards of ${shardRows} rows, ${speed.toFixed(2)} × one, efficiency ${(speed / count).toFixed(2)}`,
    );
  }
}

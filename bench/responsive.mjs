// What others wait for while a million rows are scored in the same process: how long the event loop is held at a time, and GET /health. Goal: the
// 99th percentile of both at most 20 ms. Then two such requests at once: neither is to wait for the end of the other.
// BENCH_ROWS says how many rows instead.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DuckDBInstance } from '@duckdb/node-api';
import { compose } from '../dist/apps/composition/compose.js';
import { createMetrics } from '../dist/apps/http/metrics.js';
import { startServer } from '../dist/apps/http/main.js';
import { loadSettings } from '../dist/apps/settings.js';
import { goldenRecords, registered, root } from './games.mjs';
import { watchTurns } from './turns.mjs';
import { right } from './versions.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 1_000_000);
const experiment = 'rating/best_rating_model';
const folder = registered('rating', 'best_rating_model');

const games = join(root, 'examples/games');
const duckdb = await (await DuckDBInstance.create()).connect();
await duckdb.run(
  `copy (select g.* from '${games}/data/games.parquet' g, range(${Math.ceil(rowCount / 20_000)}) limit ${rowCount}) to '${folder}/games.parquet'`,
);
duckdb.disconnectSync();
const file = join(folder, 'scorekeeper.json');
const source = { kind: 'duckdb', files: { games: 'games.parquet' }, sql_file: join(games, 'features.sql') };
writeFileSync(file, JSON.stringify({ sources: { games: source }, model_types: { rating: { source: 'games' } } }));
const settings = right(
  await loadSettings(
    { settings: file, local: folder },
    { env: { SCOREKEEPER_OUTPUT_ROOT: folder }, workingDir: folder },
  )(),
);
const { service, close } = compose(settings);
const limits = { requestTimeoutMs: 3_600_000 };
const metrics = createMetrics(service);
const server = right(await startServer({ service, metrics, host: '127.0.0.1', port: 0, graceMs: 1_000, limits })());

const model = { model_type: 'rating', model_name: 'bench' };
const json = { 'content-type': 'application/json' };
const lines = { accept: 'application/x-ndjson' };

/** A thread that posts; `bytes()` of the answer have come so far. */
const post = ({ query = '', headers, piece, times = 1 }) => {
  const workerData = { url: `${server.url}/score${query}`, headers, piece, times };
  const client = new Worker(new URL('client.mjs', import.meta.url), { workerData });
  let bytes = 0;
  const ended = new Promise((resolve, reject) => {
    client.on('error', reject).on('message', (message) => {
      if (message === 'done') resolve();
      else bytes += message.bytes;
    });
  });
  return { ended, bytes: () => bytes };
};

const toFile = { headers: json, piece: JSON.stringify({ ...model, output_location: 'out.parquet' }) };
const asLines = { headers: { ...json, ...lines }, piece: JSON.stringify(model) };
const bothWays = {
  query: `?${new URLSearchParams(model)}`,
  headers: { 'content-type': 'application/x-ndjson', ...lines },
  piece: goldenRecords(experiment, 1_000)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join(''),
  times: rowCount / 1_000,
};
const document = { headers: json, piece: JSON.stringify({ ...model, data: goldenRecords(experiment, 10_000) }) };

const measure = async (title, work) => {
  const probe = new Worker(new URL('probe.mjs', import.meta.url), { workerData: server.url });
  await once(probe, 'message');
  const turns = watchTurns();
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  const held = turns.stop();
  probe.postMessage('stop');
  const [{ clock, processor }] = await once(probe, 'message');
  const shown = (values) => {
    values.sort((a, b) => a - b);
    const at = (share) => values[Math.min(values.length - 1, Math.floor(values.length * share))].toFixed(1);
    return `${at(0.5)} ms, p99 ${at(0.99)}, most ${at(1)}`;
  };
  console.log(
    `${title} (${seconds.toFixed(0)} s): the event loop was held for ${shown(held)} (${held.length} turns); ` +
      `/health took ${shown(processor)} of its processor's time, on the clock ${shown(clock)} (${clock.length} times)`,
  );
};

const millions = rowCount.toLocaleString('en');
// Loads the model and the engine.
await post(document).ended;
await measure('nothing', () => pause(5_000));
await measure(`${millions} rows of a query to Parquet`, () => post(toFile).ended);
await measure(`${millions} rows of a query, answered as NDJSON`, () => post(asLines).ended);
await measure(`${millions} rows sent and answered as NDJSON`, () => post(bothWays).ended);
await measure('one JSON document of 10,000 rows after the other', async () => {
  for (let time = 0; time < 20; time++) await post(document).ended;
});

const first = post(asLines);
while (first.bytes() === 0) await pause(10);
const startedMs = performance.now();
const before = first.bytes();
const second = post(asLines);
let whenFirstEnded;
void first.ended.then(() => (whenFirstEnded = second.bytes()));
await first.ended;
console.log(
  `Two at once: until the first ended, ${((performance.now() - startedMs) / 1000).toFixed(0)} s, it sent ` +
    `${((first.bytes() - before) / 2 ** 20).toFixed(0)} MiB, and the second ${(whenFirstEnded / 2 ** 20).toFixed(0)}: ` +
    `${(whenFirstEnded / (first.bytes() - before)).toFixed(2)} × as much`,
);
await second.ended;
await server.close();
await close();

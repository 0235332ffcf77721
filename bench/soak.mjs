// A steady rate of requests while a new version is registered every ten seconds: no request is to fail, none to be slow because of a swap, and
// resident memory not to grow. Ten minutes, or as many seconds as the first argument says. Ends with 1 where a request failed or memory grew.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { goldenRecords, registered } from './games.mjs';
import { median } from './measure.mjs';
import { startScorekeeper } from './server.mjs';

const seconds = Number(process.argv[2] ?? 600);
const rate = 50;
const swapEveryMs = 10_000;
const refreshMs = 500;
const [modelType, experiment] = ['users_rated', 'best_users_rated_model'];

const folder = registered(modelType, experiment);
// Three models: the fourth drops the first. A machine that stands still for a second lets many requests wait, and none of them is to be refused.
const limits = { model_cache_bytes: 3 * 800_000, concurrent_requests: 1_000 };
writeFileSync(join(folder, 'scorekeeper.json'), JSON.stringify({ refresh_ms: refreshMs, limits }));
const { url, child } = await startScorekeeper([`--local=${folder}`, `--settings=${folder}/scorekeeper.json`]);
const registrar = new Worker(new URL('registrar.mjs', import.meta.url), {
  workerData: { folder, modelType, experiment },
});

const agent = new Agent({ keepAlive: true });
const body = JSON.stringify({
  ...{ model_type: modelType, model_name: 'bench' },
  data: goldenRecords(`${modelType}/${experiment}`, 10),
});
const failed = [];
/** Of each request when it was due and how long after that it was answered (milliseconds), and by which version. */
const answered = [];

const score = (dueMs) =>
  new Promise((resolve) => {
    const fail = (reason) => resolve(failed.push(`${reason}`));
    request(`${url}/score`, { agent, method: 'POST', headers: { 'content-type': 'application/json' } })
      .on('response', (response) => {
        void json(response).then((answer) => {
          if (response.statusCode !== 200) return fail(answer.detail);
          answered.push({ dueMs, tookMs: performance.now() - dueMs, version: answer.model_details.version });
          resolve();
        }, fail);
      })
      .on('error', fail)
      .end(body);
  });

/** What the process holds, and what of that V8 holds for buffers: those of artifacts wait until it collects them, which it does at 64 MiB or so. */
const memory = async () => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
  return { residentBytes: of('process_resident_memory_bytes'), bufferBytes: of('nodejs_external_memory_bytes') };
};

// The first one loads the model.
await score(performance.now());
answered.length = 0;
const beganMs = performance.now();
const isOver = () => performance.now() - beganMs > seconds * 1000;
const seen = [];
const watch = async () => {
  for (; !isOver(); await pause(1_000)) seen.push({ atMs: performance.now() - beganMs, ...(await memory()) });
};
const swap = async () => {
  for (let number = 1; !isOver(); number++) {
    await pause(swapEveryMs);
    registrar.postMessage(number);
    await once(registrar, 'message');
  }
};
const load = async () => {
  const underWay = new Set();
  for (let sent = 0; !isOver(); sent++) {
    const dueMs = beganMs + (sent * 1000) / rate;
    const early = dueMs - performance.now();
    if (early > 0) await pause(early);
    const one = score(dueMs).finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
};
await Promise.all([load(), swap(), watch()]);

/** When each version but the first was first answered with. */
const swaps = [];
for (let newest = answered[0].version, at = 0; at < answered.length; at++) {
  if (answered[at].version <= newest) continue;
  newest = answered[at].version;
  swaps.push(answered[at].dueMs);
}
const near = (dueMs) => swaps.some((swappedMs) => Math.abs(swappedMs - dueMs) < 250);
const usual = median(answered.map(({ tookMs }) => tookMs));
const share = (some) => {
  const slow = some.filter(({ tookMs }) => tookMs > 5 * usual);
  const most = Math.max(...some.map(({ tookMs }) => tookMs));
  return `${slow.length} of ${some.length} took more than 5 × that, the longest ${(most / usual).toFixed(1)} ×`;
};
/** The least in each tenth: what was there for requests that waited comes and goes. */
const tenthsOf = (bytes) =>
  Array.from({ length: 10 }, (_, tenth) => {
    const within = seen.filter(({ atMs }) => Math.floor((atMs * 10) / (seconds * 1000)) === tenth);
    return Math.min(...within.map(bytes));
  });
const resident = tenthsOf(({ residentBytes }) => residentBytes);
const withoutBuffers = tenthsOf(({ residentBytes, bufferBytes }) => residentBytes - bufferBytes);
// After a warm-up of a fifth.
const growth = withoutBuffers.at(-1) / withoutBuffers[2];
const listed = (tenths) => tenths.map((bytes) => (bytes / 2 ** 20).toFixed()).join(', ');
console.log(
  `${answered.length + failed.length} requests in ${seconds} s, ${swaps.length} swaps: ${failed.length} failed${failed.length > 0 ? ` (${failed[0]})` : ''}.\n` +
    `The median took ${usual.toFixed(1)} ms. Within a quarter of a second of a swap ${share(answered.filter(({ dueMs }) => near(dueMs)))}; ` +
    `at other times ${share(answered.filter(({ dueMs }) => !near(dueMs)))}.\n` +
    `Resident memory, the least in each tenth of the time, ${listed(resident)} MiB; without V8's buffers ${listed(withoutBuffers)}: ` +
    `from the third to the last ${growth.toFixed(2)} ×`,
);
process.exitCode = failed.length > 0 || growth > 1.1 || swaps.length === 0 ? 1 : 0;
child.kill();
await registrar.terminate();
agent.destroy();

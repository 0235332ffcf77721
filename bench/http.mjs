// Scoring over HTTP against a bare Koa loop around ONNX Runtime, on the same model and the same bodies, 16 connections.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import autocannon from 'autocannon';
import { cli, experimentFile, goldenRecords, registered, settings } from './games.mjs';
import { inPairs } from './measure.mjs';

const experiment = 'rating/best_rating_model';
const folder = registered('rating', 'best_rating_model');

/** Starts a server and answers with its address, the first one that it prints. */
const start = async (...words) => {
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LOG_LEVEL: 'silent' },
  });
  process.once('exit', () => child.kill());
  child.once('exit', (code) => code !== null && code !== 0 && process.exit(code));
  const told = (stream) =>
    new Promise((resolve) => {
      createInterface({ input: stream }).on('line', (line) => {
        const address = /http:\/\/[\d.]+:\d+/.exec(line)?.[0];
        if (address !== undefined) resolve(address);
      });
    });
  return Promise.race([
    told(child.stdout),
    told(child.stderr),
    once(child, 'exit').then(() => Promise.reject(new Error(`${words} ended`))),
  ]);
};

const ours = await start(cli, 'serve', '--port', '0', '--local', folder, '--settings', settings);
const bare = await start('bench/baselines/bare-koa.mjs', experimentFile(experiment, 'pipeline.onnx'));

const requestsPerSecond = (url, body) => async () => {
  const { requests, non2xx, errors } = await autocannon({
    ...{ url, body, method: 'POST', headers: { 'content-type': 'application/json' } },
    ...{ connections: 16, duration: Number(process.env.BENCH_SECONDS ?? 3) },
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} answers that are no success, ${errors} errors`);
  return requests.average;
};

for (const count of [1, 100]) {
  const body = JSON.stringify({ model_type: 'rating', model_name: 'bench', data: goldenRecords(experiment, count) });
  await inPairs(
    `POST /score, ${count} row${count === 1 ? '' : 's'}, against a bare Koa loop`,
    'requests/s',
    5,
    requestsPerSecond(`${ours}/score`, body),
    requestsPerSecond(bare, body),
  );
}
process.exit(0);

// A thread that asks GET /health every ten milliseconds until it is told to stop, then tells how long each answer took, in milliseconds.
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const ask = () =>
  new Promise((resolve, reject) => {
    get(`${workerData}/health`, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });

let going = true;
parentPort.once('message', () => (going = false));
const tookMs = [];
await ask();
parentPort.postMessage('ready');
while (going) {
  await pause(10);
  const startedMs = performance.now();
  await ask();
  tookMs.push(performance.now() - startedMs);
}
agent.destroy();
parentPort.postMessage(tookMs);

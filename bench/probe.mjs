// A thread that asks GET /health every ten milliseconds until it is told to stop, then tells how long each answer took, in milliseconds: on the
// clock, and in the processor's time of the thread that serves, the first one of this process.
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { processorMs } from './turns.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const ask = () =>
  new Promise((resolve, reject) => {
    get(`${workerData}/health`, { agent }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });

let going = true;
parentPort.once('message', () => (going = false));
const clock = [];
const processor = [];
await ask();
parentPort.postMessage('ready');
while (going) {
  await pause(10);
  const [startedMs, workedMs] = [performance.now(), processorMs()];
  await ask();
  processor.push(processorMs() - workedMs);
  clock.push(performance.now() - startedMs);
}
agent.destroy();
parentPort.postMessage({ clock, processor });

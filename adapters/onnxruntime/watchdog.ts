/**
 * A thread that ends a process that inspects an artifact when it takes too long or too much memory, whatever its main thread is
 * stuck in, and also when nobody waits for it any more.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { fail } from '../../core/index.js';
import type { ChildLimits } from './child-process.js';

const { timeoutMs, limitBytes } = workerData as ChildLimits;

const refuse = (sentence: string): void => {
  try {
    writeSync(1, `${JSON.stringify(fail('ArtifactUnreadable', sentence))}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
};

setTimeout(() => refuse(`The artifact did not finish its inspection within ${timeoutMs / 1000} s.`), timeoutMs);
setInterval(() => {
  if (process.memoryUsage.rss() > limitBytes) {
    refuse(`The artifact took more than ${Math.round(limitBytes / 2 ** 20)} MiB of memory in its inspection.`);
  }
}, 10);
parentPort?.postMessage('watching');

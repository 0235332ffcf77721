/** Processes that write to one store at once: see `store-worker.ts`. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { ArtifactStore } from '../../core/index.js';
import { create, read } from '../contracts/artifact-store-harness.js';

/** Where the store of a process is. */
export type StorePlace = { readonly root: string } | { readonly bucket: string; readonly apiEndpoint: string };

const worker = fileURLToPath(new URL('./store-worker.js', import.meta.url));

const processCount = 8;

/** A process that is ready to begin; it ends too soon to optimise its code. */
export const startWorker = async (
  place: StorePlace,
  task: string,
  number: number,
  times = 0,
): Promise<ChildProcess> => {
  const child = fork(worker, [JSON.stringify(place), task, `${number}`, `${times}`], { execArgv: ['--no-opt'] });
  await once(child, 'message');
  return child;
};

/** Lets eight processes begin the task at once, so many times each, and gives what each answered. */
export const runWorkers = async (
  place: StorePlace,
  task: string,
  times: number,
): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const children = await Promise.all(
    Array.from({ length: processCount }, (_, i) => startWorker(place, task, i, times)),
  );
  const answers = children.map(async (child): Promise<ReadonlyArray<string>> => {
    const [answer] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`The process ended with ${code}.`))),
    ]);
    return answer;
  });
  for (const child of children) child.send('go');
  return Promise.all(answers);
};

/** A counter that eight processes raise, each so many times, loses no increment and repeats none. */
export const assertNoIncrementLost = async (
  t: ExecutionContext,
  store: ArtifactStore,
  place: StorePlace,
  times: number,
): Promise<void> => {
  await create(store, 'counter', '0');
  const written = await runWorkers(place, 'count', times);
  const all = written.flat().map(Number);
  t.deepEqual(
    all.sort((a, b) => a - b),
    Array.from({ length: processCount * times }, (_, i) => i + 1),
  );
  t.is(await read(store, 'counter'), `${processCount * times}`);
};

/** The inside of a child process: its order, from the first argument; its watchdog; its answer. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type * as E from 'fp-ts/lib/Either.js';
import type { Failure } from '../../core/index.js';
import type { ChildLimits } from './child-process.js';

/** From here on the process ends itself when it goes beyond a limit of its order. */
export const beginChild = async <Order extends ChildLimits>(): Promise<{
  readonly order: Order;
  readonly answer: (answer: E.Either<Failure, unknown>) => void;
}> => {
  const order = JSON.parse(process.argv[2] ?? '') as Order;
  const watchdog = new Worker(new URL('./watchdog.js', import.meta.url), { workerData: order });
  await once(watchdog, 'message');
  watchdog.unref();
  return { order, answer: (answer) => void process.stdout.write(`${JSON.stringify(answer)}\n`) };
};

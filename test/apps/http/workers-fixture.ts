/**
 * A process that serves with two workers until a signal, for the tests of workers. Takes the port and a mode: `serve`; `hold`, where `/score`
 * answers when its worker hears SIGUSR2; `crash`, where no worker gets as far as that. An answer's job_id is the worker that gave it.
 */
import { setTimeout } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import { serveUntilSignal, startServer } from '../../../apps/http/main.js';
import { createMetrics } from '../../../apps/http/metrics.js';
import { isWorker, toPrimary } from '../../../apps/http/worker.js';
import { serveWithWorkers } from '../../../apps/http/workers.js';
import { fakeService, scoreAnswer } from './harness.js';

const [port = '0', mode = 'serve'] = process.argv.slice(2);
const graceMs = 60_000;

const say = (word: string): void => void process.stdout.write(`${word}\n`);

const work = async (): Promise<void> => {
  if (mode === 'crash') process.exit(7);
  const primary = toPrimary();
  const service = fakeService({
    score: () => async () => {
      if (mode === 'hold') {
        const told = new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()));
        // Not before: whoever hears it may send the signal at once, which ends a process that does not listen.
        say(`${process.pid}`);
        await told;
      } else await setTimeout(2);
      return E.right({ ...scoreAnswer, job_id: `${process.pid}` });
    },
  });
  const metrics = primary.measuring(createMetrics(service));
  const started = await startServer({ service, metrics, host: '127.0.0.1', port: Number(port), graceMs })();
  if (E.isLeft(started)) primary.failed(started.left);
  else {
    primary.listening(started.right.url, ['once']);
    await serveUntilSignal(started.right, async () => undefined, primary.stop);
  }
  primary.leave();
};

const lead = async (): Promise<void> => {
  const served = await serveWithWorkers({
    count: 2,
    port: Number(port),
    argsFor: (on) => [`${on}`, mode],
    graceMs,
    onListening: (url, warnings) => say(`${url} ${warnings}`),
  })();
  if (E.isLeft(served)) say(`${served.left.tag}: ${served.left.message}`);
};

await (isWorker() ? work() : lead());

/** A process that serves until a signal, for server.test.ts: its `/score` answers when the process hears SIGUSR2. */
import * as E from 'fp-ts/lib/Either.js';
import { serveUntilSignal, startServer } from '../../../apps/http/main.js';
import { fakeService, scoreAnswer } from './harness.js';

const service = fakeService({
  score: () => () =>
    new Promise((resolve) => {
      process.once('SIGUSR2', () => resolve(E.right(scoreAnswer)));
      process.stdout.write('asked\n');
    }),
});
const started = await startServer({ service, host: '127.0.0.1', port: 0, graceMs: 60_000 })();
if (E.isLeft(started)) throw new Error(started.left.message);
const stopped = serveUntilSignal(started.right, async () => void process.stdout.write('closed\n'));
process.stdout.write(`${started.right.url}\n`);
process.exitCode = await stopped;

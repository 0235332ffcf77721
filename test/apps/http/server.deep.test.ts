/** The server: listening, stopping gracefully, signals. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { FailureTag } from '../../../core/index.js';
import { startServer } from '../../../apps/http/main.js';
import { failureTask, fakeService, latch, post, problemOf, rawConnection, scoreAnswer, serve } from './harness.js';

test('a stopping server finishes what is in flight, is not ready, and takes no new connection', async (t) => {
  const [asked, go] = [latch(), latch()];
  const { url, close } = await serve(
    t,
    {
      score: () => async () => {
        asked.open();
        await go.opened;
        return TE.right(scoreAnswer)();
      },
    },
    { graceMs: 60_000 },
  );
  const probe = await rawConnection(url);
  await probe.send('GET /ready HTTP/1.1\r\nHost: x\r\n');
  const inFlight = post(url, '{}');
  await asked.opened;
  const closed = close();
  await t.throwsAsync(fetch(`${url}/health`), { instanceOf: TypeError });
  await probe.send('\r\n');
  const received = await probe.received;
  t.regex(received, /^HTTP\/1\.1 503 /);
  t.regex(received, /\r\nConnection: close\r\n/);
  t.regex(received, /\r\nRetry-After: 5\r\n/);
  t.regex(received, /The server is stopping/);
  go.open();
  const response = await inFlight;
  t.is(response.status, 200);
  t.is(response.headers.get('connection'), 'close');
  await response.text();
  await closed;
});

test('what is in flight after the grace time is cancelled and answered with 503', async (t) => {
  const asked = latch();
  const { url, close } = await serve(t, {
    score: (_, control) => async () => {
      asked.open();
      await new Promise<void>((resolve) => control?.cancellation?.onAbort(resolve));
      return failureTask({ tag: 'Cancelled' })();
    },
  });
  const inFlight = post(url, '{}');
  await asked.opened;
  const closed = close();
  const response = await inFlight;
  t.is(response.status, 503);
  t.is((await problemOf(response))['code'], 'Unavailable');
  await closed;
});

test('what does not end when it is cancelled is cut off', async (t) => {
  const asked = latch();
  const { url, close } = await serve(t, {
    score: () => () => {
      asked.open();
      return new Promise(() => undefined);
    },
  });
  const inFlight = post(url, '{}');
  await asked.opened;
  await Promise.all([close(), t.throwsAsync(inFlight)]);
});

test('idle connections do not delay the stop', async (t) => {
  const { url, close } = await serve(t, {}, { graceMs: 60_000 });
  await (await fetch(`${url}/health`)).text();
  const unused = await rawConnection(url);
  await (await fetch(`${url}/health`)).text();
  await close();
  t.is(await unused.received, '');
});

const listenFailures: ReadonlyArray<
  readonly [string, (taken: number) => { host: string; port: number }, FailureTag, RegExp]
> = [
  [
    'a port in use',
    (port) => ({ host: '127.0.0.1', port }),
    'Unavailable',
    /^Port \d+ of 127\.0\.0\.1 is in use: .* choose another port\.$/,
  ],
  [
    'an address of another machine',
    () => ({ host: '192.0.2.1', port: 0 }),
    'InvalidInput',
    /^192\.0\.2\.1 is no address of this machine/,
  ],
  ['a port that is none', () => ({ host: '127.0.0.1', port: 70_000 }), 'InvalidInput', /^70000 is no port/],
];
for (const [name, address, tag, message] of listenFailures) {
  test(`${name} is a failure and a sentence`, async (t) => {
    const { url } = await serve(t);
    const started = await startServer({
      service: fakeService({}),
      graceMs: 0,
      ...address(Number(new URL(url).port)),
    })();
    t.true(E.isLeft(started));
    if (E.isLeft(started)) {
      t.is(started.left.tag, tag);
      t.regex(started.left.message, message);
    }
  });
}

test('the url is one that can be fetched, on IPv6 too', async (t) => {
  const started = await startServer({ service: fakeService({}), host: '::1', port: 0, graceMs: 0 })();
  if (E.isLeft(started)) return t.pass('this machine has no IPv6');
  t.teardown(started.right.close);
  t.is((await fetch(`${started.right.url}/health`)).status, 200);
});

/** A serving process with one request in flight. */
const busyProcess = async (t: ExecutionContext) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./serve-fixture.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => `${(await lines.next()).value}`;
  const url = await line();
  const inFlight = post(url, '{}');
  inFlight.catch(() => undefined);
  t.is(await line(), 'asked');
  return { child, exited, line, url, inFlight };
};

/** Waits until the process refuses connections. */
const stopping = async (url: string): Promise<void> => {
  while (
    await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    )
  );
};

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends what is in flight, closes the service, and exits 0`, async (t) => {
    const { child, exited, line, url, inFlight } = await busyProcess(t);
    child.kill(signal);
    await stopping(url);
    child.kill('SIGUSR2');
    const response = await inFlight;
    t.is(response.status, 200);
    await response.text();
    t.is(await line(), 'closed');
    t.deepEqual(await exited, [0, null]);
  });
}

for (const [first, second, exitCode] of [
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGINT', 'SIGINT', 130],
  ['SIGINT', 'SIGTERM', 143],
] as const) {
  test(`${second} after ${first} ends the process at once`, async (t) => {
    const { child, exited, url, inFlight } = await busyProcess(t);
    child.kill(first);
    await stopping(url);
    child.kill(second);
    await t.throwsAsync(inFlight);
    t.deepEqual(await exited, [exitCode, null]);
  });
}

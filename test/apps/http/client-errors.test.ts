/** What Node refuses and clients that go away: the answer is a problem, and no log holds what the client sent. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { createHttpApp } from '../../../apps/http/app.js';
import { clientErrors } from '../../../apps/http/client-errors.js';
import { failureTask, fakeService, latch, rawConnection, recordingLogger, serve } from './harness.js';

const authorization = 'Authorization: Bearer SECRET123\r\n';
const head = `POST /score HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\nContent-Type: application/json\r\n${authorization}`;
const secret = '{"data":[{"name":"SECRETVALUE"}]}';
const badChunk = `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n${secret}`;
const longBody = `${head}Connection: close\r\nContent-Length: 2\r\n\r\n{}${secret}`;

/** A logger as `serve` has it, and what it wrote. */
const pinoLines = () => {
  const lines: Array<Record<string, unknown>> = [];
  const logger = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, logger };
};

/** The service, until it is cancelled. */
const untilCancelled = {
  score: (_: unknown, control?: { readonly cancellation?: { onAbort: (f: () => void) => unknown } }) => async () => {
    await new Promise<void>((resolve) => control?.cancellation?.onAbort(resolve));
    return failureTask({ tag: 'Cancelled' })();
  },
};

/** Waits until what was logged is as many lines. */
const logged = async (t: ExecutionContext, lines: ReadonlyArray<unknown>, count: number): Promise<void> => {
  for (let turn = 0; turn < 200 && lines.length < count; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  // Whatever would be one too many has come by then.
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(lines.length, count, JSON.stringify(lines));
};

/** The head and the problem of a response without anything after it. */
const parse = (received: string) => {
  const [headers = '', body = ''] = received.split('\r\n\r\n');
  return { headers, problem: JSON.parse(body) as Record<string, unknown> };
};

for (const [name, request, fault] of [
  ['a chunk without a size', badChunk, 'HPE_INVALID_CHUNK_SIZE'],
  ['a body longer than its Content-Length', longBody, 'HPE_CLOSED_CONNECTION'],
] as const) {
  test(`${name} is InvalidInput, logged once and without anything that was sent`, async (t) => {
    const { lines, logger } = pinoLines();
    const { url } = await serve(t, untilCancelled, { logger });
    const connection = await rawConnection(url);
    await connection.send(request);
    const { headers, problem } = parse(await connection.received);
    t.regex(headers, /^HTTP\/1\.1 400 Bad Request\r\n/);
    t.regex(headers, /\r\nContent-Type: application\/problem\+json\r\n/);
    t.regex(headers, /\r\nConnection: close/);
    t.like(problem, {
      type: 'urn:scorekeeper:failure:InvalidInput',
      code: 'InvalidInput',
      status: 400,
      request_id: 'r1',
    });
    await logged(t, lines, 1);
    t.like(lines[0], { level: 30, request_id: 'r1', route: '/score', status: 400, code: 'InvalidInput', fault });
    t.notRegex(JSON.stringify(lines), /SECRET|rawPacket|stack/);
  });

  test(`mounted by whoever embeds it, ${name} is no bug either`, async (t) => {
    const { lines, logger } = pinoLines();
    const answer = createHttpApp({ service: fakeService(untilCancelled), logger }).callback();
    const server = createHttpServer((incoming, response) => void answer(incoming, response)).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const connection = await rawConnection(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await connection.send(request);
    await connection.received;
    await logged(t, lines, 1);
    t.like(lines[0], { level: 30, code: 'Cancelled' });
    t.notRegex(JSON.stringify(lines), /SECRET|rawPacket|stack/);
  });
}

for (const [name, request] of [
  ['by its length', `${head}Content-Length: 1000\r\n\r\n${secret}`],
  ['in a chunk', `${head}Transfer-Encoding: chunked\r\n\r\nff\r\n${secret}`],
] as const) {
  for (const how of ['hangUp', 'reset'] as const) {
    test(`a body that breaks off ${name} (${how}) is one line: Cancelled`, async (t) => {
      const { lines, logger } = pinoLines();
      const { url } = await serve(t, {}, { logger });
      const connection = await rawConnection(url);
      await connection.send(request);
      // What arrived before this is answered has been seen.
      await (await fetch(`${url}/health`)).text();
      connection[how]();
      await logged(t, lines, 2);
      t.like(lines[1], { level: 30, route: '/score', code: 'Cancelled', status: null });
      t.notRegex(JSON.stringify(lines), /SECRET|stack/);
    });
  }
}

test('the line of a bug has its type, its message and its stack, and none of its other properties', async (t) => {
  const { lines, logger } = pinoLines();
  const bug = Object.assign(new RangeError('no such thing'), {
    rawPacket: Buffer.from('SECRETVALUE'),
    rows: [{ name: 'SECRETVALUE' }],
    cause: new Error('SECRETVALUE'),
  });
  const { url } = await serve(t, { ready: () => () => Promise.reject(bug) }, { logger });
  t.is((await fetch(`${url}/ready`)).status, 500);
  t.is(lines.length, 1);
  t.is(lines[0]?.['level'], 50);
  const err = lines[0]?.['err'] as Record<string, string>;
  t.deepEqual(Object.keys(err).sort(), ['message', 'stack', 'type']);
  t.is(err['type'], 'RangeError');
  t.is(err['message'], 'no such thing');
  t.regex(err['stack'] ?? '', /^RangeError: no such thing\n {4}at /);
  t.notRegex(JSON.stringify(lines), /SECRETVALUE/);
});

const headersLimit =
  "The request's headers are larger than the limit max_http_header_size, which is 16384 bytes: send fewer or shorter ones.";
const refusedHeads: ReadonlyArray<readonly [string, string, number, string, RegExp, string]> = [
  ['what is not HTTP', `hello SECRET123\r\n\r\n`, 400, 'InvalidInput', /is not HTTP\/1\.1/, 'HPE_INVALID_METHOD'],
  [
    'a request with two lengths',
    `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
    'InvalidInput',
    /check the headers, the Content-Length/,
    'HPE_INVALID_TRANSFER_ENCODING',
  ],
  [
    'too many headers',
    `GET /health HTTP/1.1\r\nHost: x\r\n${authorization}X: ${'x'.repeat(17_000)}\r\n\r\n`,
    431,
    'TooLarge',
    new RegExp(`^${headersLimit}$`),
    'HPE_HEADER_OVERFLOW',
  ],
];
for (const [name, request, status, code, detail, fault] of refusedHeads) {
  test(`${name} is answered with ${status} and a problem, and logged in one line`, async (t) => {
    const { lines, logger } = pinoLines();
    const { url } = await serve(t, {}, { logger });
    const connection = await rawConnection(url);
    await connection.send(request);
    const { headers, problem } = parse(await connection.received);
    t.true(headers.startsWith(`HTTP/1.1 ${status} `), headers);
    t.regex(headers, /\r\nConnection: close/);
    t.like(problem, { type: `urn:scorekeeper:failure:${code}`, code, status, errors: [] });
    t.is(typeof problem['title'], 'string');
    t.regex(`${problem['detail']}`, detail);
    t.true(headers.includes(`\r\nX-Request-Id: ${problem['request_id'] as string}\r\n`));
    await logged(t, lines, 1);
    t.like(lines[0], { level: 30, request_id: problem['request_id'], route: null, status, code, fault });
    t.notRegex(JSON.stringify(lines), /SECRET/);
  });
}

test('chunk extensions above their limit are TooLarge', async (t) => {
  const { url } = await serve(t);
  const connection = await rawConnection(url);
  await connection.send(`${head}Transfer-Encoding: chunked\r\n\r\n2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`);
  const { problem } = parse(await connection.received);
  t.like(problem, { status: 413, code: 'TooLarge' });
});

test('a request that does not arrive in time is DeadlineExceeded with 408', async (t) => {
  const { lines, logger } = recordingLogger();
  const server = createHttpServer({ headersTimeout: 20, requestTimeout: 20, connectionsCheckingInterval: 10 })
    .on('clientError', clientErrors(logger).answer)
    .listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const connection = await rawConnection(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await connection.send('GET /health HTTP/1.1\r\nHost: x\r\n');
  const { headers, problem } = parse(await connection.received);
  t.regex(headers, /^HTTP\/1\.1 408 Request Timeout\r\n/);
  t.like(problem, { code: 'DeadlineExceeded', status: 408 });
  t.like(lines[0], { level: 'info', status: 408, code: 'DeadlineExceeded', fault: 'ERR_HTTP_REQUEST_TIMEOUT' });
});

test('a target that is no URL is a problem, and logged as such', async (t) => {
  const { lines, logger } = recordingLogger();
  const { url } = await serve(t, {}, { logger });
  const connection = await rawConnection(url);
  await connection.send('GET http://[/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const received = await connection.received;
  t.true(received.startsWith('HTTP/1.1 400 '), received);
  const problem: unknown = JSON.parse(received.slice(received.indexOf('\r\n\r\n')));
  t.like(problem, { code: 'InvalidInput', detail: "The request's target is no valid URL: send the path alone." });
  t.deepEqual(
    lines.filter(({ status }) => status !== undefined).map(({ level, status, code }) => ({ level, status, code })),
    [{ level: 'info', status: 400, code: 'InvalidInput' }],
  );
});

test('HTTP/1.1 without Host is a problem, HTTP/1.0 needs none, and an expectation is ignored', async (t) => {
  const { url } = await serve(t);
  const ask = async (request: string): Promise<string> => {
    const connection = await rawConnection(url);
    await connection.send(request);
    return connection.received;
  };
  const { headers, problem } = parse(await ask('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'));
  t.regex(headers, /^HTTP\/1\.1 400 /);
  t.like(problem, { code: 'InvalidInput', detail: 'HTTP/1.1 needs the header Host: send it.', instance: '/health' });
  t.regex(await ask('GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  const expecting = 'GET /health HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n';
  t.regex(await ask(expecting), /^HTTP\/1\.1 200 /);
});

test('a connection that was answered before is told what is wrong with its next request', async (t) => {
  const { url } = await serve(t);
  const connection = await rawConnection(url);
  await connection.send('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await connection.first;
  await connection.send('nonsense\r\n\r\n');
  const received = await connection.received;
  t.is(received.match(/HTTP\/1\.1 /g)?.length, 2);
  t.regex(received, /\{"status":"alive"\}HTTP\/1\.1 400 /);
});

test('nothing is written after an answer whose request goes wrong later, nor before an answer to an earlier request', async (t) => {
  const [asked, go] = [latch(), latch()];
  const { url } = await serve(
    t,
    {
      ready: () => async () => {
        asked.open();
        await go.opened;
        return failureTask({ tag: 'Unavailable' })();
      },
    },
    { limits: { bodyBytes: 10 } },
  );
  const late = await rawConnection(url);
  await late.send(`${head}Transfer-Encoding: chunked\r\n\r\n20\r\n${'x'.repeat(32)}\r\n`);
  t.regex(await late.first, /^HTTP\/1\.1 413 /);
  await late.send('zz\r\n');
  t.is((await late.received).match(/HTTP\/1\.1 /g)?.length, 1);
  const early = await rawConnection(url);
  await early.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked.opened;
  await (await fetch(`${url}/health`)).text();
  await early.send('nonsense\r\n\r\n');
  t.is(await early.received, '');
  go.open();
});

test('many requests at once warn of no leak', async (t) => {
  const warnings: Error[] = [];
  const hear = (warning: Error): void =>
    void (warning.name === 'MaxListenersExceededWarning' && warnings.push(warning));
  process.on('warning', hear);
  t.teardown(() => process.off('warning', hear));
  const go = latch();
  const { url } = await serve(t, {
    ready: () => async () => {
      await go.opened;
      return failureTask({ tag: 'Unavailable' })();
    },
  });
  const answers = Array.from({ length: 20 }, () => fetch(`${url}/ready`));
  await (await fetch(`${url}/health`)).text();
  setTimeout(go.open, 50);
  for (const answer of await Promise.all(answers)) t.is(answer.status, 503);
  t.deepEqual(warnings, []);
});

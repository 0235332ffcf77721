/** Failures as problems, bugs as 500 without detail, and what the log says of both. */
import test from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { FailureTag } from '../../../core/index.js';
import { failureTask, latch, post, problemOf, rawConnection, recordingLogger, scoreAnswer, serve } from './harness.js';

const statuses: Readonly<Record<Exclude<FailureTag, 'Cancelled'>, number>> = {
  InvalidInput: 400,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 412,
  SignatureMismatch: 422,
  GateRejected: 422,
  ArtifactUnreadable: 422,
  DataUnreadable: 422,
  TooLarge: 413,
  PermissionDenied: 403,
  InferenceFailed: 500,
  DeadlineExceeded: 504,
  Unavailable: 503,
};
for (const [tag, status] of Object.entries(statuses) as ReadonlyArray<[FailureTag, number]>) {
  test(`${tag} is a problem with status ${status}, logged once`, async (t) => {
    const { lines, logger } = recordingLogger();
    const problems = [{ pointer: '/data/0/min_age', detail: 'must be a number, got "secret"' }];
    const { url } = await serve(t, { score: () => failureTask({ tag, problems, problemTotal: 1 }) }, { logger });
    const response = await post(url, '{}', { 'x-request-id': 'r1' });
    const { title, ...problem } = await problemOf(response);
    t.is(response.status, status);
    t.is(response.headers.get('retry-after'), tag === 'Unavailable' ? '5' : null);
    t.is(typeof title, 'string');
    t.deepEqual(problem, {
      type: `urn:scorekeeper:failure:${tag}`,
      status,
      detail: `a ${tag}`,
      instance: '/score',
      code: tag,
      errors: problems,
      request_id: 'r1',
    });
    t.is(lines.length, 1);
    const { duration_ms, ...line } = lines[0] ?? {};
    t.is(typeof duration_ms, 'number');
    const detail = status >= 500 ? { detail: `a ${tag}` } : {};
    t.deepEqual(line, {
      level: status >= 500 ? 'warn' : 'info',
      request_id: 'r1',
      method: 'POST',
      route: '/score',
      status,
      code: tag,
      ...detail,
    });
  });
}

test('problems beyond those that are listed are counted', async (t) => {
  const problems = [{ pointer: '/data/0/a', detail: 'is wrong' }];
  const { url } = await serve(t, {
    score: () => failureTask({ tag: 'SignatureMismatch', problems, problemTotal: 900 }),
  });
  t.is((await problemOf(await post(url, '{}')))['errors_total'], 900);
});

test('a cancellation that the client did not cause is answered with 503', async (t) => {
  const { url } = await serve(t, { score: () => failureTask({ tag: 'Cancelled' }) });
  const response = await post(url, '{}');
  t.is(response.status, 503);
  t.is((await problemOf(response))['code'], 'Unavailable');
});

for (const tag of Object.keys(statuses) as ReadonlyArray<FailureTag>) {
  test(`/ready is 503 with the reason when the store fails ${tag}`, async (t) => {
    const { url } = await serve(t, { ready: () => failureTask({ tag, message: 'The root is not a folder.' }) });
    const response = await fetch(`${url}/ready`);
    t.is(response.status, 503);
    const problem = await problemOf(response);
    t.is(problem['code'], 'Unavailable');
    t.is(problem['detail'], 'The store does not answer: The root is not a folder.');
  });
}

const bugs: ReadonlyArray<readonly [string, () => never | TE.TaskEither<never, never>]> = [
  [
    'thrown while asking',
    () => {
      throw new TypeError('secret of /etc');
    },
  ],
  ['thrown while answering', () => () => Promise.reject(new TypeError('secret of /etc'))],
  ['that is no Error', () => () => Promise.reject(undefined as unknown as Error)],
];
for (const [name, score] of bugs) {
  test(`a bug ${name} is 500 without detail, and its stack is logged`, async (t) => {
    const { lines, logger } = recordingLogger();
    const { url } = await serve(t, { score }, { logger });
    const response = await post(url, '{}', { 'x-request-id': 'r1' });
    t.is(response.status, 500);
    t.deepEqual(await problemOf(response), {
      type: 'urn:scorekeeper:failure:InternalError',
      title: 'A fault of the service itself: report it with the request_id',
      status: 500,
      instance: '/score',
      code: 'InternalError',
      errors: [],
      request_id: 'r1',
    });
    t.is(lines.length, 1);
    t.is(lines[0]?.['level'], 'error');
    t.deepEqual(Object.keys(lines[0]?.['err'] as object), ['type', 'message', 'stack']);
  });
}

test('an answer that JSON cannot hold is a bug like any other', async (t) => {
  const { url } = await serve(t, { score: () => TE.right({ ...scoreAnswer, predictions: [{ id: 1n }] }) });
  const response = await post(url, '{}');
  t.is(response.status, 500);
  t.is((await problemOf(response))['code'], 'InternalError');
});

test('the log names the pattern of the route and no value of the caller', async (t) => {
  const { lines, logger } = recordingLogger();
  const { url } = await serve(t, {}, { logger });
  await (await fetch(`${url}/model/rating/secret-name/info?alias=secret`)).text();
  await (await fetch(`${url}/secret-path`)).text();
  await (await post(url, '{"secret": tru}')).text();
  t.deepEqual(
    lines.map(({ route, status }) => [route, status]),
    [
      ['/model/:model_type/:model_name/info', 200],
      [null, 404],
      ['/score', 400],
    ],
  );
  t.false(JSON.stringify(lines).includes('secret'));
});

test('a client that goes away cancels its request and is no bug', async (t) => {
  const { lines, logger } = recordingLogger();
  const [asked, cancelled] = [latch(), latch()];
  const { url } = await serve(
    t,
    {
      score: (_, control) => async () => {
        asked.open();
        await new Promise<void>((resolve) => control?.cancellation?.onAbort(resolve));
        setImmediate(cancelled.open);
        return failureTask({ tag: 'Cancelled' })();
      },
    },
    { logger },
  );
  const gone = new AbortController();
  const response = fetch(`${url}/score`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
    signal: gone.signal,
  });
  await asked.opened;
  gone.abort();
  await t.throwsAsync(response, { any: true });
  await cancelled.opened;
  t.deepEqual(
    lines.map(({ level, code, status }) => [level, code, status]),
    [['info', 'Cancelled', null]],
  );
});

for (const [name, headers] of [
  ['plain', ''],
  ['compressed', 'Content-Encoding: gzip\r\n'],
] as const) {
  test(`a client that goes away before its ${name} body has arrived is Cancelled, and the service is not asked`, async (t) => {
    const { logger } = recordingLogger();
    const logged = latch<object>();
    const info = (line: { route?: unknown }): void => {
      if (line.route === '/score') logged.open(line);
    };
    const { url } = await serve(
      t,
      { score: () => t.fail() as never },
      { logger: { ...logger, info } as typeof logger },
    );
    const connection = await rawConnection(url);
    await connection.send(
      `POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}Content-Length: 100\r\n\r\n{`,
    );
    // What arrived before this is answered has been seen.
    await (await fetch(`${url}/health`)).text();
    connection.hangUp();
    t.like(await logged.opened, { code: 'Cancelled', status: null });
  });
}

test('a logger that throws fails no request, whatever it is told of', async (t) => {
  const levels: string[] = [];
  const at = (level: string) => () => {
    levels.push(level);
    throw new Error('the disk is full');
  };
  const logger = { info: at('info'), warn: at('warn'), error: at('error') };
  const score = () => {
    throw new Error('a bug');
  };
  const { url } = await serve(t, { score, models: () => failureTask({ tag: 'Unavailable' }) }, { logger });
  t.is((await fetch(`${url}/health`)).status, 200);
  t.is((await fetch(`${url}/models`)).status, 503);
  const bug = await post(url, '{}');
  t.is(bug.status, 500);
  t.is((await problemOf(bug))['code'], 'InternalError');
  const gibberish = await rawConnection(url);
  await gibberish.send('gibberish\r\n\r\n');
  t.regex(await gibberish.received, /^HTTP\/1\.1 400 /);
  t.deepEqual(levels, ['info', 'warn', 'error', 'info']);
});

/** Bodies: what is read, what is refused, and the sentence that says why. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import fc from 'fast-check';
import { parseStrictJson } from '../../../apps/http/json.js';
import { post, problemOf, rawConnection, scoreAnswer, serve } from './harness.js';

const limits = { bodyBytes: 1_000, jsonDepth: 4 };
const json = 'application/json';
const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
const bomb = gzipSync(JSON.stringify({ a: 'x'.repeat(1_000_000) }));

const deflated = deflateSync('{"a":[1]}');

const accepted: ReadonlyArray<readonly [string, string | Uint8Array<ArrayBuffer>, Record<string, string>?]> = [
  ['an object', '{"a":[1]}'],
  ['a charset', '{"a":[1]}', { 'content-type': 'application/json; charset="UTF-8"' }],
  ['a type of the JSON family', '{"a":[1]}', { 'content-type': 'application/vnd.games+json' }],
  ['a byte order mark', '\ufeff{"a":[1]}'],
  ['gzip', gzipSync('{"a":[1]}'), { 'content-encoding': 'gzip' }],
  ['deflate', deflateSync('{"a":[1]}'), { 'content-encoding': 'deflate' }],
  ['brotli', brotliCompressSync('{"a":[1]}'), { 'content-encoding': 'BR' }],
  ['identity', '{"a":[1]}', { 'content-encoding': 'identity' }],
];
for (const [name, body, headers] of accepted) {
  test(`a body with ${name} is read`, async (t) => {
    const { url } = await serve(
      t,
      { score: (request) => TE.right({ ...scoreAnswer, predictions: [request] }) },
      { limits },
    );
    const answer = (await (await post(url, body, headers)).json()) as { predictions: unknown };
    t.deepEqual(answer.predictions, [{ a: [1] }]);
  });
}

const bodyLimit = /larger than the limit body_bytes, which is 1000 bytes after inflation/;
const refused: ReadonlyArray<
  readonly [string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number, RegExp]
> = [
  ['no body', '', {}, 400, /it is empty/],
  ['white space', ' \n ', {}, 400, /it is empty/],
  ['a word', 'hello', {}, 400, /unexpected "h" at line 1, column 1\./],
  ['an end too early', '{"a":\n [1', {}, 400, /it ends too early, at line 2, column 4\./],
  ['a bare NaN', '{"a": NaN}', {}, 400, /unexpected "N" at line 1, column 7; write null for a missing value/],
  ['a bare -Infinity', '{"a":\n[-Infinity]}', {}, 400, /unexpected "-" at line 2, column 2; write null/],
  ['a trailing comma', '{"a":1,}', {}, 400, /unexpected "}" at line 1, column 8/],
  ['single quotes', "{'a':1}", {}, 400, /unexpected "'" at line 1, column 2/],
  ['a leading zero', '{"a":01}', {}, 400, /unexpected "1" at line 1, column 7/],
  ['a line break in a string', '{"a":"x\ny"}', {}, 400, /unexpected "\\n" at line 1, column 8/],
  ['a wrong escape', '{"a":"\\x"}', {}, 400, /unexpected "\\\\" at line 1, column 7/],
  ['two documents', '{} {}', {}, 400, /unexpected "{" at line 1, column 4/],
  ['an array', '[{"a":1}]', {}, 400, /must be a JSON object, got an array/],
  ['null', 'null', {}, 400, /must be a JSON object, got null/],
  ['a number', '1', {}, 400, /must be a JSON object, got a number/],
  ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), {}, 400, /not UTF-8/],
  [
    'a form',
    'a=1',
    { 'content-type': 'application/x-www-form-urlencoded' },
    400,
    /Content-Type: application\/json, got "application\/x-www-form-urlencoded"/,
  ],
  ['a type that only begins like JSON', '{}', { 'content-type': 'application/jsonlines' }, 400, /must be JSON/],
  ['another charset', '{}', { 'content-type': `${json}; charset=latin1` }, 400, /UTF-8, got the charset "latin1"/],
  ['an unknown encoding', '{}', { 'content-encoding': 'zstd' }, 400, /gzip, deflate, br or identity, got "zstd"/],
  ['two encodings', '{}', { 'content-encoding': 'gzip, br' }, 400, /got "gzip, br"/],
  ['two bodies in one', Buffer.concat([deflated, deflated]), { 'content-encoding': 'deflate' }, 400, /behind its end/],
  [
    'more behind its end',
    Buffer.concat([deflated, Buffer.from('more')]),
    { 'content-encoding': 'deflate' },
    400,
    /behind its end/,
  ],
  [
    'more than brotli',
    Buffer.concat([brotliCompressSync('{"a":1}'), deflated]),
    { 'content-encoding': 'br' },
    400,
    /behind its end/,
  ],
  ['a false encoding', '{}', { 'content-encoding': 'gzip' }, 400, /damaged, or not gzip/],
  [
    'a truncated encoding',
    gzipSync('{"a":[1]}').subarray(0, 15),
    { 'content-encoding': 'gzip' },
    400,
    /damaged, or not gzip/,
  ],
  ['a damaged brotli', new Uint8Array([0xff, 0xff, 0xff]), { 'content-encoding': 'br' }, 400, /damaged, or not br/],
  ['too many bytes', JSON.stringify({ a: 'x'.repeat(1_000) }), {}, 413, bodyLimit],
  ['far too many bytes', JSON.stringify({ a: 'x'.repeat(5_000_000) }), {}, 413, bodyLimit],
  ['a bomb', bomb, { 'content-encoding': 'gzip' }, 413, bodyLimit],
  ['too deep a nesting', nested(5), {}, 413, /deeper than the limit json_depth, which is 4/],
  ['a nesting that never closes', `{"a":${'['.repeat(900)}`, {}, 413, /json_depth/],
];
for (const [name, body, headers, status, detail] of refused) {
  test(`a body with ${name} is refused with ${status}`, async (t) => {
    const { url } = await serve(t, { score: () => t.fail() as never }, { limits });
    const response = await post(url, body, headers);
    const problem = await problemOf(response);
    t.is(response.status, status);
    t.is(problem['code'], status === 400 ? 'InvalidInput' : 'TooLarge');
    t.regex(`${problem['detail']}`, detail);
  });
}

test('a body at the limits is read: the last byte, the last depth, and brackets in strings do not count', async (t) => {
  const { url } = await serve(t, {}, { limits });
  t.is((await post(url, nested(4).padEnd(1_000))).status, 200);
  t.is((await post(url, `{"a":"[[[[[[ \\" [[["}`)).status, 200);
});

test('a chunked body above the limit is refused while it still comes', async (t) => {
  const { url } = await serve(t, {}, { limits });
  const chunk = new TextEncoder().encode('x'.repeat(600));
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.enqueue(chunk);
      controller.close();
    },
  });
  const response = await fetch(`${url}/score`, {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': json },
  } as RequestInit);
  t.is(response.status, 413);
});

test('a connection serves on after a body above the limit', async (t) => {
  const { url } = await serve(t, {}, { limits });
  const connection = await rawConnection(url);
  await connection.send(
    `POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: ${json}\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(5_000)}` +
      'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  const received = await connection.received;
  t.regex(received, /^HTTP\/1\.1 413 /);
  t.true(received.endsWith('{"status":"alive"}'));
});

for (const [name, encoding, part] of [
  ['plain', 'identity', Buffer.alloc(2_000, 'x')],
  ['compressed', 'gzip', bomb],
] as const) {
  test(`a client that goes away while the rest of its ${name} body above the limit is thrown away harms nobody`, async (t) => {
    const { url } = await serve(t, {}, { limits });
    const connection = await rawConnection(url);
    await connection.send(
      `POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: ${json}\r\nContent-Encoding: ${encoding}\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${part.length.toString(16)}\r\n`,
    );
    await connection.send(part);
    t.regex(await connection.first, /^HTTP\/1\.1 413 /);
    connection.hangUp();
    await connection.received;
    t.is((await fetch(`${url}/health`)).status, 200);
  });
}

test('a body that does not arrive in time is DeadlineExceeded', async (t) => {
  const { url } = await serve(t, {}, { limits: { ...limits, requestTimeoutMs: 30 } });
  const connection = await rawConnection(url);
  await connection.send(
    `POST /score HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${json}\r\nContent-Length: 5\r\n\r\n{`,
  );
  const received = await connection.received;
  t.regex(received, /^HTTP\/1\.1 504 /);
  t.regex(received, /limit request_timeout_ms, which is 30/);
});

test('reads all JSON that JSON.parse reads, refuses all that it refuses, and says where', (t) => {
  const parse = parseStrictJson(1_000);
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', ...Array.from('{}[]:,"\\0-e. \n\u0001tN\u{1F600}')),
      (text, seed, wedge) => {
        const at = seed % (text.length + 1);
        const mutated = text.slice(0, at) + wedge + text.slice(at + 1);
        const outcome = parse(mutated);
        const expected = E.tryCatch(() => JSON.parse(mutated) as unknown, String);
        if (E.isRight(expected)) t.deepEqual(outcome, expected);
        else t.regex(E.isLeft(outcome) ? outcome.left.message : 'was read', /empty|at line \d+, column \d+/);
      },
    ),
  );
});

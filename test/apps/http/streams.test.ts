/** `POST /score` with rows that arrive and answers that are sent as they are made. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import test, { type ExecutionContext } from 'ava';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { createMetrics } from '../../../apps/http/metrics.js';
import type { ServerOptions } from '../../../apps/http/main.js';
import { type DataSource, failure, type Failure, type RowBatch } from '../../../core/index.js';
import { arrowEncoder } from '../../../adapters/arrow/encoder.js';
import { parquetRows } from '../../../adapters/duckdb/parquet-rows.js';
import { stageParquet } from '../../../adapters/duckdb/parquet-stage.js';
import { passed } from '../../adapters/passed.js';
import { bytesOf } from '../../support/bytes.js';
import { rightOf, rowBatch, scoringService, sourceOf, typed, unhurried } from '../../support/scoring.js';
import { until } from './metrics.js';
import { latch, problemOf, rawConnection, recordingLogger, serve } from './harness.js';

const query = 'model_type=games&model_name=sums';
const ndjson = 'application/x-ndjson';

const lines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A server over `games/sums`, whose own source is `source`. */
const serving = async (
  t: ExecutionContext,
  source: DataSource = sourceOf([], { keys: ['id'] }),
  options: Partial<ServerOptions> = {},
) => {
  const settings = { sourceOfType: { games: 'games' }, inlineRowLimit: 100 };
  const { service } = await scoringService({ sources: { games: source }, settings });
  const metrics = createMetrics(service);
  const { lines: logged, logger } = recordingLogger();
  const { url } = await serve(t, service, { logger, metrics, ...options });
  return { url, logged, metrics };
};

const send = (
  url: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  more = '',
): Promise<Response> =>
  fetch(`${url}/score${type === 'application/json' ? '' : `?${query}${more}`}`, {
    method: 'POST',
    body,
    headers: { 'content-type': type, ...headers },
  });

const arrow = 'application/vnd.apache.arrow.stream';
const parquet = 'application/vnd.apache.parquet';

/** Where the server keeps what has to wait on disk. */
let temporary = '';
test.before(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'scorekeeper-streams-'));
  process.env['TMPDIR'] = temporary;
});
test.after.always(() => rm(temporary, { recursive: true, force: true }));

const table = rowBatch({
  id: typed('string', 'x', 'y, z'),
  a: typed('float64', 1, null),
  b: typed('int32', 2, 0),
});
const schema = Array.from(table.columns, ([name, { type }]) => ({ name, type }));

const asArrow = (): Uint8Array<ArrayBuffer> => {
  const encoder = arrowEncoder();
  return Buffer.concat([encoder.begin(schema), encoder.encode(table), encoder.end()].map((part) => Buffer.from(part)));
};

const asParquet = async (): Promise<Uint8Array<ArrayBuffer>> => {
  const stage = stageParquet(unhurried);
  rightOf(await stage.into.begin(schema)());
  rightOf(await stage.into.write(table)());
  const bytes = await readFile(rightOf(await stage.finish()).path);
  await stage.close();
  return Uint8Array.from(bytes);
};

const json = '{"model_type":"games","model_name":"sums","data":[{"id":"x","a":1,"b":2},{"id":"y, z","a":null,"b":0}]}';
const bodies: Readonly<Record<string, () => Promise<string | Uint8Array<ArrayBuffer>>>> = {
  'application/json': async () => json,
  [ndjson]: async () => '{"id":"x","a":1,"b":2}\n{"id":"y, z","a":null,"b":0}\n',
  'text/csv': async () => 'b,id,a\r\n2,x,1\r\n0,"y, z",\r\n',
  [arrow]: async () => asArrow(),
  [parquet]: asParquet,
};
for (const [type, bodyOf] of Object.entries(bodies)) {
  test(`${type} is answered alike as any other type`, async (t) => {
    const body = await bodyOf();
    const { url } = await serving(t);
    const predictions = [
      { row: 0, id: 'x', prediction: 9 },
      { row: 1, id: 'y, z', prediction: null },
    ];
    const asJson = await send(url, type, body);
    t.deepEqual(((await asJson.json()) as Record<string, unknown>)['predictions'], predictions);
    t.is(asJson.headers.get('vary'), 'Accept');

    const asLines = await send(url, type, body, { accept: ndjson });
    t.is(asLines.headers.get('content-type'), ndjson);
    const [first, second, report, ...rest] = lines(await asLines.text());
    t.deepEqual([first, second], predictions);
    t.deepEqual(rest, []);
    t.like(report?.['$report'], { predictions: null, performance_diagnostics: { rows_read: 2, total_scored: 2 } });

    const asCsv = await send(url, type, body, { accept: 'text/csv' });
    t.is(asCsv.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    t.is(await asCsv.text(), 'row,id,prediction\r\n0,x,9\r\n1,"y, z",\r\n');

    const asStream = await send(url, type, body, { accept: arrow });
    t.is(asStream.headers.get('content-type'), arrow);
    // Only JSON's own values have no number that is none.
    const numbers = [
      { row: 0n, id: 'x', prediction: 9 },
      { row: 1n, id: 'y, z', prediction: Number.NaN },
    ];
    const arrived = tableFromIPC(new Uint8Array(await asStream.arrayBuffer()));
    t.deepEqual(
      arrived.toArray().map((row) => ({ ...(row as object) })),
      numbers,
    );

    const asFile = await send(url, type, body, { accept: parquet });
    t.is(asFile.headers.get('content-type'), parquet);
    const file = new Uint8Array(await asFile.arrayBuffer());
    t.is(Number(asFile.headers.get('content-length')), file.length);
    const rows = parquetRows({
      bytes: bytesOf(file),
      name: 'x',
      spoolLimitBytes: 10_000,
      tooLarge: failure('TooLarge', ''),
    });
    const { cells } = await passed(rows, [], ['row', 'id', 'prediction']);
    t.deepEqual(cells, { row: [0n, 1n], id: ['x', 'y, z'], prediction: [9, Number.NaN] });
  });
}

test('what waits on disk is gone afterwards, whatever happens', async (t) => {
  const { url } = await serving(t, undefined, { limits: { spoolBytes: 100_000 } });
  const whole = await asParquet();
  const leftovers = () => readdir(temporary);
  t.is((await send(url, parquet, whole, { accept: parquet })).status, 200);
  const cut = await problemOf(await send(url, parquet, whole.subarray(0, whole.length - 50), { accept: arrow }));
  t.is(cut['code'], 'InvalidInput');
  t.regex(`${cut['detail']}`, /^The body: No magic bytes found at end of file 'The body'/);
  const large = await problemOf(await send(url, parquet, new Uint8Array(100_001)));
  t.is(large['code'], 'TooLarge');
  t.regex(`${large['detail']}`, /larger than the limit spool_bytes, which is 100000 bytes/);
  const misfit = await problemOf(await send(url, ndjson, failing, { accept: parquet }));
  t.is(misfit['code'], 'SignatureMismatch');
  const connection = await rawConnection(url);
  await connection.send(head(parquet).replace(ndjson, parquet) + chunk('PAR1'));
  await until(async () => (await leftovers()).length > 0);
  connection.reset();
  await connection.received;
  await until(async () => (await leftovers()).length === 0);
  t.pass();
});

test('the type of the answer is negotiated', async (t) => {
  const { url } = await serving(t);
  const [type, body] = [ndjson, '{"a":1,"b":2}\n'];
  for (const [accept, expected] of [
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/*', 'text/csv; charset=utf-8; header=present'],
    ['text/csv;q=0.5, application/x-ndjson;q=0.6', ndjson],
    ['application/json;q=0, */*;q=0.1', ndjson],
    ['text/html, application/json;q=0.1', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['application/json; q=0.1, text/csv', 'text/csv; charset=utf-8; header=present'],
    ['application/json; q=0, application/x-ndjson; q=0.5', ndjson],
    ['application/json ;  Q=0.1;x=y, text/csv ;x=y;q=0.2', 'text/csv; charset=utf-8; header=present'],
    ['text/csv; header=present; q=0.2, application/json; q=0.1', 'text/csv; charset=utf-8; header=present'],
    ['', 'application/json'],
  ] as const) {
    t.is((await send(url, type, body, { accept })).headers.get('content-type'), expected, accept);
  }
  const refused = await send(url, type, body, { accept: 'text/html, application/json;q=0' });
  t.is(refused.status, 406);
  t.like(await problemOf(refused), { code: 'NotAcceptable', status: 406 });
});

const many = (rowCount: number, row: (i: number) => string): string =>
  Array.from({ length: rowCount }, (_, i) => row(i)).join('');

test('rows of any number are streamed, and inline only up to the limit', async (t) => {
  const { url, metrics } = await serving(t);
  const body = many(20_000, (i) => `{"a":${i},"b":0}\n`);
  t.is((await problemOf(await send(url, ndjson, body)))['code'], 'TooLarge');
  const answered = lines(await (await send(url, ndjson, body, { accept: ndjson })).text());
  t.is(answered.length, 20_001);
  t.deepEqual(answered[19_999], { row: 19_999, prediction: 1 + 2 * 19_999 });
  const told = await metrics.text();
  t.true(told._tag === 'Right' && /rows_scored_total\{.*\} 20000/.test(told.right));
});

test('a body is inflated as it arrives', async (t) => {
  const { url } = await serving(t);
  const body = gzipSync(many(20_000, () => '{"a":1,"b":0}\n'));
  const headers = { accept: ndjson, 'content-encoding': 'gzip' };
  t.is(lines(await (await send(url, ndjson, body, headers)).text()).length, 20_001);
  const damaged = await send(url, ndjson, body.subarray(0, 20), headers);
  t.regex(`${(await problemOf(damaged))['detail']}`, /damaged, or not gzip/);
});

const refusals: ReadonlyArray<readonly [string, string, string, Record<string, string>, string, string, RegExp]> = [
  [
    'an unknown field',
    ndjson,
    '{}',
    {},
    '&on_eror=skip',
    'InvalidInput',
    /\/on_eror is an unknown field \(did you mean on_error\?\)/,
  ],
  ['a field twice', ndjson, '{}', {}, '&on_error=skip&on_error=fail', 'InvalidInput', /says "on_error" more than once/],
  ['data in the query', ndjson, '{}', {}, '&data=1', 'InvalidInput', /send them once/],
  ['years', 'text/csv', 'a,b\n', {}, '&start_year=2000', 'InvalidInput', /leave the years out/],
  [
    'a place and a stream',
    ndjson,
    '{}',
    { accept: ndjson },
    '&output_location=x.csv',
    'InvalidInput',
    /or accept JSON/,
  ],
  ['a missing column', 'text/csv', 'a,c\n1,2\n', {}, '', 'SignatureMismatch', /lacks 1 of the model's 2 features: b/],
  [
    'a broken line',
    ndjson,
    '{"a":1,"b":1}\n{"a":',
    { accept: ndjson },
    '',
    'InvalidInput',
    /The body: line 2 is not JSON/,
  ],
  ['another charset', 'text/csv; charset=latin1', 'a\n', {}, '', 'InvalidInput', /must be in UTF-8/],
  [
    'another encoding',
    ndjson,
    '{}',
    { 'content-encoding': 'zstd' },
    '',
    'InvalidInput',
    /must be gzip, deflate, br or identity/,
  ],
  [
    'a long line',
    ndjson,
    `{"a":"${'x'.repeat(5_000)}"}`,
    {},
    '',
    'TooLarge',
    /line 1 is longer than the limit body_bytes, which is 4000/,
  ],
  [
    'a long record',
    'text/csv',
    `a,b\n1,1\n1,"${'x'.repeat(5_000)}"`,
    {},
    '',
    'TooLarge',
    /begins in line 3 is longer than the limit/,
  ],
];
for (const [name, type, body, headers, more, code, detail] of refusals) {
  test(`${name} is refused`, async (t) => {
    const { url } = await serving(t, undefined, { limits: { bodyBytes: 4_000 } });
    const problem = await problemOf(await send(url, type, body, headers, more));
    t.is(problem['code'], code);
    t.regex(`${problem['detail']}`, detail);
  });
}

test('a type that nobody reads is refused, and the query of JSON', async (t) => {
  const { url } = await serving(t);
  const sent = (path: string, type: string) =>
    fetch(`${url}${path}`, { method: 'POST', body: '{}', headers: { 'content-type': type } });
  for (const path of ['/score', '/score?on_error=skip']) {
    const other = await problemOf(await sent(path, 'text/plain'));
    t.regex(`${other['detail']}`, /Rows alone come as application\/x-ndjson, text\/csv/);
  }
  const queried = await problemOf(await sent('/score?on_error=skip', 'application/json'));
  t.regex(`${queried['detail']}`, /no query with a body of JSON: move on_error into the body/);
});

test('a version is a number in the query, too', async (t) => {
  const { url } = await serving(t);
  const answer = await send(url, ndjson, '{"a":1,"b":1}\n', {}, '&model_version=1&on_error=skip');
  t.like(await answer.json(), { model_details: { version: 1 }, refused_total: 0 });
  t.is((await problemOf(await send(url, ndjson, '', {}, '&model_version=7')))['code'], 'NotFound');
});

const failing = `${many(20_000, () => '{"a":1,"b":0}\n')}{"a":"x","b":0}\n`;

test('a failure in mid-answer is the last line of NDJSON', async (t) => {
  const { url, logged } = await serving(t);
  const answer = await send(url, ndjson, failing, { accept: ndjson, 'x-request-id': 'mine' });
  t.is(answer.status, 200);
  const last = lines(await answer.text()).at(-1);
  t.like(last?.['$failure'], {
    ...{ code: 'SignatureMismatch', status: 422, instance: '/score', request_id: 'mine' },
    errors: [{ pointer: '/20000/a', detail: 'row 20000, column "a": expected float32, got the text "x"' }],
  });
  t.like(logged.at(-1), { status: 422, code: 'SignatureMismatch' });
});

test('a failure in mid-answer of CSV breaks the connection off', async (t) => {
  const { url, logged, metrics } = await serving(t);
  const answer = await send(url, ndjson, failing, { accept: 'text/csv' });
  t.is(answer.status, 200);
  await t.throwsAsync(answer.text());
  t.is((await fetch(`${url}/health`)).status, 200);
  t.like(
    logged.find(({ route }) => route === '/score'),
    { status: 422, code: 'SignatureMismatch' },
  );
  const told = await metrics.text();
  t.true(told._tag === 'Right' && told.right.includes('requests_total{route="/score",status="422"} 1'));
});

test('a failure that comes soon is answered with a problem, although rows were scored', async (t) => {
  const { url } = await serving(t);
  for (const accept of [ndjson, 'text/csv', arrow]) {
    const refused = await send(url, ndjson, '{"a":1,"b":1}\n{"a":', { accept });
    t.is(refused.status, 400, accept);
    t.is((await problemOf(refused))['code'], 'InvalidInput');
  }
});

test('bad rows are skipped and told in the report', async (t) => {
  const { url } = await serving(t);
  const body = '{"a":1,"b":0}\n{"a":"x","b":0}\n{"a":2,"b":0}\n';
  const answered = lines(await (await send(url, ndjson, body, { accept: ndjson }, '&on_error=skip')).text());
  t.deepEqual(answered.slice(0, 2), [
    { row: 0, prediction: 3 },
    { row: 2, prediction: 5 },
  ]);
  t.like(answered[2]?.['$report'], { refused_total: 1, refused: [{ row: 1 }] });
});

const batch = (rowCount: number): RowBatch =>
  rowBatch({
    a: typed('float32', ...new Array<number>(rowCount).fill(1)),
    b: typed('float32', ...new Array<number>(rowCount).fill(2)),
  });

/** A request whose answer is not read until somebody reads it. */
const ask = (url: string, headers: Record<string, string>, body: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const asking = httpRequest(`${url}/score`, { method: 'POST', headers }, resolve);
    asking.on('error', reject).end(body);
  });

const fromSource = '{"model_type":"games","model_name":"sums"}';

test('a client that reads slowly holds back the source, and one that goes away ends it', async (t) => {
  let reads = 0;
  const closed = latch();
  const source = sourceOf(new Array<RowBatch>(20_000).fill(batch(2_000)), {
    onRead: () => void reads++,
    onClose: closed.open,
  });
  const { url, logged } = await serving(t, source);
  const answer = await ask(url, { 'content-type': 'application/json', accept: ndjson }, fromSource);
  let before = -1;
  while (before !== reads) {
    before = reads;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  t.true(reads < 5_000, `${reads} batches were read`);
  answer.destroy();
  await closed.opened;
  while (logged.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.like(logged[0], { status: null, code: 'Cancelled' });
});

const head = (accept: string): string =>
  `POST /score?${query} HTTP/1.1\r\nHost: x\r\nContent-Type: ${ndjson}\r\nAccept: ${accept}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

test('rows are scored as they arrive', async (t) => {
  const { url } = await serving(t);
  const connection = await rawConnection(url);
  await connection.send(head(ndjson) + chunk('{"a":1,"b":0}\n'));
  t.regex(await connection.first, /\{"row":0,"prediction":3\}/);
  await connection.send(`${chunk('{"a":2,"b":0}\n')}0\r\n\r\n`);
  const received = await connection.received;
  t.regex(received, /\{"row":1,"prediction":5\}/);
  t.regex(received, /\{"\$report":/);
});

test('a body that stops half-way ends its request and nothing else', async (t) => {
  const { url, logged } = await serving(t);
  for (const accept of [ndjson, 'application/json']) {
    const connection = await rawConnection(url);
    await connection.send(head(accept) + chunk('{"a":1,"b":0}\n'));
    if (accept === ndjson) await connection.first;
    connection.reset();
    await connection.received;
  }
  while (logged.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const line of logged) t.like(line, { status: null, code: 'Cancelled' });
  t.is((await fetch(`${url}/health`)).status, 200);
});

test('a stream that stands still is ended: with a problem before its first byte, with the last line after it', async (t) => {
  const { url, logged } = await serving(t, undefined, { limits: { requestTimeoutMs: 1_000 } });
  const waiting = await rawConnection(url);
  await waiting.send(head('text/csv'));
  t.regex(await waiting.received, /^HTTP\/1\.1 504 [^]*limit request_timeout_ms, which is 1000/);
  const begun = await rawConnection(url);
  await begun.send(head(ndjson) + chunk('{"a":1,"b":0}\n'));
  t.regex(await begun.received, /\{"\$failure":\{[^\n]*"code":"DeadlineExceeded"/);
  t.deepEqual(
    logged.map(({ status, code }) => [status, code]),
    [
      [504, 'DeadlineExceeded'],
      [504, 'DeadlineExceeded'],
    ],
  );
});

test('what moves goes on, however long it takes', async (t) => {
  const { url } = await serving(t, undefined, { limits: { requestTimeoutMs: 2_000 } });
  const connection = await rawConnection(url);
  await connection.send(head(ndjson));
  for (let part = 0; part < 8; part++) {
    await connection.send(chunk('{"a":1,"b":0}\n'));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await connection.send('0\r\n\r\n');
  t.regex(await connection.received, /\{"\$report":/);
});

test('a connection serves on after a stream, and after one that was refused', async (t) => {
  const { url } = await serving(t);
  const connection = await rawConnection(url);
  const request = (rows: string): string =>
    head(ndjson).replace('Connection: close\r\n', '') + chunk(rows) + '0\r\n\r\n';
  await connection.send(
    request('{"a":1,"b":0}\n') + request('{"a":1\n') + 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  const received = await connection.received;
  t.deepEqual(
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '400', '200'],
  );
});

test('a server that stops finishes a stream, and lets its connection go', async (t) => {
  const { service } = await scoringService();
  const { url, close } = await serve(t, service, { graceMs: 60_000 });
  const connection = await rawConnection(url);
  await connection.send(head(ndjson).replace('Connection: close\r\n', '') + chunk('{"a":1,"b":0}\n'));
  await connection.first;
  const closed = close();
  await connection.send(`${chunk('{"a":2,"b":0}\n')}0\r\n\r\n`);
  t.regex(await connection.received, /\{"row":1,"prediction":5\}[^]*\{"\$report":/);
  await closed;
});

test('a stream that a stopping server gives up says so', async (t) => {
  const { service } = await scoringService();
  const { url, close } = await serve(t, service, { graceMs: 0 });
  const connection = await rawConnection(url);
  await connection.send(head(ndjson) + chunk('{"a":1,"b":0}\n'));
  await connection.first;
  const closed = close();
  t.regex(await connection.received, /\{"\$failure":\{[^\n]*"code":"Unavailable"/);
  await closed;
});

test('a bug in mid-answer breaks the connection off, and is told in the log', async (t) => {
  const begun = latch();
  const score =
    (_: unknown, { into }: { into?: { begin: (columns: []) => TE.TaskEither<Failure, void> } } = {}) =>
    async () => {
      await into?.begin([])();
      await begun.opened;
      throw new Error('a bug');
    };
  const { lines: logged, logger } = recordingLogger();
  const { url } = await serve(t, { score: score as never }, { logger });
  const answer = await send(url, ndjson, '', { accept: 'text/csv' });
  begun.open();
  await t.throwsAsync(answer.text());
  await until(() => logged.length > 0);
  t.like(logged[0], { level: 'error', err: { message: 'a bug' } });
});

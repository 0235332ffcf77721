/** The routes: what each asks of the service and answers, and what no route takes. */
import test from 'ava';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { listed, post, problemOf, scoreAnswer, serve, tag } from './harness.js';

test('POST /score gives the body to the service and answers what it answers', async (t) => {
  const asked: unknown[] = [];
  const { url } = await serve(t, {
    score: (request, control) => {
      asked.push(request, typeof control?.deadlineMs, control?.cancellation?.aborted);
      return TE.right(scoreAnswer);
    },
  });
  const response = await post(url, '{"model_type":"rating","unheard_of":1}');
  t.is(response.status, 200);
  t.is(response.headers.get('content-type'), 'application/json');
  t.deepEqual(await response.json(), scoreAnswer as unknown);
  t.deepEqual(asked, [{ model_type: 'rating', unheard_of: 1 }, 'number', false]);
});

test('Server-Timing says where the time went', async (t) => {
  const { url } = await serve(t);
  const scored = (await post(url, '{}')).headers.get('server-timing') ?? '';
  t.regex(
    scored,
    /^resolve;dur=1\.00, load;dur=2\.00, read;dur=3\.00, score;dur=4\.00, write;dur=5\.00, wait;dur=6\.00, total;dur=[\d.]+$/,
  );
  t.regex((await fetch(`${url}/health`)).headers.get('server-timing') ?? '', /^total;dur=[\d.]+$/);
});

test('NaN and infinities go out as null', async (t) => {
  const predictions = [
    { row: 0, prediction: Number.NaN },
    { row: 1, prediction: Number.NEGATIVE_INFINITY },
  ];
  const { url } = await serve(t, { score: () => TE.right({ ...scoreAnswer, predictions }) });
  const answer = (await (await post(url, '{}')).json()) as { predictions: unknown };
  t.deepEqual(answer.predictions, [
    { row: 0, prediction: null },
    { row: 1, prediction: null },
  ]);
});

test('__proto__ in a body is data like any other', async (t) => {
  const { url } = await serve(t, { score: (request) => TE.right({ ...scoreAnswer, predictions: [request] }) });
  const text =
    '{"__proto__":{"polluted":1},"data":[{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]}';
  const body = await (await post(url, text)).text();
  t.true(body.includes(text));
  t.is(({} as { polluted?: number }).polluted, undefined);
});

const modelQueries: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
  ['', {}],
  ['?model_type=rating&name=m', { model_type: 'rating', name: 'm' }],
  ['?latest=true', { latest: true }],
  ['?latest=false&limit=2&page_token=x%26y', { latest: false, limit: 2, page_token: 'x&y' }],
  ['?limit=many&latest=yes', { limit: 'many', latest: 'yes' }],
  ['?limit=', { limit: '' }],
];
for (const [query, request] of modelQueries) {
  test(`GET /models${query} asks the service for ${JSON.stringify(request)}`, async (t) => {
    let asked: unknown;
    const { url } = await serve(t, {
      models: (given) => {
        asked = given;
        return TE.right({ models: { rating: [listed] } });
      },
    });
    const response = await fetch(`${url}/models${query}`);
    t.deepEqual(await response.json(), { rating: [listed] } as unknown);
    t.deepEqual(asked, request);
    t.is(response.headers.get('link'), null);
  });
}

test('GET /models links to the next page and keeps the query', async (t) => {
  const { url } = await serve(t, { models: () => TE.right({ models: {}, nextPageToken: 'b&c' }) });
  const response = await fetch(`${url}/models?limit=1&page_token=a&model_type=rating`);
  t.is(response.headers.get('link'), '</models?limit=1&page_token=b%26c&model_type=rating>; rel="next"');
});

const infoQueries: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
  ['/model/rating/m/info', {}],
  ['/model/rating/m/info?version=3', { version: 3 }],
  ['/model/rating/m/info?version=champion', { version: 'champion' }],
  ['/model/rating/m/info?version=-1', { version: '-1' }],
  ['/model/rating/m/info?version=03', { version: '03' }],
  ['/model/rating/m/info?alias=champion', { alias: 'champion' }],
];
for (const [path, rest] of infoQueries) {
  test(`GET ${path} asks the service for ${JSON.stringify(rest)}`, async (t) => {
    let asked: unknown;
    const { url } = await serve(t, {
      info: (given) => {
        asked = given;
        return TE.right({
          info: { registration: listed, model_info: {}, original_experiment: {}, validation_metrics: {} },
          tag,
        });
      },
    });
    const response = await fetch(`${url}${path}`);
    t.deepEqual(Object.keys((await response.json()) as object), [
      'registration',
      'model_info',
      'original_experiment',
      'validation_metrics',
    ]);
    t.deepEqual(asked, { model_type: 'rating', model_name: 'm', ...rest });
    t.is(response.headers.get('etag'), `"${tag}"`);
  });
}

test('an encoded slash stays inside its name', async (t) => {
  let asked: unknown;
  const { url } = await serve(t, {
    info: (given) => {
      asked = given;
      return TE.left({ tag: 'InvalidInput', message: 'no such name', problems: [], problemTotal: 0, ambiguous: false });
    },
  });
  t.is((await fetch(`${url}/model/rating/..%2F..%2Fetc/info`)).status, 400);
  t.deepEqual(asked, { model_type: 'rating', model_name: '../../etc' });
});

const conditions: ReadonlyArray<readonly [string, number]> = [
  [`"${tag}"`, 304],
  [`W/"${tag}"`, 304],
  [`"other", "${tag}"`, 304],
  ['*', 304],
  ['"other"', 200],
  [tag, 200],
];
for (const [known, status] of conditions) {
  test(`If-None-Match: ${known.replace(tag, 'TAG')} is answered with ${status}`, async (t) => {
    const { url } = await serve(t);
    const response = await fetch(`${url}/model/rating/m/info`, { headers: { 'if-none-match': known } });
    t.is(response.status, status);
    t.is(response.headers.get('etag'), `"${tag}"`);
    t.is((await response.text()) === '', status === 304);
  });
}

const queryRefusals: ReadonlyArray<readonly [string, string, RegExp]> = [
  ['GET', '/models?modle_type=rating', /modle_type is an unknown field \(did you mean model_type\?\)/],
  ['GET', '/models?limit=1&limit=2', /The query says "limit" more than once: say it once/],
  ['GET', '/model/rating/m/info?model_version=3', /\/model_version is an unknown field/],
  ['GET', '/model/rating/m/info?model_type=other', /\/model_type is an unknown field/],
  ['POST', '/score?model_version=3', /POST \/score has no query with a body of JSON: move model_version into the body/],
];
for (const [method, path, detail] of queryRefusals) {
  test(`${method} ${path} is refused by name`, async (t) => {
    const { url } = await serve(t);
    const response = await fetch(`${url}${path}`, { method, headers: { 'content-type': 'application/json' } });
    t.is(response.status, 400);
    t.regex(`${(await problemOf(response))['detail']}`, detail);
  });
}

test('GET /health and GET /ready', async (t) => {
  const { url } = await serve(t);
  t.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'alive' });
  t.deepEqual(await (await fetch(`${url}/ready`)).json(), {
    status: 'ready',
    models_loaded: 0,
    models_loaded_bytes: 0,
    registry: 'answers',
    look_ups: [],
  });
});

const unrouted: ReadonlyArray<readonly [string, string, number, string | null]> = [
  ['GET', '/', 404, null],
  ['GET', '/model/rating/info', 404, null],
  ['GET', '/%E0%A4%A', 404, null],
  ['OPTIONS', '/nowhere', 404, null],
  ['GET', '/score', 405, 'POST, OPTIONS'],
  ['POST', '/models', 405, 'HEAD, GET, OPTIONS'],
  ['DELETE', '/model/rating/m/info', 405, 'HEAD, GET, OPTIONS'],
  ['PROPFIND', '/health', 405, 'HEAD, GET, OPTIONS'],
  ['OPTIONS', '/score', 204, 'POST, OPTIONS'],
  ['OPTIONS', '/model/rating/m/info', 204, 'HEAD, GET, OPTIONS'],
];
for (const [method, path, status, allow] of unrouted) {
  test(`${method} ${path} is answered with ${status}`, async (t) => {
    const { url } = await serve(t);
    const response = await fetch(`${url}${path}`, { method });
    t.is(response.status, status);
    t.is(response.headers.get('allow'), allow);
    if (status !== 204) t.is((await problemOf(response))['code'], status === 404 ? 'NotFound' : 'MethodNotAllowed');
  });
}

for (const path of ['/health', '/ready', '/models', '/model/rating/m/info']) {
  test(`HEAD ${path} has the headers of GET and no body`, async (t) => {
    const { url } = await serve(t);
    const [head, get] = await Promise.all([fetch(`${url}${path}`, { method: 'HEAD' }), fetch(`${url}${path}`)]);
    t.is(head.status, 200);
    t.is(head.headers.get('content-type'), get.headers.get('content-type'));
    t.is(head.headers.get('content-length'), `${(await get.arrayBuffer()).byteLength}`);
    t.is(await head.text(), '');
  });
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const requestIds: ReadonlyArray<readonly [string, string | undefined, RegExp]> = [
  ['a sane one', 'abc-123', /^abc-123$/],
  ['one of 128 characters', 'x'.repeat(128), /^x{128}$/],
  ['none', undefined, uuid],
  ['one of 129 characters', 'x'.repeat(129), uuid],
  ['one with a space', 'a b', uuid],
  ['one beyond ASCII', 'caf\u00e9', uuid],
];
for (const [name, given, expected] of requestIds) {
  test(`a request with ${name} as X-Request-Id is answered with ${expected === uuid ? 'a new one' : 'it'}`, async (t) => {
    const { url } = await serve(t);
    const response = await fetch(`${url}/nowhere`, given === undefined ? {} : { headers: { 'x-request-id': given } });
    const id = response.headers.get('x-request-id') ?? '';
    t.regex(id, expected);
    t.is((await problemOf(response))['request_id'], id);
  });
}

/** The fake of Cloud Storage, where the adapter does not look: what it answers to plain HTTP. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type FakeGcsOptions, startFakeGcs } from '../support/fake-gcs/server.js';

/** A fake with one bucket, `b`, and how to talk to it. */
const open = async (t: ExecutionContext, options: FakeGcsOptions = {}) => {
  const fake = await startFakeGcs({ buckets: ['b'], ...options });
  t.teardown(() => fake.close());
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${fake.url}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  const put = (name: string, body: string, query = '') =>
    ask(`/upload/storage/v1/b/b/o?uploadType=media&name=${encodeURIComponent(name)}${query}`, { method: 'POST', body });
  const object = (name: string, query = '', init: RequestInit = {}) =>
    ask(`/storage/v1/b/b/o/${encodeURIComponent(name)}${query}`, init);
  const names = async (query: string) => {
    const { json } = await ask(`/storage/v1/b/b/o?${query}`);
    const items: ReadonlyArray<{ readonly name: string }> = json.items ?? [];
    return [items.map(({ name }) => name), json.prefixes ?? []];
  };
  return { fake, ask, put, object, names };
};

test('errors have the shape of the JSON API', async (t) => {
  const { ask, put, object } = await open(t);
  const missing = await object('none');
  t.deepEqual(
    [missing.status, missing.json],
    [
      404,
      {
        error: {
          code: 404,
          message: 'No such object: b/none',
          errors: [{ message: 'No such object: b/none', domain: 'global', reason: 'notFound' }],
        },
      },
    ],
  );
  t.is((await ask('/storage/v1/b/none/o')).json.error.message, 'The specified bucket does not exist.');
  t.is((await ask('/storage/v1/b/b')).json.name, 'b');
  t.is((await object('none', '?alt=media')).text, 'No such object: b/none');
  await put('a', 'x');
  const unmet = await put('a', 'y', '&ifGenerationMatch=0');
  t.deepEqual([unmet.status, unmet.json.error.errors[0].reason], [412, 'conditionNotMet']);
});

test('preconditions hold reads, writes and deletions', async (t) => {
  const { put, object } = await open(t);
  const { generation } = (await put('a', 'x')).json;
  const status = async (query: string, init: RequestInit = {}) => (await object('a', query, init)).status;
  t.is(await status(`?ifGenerationMatch=${generation}`), 200);
  t.is(await status('?ifGenerationMatch=1'), 412);
  t.is(await status(`?ifGenerationNotMatch=${generation}`), 304);
  t.is(await status(`?alt=media&ifGenerationNotMatch=${generation}`), 304);
  t.is(await status('?ifGenerationNotMatch=1'), 200);
  t.is(await status('?ifMetagenerationMatch=2'), 412);
  t.is(await status(`?generation=${generation}`), 200);
  t.is(await status('?generation=1'), 404);
  t.is(await status('?ifGenerationMatch=1', { method: 'DELETE' }), 412);
  t.is((await put('a', 'y', '&ifGenerationMatch=1')).status, 412);
  t.is((await put('none', 'y', '&ifGenerationMatch=1')).status, 412);
  t.is((await put('a', 'y', '&ifGenerationMatch=x')).status, 400);
  t.is((await put('a', 'y', `&ifGenerationNotMatch=${generation}`)).status, 412);
  t.is(await status(`?ifGenerationMatch=${generation}`, { method: 'DELETE' }), 204);
  t.is(await status('', { method: 'DELETE' }), 404);
});

test('a change of metadata raises the metageneration, and leaves the generation', async (t) => {
  const { put, object } = await open(t);
  const before = (await put('a', 'x')).json;
  const after = (await object('a', '', { method: 'PATCH', body: '{"metadata":{"k":"v"}}' })).json;
  t.deepEqual([after.generation, after.metageneration, after.metadata], [before.generation, '2', { k: 'v' }]);
});

test('digests are told, and a declared one is checked', async (t) => {
  const { ask, put, object } = await open(t);
  const { md5Hash, crc32c } = (await put('a', '123456789')).json;
  t.is(md5Hash, createHash('md5').update('123456789').digest('base64'));
  // The check value of CRC-32C, e3069283.
  t.is(crc32c, '4waSgw==');
  t.is((await object('a', '?alt=media')).headers.get('x-goog-hash'), `crc32c=${crc32c},md5=${md5Hash}`);
  const multipart = (md5: string) =>
    ask('/upload/storage/v1/b/b/o?uploadType=multipart&name=m', {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; boundary=xx' },
      body: `--xx\r\nContent-Type: application/json\r\n\r\n{"md5Hash":"${md5}"}\r\n--xx\r\nContent-Type: text/plain\r\n\r\n123456789\r\n--xx--`,
    });
  t.is((await multipart('wrong')).status, 400);
  t.is((await object('m')).status, 404);
  t.is((await multipart(md5Hash)).json.size, '9');
});

test('a range of the bytes is served', async (t) => {
  const { put, object } = await open(t);
  await put('a', '0123456789');
  const range = async (value: string) => object('a', '?alt=media', { headers: { range: `bytes=${value}` } });
  t.deepEqual([(await range('2-4')).text, (await range('7-')).text, (await range('-2')).text], ['234', '789', '89']);
  t.is((await range('2-4')).headers.get('content-range'), 'bytes 2-4/10');
  t.is((await range('2-4')).status, 206);
  t.is((await range('20-')).status, 416);
});

test('a list knows prefix, delimiter, offsets, glob, pages and fields', async (t) => {
  const { ask, put, names } = await open(t);
  for (const name of ['a/1', 'a/2/x', 'a/2/y', 'a/3', 'a/', 'ab', 'b/v1.json', 'b/v2.json', 'b/c/v3.json']) {
    await put(name, 'x');
  }
  t.deepEqual(await names('prefix=a/&delimiter=/'), [['a/', 'a/1', 'a/3'], ['a/2/']]);
  t.deepEqual(await names('delimiter=/'), [['ab'], ['a/', 'b/']]);
  t.deepEqual(await names('delimiter=/&includeTrailingDelimiter=true'), [
    ['a/', 'ab'],
    ['a/', 'b/'],
  ]);
  t.deepEqual(await names('startOffset=ab&endOffset=b/v2'), [['ab', 'b/c/v3.json', 'b/v1.json'], []]);
  t.deepEqual(await names('matchGlob=b/*.json'), [['b/v1.json', 'b/v2.json'], []]);
  t.deepEqual(await names('matchGlob=**/v[23].json'), [['b/c/v3.json', 'b/v2.json'], []]);
  t.deepEqual(await names('matchGlob=a/{1,3}'), [['a/1', 'a/3'], []]);
  const page = (await ask('/storage/v1/b/b/o?prefix=a/&delimiter=/&maxResults=3')).json;
  t.deepEqual([page.items.length, page.prefixes], [2, ['a/2/']]);
  t.deepEqual(await names(`prefix=a/&delimiter=/&pageToken=${page.nextPageToken}`), [['a/3'], []]);
  t.is((await ask('/storage/v1/b/b/o?pageToken=nonsense')).status, 400);
  const { items } = (await ask('/storage/v1/b/b/o?prefix=ab&fields=items(name,size)')).json;
  t.deepEqual(items, [{ name: 'ab', size: '1' }]);
});

test('a resumable upload goes on where it stopped', async (t) => {
  const { ask, object } = await open(t);
  const begun = await ask('/upload/storage/v1/b/b/o?uploadType=resumable&name=r&ifGenerationMatch=0', {
    method: 'POST',
    body: '{"contentType":"text/plain"}',
  });
  const session = (begun.headers.get('location') ?? '').replace(/^http:\/\/[^/]+/, '');
  const chunk = (range: string, body?: string) =>
    ask(session, { method: 'PUT', headers: { 'content-range': range }, ...(body === undefined ? {} : { body }) });
  const unit = 256 * 1024;
  t.is((await chunk('bytes */*')).headers.get('range'), null);
  t.is((await chunk('bytes 0-99/*', 'x'.repeat(100))).status, 400);
  const first = await chunk(`bytes 0-${unit - 1}/*`, 'x'.repeat(unit));
  t.deepEqual([first.status, first.headers.get('range')], [308, `bytes=0-${unit - 1}`]);
  t.is((await object('r')).status, 404);
  t.is((await chunk('bytes */*')).headers.get('range'), `bytes=0-${unit - 1}`);
  t.is((await chunk(`bytes ${unit * 2}-${unit * 2}/*`, 'y')).status, 400);
  const last = await chunk(`bytes ${unit}-${unit}/${unit + 1}`, 'y');
  t.deepEqual([last.status, last.json.size, last.json.contentType], [200, `${unit + 1}`, 'text/plain']);
  t.is((await chunk('bytes */*')).json.generation, last.json.generation);
  t.is((await ask(session.replace(/upload_id=.*/, 'upload_id=other'), { method: 'PUT', body: 'x' })).status, 404);
});

test('a rewrite goes by rounds, and its token is good for nothing else', async (t) => {
  const { put, object } = await open(t, { rewriteRounds: 2 });
  await put('a', 'one');
  const first = (await object('a', '/rewriteTo/b/b/o/c', { method: 'POST' })).json;
  t.deepEqual([first.done, first.totalBytesRewritten, first.objectSize], [false, '1', '3']);
  const token = encodeURIComponent(first.rewriteToken);
  t.is((await object('a', `/rewriteTo/b/b/o/d?rewriteToken=${token}`, { method: 'POST' })).status, 400);
  const second = (await object('a', `/rewriteTo/b/b/o/c?rewriteToken=${token}`, { method: 'POST' })).json;
  t.deepEqual([second.done, second.resource.name, second.resource.size], [true, 'c', '3']);
  t.is((await object('a', '/rewriteTo/b/b/o/e?ifSourceGenerationMatch=1', { method: 'POST' })).status, 412);
});

test('one object is changed once a second', async (t) => {
  const { put, object } = await open(t, { rate: 'one write a second' });
  t.is((await put('a', 'x')).status, 200);
  t.is((await put('b', 'x')).status, 200);
  const soon = await put('a', 'y');
  t.deepEqual([soon.status, soon.json.error.errors[0].reason], [429, 'rateLimitExceeded']);
  t.is((await object('a', '', { method: 'DELETE' })).status, 429);
  await new Promise((resolve) => setTimeout(resolve, 1010));
  t.is((await put('a', 'y')).status, 200);
});

test('faults by chance are those of the seed', async (t) => {
  const run = async (seed: number) => {
    const { fake, put } = await open(t, { seed, chances: { reset: 0.2, lost: 0.1, '503': 0.2 } });
    for (let i = 0; i < 60; i++) await put(`k${i}`, 'x').catch(() => undefined);
    return fake.faultCounts();
  };
  const first = await run(5);
  t.deepEqual(await run(5), first);
  t.notDeepEqual(await run(6), first);
  t.deepEqual(Object.keys(first).sort(), ['503', 'lost', 'reset']);
});

test('the fake runs as a process of its own, and is told its faults from outside', async (t) => {
  const program = fileURLToPath(new URL('../support/fake-gcs/main.js', import.meta.url));
  const child = spawn(process.execPath, [program, '{"buckets":["b"]}'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  const [line] = await once(child.stdout, 'data');
  const url = `${line}`.trim();
  t.is((await fetch(`${url}/storage/v1/b/b`)).status, 200);
  await fetch(`${url}/fake`, { method: 'PUT', body: '{"503":1}' });
  t.is((await fetch(`${url}/storage/v1/b/b`)).status, 503);
  t.deepEqual(await (await fetch(`${url}/fake`)).json(), { counts: { bucket: 2 }, faults: { '503': 1 } });
});

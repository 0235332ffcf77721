/** The promises of an artifact store that whatever is put under whichever key stays what it is: sizes, contents, tokens, names. */
import assert from 'node:assert/strict';
import * as O from 'fp-ts/lib/Option.js';
import type { Contract } from './contract.js';
import {
  absent,
  type ArtifactStoreHarness,
  bytesOf,
  call,
  create,
  done,
  listAll,
  matches,
  promise,
  read,
  refused,
  swap,
  textOf,
  tokenNow,
} from './artifact-store-harness.js';

const mebibyte = 2 ** 20;

/** Bytes that come again after 251, a prime: no piece of a power of two is like its neighbour. */
const manyBytes = (sizeBytes: number): Uint8Array =>
  Buffer.alloc(
    sizeBytes,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  );

/** Contents that something between the caller and the disk might take for its own. */
const contents: Readonly<Record<string, Uint8Array>> = {
  gzip: Uint8Array.of(0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0x4b, 0x04, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0),
  'half of gzip': Uint8Array.of(0x1f, 0x8b, 0x08, 0, 0),
  'an error in JSON': bytesOf('{"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}}'),
  'the end of a multipart body': bytesOf('\r\n--boundary--\r\n\r\n--\r\nContent-Type: application/json\r\n\r\n{}'),
  'an answer in HTTP': bytesOf('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
  'the last chunk of a chunked body': bytesOf('0\r\n\r\n'),
  'the mark of a project': bytesOf('{{projectId}} and %7B%7BprojectId%7D%7D'),
  'a byte order mark': bytesOf('\ufefftext'),
  'ill-formed UTF-8': Uint8Array.of(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80),
  'line ends of every kind': bytesOf('a\r\nb\nc\rd\u2028e\0f\x1a'),
  'one zero': Uint8Array.of(0),
};

/** Tokens that name no state of anything, some of which an adapter might take for a state, or for no condition at all. */
const noTokens: ReadonlyArray<string> = [
  ...[
    '',
    ' ',
    '0',
    '-1',
    '1e3',
    '0x1',
    '*',
    'null',
    'undefined',
    'NaN',
    '1\n',
    '1&ifGenerationMatch=0',
    '../../a',
    '\0',
  ],
  ...['9'.repeat(18), '9'.repeat(40), 'x'.repeat(5000)],
];

/** Keys of one store that look like the private names of an adapter, or of one of the others. */
const privateLooking: ReadonlyArray<string> = [
  ...['a/x', 'a/x.generations/2', 'a/_x.generations/2', 'a/2', 'a/generations', 'scorekeeper-tmp/x', 'tmp', 'a/x.tmp'],
  ...['a/x.lock', 'a/x.part', 'a/x.1', 'a/x.json', 'a/x.json.json', 'a/x-1-2-3', 'o/a', 'b/games/o/a', 'rewriteTo/b'],
];

export const bytePromises: Contract<ArtifactStoreHarness> = [
  ...[1, mebibyte - 1, mebibyte + 1, 8 * mebibyte - 1, 8 * mebibyte + 1, 64 * mebibyte].map((sizeBytes) =>
    promise(`an object of ${sizeBytes} bytes comes back whole`, async (store, another) => {
      const bytes = manyBytes(sizeBytes);
      const token = await done(store.put('a/b', bytes, absent, call));
      const head = O.toUndefined(await done(another.head('a/b', call)));
      assert.deepEqual([head?.token, head?.sizeBytes], [token, sizeBytes]);
      const found = O.toUndefined(await done(another.get('a/b', call)));
      assert.equal(found?.token, token);
      assert.equal(Buffer.compare(found?.bytes ?? new Uint8Array(), bytes), 0);
    }),
  ),

  promise('an object of no bytes is copied, listed, and told from none', async (store, another) => {
    await create(store, 'a/empty', '');
    const token = await done(store.copyIfAbsent('a/empty', 'a/copy', call));
    const head = O.toUndefined(await done(another.head('a/copy', call)));
    assert.deepEqual([head?.token, head?.sizeBytes], [token, 0]);
    assert.deepEqual(
      (await listAll(another, 'a')).objects.map(({ key, sizeBytes }) => [key, sizeBytes]),
      [
        ['a/copy', 0],
        ['a/empty', 0],
      ],
    );
    await refused(store.copyIfAbsent('a/empty', 'a/copy', call), 'AlreadyExists');
    assert.equal(await read(store, 'a/none'), undefined);
  }),

  promise('whatever the bytes look like, they come back as they are', async (store, another) => {
    for (const [i, [what, bytes]] of Object.entries(contents).entries()) {
      await done(store.put(`created/${i}`, bytes, absent, call));
      await done(store.copyIfAbsent(`created/${i}`, `copied/${i}`, call));
      const first = await create(store, `replaced/${i}`, 'first');
      await done(store.put(`replaced/${i}`, bytes, matches(first), call));
      for (const key of [`created/${i}`, `copied/${i}`, `replaced/${i}`]) {
        assert.deepEqual(O.toUndefined(await done(another.get(key, call)))?.bytes, bytes, what);
      }
    }
  }),

  promise('of a view into a larger buffer only what the view shows is stored', async (store, another) => {
    const buffer = Buffer.from('before|the view|after');
    await done(store.put('a', new Uint8Array(buffer.buffer, buffer.byteOffset + 7, 8), absent, call));
    await done(store.put('b', buffer.subarray(7, 15), absent, call));
    const first = await create(store, 'c', '');
    await done(store.put('c', buffer.subarray(7, 15), matches(first), call));
    for (const key of ['a', 'b', 'c']) assert.equal(await read(another, key), 'the view');
  }),

  promise('the tokens that head, get and list tell all name the state to be replaced', async (store, another) => {
    await create(store, 'a/b', '0');
    const told = [
      async () => O.toUndefined(await done(another.head('a/b', call)))?.token,
      async () => O.toUndefined(await done(another.get('a/b', call)))?.token,
      async () => (await listAll(another, 'a')).objects[0]?.token,
    ];
    for (const [i, tokenTold] of [...told, ...told].entries()) {
      await swap(store, 'a/b', `${i + 1}`, (await tokenTold()) ?? '');
    }
    assert.equal(await read(another, 'a/b'), '6');
  }),

  promise('what is no token is a Conflict, never no condition', async (store, another) => {
    const token = await create(store, 'a/there', 'x');
    for (const odd of noTokens) {
      for (const key of ['a/there', 'a/none']) {
        await refused(store.put(key, bytesOf('y'), matches(odd), call), 'Conflict');
      }
    }
    assert.equal(await tokenNow(another, 'a/there'), token);
    assert.equal(await read(another, 'a/there'), 'x');
    assert.equal(await tokenNow(another, 'a/none'), undefined);
  }),

  promise('a copy of an object to its own key is AlreadyExists, and of nothing NotFound', async (store) => {
    const token = await create(store, 'a/b', 'x');
    await refused(store.copyIfAbsent('a/b', 'a/b', call), 'AlreadyExists');
    await refused(store.copyIfAbsent('a/none', 'a/none', call), 'NotFound');
    assert.equal(await tokenNow(store, 'a/b'), token);
    assert.equal(await tokenNow(store, 'a/none'), undefined);
  }),

  promise('keys that look like private names of a store are keys like all others', async (store, another) => {
    const replacedCount = 8;
    const tokens = new Map<string, string>();
    for (const key of privateLooking) tokens.set(key, await create(store, key, `first of ${key}`));
    for (const key of privateLooking.slice(0, replacedCount)) {
      tokens.set(key, await swap(another, key, `second of ${key}`, tokens.get(key) ?? ''));
    }
    const stored = async () => {
      const found = await Promise.all(privateLooking.map((key) => done(another.get(key, call))));
      return found.map(O.map(({ bytes, token }) => [textOf(bytes), token]));
    };
    const wanted = privateLooking.map((key, i) =>
      O.some([`${i < replacedCount ? 'second' : 'first'} of ${key}`, tokens.get(key)]),
    );
    assert.deepEqual(await stored(), wanted);
    await done(store.delete('a/x', call));
    assert.deepEqual(await stored(), [O.none, ...wanted.slice(1)]);
  }),
];

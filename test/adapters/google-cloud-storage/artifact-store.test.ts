/** The contract in a bucket of the fake through the real client, and what only a bucket promises. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import type { ArtifactStore } from '../../../core/index.js';
import {
  absent,
  bytesOf,
  call,
  create,
  done,
  listAll,
  matches,
  read,
  refused,
  swap,
  tokenNow,
} from '../../contracts/artifact-store-harness.js';
import { keepsContract, newBucket, shared } from './contract-in-buckets.js';
import { bucket, manyBytes, never, open } from './in-a-fake.js';

keepsContract('in a bucket', () => ({ bucket: newBucket(), apiEndpoint: shared.url }));

/** Deletes everything in the folder and below. */
const empty = async (store: ArtifactStore, folder: string): Promise<void> => {
  const { objects, folders } = await listAll(store, folder);
  for (const { key } of objects) await done(store.delete(key, call));
  for (const name of folders) await empty(store, folder === '' ? name : `${folder}/${name}`);
};

const realBucket = process.env['TEST_GCS_BUCKET'];
if (realBucket !== undefined && realBucket !== '') {
  const run = `scorekeeper-contract-${randomUUID()}`;
  // The service takes one write a second of one object, and the contract has twenty writers.
  const retries = { limit: 30, firstPauseMs: 500, budget: 10_000 };
  keepsContract(
    'in a real bucket',
    () => ({ bucket: realBucket, prefix: `${run}/${randomUUID()}`, retries }),
    (store) => empty(store, ''),
  );
}

test.serial('a store says its bucket and its folder, and the same with a slash at the end', (t) => {
  t.is(googleCloudStorageArtifactStore({ bucket }).location, 'gs://games');
  t.is(googleCloudStorageArtifactStore({ bucket, prefix: 'a/b/' }).location, 'gs://games/a/b');
});

test.serial('a call below 8 MiB is one request', async (t) => {
  const { fake, store } = await open(t);
  const counted = async (work: () => Promise<unknown>) => {
    fake.forget();
    await work();
    return fake.counts();
  };
  t.deepEqual(await counted(() => create(store, 'a/b', 'one')), { upload: 1 });
  const token = (await tokenNow(store, 'a/b')) ?? '';
  t.deepEqual(await counted(() => swap(store, 'a/b', 'two', token)), { upload: 1 });
  t.deepEqual(await counted(() => done(store.head('a/b', call))), { head: 1 });
  t.deepEqual(await counted(() => done(store.get('a/b', call))), { media: 1 });
  t.deepEqual(await counted(() => done(store.head('none', call))), { head: 1 });
  t.deepEqual(await counted(() => done(store.get('none', call))), { media: 1 });
  t.deepEqual(await counted(() => done(store.copyIfAbsent('a/b', 'c', call))), { rewrite: 1 });
  t.deepEqual(await counted(() => refused(store.put('c', bytesOf('x'), absent, call), 'AlreadyExists')), { upload: 1 });
  t.deepEqual(await counted(() => done(store.list('', { limit: 10 }, call))), { list: 1 });
  t.deepEqual(await counted(() => done(store.delete('c', call))), { delete: 1 });
  t.deepEqual(await counted(() => refused(store.put('c', bytesOf('x'), matches('never'), call), 'Conflict')), {});
  t.is(fake.authorized(), 0);
});

test.serial('an object of 20 MiB goes in three chunks and comes back whole', async (t) => {
  const { fake, store } = await open(t);
  const bytes = manyBytes(20 * 2 ** 20);
  const token = await done(store.put('big', bytes, absent, call));
  t.deepEqual(fake.counts(), { session: 1, chunk: 3 });
  const found = O.toUndefined(await done(store.get('big', call)));
  t.is(found?.token, token);
  t.is(Buffer.compare(found?.bytes ?? new Uint8Array(), bytes), 0);
});

test.serial(
  'a chunked upload onto what is there is AlreadyExists or Conflict, whether it was there at the start or came meanwhile',
  async (t) => {
    const { fake, store } = await open(t);
    const bytes = new Uint8Array(9 * 2 ** 20);
    const token = await create(store, 'there', 'one');
    await refused(store.put('there', bytes, absent, call), 'AlreadyExists');
    await refused(store.put('there', bytes, matches('1'), call), 'Conflict');
    fake.fault({ on: 'chunk', fault: { kind: 'latency', durationMs: 200 } });
    const late = store.put('raced', bytes, absent, call)();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await create(store, 'raced', 'faster');
    await refused(async () => late, 'AlreadyExists');
    t.is(await read(store, 'raced'), 'faster');
    t.is(await tokenNow(store, 'there'), token);
  },
);

test.serial('a copy in rounds replaces nothing that came in between', async (t) => {
  const { fake, store } = await open(t, {}, { rewriteRounds: 3 });
  await create(store, 'source', 'copied');
  await done(store.copyIfAbsent('source', 'target', call));
  t.is(fake.counts().rewrite, 3);
  t.is(await read(store, 'target'), 'copied');
  fake.fault({ on: 'rewrite', fault: { kind: 'latency', durationMs: 200 }, after: 1 });
  const late = store.copyIfAbsent('source', 'raced', call)();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await create(store, 'raced', 'faster');
  await refused(async () => late, 'AlreadyExists');
  t.is(await read(store, 'raced'), 'faster');
});

test.serial('the client does not put the project in the place of its mark', async (t) => {
  const { store } = await open(t, { projectId: 'a-project' });
  await create(store, 'a', 'of {{projectId}}');
  t.is(await read(store, 'a'), 'of {{projectId}}');
});

test.serial('an emulator named in the environment does not lead the client to a wrong path', async (t) => {
  const before = process.env['STORAGE_EMULATOR_HOST'];
  process.env['STORAGE_EMULATOR_HOST'] = shared.url;
  t.teardown(() => {
    if (before === undefined) delete process.env['STORAGE_EMULATOR_HOST'];
    else process.env['STORAGE_EMULATOR_HOST'] = before;
  });
  const { store } = await open(t);
  await create(store, 'a', 'x');
  t.is(await tokenNow(store, 'a'), O.toUndefined(await done(store.head('a', call)))?.token);
});

const put = (url: string, name: string, body: string) =>
  fetch(`${url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`, {
    method: 'POST',
    body,
  });

test.serial('what others wrote and cannot be a key is not listed', async (t) => {
  const { fake, store } = await open(t);
  for (const name of ['a', 'f/', 'f/x', 'f//y', '.hidden', 'with space', 'naïve', 'g h/x', 'con/x']) {
    t.is((await put(fake.url, name, 'x')).status, 200);
  }
  const { objects, folders } = await listAll(store, '');
  t.deepEqual([objects.map(({ key }) => key), folders], [['a'], ['f']]);
  t.deepEqual(
    (await listAll(store, 'f')).objects.map(({ key }) => key),
    ['f/x'],
  );
});

test.serial('an object that others composed has no md5 and is checked by its crc32c', async (t) => {
  const { fake, store } = await open(t, { retries: never });
  for (const name of ['a', 'b']) await put(fake.url, name, name.repeat(1000));
  const url = `${fake.url}/storage/v1/b/${bucket}/o/joined/compose`;
  await fetch(url, { method: 'POST', body: JSON.stringify({ sourceObjects: [{ name: 'a' }, { name: 'b' }] }) });
  t.is(await read(store, 'joined'), 'a'.repeat(1000) + 'b'.repeat(1000));
  fake.fault({ fault: { kind: 'flip' } });
  t.regex((await refused(store.get('joined', call), 'Unavailable')).message, /did not arrive as it was stored/);
});

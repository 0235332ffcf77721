/** Files in buckets of the fake through the real client: the contract, and a service that misbehaves. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import {
  type BucketFilesOptions,
  googleCloudStorageBucketFiles,
} from '../../../adapters/google-cloud-storage/bucket-files.js';
import type { BucketFile, BucketFiles, CallOptions } from '../../../core/index.js';
import { call, done, refused } from '../../contracts/artifact-store-harness.js';
import { bucketFilesContract, type BucketUnderTest } from '../../contracts/bucket-files.js';
import { cancellable } from '../../contracts/cancellable.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { bucket, manyBytes, never, untilQuiet, within } from './in-a-fake.js';

const shared = await startFakeGcs();
test.after.always(() => shared.close());

const keepsContract = (where: string, makeBucket: () => Promise<BucketUnderTest>): void => {
  for (const { name, run } of bucketFilesContract) {
    test.serial(`${where}: ${name}`, async (t) => {
      await run({ makeBucket });
      t.pass();
    });
  }
};

keepsContract('in a bucket', async () => {
  const own = `b-${randomUUID()}`;
  shared.makeBucket(own);
  const files = googleCloudStorageBucketFiles({ apiEndpoint: shared.url });
  return { files, root: `gs://${own}`, close: async () => undefined };
});

const realBucket = process.env['TEST_GCS_BUCKET'];
if (realBucket !== undefined && realBucket !== '') {
  // The service takes one write a second of one object, and the contract has eight writers.
  const files = googleCloudStorageBucketFiles({ retries: { limit: 30, firstPauseMs: 500, budget: 10_000 } });
  keepsContract('in a real bucket', async () => {
    const root = `gs://${realBucket}/scorekeeper-contract-${randomUUID()}`;
    const close = async () => {
      for (const { address: left } of await done(files.list(`${root}/`, call))) await done(files.remove(left, call));
    };
    return { files, root, close };
  });
}

const address = `gs://${bucket}/a/b.bin`;
const quick = { limit: 5, firstPauseMs: 1, budget: 1000 };

/** A fake of the test's own, files there, and a folder on the disk with a file of so many bytes in it. */
const open = async (t: ExecutionContext, sizeBytes: number, options: BucketFilesOptions = {}) => {
  const fake = await startFakeGcs({ buckets: [bucket], pageEntries: 10 });
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-test-'));
  t.teardown(async () => {
    await fake.close();
    await rm(folder, { recursive: true });
  });
  const bytes = manyBytes(sizeBytes);
  const source = join(folder, 'source');
  await writeFile(source, bytes);
  const files = googleCloudStorageBucketFiles({ apiEndpoint: fake.url, retries: quick, ...options });
  const file = await done(files.upload(source, address, call));
  fake.forget();
  return { fake, files, folder, source, target: join(folder, 'target'), bytes, file };
};

const mebibyte = 2 ** 20;

test.serial('a small file is one request each way, a large one is sent in chunks of 4 MiB', async (t) => {
  const { fake, files, folder, source, target, file } = await open(t, 1000);
  await done(files.upload(source, address, call));
  t.deepEqual(fake.counts(), { upload: 1 });
  await refused(files.download(file, target, 'whole', call), 'Conflict');
  const large = join(folder, 'large');
  await writeFile(large, manyBytes(9 * mebibyte));
  fake.forget();
  const written = await done(files.upload(large, address, call));
  t.deepEqual(fake.counts(), { session: 1, chunk: 3 });
  await done(files.download(written, target, 'whole', call));
  t.is(fake.counts().media, 1);
  t.is(fake.authorized(), 0);
});

test.serial('a download that breaks off goes on where it was, also when the service refuses meanwhile', async (t) => {
  const { fake, files, target, bytes, file } = await open(t, 3 * mebibyte);
  for (const kind of ['cut', 'truncate', 'reset'] as const) fake.fault({ on: 'media', fault: { kind } });
  fake.fault({ on: 'media', fault: { kind: 'status', status: 503 } });
  fake.fault({ on: 'media', fault: { kind: 'cut' } });
  await done(files.download(file, target, 'whole', call));
  t.is(Buffer.compare(await readFile(target), bytes), 0);
  t.is(fake.counts().media, 6);
  t.true(fake.mediaBytes() < 3 * bytes.length, `${fake.mediaBytes()} bytes were asked for`);
});

test.serial('one bit that flipped costs another download, and is never served', async (t) => {
  const { fake, files, target, bytes, file } = await open(t, 100_000);
  fake.fault({ on: 'media', fault: { kind: 'flip' } });
  await done(files.download(file, target, 'whole', call));
  t.is(Buffer.compare(await readFile(target), bytes), 0);
  fake.fault({ on: 'media', fault: { kind: 'flip' }, times: 1000 });
  await rm(target);
  const failed = await refused(files.download(file, target, 'whole', call), 'Unavailable');
  t.regex(failed.message, /did not arrive as it was stored/);
});

test.serial('an upload that breaks off goes on where it was, and is stored as it left', async (t) => {
  const { fake, files, source, target } = await open(t, 100);
  const bytes = manyBytes(5 * mebibyte);
  await writeFile(source, bytes);
  for (const kind of ['lost', 'reset', 'cut'] as const) fake.fault({ on: 'chunk', fault: { kind }, after: 1 });
  fake.fault({ on: 'chunk', fault: { kind: 'status', status: 503 } });
  const written = await done(files.upload(source, address, call));
  t.is(fake.counts().session, 1);
  await done(files.download(written, target, 'whole', call));
  t.is(Buffer.compare(await readFile(target), bytes), 0);
  fake.fault({ on: 'chunk', fault: { kind: 'flip' } });
  await done(files.upload(source, address, call));
  t.is(fake.counts().session, 3, 'damaged on the way, so begun anew');
  fake.fault({ on: 'chunk', fault: { kind: 'flip' }, times: 1000 });
  t.true(E.isLeft(await files.upload(source, address, call)()), 'and not for ever');
});

type Operation = (
  files: BucketFiles,
  file: BucketFile,
  paths: Readonly<Record<'source' | 'target', string>>,
  options: CallOptions,
) => ReturnType<BucketFiles['remove']>;

const operations: Readonly<Record<string, Operation>> = {
  download: (files, file, { target }, options) => files.download(file, target, 'whole', options),
  ranges: (files, file, { source }, options) => files.download(file, source, [{ begin: 3, end: 90_000 }], options),
  upload:
    (files, file, { source }, options) =>
    async () =>
      E.map(() => undefined)(await files.upload(source, `${file.address}.2`, options)()),
  list: (files, file, _paths, options) => async () => E.map(() => undefined)(await files.list(file.address, options)()),
};

for (const [name, operation] of Object.entries(operations)) {
  test.serial(`${name} ends by its deadline, or when it is cancelled, and leaves nothing behind`, async (t) => {
    const { fake, files, folder, file, ...paths } = await open(t, 5 * mebibyte);
    const before = await readdir(folder);
    for (const kind of ['silence', 'stall', 'cut'] as const) {
      fake.fault({ fault: { kind }, times: 1e6 });
      const late = await operation(files, file, paths, within(300))();
      t.true(E.isLeft(late) && ['DeadlineExceeded', 'Unavailable'].includes(late.left.tag), kind);
      await untilQuiet(fake);
      fake.calm();
    }
    fake.fault({ fault: { kind: 'silence' }, times: 1e6 });
    const cancellation = cancellable();
    const cancelled = operation(files, file, paths, { ...call, cancellation })();
    while (fake.openRequests() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    cancellation.abort();
    t.like(await cancelled, { left: { tag: 'Cancelled' } });
    await untilQuiet(fake);
    t.deepEqual(await readdir(folder), before);
  });
}

(process.platform === 'linux' ? test.serial : test.serial.skip)(
  'a full disk is said, and not tried again',
  async (t) => {
    const { fake, files, file } = await open(t, 1000);
    const failed = await refused(files.download(file, '/dev/full', [{ begin: 0, end: 1000 }], call), 'Unavailable');
    t.regex(failed.message, /^gs:\/\/games\/a\/b\.bin: the disk of this machine is full/);
    t.is(fake.counts().media, 1);
  },
);

test.serial('silence in the middle is given up, and the rest asked for', async (t) => {
  const { fake, target, bytes, file } = await open(t, mebibyte);
  const files = googleCloudStorageBucketFiles({ apiEndpoint: fake.url, retries: quick, idleTimeoutMs: 300 });
  fake.fault({ on: 'media', fault: { kind: 'stall' } });
  await done(files.download(file, target, 'whole', call));
  t.is(Buffer.compare(await readFile(target), bytes), 0);
});

test.serial('a file that is replaced while it breaks off is Conflict, and leaves nothing', async (t) => {
  const { fake, files, folder, source, target, file } = await open(t, mebibyte, {
    retries: { limit: 5, firstPauseMs: 300, budget: 9 },
  });
  fake.fault({ on: 'media', fault: { kind: 'cut' } });
  fake.fault({ on: 'media', fault: { kind: 'latency', durationMs: 300 } });
  const downloaded = files.download(file, target, 'whole', call)();
  while ((fake.counts().media ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await done(files.upload(source, address, call));
  t.like(await downloaded, { left: { tag: 'Conflict' } });
  t.deepEqual(await readdir(folder), ['source']);
});

test.serial('a file that others composed has no SHA-256, and is held against its crc32c', async (t) => {
  const { fake, files, target, bytes } = await open(t, 1000, { retries: never });
  const url = `${fake.url}/storage/v1/b/${bucket}/o/joined/compose`;
  await fetch(url, {
    method: 'POST',
    body: JSON.stringify({ sourceObjects: [{ name: 'a/b.bin' }, { name: 'a/b.bin' }] }),
  });
  const joined = O.toUndefined(await done(files.head(`gs://${bucket}/joined`, call)));
  t.is(joined?.sha256, undefined);
  if (joined === undefined) return;
  await done(files.download(joined, target, 'whole', call));
  t.is(Buffer.compare(await readFile(target), Buffer.concat([bytes, bytes])), 0);
  await rm(target);
  fake.fault({ on: 'media', fault: { kind: 'flip' } });
  await refused(files.download(joined, target, 'whole', call), 'Unavailable');
});

test.serial('a list goes through all its pages and passes over what has no address', async (t) => {
  const { fake, files } = await open(t, 1);
  const put = (name: string) =>
    fetch(`${fake.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`, {
      method: 'POST',
      body: 'x',
    });
  for (const name of ['p/', 'p//x', 'p/[x]']) await put(name);
  for (let i = 0; i < 24; i++) await put(`p/${i}`);
  fake.forget();
  t.is((await done(files.list(`gs://${bucket}/p/`, call))).length, 24);
  t.is(fake.counts().list, 3);
});

test.serial('under faults of every kind by chance every byte that is told to be there is', async (t) => {
  const { fake, folder } = await open(t, 1);
  const retries = { limit: 20, firstPauseMs: 1, budget: 1e6 };
  const files = googleCloudStorageBucketFiles({ apiEndpoint: fake.url, retries, idleTimeoutMs: 250 });
  const chances = {
    reset: 0.04,
    lost: 0.04,
    cut: 0.06,
    stall: 0.02,
    truncate: 0.04,
    flip: 0.03,
    '429': 0.05,
    '503': 0.05,
  };
  fake.chance(chances);
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  for (let i = 0; i < 12; i++) {
    const bytes = manyBytes(i % 6 === 5 ? 5 * mebibyte : 1000 * i);
    await writeFile(from, bytes);
    const file = await done(files.upload(from, address, call));
    await done(files.download(file, to, 'whole', call));
    t.is(Buffer.compare(await readFile(to), bytes), 0);
    // No digest tells of a bit in a range.
    fake.chance({ ...chances, flip: 0 });
    await writeFile(to, Buffer.alloc(bytes.length));
    const edges = [0, 0.3, 0.5, 0.9, 1].map((part) => Math.floor(bytes.length * part));
    const ranges = edges.slice(1).map((end, part) => ({ begin: edges[part] ?? 0, end }));
    await done(files.download(file, to, ranges, call));
    t.is(Buffer.compare(await readFile(to), bytes), 0);
    fake.chance(chances);
    await rm(to);
  }
  fake.calm();
  t.is(Object.keys(fake.faultCounts()).length, Object.keys(chances).length, JSON.stringify(fake.faultCounts()));
});

/** Copies of files in buckets, over buckets in memory. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import {
  type BucketFileCacheOptions,
  localFilesystemBucketFileCache,
} from '../../../adapters/local-filesystem/bucket-file-cache.js';
import { memoryBucketFiles } from '../../../adapters/memory/bucket-files.js';
import { type BucketFiles, failure } from '../../../core/index.js';
import { call, done, refused } from '../../contracts/artifact-store-harness.js';
import { cancellable } from '../../contracts/cancellable.js';

const key = /^[\da-f]{64}$/;

/** Buckets that count their downloads, and two caches over them in one folder, as two processes have. */
const open = async (t: ExecutionContext, options: Partial<BucketFileCacheOptions> = {}) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-test-'));
  t.teardown(() => rm(root, { recursive: true }));
  const folder = join(root, 'cache');
  const held = memoryBucketFiles({ buckets: ['games'] });
  let downloadCount = 0;
  let before = async (): Promise<void> => undefined;
  const files: BucketFiles = {
    ...held,
    download:
      (...asked) =>
      async () => {
        downloadCount += 1;
        await before();
        return held.download(...asked)();
      },
  };
  const cache = localFilesystemBucketFileCache({ files, folder, limitBytes: 1000, ...options });
  return {
    cache,
    another: localFilesystemBucketFileCache({ files, folder, limitBytes: 1000, ...options }),
    folder,
    files,
    root,
    put: async (name: string, text: string) => {
      await writeFile(join(root, 'source'), text);
      return done(files.upload(join(root, 'source'), `gs://games/${name}`, call));
    },
    downloads: () => downloadCount,
    /** What a download waits for. */
    hinder: (work: () => Promise<void>) => {
      before = work;
    },
    kept: async () => (await readdir(folder)).filter((name) => key.test(name)),
    others: async () => (await readdir(folder)).filter((name) => !key.test(name)),
  };
};

test('a file of one generation is downloaded once, however many want it at once, and each reader has its own copy', async (t) => {
  const { cache, another, put, downloads, kept, others } = await open(t);
  const file = await put('a', 'first');
  const copies = await Promise.all([cache, another, cache, another].map((each) => done(each.whole(file, call))));
  t.is(downloads(), 1);
  t.is(new Set(copies.map(({ path }) => path)).size, 4);
  for (const { path } of copies) t.is(`${await readFile(path)}`, 'first');
  const second = await put('a', 'second');
  const copy = await done(another.whole(second, call));
  t.is(`${await readFile(copy.path)}`, 'second');
  t.is(`${await readFile(copies[0]?.path ?? '')}`, 'first');
  for (const { close } of [...copies, copy, copy]) await close();
  t.is(downloads(), 2);
  t.is((await kept()).length, 2);
  t.deepEqual(await others(), [], 'nothing of the readers is left');
  await (await done(cache.whole(file, call))).close();
  t.is(downloads(), 2, 'what was kept is read, also when the file is another one by now');
});

test('what was used longest ago makes room, and nothing is taken from its readers', async (t) => {
  const { cache, put, downloads, kept } = await open(t);
  const [a, b, c] = [await put('a', 'a'.repeat(400)), await put('b', 'b'.repeat(400)), await put('c', 'c'.repeat(400))];
  const copies = [await done(cache.whole(a, call)), await done(cache.whole(b, call))];
  await new Promise((resolve) => setTimeout(resolve, 10));
  await (await done(cache.whole(a, call))).close();
  await (await done(cache.whole(c, call))).close();
  t.is((await kept()).length, 2);
  t.is(downloads(), 3);
  for (const [i, { path }] of copies.entries()) t.is(`${await readFile(path)}`, (i === 0 ? 'a' : 'b').repeat(400));
  for (const { close } of copies) await close();
  await (await done(cache.whole(a, call))).close();
  t.is(downloads(), 3);
  await (await done(cache.whole(b, call))).close();
  t.is(downloads(), 4);
});

test('a file beyond the limit is read all the same, and goes when it is closed', async (t) => {
  const { cache, put, folder, kept } = await open(t);
  const file = await put('large', 'x'.repeat(1001));
  const copy = await done(cache.whole(file, call));
  t.is((await readFile(copy.path)).length, 1001);
  t.deepEqual(await kept(), []);
  await copy.close();
  t.deepEqual(await readdir(folder), []);
});

test('a download that fails leaves nothing, and those that wait try it themselves', async (t) => {
  const { cache, another, put, files, folder, downloads } = await open(t);
  const file = await put('a', 'first');
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const broken: BucketFiles = {
    ...files,
    download: () => async () => {
      begin();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return E.left(failure('Unavailable', 'It broke.'));
    },
  };
  const fails = localFilesystemBucketFileCache({ files: broken, folder, limitBytes: 1000 }).whole(file, call)();
  await begun;
  const waits = another.whole(file, call)();
  t.like(await fails, { left: { message: 'It broke.' } });
  const copy = await done(async () => waits);
  t.is(`${await readFile(copy.path)}`, 'first');
  t.is(downloads(), 1);
  await copy.close();
  await refused(cache.whole({ ...file, generation: 'gone' }, call), 'Conflict');
  t.is((await readdir(folder)).length, 1);
});

test('whoever waits for another one ends by the deadline, or when it is cancelled', async (t) => {
  const { cache, another, put, folder, hinder } = await open(t);
  const file = await put('a', 'x');
  let go: () => void = () => undefined;
  hinder(() => new Promise((resolve) => (go = resolve)));
  const first = cache.whole(file, call)();
  while (!existsSync(folder) || !(await readdir(folder)).some((name) => name.endsWith('.lock')))
    await new Promise(setImmediate);
  const deadlineMs = performance.timeOrigin + performance.now() + 50;
  await refused(another.whole(file, { ...call, deadlineMs }), 'DeadlineExceeded');
  const cancellation = cancellable();
  cancellation.abort();
  await refused(another.whole(file, { ...call, cancellation }), 'Cancelled');
  go();
  const copy = await done(async () => first);
  t.is(`${await readFile(copy.path)}`, 'x');
  await copy.close();
});

test('what processes that died have left is removed, what is damaged is replaced, and what is not the cache’s stays', async (t) => {
  const { cache, put, folder, kept, others } = await open(t);
  const file = await put('a', 'first');
  await (await done(cache.whole(file, call))).close();
  const [entry = ''] = await kept();
  await writeFile(join(folder, entry), 'cut');
  const long = new Date(Date.now() - 3_600_000);
  await mkdir(join(folder, 'reader-1'));
  for (const name of ['reader-1/x', `${entry}.lock`, 'mine.parquet']) await writeFile(join(folder, name), 'x');
  for (const name of ['reader-1', `${entry}.lock`, 'mine.parquet']) await utimes(join(folder, name), long, long);
  const copy = await done(cache.whole(file, call));
  t.is(`${await readFile(copy.path)}`, 'first');
  await copy.close();
  t.deepEqual(await others(), ['mine.parquet']);
});

test('a part has what was fetched, in a file of the same size that is its reader’s own', async (t) => {
  const { cache, put, folder } = await open(t);
  const file = await put('a', '0123456789');
  const part = await done(cache.partial(file, call));
  await done(
    part.fetch(
      [
        { begin: 2, end: 4 },
        { begin: 9, end: 10 },
      ],
      call,
    ),
  );
  t.is(`${await readFile(part.path)}`, '\0\x0023\0\0\0\0\x009');
  await put('a', 'other');
  await refused(part.fetch([{ begin: 0, end: 1 }], call), 'Conflict');
  await part.close();
  t.deepEqual(await readdir(folder), []);
});

test('a folder that cannot be made is told of as such', async (t) => {
  const { cache, put, folder } = await open(t);
  const file = await put('a.csv', 'a');
  await writeFile(folder, '');
  const failed = await refused(cache.whole(file, call), 'InvalidInput');
  t.regex(failed.message, /^A file is in the place of the folder for copies of files in buckets, /);
});

test('a process that ends leaves nothing of its readers', async (t) => {
  const { folder, kept, others } = await open(t);
  const url = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
  const script = `
    const { localFilesystemBucketFileCache } = await import(${url('adapters/local-filesystem/bucket-file-cache.js')});
    const { writeFile } = await import('node:fs/promises');
    const files = { download: (_file, path) => async () => { await writeFile(path, 'x'); return { _tag: 'Right' }; } };
    const cache = localFilesystemBucketFileCache({ files, folder: ${JSON.stringify(folder)}, limitBytes: 10 });
    const file = { address: 'gs://games/a', generation: '1', sizeBytes: 1 };
    await cache.whole(file, {})();
    await cache.partial(file, {})();
    process.exit(3);`;
  const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]).catch(
    (error) => error,
  );
  t.is(ended.code, 3, ended.stderr);
  t.is((await kept()).length, 1);
  t.deepEqual(await others(), []);
});

/** The promises of all files in buckets. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { BucketFile, BucketFiles, CallOptions, Failure } from '../../core/index.js';
import { call, done, refused } from './artifact-store-harness.js';
import { cancellable } from './cancellable.js';
import type { Contract, ContractCase } from './contract.js';

/** An empty place of a case's own. */
export interface BucketUnderTest {
  readonly files: BucketFiles;
  /** `gs://bucket`, or a folder there. */
  readonly root: string;
  readonly close: () => Promise<void>;
}

export interface BucketFilesHarness {
  readonly makeBucket: () => Promise<BucketUnderTest>;
}

/** A bucket, and a folder on the disk. */
interface Place {
  readonly files: BucketFiles;
  readonly root: string;
  readonly folder: string;
  /** Writes the bytes to the disk, and from there to the bucket. */
  readonly put: (name: string, bytes: Uint8Array | string) => Promise<BucketFile>;
  /** The bytes of a file, by way of the disk. */
  readonly bytesOf: (file: BucketFile) => Promise<Buffer>;
}

const promise = (name: string, run: (place: Place) => Promise<void>): ContractCase<BucketFilesHarness> => ({
  name,
  run: async ({ makeBucket }) => {
    const { files, root, close } = await makeBucket();
    const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-test-'));
    let count = 0;
    const next = (): string => join(folder, `${count++}`);
    try {
      await run({
        files,
        root,
        folder,
        put: async (fileName, bytes) => {
          const path = next();
          await writeFile(path, bytes);
          return done(files.upload(path, `${root}/${fileName}`, call));
        },
        bytesOf: async (file) => {
          const path = next();
          await done(files.download(file, path, 'whole', call));
          return readFile(path);
        },
      });
    } finally {
      await close();
      await rm(folder, { recursive: true });
    }
  },
});

const mebibyte = 2 ** 20;

/** Bytes that come again after 251, a prime: no piece of a power of two is like its neighbour. */
const manyBytes = (sizeBytes: number): Buffer =>
  Buffer.alloc(
    sizeBytes,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  );

const headOf = async (files: BucketFiles, address: string): Promise<BucketFile | undefined> =>
  O.toUndefined(await done(files.head(address, call)));

const oddNames = ['dt=2024-01-01/games of naïve.parquet', 'a/b/..c', '100%2F', 'x+y&z=1', '日本/…', "it's:~$,;@!()"];

const badAddresses = [
  ...['', 'gs://', 'gs://games', 'gs://games/', 'gs://Games/x', 'gs://g/x', 's3://games/x', '/games/x', 'games/x'],
  ...['gs://games//x', 'gs://games/x//y', 'gs://games/x/', 'gs://games/./x', 'gs://games/x/..', 'gs://games/a\nb'],
  ...['#', '[', ']', '{', '}', '*', '?', '\\', '\0', '\x7f', '\ud800'].map((character) => `gs://games/a${character}b`),
];

/** Every call about an address. */
const calls = (
  { files, folder }: Place,
  address: string,
  options: CallOptions,
): ReadonlyArray<TaskEither<Failure, unknown>> => [
  files.head(address, options),
  files.download({ address, generation: '1', sizeBytes: 1 }, join(folder, 'none'), 'whole', options),
  files.upload(join(folder, 'there'), address, options),
  files.remove(address, options),
];

export const bucketFilesContract: Contract<BucketFilesHarness> = [
  ...[0, 1, 4 * mebibyte, 9 * mebibyte + 1].map((sizeBytes) =>
    promise(`a file of ${sizeBytes} bytes comes back whole, with its digest`, async ({ files, root, put, bytesOf }) => {
      const bytes = manyBytes(sizeBytes);
      const written = await put('a/b.bin', bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      assert.deepEqual(
        { ...written },
        { address: `${root}/a/b.bin`, generation: written.generation, sizeBytes, sha256 },
      );
      assert.deepEqual(await headOf(files, written.address), written);
      assert.equal(Buffer.compare(await bytesOf(written), bytes), 0);
    }),
  ),

  promise('another write is another generation, and what was replaced is no longer read', async (place) => {
    const { files, folder, put, bytesOf } = place;
    const first = await put('a', 'same');
    const second = await put('a', 'same');
    assert.notEqual(first.generation, second.generation);
    assert.deepEqual(await headOf(files, first.address), second);
    const before = await readdir(folder);
    await refused(files.download(first, join(folder, 'none'), 'whole', call), 'Conflict');
    assert.deepEqual(await readdir(folder), before, 'nothing is left on the disk');
    assert.equal(`${await bytesOf(second)}`, 'same');
    await done(files.remove(second.address, call));
    await refused(files.download(second, join(folder, 'none'), 'whole', call), 'Conflict');
    assert.deepEqual(await headOf(files, second.address), undefined);
    await done(files.remove(second.address, call));
  }),

  promise('ranges go to their places, and nothing else does', async ({ files, folder, put }) => {
    const bytes = manyBytes(300_000);
    const file = await put('a', bytes);
    const path = join(folder, 'sparse');
    const wanted = Buffer.alloc(bytes.length, '-');
    await writeFile(path, wanted);
    const ranges = [0, 1, 77, 65_536, 131_072, 299_999].map((begin, i) => ({
      begin,
      end: Math.min(begin + 10 ** i, bytes.length),
    }));
    await done(files.download(file, path, [...ranges, { begin: 5, end: 5 }], call));
    for (const { begin, end } of ranges) bytes.copy(wanted, begin, begin, end);
    assert.equal(Buffer.compare(await readFile(path), wanted), 0);
    await put('a', 'other');
    await refused(files.download(file, path, ranges, call), 'Conflict');
    assert.equal(Buffer.compare(await readFile(path), wanted), 0);
  }),

  promise('a list has what begins with the prefix, sorted', async ({ files, root, put }) => {
    const listed = async (prefix: string) =>
      (await done(files.list(`${root}/${prefix}`, call))).map(({ address }) => address.slice(root.length + 1));
    assert.deepEqual(await listed(''), []);
    for (const name of ['b', 'a/z', 'a/y/x', 'a/yx', 'ab']) await put(name, name);
    assert.deepEqual(await listed(''), ['a/y/x', 'a/yx', 'a/z', 'ab', 'b']);
    assert.deepEqual(await listed('a/'), ['a/y/x', 'a/yx', 'a/z']);
    assert.deepEqual(await listed('a/y'), ['a/y/x', 'a/yx']);
    assert.deepEqual(await listed('c'), []);
    const [first] = await done(files.list(`${root}/ab`, call));
    assert.deepEqual(first, await headOf(files, `${root}/ab`));
  }),

  promise('a name is what it is, whatever it looks like', async ({ files, root, put, bytesOf }) => {
    for (const name of oddNames) assert.equal(`${await bytesOf(await put(name, name))}`, name);
    assert.deepEqual(
      (await done(files.list(`${root}/`, call))).map(({ address }) => address),
      oddNames.map((name) => `${root}/${name}`).sort(),
    );
    for (const name of oddNames) await done(files.remove(`${root}/${name}`, call));
    assert.deepEqual(await done(files.list(`${root}/`, call)), []);
  }),

  promise('of uploads at once to one address one is there, whole', async ({ files, root, put, bytesOf }) => {
    const texts = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(1000 * (i + 1)));
    const written = await Promise.all(texts.map((text) => put('a', text)));
    assert.equal(new Set(written.map(({ generation }) => generation)).size, texts.length);
    const last = await headOf(files, `${root}/a`);
    const at = written.findIndex(({ generation }) => generation === last?.generation);
    assert.equal(last === undefined ? '' : `${await bytesOf(last)}`, texts[at]);
  }),

  promise('what is no address is refused by every call', async (place) => {
    for (const address of badAddresses) {
      for (const task of calls(place, address, call)) await refused(task, 'InvalidInput');
    }
    for (const prefix of ['', 'gs://games', 'gs://Games/', 'gs://games//', 'gs://games/../x', 'gs://games/*'])
      await refused(place.files.list(prefix, call), 'InvalidInput');
  }),

  promise('there is nothing in a bucket that is not there', async (place) => {
    await writeFile(join(place.folder, 'there'), 'x');
    const bucket = `gs://no-such-${randomUUID()}`;
    const address = `${bucket}/a`;
    for (const task of calls(place, address, call)) await refused(task, 'NotFound');
    await refused(place.files.list(`${bucket}/`, call), 'NotFound');
    assert.deepEqual(await readdir(place.folder), ['there']);
  }),

  promise('a call that is over before it begins does nothing', async (place) => {
    const { files, root, folder, put } = place;
    const file = await put('a', 'x');
    const before = await readdir(folder);
    const cancellation = cancellable();
    cancellation.abort();
    const endings = [
      [{ ...call, cancellation }, 'Cancelled'],
      [{ ...call, deadlineMs: 1 }, 'DeadlineExceeded'],
    ] as const;
    for (const [over, tag] of endings) {
      await refused(files.head(file.address, over), tag);
      await refused(files.list(`${root}/`, over), tag);
      await refused(files.download(file, join(folder, 'none'), 'whole', over), tag);
      await refused(files.upload(join(folder, `${before[0]}`), file.address, over), tag);
      await refused(files.remove(file.address, over), tag);
    }
    assert.deepEqual(await readdir(folder), before);
    assert.deepEqual(await headOf(files, file.address), file);
  }),
];

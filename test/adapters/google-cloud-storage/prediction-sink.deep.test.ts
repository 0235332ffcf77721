/** Outputs in buckets keep the port's promises for each format, over the client and a fake of its service, and leave nothing on this machine. */
import { createHash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { googleCloudStorageBucketFiles } from '../../../adapters/google-cloud-storage/bucket-files.js';
import {
  type BucketSinkOptions,
  googleCloudStoragePredictionSink,
} from '../../../adapters/google-cloud-storage/prediction-sink.js';
import type { BucketFiles, JoinSchema, PredictionSink, SinkSchema } from '../../../core/index.js';
import { predictionSinkContract } from '../../contracts/prediction-sink.js';
import { countedRows } from '../../contracts/sample-rows.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { call, left, readRows, removeTemporaryFolders, right, temporaryFolder } from '../duckdb/files.js';

const bucket = 'games';
const root = `gs://${bucket}/prod/predictions`;
const retries = { limit: 2, firstPauseMs: 1, budget: 20 };

const fakes: Array<() => Promise<void>> = [];
test.after.always(async () => {
  for (const close of fakes) await close();
  await removeTemporaryFolders();
});

const staging = (folder: string): PredictionSink => duckdbPredictionSink({ root: folder });

const inBucket = async (options: Partial<BucketSinkOptions> = {}) => {
  const fake = await startFakeGcs({ buckets: [bucket] });
  fakes.push(fake.close);
  const files = googleCloudStorageBucketFiles({ apiEndpoint: fake.url, retries });
  const sink = googleCloudStoragePredictionSink({ root: `${root}/`, files, staging, ...options });
  return { fake, files, sink };
};

const namesIn = async (files: BucketFiles): Promise<ReadonlyArray<string>> =>
  (await right(files.list(`${root}/`, call))).map(({ address }) => address.slice(root.length + 1));

const readBack = (files: BucketFiles) => async (location: string) => {
  const found = O.toUndefined(await right(files.head(`${root}/${location}`, call)));
  if (found === undefined) return undefined;
  const path = join(await temporaryFolder(), location);
  await mkdir(dirname(path), { recursive: true });
  await right(files.download(found, path, 'whole', call));
  return readRows(path);
};

// The bytes are those of the sink that stages them, which runs this for every format.
for (const extension of ['.parquet', '.ndjson'] as const) {
  for (const { name, run } of predictionSinkContract) {
    test(`${extension}: ${name}`, async (t) => {
      const { files, sink } = await inBucket();
      await run({ sink, extension, readBack: readBack(files), stored: () => namesIn(files) });
      t.pass();
    });
  }
}

const schema: SinkSchema = {
  columns: Array.from(countedRows(0).columns, ([name, { type }]) => ({ name, type })),
  constants: [],
};

const store = async (sink: PredictionSink, location: string, rowCount: number) => {
  const writer = await right(sink.open(location, schema, call));
  await right(writer.write(countedRows(rowCount)));
  return right(writer.commit);
};

/** A sink whose outputs wait in folders that the test looks for. */
const watched = async () => {
  const folders: string[] = [];
  const watch = (folder: string): PredictionSink => {
    folders.push(folder);
    return staging(folder);
  };
  const here = await inBucket({ staging: watch });
  const left = async () => {
    const found = await Promise.all(
      folders.map((folder) =>
        access(folder).then(
          () => [folder],
          () => [],
        ),
      ),
    );
    return found.flat();
  };
  return { ...here, begun: () => folders.length, left };
};

const joinSchema: JoinSchema = {
  columns: [
    { name: 'row', type: 'int64' },
    { name: 'half', type: 'float32' },
    { name: 'label', type: 'string' },
  ],
  constants: [],
};

test('what waits on this machine goes, however an output ends', async (t) => {
  const { fake, files, sink, begun, left: remains } = await watched();
  await store(sink, 'a.parquet', 3);
  const join = (parts: ReadonlyArray<string>) =>
    sink.join(
      'b.parquet',
      joinSchema,
      parts.map((part) => `${root}/${part}`),
      call,
    );
  await right((await right(join(['a.parquet', 'a.parquet']))).commit);
  await (await right(join(['a.parquet']))).abort();
  t.regex(
    (await left(join(['a.parquet', 'gone.parquet']))).message,
    /The part gone\.parquet of b\.parquet is not there/,
  );
  await (await right(sink.open('c.parquet', schema, call))).abort();
  await right((await right(sink.open('d.parquet', schema, call))).clear);
  const twice = { ...schema, constants: [{ name: 'row', type: 'int32', value: 1 } as const] };
  t.is((await left(sink.open('e.parquet', twice, call))).tag, 'InvalidInput');
  const refused = await right(sink.open('a.parquet', schema, call));
  await right(refused.write(countedRows(9)));
  fake.fault({ fault: { kind: 'status', status: 403 }, on: 'upload' });
  t.is((await left(refused.commit)).tag, 'PermissionDenied');
  t.is((await readBack(files)('a.parquet'))?.rowCount, 3, 'the previous output is as it was');
  t.is((await readBack(files)('b.parquet'))?.rowCount, 6);
  t.deepEqual(await namesIn(files), ['a.parquet', 'b.parquet']);
  t.true(begun() >= 8);
  t.deepEqual(await remains(), []);
});

test('an output is one write, which is tried again when its answer is lost; larger ones go in chunks', async (t) => {
  const { fake, files, sink } = await inBucket();
  const small = await right(sink.open('small.csv', schema, call));
  await right(small.write(countedRows(10)));
  fake.forget();
  fake.fault({ fault: { kind: 'lost' }, on: 'upload' });
  await right(small.commit);
  t.deepEqual(fake.counts(), { upload: 2 });
  const large = await right(sink.open('large.csv', schema, call));
  await right(large.write(countedRows(300_000)));
  fake.forget();
  fake.fault({ fault: { kind: 'reset' }, on: 'chunk', after: 1 });
  const { sizeBytes } = await right(large.commit);
  t.true(sizeBytes > 4 * 2 ** 20);
  t.is(fake.counts().session, 1);
  t.is((await readBack(files)('large.csv'))?.rowCount, 300_000);
});

test('the digest is that of the bytes, whoever wrote them', async (t) => {
  const { fake, files, sink } = await watched();
  await store(sink, 'a.parquet', 3);
  const path = join(await temporaryFolder(), 'a.parquet');
  const found = O.toUndefined(await right(files.head(`${root}/a.parquet`, call)));
  if (found === undefined) return t.fail();
  await right(files.download(found, path, 'whole', call));
  const bytes = await readFile(path);
  const digest = createHash('sha256').update(bytes).digest('hex');
  fake.forget();
  t.deepEqual(await right(sink.digest('a.parquet', call)), O.some(digest));
  t.deepEqual(fake.counts(), { head: 1 });
  const others = googleCloudStorageArtifactStore({ bucket, prefix: 'prod/predictions', apiEndpoint: fake.url });
  await right(others.put('dt.parquet', bytes, { kind: 'absent' }, call));
  t.deepEqual(await right(sink.digest('dt.parquet', call)), O.some(digest));
  t.deepEqual(await right(sink.digest('none.parquet', call)), O.none);
});

test('a bucket that is not there is known before anything is scored', async (t) => {
  const { sink, begun } = await watched();
  const elsewhere = googleCloudStoragePredictionSink({ ...(await inBucket()), staging, root: 'gs://nobodys' });
  const failed = await left(elsewhere.open('a.parquet', schema, call));
  t.like(failed, { tag: 'NotFound' });
  t.regex(failed.message, /no bucket gs:\/\/nobodys/);
  t.is((await left(sink.open('a.parquet', schema, { ...call, deadlineMs: 0 }))).tag, 'DeadlineExceeded');
  t.is(begun(), 0);
});

test('what is protected is neither replaced nor written below, and names that are no addresses are refused', async (t) => {
  const protectedAddresses = [`${root}/models`, `${root}/games.parquet`];
  const { files, sink } = await inBucket({ protectedAddresses });
  const refused = ['models/a.parquet', 'games.parquet', 'games.parquet/a.csv', 'a[1].csv', 'a?.csv'];
  for (const location of refused) {
    const { tag, message } = await left(sink.resolve(location));
    t.is(tag, 'InvalidInput', location.slice(0, 30));
    t.true(message.includes(`"${root}/${location}"`), message);
    t.is((await left(sink.open(location, schema, call))).tag, 'InvalidInput', location.slice(0, 30));
  }
  t.deepEqual(await namesIn(files), []);
  t.is(await right(sink.resolve('models.parquet')), `${root}/models.parquet`);
  t.is(await right(sink.resolve('dt=2024-01-01/games.parquet')), `${root}/dt=2024-01-01/games.parquet`);
});

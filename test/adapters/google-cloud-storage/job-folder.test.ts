/** The folder of a job in a bucket keeps the port's promises, and its own: nothing is left on this machine, and nothing else is touched. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { duckdbBatchStage } from '../../../adapters/duckdb/batch-stage.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { duckdbStagedSource } from '../../../adapters/duckdb/staged-source.js';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { googleCloudStorageBucketFiles } from '../../../adapters/google-cloud-storage/bucket-files.js';
import { googleCloudStorageJobRows } from '../../../adapters/google-cloud-storage/job-folder.js';
import { localFilesystemBucketFileCache } from '../../../adapters/local-filesystem/bucket-file-cache.js';
import { memoryBucketFiles } from '../../../adapters/memory/bucket-files.js';
import { memoryDataSource } from '../../../adapters/memory/data-source.js';
import type { BatchStream, RowBatch } from '../../../core/index.js';
import { jobFolderContract } from '../../contracts/job-folder.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { call, left, readRows, removeTemporaryFolders, right, temporaryFolder } from '../duckdb/files.js';

const fakes: Array<() => Promise<void>> = [];
test.after.always(async () => {
  for (const close of fakes) await close();
  await removeTemporaryFolders();
});

const staging = (root: string) => duckdbPredictionSink({ root });

for (const { name, run } of jobFolderContract) {
  test(`a folder in a bucket: ${name}`, async (t) => {
    const fake = await startFakeGcs({ buckets: ['games'] });
    fakes.push(fake.close);
    const by = { apiEndpoint: fake.url, retries: { limit: 2, firstPauseMs: 1, budget: 20 } };
    const files = googleCloudStorageBucketFiles(by);
    const copies = localFilesystemBucketFileCache({ files, folder: await temporaryFolder(), limitBytes: 2 ** 20 });
    await run({
      openJob: (jobId) => {
        const prefix = `dt=2026-01-01/out.parquet.job/${jobId}`;
        const folder = `gs://games/${prefix}`;
        return {
          documents: googleCloudStorageArtifactStore({ bucket: 'games', prefix, ...by }),
          ...googleCloudStorageJobRows({
            folder,
            files,
            staging,
            readStaged: (rows, keys, range) => duckdbStagedSource(rows, range, { keys, baseDir: folder, copies }),
          }),
        };
      },
      write: async (path, rows) => (await right(stageBatch('the rows', oneBatch(rows), path))).rows,
      readBack: async (location) => {
        const found = O.toUndefined(await right(files.head(`gs://games/dt=2026-01-01/${location}`, call)));
        if (found === undefined) return undefined;
        const path = join(await temporaryFolder(), location);
        await right(files.download(found, path, 'whole', call));
        return readRows(path);
      },
    });
    t.pass();
  });
}

const stageBatch = duckdbBatchStage();

async function* oneBatch(rows: RowBatch): BatchStream {
  yield E.right(rows);
}

const address = 'gs://games/dt=2026-01-01/out.parquet.job/1';

const here = async () => {
  const files = memoryBucketFiles({ buckets: ['games'] });
  const folder = googleCloudStorageJobRows({
    folder: address,
    files,
    staging,
    protectedAddresses: ['gs://games/dt=2026-01-01/games.parquet'],
    readStaged: () => memoryDataSource({ table: { rowCount: 0, columns: new Map() }, keys: [] }),
  });
  const path = join(await temporaryFolder(), 'file');
  await writeFile(path, 'bytes');
  const put = async (...names: ReadonlyArray<string>) => {
    for (const name of names) await right(files.upload(path, `${address}${name}`, call));
  };
  const names = async () =>
    (await right(files.list('gs://games/', call))).map((file) => file.address.replace(address, ''));
  return { files, folder, put, names };
};

test('rows that were staged here are in the folder, by their name and generation, and here no more', async (t) => {
  const { files, folder, names } = await here();
  const attempt = `source-${randomUUID()}`;
  const name = `${attempt}.parquet`;
  const { stagePath: path, stagePrefix } = await right(folder.stagePlace(name));
  await mkdir(dirname(path));
  await writeFile(path, 'rows');
  const staged = await right(folder.stage(name, { path, state: 'here', row_count: 7 }, call));
  const found = O.toUndefined(await right(files.head(`${address}/${name}`, call)));
  t.deepEqual(staged, { path: name, state: found?.generation ?? '', row_count: 7 });
  t.deepEqual(await names(), [`/${name}`]);
  t.is(stagePrefix, `${address}/${attempt}-`);
  await t.throwsAsync(access(dirname(path)), { code: 'ENOENT' });
});

test('an upload that fails leaves nothing here', async (t) => {
  const { folder } = await here();
  const name = `source-${randomUUID()}.parquet`;
  const { stagePath: path } = await right(folder.stagePlace(name));
  await mkdir(dirname(path));
  await writeFile(path, 'rows');
  const late = folder.stage(name, { path, state: '', row_count: 7 }, { ...call, deadlineMs: 0 });
  t.is((await left(late)).tag, 'DeadlineExceeded');
  await t.throwsAsync(access(dirname(path)), { code: 'ENOENT' });
});

test('rows go and documents stay; then all of this job goes, and no other', async (t) => {
  const { folder, put, names } = await here();
  const documents = ['/.scorekeeper-self-test', '/_commits/00000.json', '/_plan.json'];
  const others = ['0/_plan.json', '0/part-00000-a.parquet'];
  const parts = Array.from({ length: 40 }, (_, shard) => `/part-000${shard}-a.parquet`);
  await put(
    ...documents,
    ...others,
    ...parts,
    '/source-a.parquet',
    '/source-a-000000000000.parquet',
    '/part-00000-a.rejects.ndjson',
  );
  await right(folder.removeRows(call));
  t.deepEqual(
    await names(),
    [...documents, ...others].toSorted((a, b) => (a < b ? -1 : 1)),
  );
  await right(folder.remove(call));
  t.deepEqual(await names(), others);
  await right(folder.remove(call));
});

test('the output is beside the folder of its jobs, and keeps clear of what is protected', async (t) => {
  const { folder } = await here();
  t.is(await right(folder.outputs.resolve('out.parquet')), 'gs://games/dt=2026-01-01/out.parquet');
  t.is(await right(folder.parts.resolve('part-0.parquet')), `${address}/part-0.parquet`);
  t.is((await left(folder.outputs.resolve('games.parquet'))).tag, 'InvalidInput');
});

// What a shard of a Parquet file in a bucket costs beside the whole file: bytes and time, in the fake on the loopback. `node bench/bucket-shards.mjs [ROWS]`.
import { join } from 'node:path';
import { duckdbStagedSource } from '../dist/adapters/duckdb/staged-source.js';
import { duckdbDataSource } from '../dist/adapters/duckdb/data-source.js';
import { googleCloudStorageBucketFiles } from '../dist/adapters/google-cloud-storage/bucket-files.js';
import { localFilesystemBucketFileCache } from '../dist/adapters/local-filesystem/bucket-file-cache.js';
import { neverCancelled } from '../dist/core/index.js';
import { startFakeGcs } from '../dist/test/support/fake-gcs/server.js';
import { makeFolder, writeTable } from './table.mjs';
import { right } from './versions.mjs';

const rowCount = Number(process.argv[2] ?? 2_000_000);
const folder = makeFolder();
const path = join(folder, 'rows.parquet');
await writeTable(path, rowCount);
const fake = await startFakeGcs({ buckets: ['bench'] });
const files = googleCloudStorageBucketFiles({ apiEndpoint: fake.url });
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const address = 'gs://bench/rows.parquet';
const { generation, sizeBytes } = right(await files.upload(path, address, call)());
const copies = localFilesystemBucketFileCache({ files, folder: join(folder, 'cache'), limitBytes: sizeBytes });

/** Opens the source, reads these columns to the end, and tells what that asked for. */
const measured = async (what, source, columnCount) => {
  fake.forget();
  const startedMs = performance.now();
  const opened = right(await source.open({}, call)());
  const names = opened.columnNames.slice(0, columnCount);
  let rows = 0;
  for await (const batch of opened.read(names.map((name) => ({ name, role: 'feature' }))))
    rows += right(batch).rowCount;
  await opened.close();
  const share = ((100 * fake.mediaBytes()) / sizeBytes).toFixed(1);
  const { media = 0, head = 0 } = fake.counts();
  console.log(
    `${what}: ${rows} rows of ${names.length} columns, ${share} % of ${Math.round(sizeBytes / 2 ** 20)} MiB in ${head + media} requests, ${Math.round(performance.now() - startedMs)} ms`,
  );
};

const whole = duckdbDataSource({ files: { rows: address }, sql: 'SELECT * FROM rows', keys: [], copies });
const parts = duckdbDataSource({ files: { rows: address }, keys: [], copies });
const staged = {
  name: address,
  files: [{ path: address, state: generation, row_count: rowCount }],
  textual: false,
  casts: {},
};
/** The engine's own choice: shards begin and end with row groups. */
const groupRows = 122_880;
const shard = duckdbStagedSource(staged, { begin: groupRows, end: 2 * groupRows }, { keys: [], copies });
await measured('all of it, by SQL', whole);
await measured('the same again', whole);
await measured('all of it, without SQL', parts);
await measured('5 columns', parts, 5);
await measured('one row group', shard);
await measured('5 columns of one row group', shard, 5);
await fake.close();

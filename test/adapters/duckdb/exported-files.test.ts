/** What others wrote to a bucket, as files of staged rows: their states, rows and row groups in order, and nothing of them left here. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { duckdbExportedFiles } from '../../../adapters/duckdb/exported-files.js';
import { localFilesystemBucketFileCache } from '../../../adapters/local-filesystem/bucket-file-cache.js';
import { memoryBucketFiles } from '../../../adapters/memory/bucket-files.js';
import { call, left, removeTemporaryFolders, right, sql, temporaryFolder } from './files.js';

test.after.always(removeTemporaryFolders);

const address = (file: number): string => `gs://games/it is/rows-00000000000${file}.parquet`;

test('files are told in the order of their addresses; one that is not there, or no Parquet, by its address', async (t) => {
  const folder = await temporaryFolder();
  const files = memoryBucketFiles({ buckets: ['games'] });
  const copies = localFilesystemBucketFileCache({ files, folder: join(folder, 'cache'), limitBytes: 2 ** 20 });
  const read = duckdbExportedFiles({ copies });
  const upload = async (file: number, path: string) => right(files.upload(join(folder, path), address(file), call));
  const write = (path: string, rows: number) =>
    sql(
      'SET threads = 1',
      `COPY (FROM range(${rows})) TO '${join(folder, path)}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    );
  await write('many.parquet', 5000);
  await write('none.parquet', 0);
  await writeFile(join(folder, 'text.parquet'), 'This is no Parquet, but of some length.');

  const many = await upload(0, 'many.parquet');
  const none = await upload(1, 'none.parquet');
  t.deepEqual(await right(read([address(1), address(0)], call)), {
    files: [
      { path: address(1), state: none.generation, row_count: 0 },
      { path: address(0), state: many.generation, row_count: 5000 },
    ],
    rowGroups: [2048, 2048, 904],
  });
  const missing = await left(read([address(0), address(2)], call));
  t.is(missing.tag, 'NotFound');
  t.true(missing.message.startsWith(`${address(2)}: `), missing.message);
  await upload(2, 'text.parquet');
  const text = await left(read([address(0), address(2)], call));
  t.is(text.tag, 'DataUnreadable');
  t.true(text.message.includes(address(2)), text.message);
  t.false(text.message.includes(folder), text.message);
  t.deepEqual(await readdir(join(folder, 'cache')), []);
});

/** A source whose file is not the one that was opened says so: it never reads one file by what it knew of another. */
import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import type { Failure } from '../../../core/index.js';
import { call, removeTemporaryFolders, right, sql, temporaryFolder } from './files.js';

let folder: string;
const at = (name: string): string => join(folder, name);

test.before(async () => {
  folder = await temporaryFolder();
  const doubles = 'select range::double as i from range(100000)';
  const integers = 'select range::integer as i from range(100000)';
  await sql(`copy (${doubles}) to '${at('a.parquet')}'`, `copy (${integers}) to '${at('b.parquet')}'`);
  await writeFile(at('a.csv'), 'i,j\n1,2\n');
  await writeFile(at('b.csv'), 'j,i\n1,2\n');
  await writeFile(at('a.ndjson'), '{"i": 1}\n');
  await writeFile(at('b.ndjson'), '{"i": 2}\n');
});

test.after.always(removeTemporaryFolders);

/** Opens a copy of `a`, lets something happen to it, and reads until the first failure. */
const readAfter = async (
  file: string,
  options: { readonly sql?: string },
  happen: (path: string) => Promise<void>,
): Promise<{ readonly rowCount: number; readonly failed: Failure | undefined }> => {
  const [, extension = ''] = file.split('.');
  await copyFile(at(`a.${extension}`), at(file));
  const opened = await right(
    duckdbDataSource({ files: { rows: file }, keys: [], baseDir: folder, ...options }).open({}, call),
  );
  await happen(at(file));
  let rowCount = 0;
  let failed: Failure | undefined;
  for await (const batch of opened.read([{ name: 'i', role: 'feature' }])) {
    if (E.isLeft(batch)) failed = batch.left;
    else rowCount += batch.right.rowCount;
  }
  await opened.close();
  return { rowCount, failed };
};

const happenings = {
  overwritten: (path: string) => copyFile(path.replace(/[^/]*\./, 'b.'), path),
  replaced: async (path: string) => {
    await copyFile(path.replace(/[^/]*\./, 'b.'), `${path}.new`);
    await rename(`${path}.new`, path);
  },
  'cut short': (path: string) => writeFile(path, 'PAR1'),
  removed: (path: string) => rm(path),
};

for (const extension of ['parquet', 'csv', 'ndjson']) {
  for (const options of [{}, { sql: 'SELECT i FROM rows' }]) {
    for (const [what, happen] of Object.entries(happenings)) {
      const how = 'sql' in options ? 'by SQL' : 'whole';
      test(`${extension}, ${how}: a file that was ${what} since it was opened is DataUnreadable before a row is read`, async (t) => {
        const file = `${what.replace(' ', '-')}-${how.replace(' ', '-')}.${extension}`;
        const { rowCount, failed } = await readAfter(file, options, happen);
        t.is(rowCount, 0);
        t.is(failed?.tag, 'DataUnreadable');
        const done = what === 'removed' ? 'removed' : 'changed or replaced';
        t.is(
          failed?.message,
          `${file}: the file was ${done} since it was opened. Score again when nobody writes to it.`,
        );
      });
    }
  }
}

test('a file that changes while its rows are read is DataUnreadable at the end of them', async (t) => {
  await copyFile(at('a.csv'), at('growing.csv'));
  const source = duckdbDataSource({ files: { rows: 'growing.csv' }, keys: [], baseDir: folder });
  const opened = await right(source.open({}, call));
  const seen: string[] = [];
  for await (const batch of opened.read([{ name: 'i', role: 'feature' }])) {
    seen.push(E.isRight(batch) ? `${batch.right.rowCount} row` : batch.left.tag);
    await writeFile(at('growing.csv'), 'i,j\n1,2\n3,4\n');
  }
  await opened.close();
  t.deepEqual(seen, ['1 row', 'DataUnreadable']);
});

test('a file that stays as it is may be read again', async (t) => {
  const { rowCount, failed } = await readAfter('same.parquet', {}, async () => undefined);
  t.deepEqual([rowCount, failed], [100_000, undefined]);
});

/** Files in buckets as sources: they read as those on this machine do, and of a Parquet file only what is wanted is asked for. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { type DuckdbSourceOptions, duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { duckdbJobRows } from '../../../adapters/duckdb/job-rows.js';
import { duckdbStagedSource } from '../../../adapters/duckdb/staged-source.js';
import { googleCloudStorageBucketFiles } from '../../../adapters/google-cloud-storage/bucket-files.js';
import { localFilesystemBucketFileCache } from '../../../adapters/local-filesystem/bucket-file-cache.js';
import { memoryBucketFiles } from '../../../adapters/memory/bucket-files.js';
import {
  type BucketFile,
  type BucketFiles,
  type DataSource,
  failTask,
  type OpenedSource,
  type WantedColumn,
  type YearRange,
} from '../../../core/index.js';
import { dataSourceContract } from '../../contracts/data-source.js';
import { collect, type Rows } from '../../contracts/sample-rows.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { call, left, removeTemporaryFolders, right, sql, temporaryFolder, writeRows } from './files.js';

test.after.always(removeTemporaryFolders);

const root = 'gs://games/dt=2024/a "b"';

/** Buckets, a cache over them, and a folder with local files. */
const open = async (files: BucketFiles = memoryBucketFiles({ buckets: ['games'] })) => {
  const folder = await temporaryFolder();
  const cacheFolder = join(folder, 'cache');
  const copies = localFilesystemBucketFileCache({ files, folder: cacheFolder, limitBytes: 2 ** 30 });
  return {
    files,
    folder,
    copies,
    upload: (name: string): Promise<BucketFile> => right(files.upload(join(folder, name), `${root}/${name}`, call)),
    /** Nothing that readers had is left. */
    isQuiet: async () => (await readdir(cacheFolder).catch(() => [])).every((name) => /^[\da-f]{64}$/.test(name)),
    source: (options: Partial<DuckdbSourceOptions>) =>
      duckdbDataSource({ files: {}, keys: [], baseDir: folder, copies, ...options }),
  };
};

// Files of other formats are copied whole, and are then files like all others.
for (const { name, run } of dataSourceContract) {
  test(name, async (t) => {
    const { folder, upload, source, isQuiet } = await open();
    await run({
      sourceOf: async (table, keys) => {
        await writeRows(folder, "it's.parquet", table);
        const { address } = await upload("it's.parquet");
        return source({ files: { 'my "games"': address }, keys });
      },
      namesColumnsOfEmptyTables: true,
    });
    t.true(await isQuiet());
  });
}

const opened = async <A>(source: DataSource, use: (opened: OpenedSource) => Promise<A>, range: YearRange = {}) => {
  const found = await right(source.open(range, call));
  try {
    return await use(found);
  } finally {
    await found.close();
  }
};

const wantedOf = (names: ReadonlyArray<string>): ReadonlyArray<WantedColumn> =>
  names.map((name) => ({ name, role: 'key' }));

const read = (source: DataSource, names: ReadonlyArray<string>, range: YearRange = {}): Promise<Rows> =>
  opened(source, ({ read: rows }) => collect(rows(wantedOf(names))), range);

const stage = async (source: DataSource, names: ReadonlyArray<string>, stagePath: string, range: YearRange = {}) => {
  const found = await right(source.open(range, call, { stagePath }));
  try {
    return await right(found.stage?.(wantedOf(names)) ?? failTask('InvalidInput', 'It cannot be staged.'));
  } finally {
    await found.close();
  }
};

/** Eight row groups of ten columns of some size, awkward names and a struct among them. */
const writeWide = (path: string, from = 0, options = '') =>
  sql(
    `COPY (SELECT range + ${from} AS id, hash(range) AS a, hash(range + 1) AS b, 'text ' || hash(range) AS "c, d", {e: hash(range)} AS s,
       range % 3 AS few, hash(range + 2) AS f, (1990 + range // 2048)::INTEGER AS year_published, hash(range + 3) AS g, hash(range + 4) AS "it's ""h"""
     FROM range(16384)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048 ${options})`,
  );

const tailBytes = 65_536;

/** The bytes of these columns in row groups, but for those in the end of the file, as the engine's own metadata tells. */
const chunkBytes = async (
  path: string,
  names: ReadonlyArray<string>,
  groups: ReadonlyArray<number>,
): Promise<number> => {
  const list = names.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ');
  const before = (await stat(path)).size - tailBytes;
  const [row] = await sql(
    `SELECT sum(CASE WHEN coalesce(dictionary_page_offset, data_page_offset) < ${before} THEN total_compressed_size ELSE 0 END)
       + sum(CASE WHEN bloom_filter_offset < ${before} THEN bloom_filter_length ELSE 0 END)
     FROM parquet_metadata('${path}') WHERE path_in_schema IN (${list}) AND row_group_id IN (${groups.join(', ')})`,
  );
  return Number(row?.[0]);
};

/** The same behind the fake, which counts what is asked for. */
const openInFake = async (t: ExecutionContext) => {
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(() => fake.close());
  const place = await open(googleCloudStorageBucketFiles({ apiEndpoint: fake.url }));
  return {
    ...place,
    fake,
    /** The bytes that `work` asks for. */
    bytesOf: async (work: () => Promise<unknown>): Promise<number> => {
      fake.forget();
      await work();
      return fake.mediaBytes();
    },
  };
};

for (const [writer, options] of [
  ['with statistics', ''],
  ['with filters of Bloom', ', DICTIONARY_SIZE_LIMIT 4096, BLOOM_FILTER_FALSE_POSITIVE_RATIO 0.01'],
] as const) {
  test(`of a Parquet file ${writer} a shard asks for its columns of its row groups, and nothing else`, async (t) => {
    const { folder, fake, source, upload, copies, bytesOf, isQuiet } = await openInFake(t);
    const path = join(folder, 'wide.parquet');
    await writeWide(path, 0, options);
    const file = await upload('wide.parquet');
    const remote = source({ files: { games: file.address } });
    const staged = await stage(remote, ['id'], join(folder, 'staged.parquet'));
    t.deepEqual(staged.rows.files, [{ path: file.address, state: file.generation, row_count: 16_384 }]);
    t.is(fake.mediaBytes(), tailBytes, 'a plan costs the end of the file');
    const local = await read(source({ files: { games: path } }), ['id', 'c, d', 'it\'s "h"', 'few']);
    const names = [...local.cells.keys()];
    const shards = [
      { begin: 0, end: 2048, groups: [0] },
      { begin: 3000, end: 8192, groups: [1, 2, 3] },
      { begin: 0, end: 0, groups: [99] },
    ];
    for (const { groups, ...range } of shards) {
      const shard = duckdbStagedSource(staged.rows, range, { keys: [], copies });
      const bytes = await bytesOf(async () => {
        const part = await read(shard, names);
        for (const name of names)
          t.deepEqual(part.cells.get(name), local.cells.get(name)?.slice(range.begin, range.end));
      });
      t.is(bytes, tailBytes + (await chunkBytes(path, names, groups)));
      t.true(bytes < file.sizeBytes / 2);
    }
    t.true(await isQuiet());
  });
}

test('of a Parquet file that is read whole the wanted columns are asked for, once, and the year where it is compared', async (t) => {
  const { folder, fake, source, upload, bytesOf } = await openInFake(t);
  const path = join(folder, 'wide.parquet');
  await writeWide(path);
  const file = await upload('wide.parquet');
  const [remote, local] = [source({ files: { games: file.address } }), source({ files: { games: path } })];
  const range = { startYear: 1991, endYear: 1991 };
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  const bytes = await bytesOf(() =>
    opened(
      remote,
      async ({ read: rows, countRows }) => {
        t.is(await right(countRows), 2048);
        const expected = await read(local, ['a'], range);
        t.deepEqual(await collect(rows(wantedOf(['a']))), expected);
        t.deepEqual(await collect(rows(wantedOf(['a']))), expected);
      },
      range,
    ),
  );
  t.is(bytes, tailBytes + (await chunkBytes(path, ['a', 'year_published'], all)));
  const staged = await stage(remote, ['a'], join(folder, 'staged.parquet'), range);
  const rows = duckdbStagedSource(staged.rows, { begin: 0, end: 2048 }, { keys: [] });
  t.deepEqual(await read(rows, ['a']), await read(local, ['a'], range));
  t.is(await bytesOf(() => opened(remote, ({ countRows }) => right(countRows))), tailBytes);
  t.is(fake.counts().media, 1);
});

test('a footer beyond the last 64 KiB, a file below it, and names that the engine changes are read all the same', async (t) => {
  const { folder, source, upload } = await open();
  const columns = Array.from({ length: 1500 }, (_, i) => `range + ${i} AS "a column with a rather long name ${i}"`);
  await sql(
    `COPY (SELECT ${columns.join(', ')} FROM range(10)) TO '${join(folder, 'columns.parquet')}'`,
    `COPY (SELECT 1 AS one) TO '${join(folder, 'small.parquet')}'`,
    `COPY (SELECT 1 AS one LIMIT 0) TO '${join(folder, 'empty.parquet')}'`,
  );
  for (const name of ['columns', 'small', 'empty']) {
    const file = await upload(`${name}.parquet`);
    const local = source({ files: { games: `${name}.parquet` } });
    const { columnNames } = await opened(local, async (found) => found);
    t.deepEqual(
      await read(source({ files: { games: file.address } }), columnNames),
      await read(local, columnNames),
      name,
    );
  }
  for (const text of ['', 'PAR1', `PAR1${'\xff'.repeat(4)}PAR1`, 'x'.repeat(70_000)]) {
    await writeFile(join(folder, 'no.parquet'), text, 'latin1');
    const file = await upload('no.parquet');
    const failed = await left(source({ files: { games: file.address } }).open({}, call));
    t.is(failed.tag, 'DataUnreadable', failed.message);
    t.true(failed.message.startsWith(`${file.address}: `) && !failed.message.includes(folder), failed.message);
  }
});

test('SQL joins files of this machine and files in buckets, each of which is downloaded once', async (t) => {
  const { folder, fake, source, upload, isQuiet } = await openInFake(t);
  await writeFile(join(folder, 'names.csv'), 'id,name\n1,one\n2,two\n');
  await writeFile(join(folder, 'more.ndjson'), '{"id": 2, "more": 5}\n');
  await sql(`COPY (SELECT range AS id FROM range(3)) TO '${join(folder, 'ids.parquet')}'`);
  const [more, ids] = [await upload('more.ndjson'), await upload('ids.parquet')];
  const joined = source({
    files: { names: 'names.csv', more: more.address, ids: ids.address },
    sql: 'SELECT ids.id, name, more FROM ids JOIN names ON ids.id = names.id::BIGINT LEFT JOIN more ON ids.id = more.id ORDER BY 1',
  });
  fake.forget();
  for (let i = 0; i < 2; i++) {
    const { cells } = await read(joined, ['id', 'name', 'more']);
    t.deepEqual(
      [...cells.entries()],
      [
        ['id', [1n, 2n]],
        ['name', ['one', 'two']],
        ['more', [null, 5n]],
      ],
    );
  }
  const { cells } = await read(source({ files: { more: more.address } }), ['id', 'more']);
  t.deepEqual(
    [...cells.entries()],
    [
      ['id', [2]],
      ['more', [5]],
    ],
  );
  t.is(fake.counts().media, 2);
  t.true(await isQuiet());
});

test('what is opened is one generation: what replaces it is seen by who opens next', async (t) => {
  const { folder, files, source, upload } = await open();
  const texts = async (name: string, from: number) => {
    if (name.endsWith('.csv')) await writeFile(join(folder, name), `id\n${from}\n`);
    else await writeWide(join(folder, name), from);
    return upload(name);
  };
  const csv = await texts('games.csv', 1);
  const remote = source({ files: { games: csv.address } });
  await opened(remote, async ({ read: rows }) => {
    await texts('games.csv', 2);
    t.deepEqual((await collect(rows(wantedOf(['id'])))).cells.get('id'), ['1']);
  });
  t.deepEqual((await read(remote, ['id'])).cells.get('id'), ['2']);
  await right(files.remove(csv.address, call));
  const failed = await left(remote.open({}, call));
  t.deepEqual([failed.tag, failed.message], ['NotFound', `${csv.address}: there is no such file in the bucket.`]);

  const parquet = await texts('games.parquet', 0);
  const parts = source({ files: { games: parquet.address } });
  await opened(parts, async ({ read: rows }) => {
    await collect(rows(wantedOf(['id'])));
    await texts('games.parquet', 1);
    t.is((await collect(rows(wantedOf(['id'])))).rowCount, 16_384, 'it is here already');
    for await (const batch of rows(wantedOf(['a'])))
      t.like(batch, {
        left: {
          tag: 'DataUnreadable',
          message: `${parquet.address}: the file was removed or replaced since it was opened. Score again when nobody writes to it.`,
        },
      });
  });
});

test('a snapshot of a file in a bucket is its generation, and a shard of another one is refused', async (t) => {
  const { folder, source, upload, copies } = await open();
  await writeWide(join(folder, 'games.parquet'));
  const file = await upload('games.parquet');
  const remote = source({ files: { games: file.address } });
  const snapshot = async () => right(remote.snapshot?.({ startYear: 1 }, call) ?? (async () => E.right({})));
  t.deepEqual(await snapshot(), {
    files: [{ view: 'games', path: file.address, generation: file.generation }],
    sql: null,
    startYear: 1,
  });
  const rows = {
    name: file.address,
    files: [{ path: file.address, state: file.generation, row_count: 16_384 }],
    textual: false,
    casts: {},
  };
  // In a folder of a job, wherever that is.
  const below = { ...rows, files: rows.files.map((one) => ({ ...one, path: 'games.parquet' })) };
  const range = { begin: 5, end: 7 };
  for (const shard of [
    duckdbJobRows({ folder, copies }).readStaged(rows, [], range),
    duckdbStagedSource(below, range, { keys: [], baseDir: root, copies }),
  ]) {
    t.deepEqual((await read(shard, ['few'])).cells.get('few'), [2n, 0n]);
  }
  const before = await snapshot();
  await upload('games.parquet');
  t.notDeepEqual(await snapshot(), before);
  const failed = await left(duckdbStagedSource(rows, range, { keys: [], copies }).open({}, call));
  t.deepEqual(
    [failed.tag, failed.message],
    ['DataUnreadable', `${file.address} was changed since the job was planned: score it again.`],
  );
});

test('what is no source file, or cannot be had, is refused by its address', async (t) => {
  const { source } = await open();
  const failureOf = (files: Readonly<Record<string, string>>) => left(source({ files }).open({}, call));
  t.like(await failureOf({ a: 'gs://games/a.txt' }), {
    tag: 'InvalidInput',
    message: 'gs://games/a.txt: a source file ends in .parquet, .csv, .ndjson or .jsonl.',
  });
  t.like(await failureOf({ a: 'gs://games//a.csv' }), { tag: 'InvalidInput' });
  t.like(await failureOf({ a: 'gs://games/*.csv' }), { tag: 'InvalidInput' });
  t.like(await failureOf({ a: 'gs://nobody/a.csv' }), { tag: 'NotFound' });
  const without = duckdbDataSource({ files: { a: 'gs://games/a.csv' }, keys: [] });
  t.like(await left(without.open({}, call)), { tag: 'InvalidInput' });
});

test('one file that cannot be had leaves no copy of the others', async (t) => {
  const { folder, source, upload, isQuiet } = await open();
  await writeFile(join(folder, 'games.csv'), 'id\n1\n');
  const { address } = await upload('games.csv');
  const both = source({ files: { games: address, none: `${root}/none.csv` }, sql: 'SELECT 1' });
  t.is((await left(both.open({}, call))).tag, 'NotFound');
  t.is((await left(source({ files: { games: address }, sql: 'SELECT nothing' }).open({}, call))).tag, 'InvalidInput');
  t.true(await isQuiet());
});

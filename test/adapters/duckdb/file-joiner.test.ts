/** Files that are joined byte for byte are one file with all their rows, and whoever reads it finds each where its metadata says. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { joinFiles } from '../../../adapters/duckdb/file-joiner.js';
import type { OutputFormat } from '../../../core/index.js';
import { removeTemporaryFolders, sql, temporaryFolder } from './files.js';

test.after.always(removeTemporaryFolders);

const joined = async (paths: ReadonlyArray<string>, path: string, format: OutputFormat): Promise<string> => {
  const joiner = await joinFiles(path, format);
  for (const part of paths) await joiner.add(part);
  await joiner.finish();
  await joiner.close();
  return path;
};

/** Rows `begin` (included) to `end` (excluded), with a column of every type that an output has. */
const rowsOf = (begin: number, end: number): string => `
  SELECT range::BIGINT AS id, (range % 7)::INTEGER AS few, (range * 1.5)::FLOAT AS single,
    CASE WHEN range % 5 = 0 THEN 'nan'::DOUBLE WHEN range % 11 <> 0 THEN range / 3 END AS double,
    range % 2 = 0 AS flag, CASE WHEN range % 3 <> 0 THEN 'text ' || (range % 4000) END AS text, NULL::VARCHAR AS nothing,
    'bench'::ENUM('bench') AS constant, TIMESTAMPTZ '2026-01-01 00:00:00.123Z' AS at
  FROM range(${begin}, ${end})`;

const bounds = [0, 25_000, 25_000, 61_234, 61_235];

const parquetParts = async (folder: string): Promise<ReadonlyArray<string>> => {
  const paths: string[] = [];
  for (let i = 1; i < bounds.length; i++) {
    const path = join(folder, `${i}.parquet`);
    const rows = rowsOf(bounds[i - 1] ?? 0, bounds[i] ?? 0);
    await sql(`COPY (${rows}) TO '${path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10000)`);
    paths.push(path);
  }
  return paths;
};

test('Parquet: every row in order, also where statistics and filters are asked', async (t) => {
  const folder = await temporaryFolder();
  const parts = await parquetParts(folder);
  const path = await joined(parts, join(folder, 'all.parquet'), 'parquet');
  const numbered = (from: string) => `(SELECT row_number() OVER () AS place, * FROM ${from})`;
  const differences = `SELECT count(*)::INT FROM (${[
    `(FROM ${numbered(`'${path}'`)} EXCEPT FROM ${numbered(`(${rowsOf(0, 61_235)})`)})`,
    `(FROM ${numbered(`(${rowsOf(0, 61_235)})`)} EXCEPT FROM ${numbered(`'${path}'`)})`,
  ].join(' UNION ALL ')})`;
  t.deepEqual(await sql(differences), [[0]]);
  for (const where of ['id = 61233', 'few = 3', `text = 'text 3999'`, 'double IS NULL', 'single > 91800', `flag`]) {
    const count = (from: string) => sql(`SELECT count(*)::INT, sum(id)::BIGINT FROM ${from} WHERE ${where}`);
    t.deepEqual(await count(`'${path}'`), await count(`(${rowsOf(0, 61_235)})`), where);
  }
});

test('Parquet: row groups stay as they are, and each chunk lies in the file', async (t) => {
  const folder = await temporaryFolder();
  const parts = await parquetParts(folder);
  const path = await joined(parts, join(folder, 'all.parquet'), 'parquet');
  const chunks = (of: string) =>
    sql(`SELECT row_group_num_rows, path_in_schema, stats_min_value, stats_max_value, stats_null_count, encodings, compression,
      total_compressed_size, bloom_filter_length FROM parquet_metadata(${of}) ORDER BY ALL`);
  t.deepEqual(await chunks(`'${path}'`), await chunks(`[${parts.map((part) => `'${part}'`).join(', ')}]`));
  const overlapping = `SELECT count(*)::INT FROM (SELECT coalesce(dictionary_page_offset, data_page_offset) AS first,
      first + total_compressed_size AS past, lead(first) OVER (ORDER BY first) AS next FROM parquet_metadata('${path}'))
    WHERE past > coalesce(next, ${(await readFile(path)).length}) OR first < 4`;
  t.deepEqual(await sql(overlapping), [[0]]);
  t.deepEqual(await sql(`SELECT num_rows::INT FROM parquet_file_metadata('${path}')`), [[61_235]]);
});

test('Parquet: one file is itself again, byte for byte, and one without rows adds none', async (t) => {
  const folder = await temporaryFolder();
  const [first = '', none = ''] = await parquetParts(folder);
  t.deepEqual(await readFile(await joined([first], join(folder, 'one.parquet'), 'parquet')), await readFile(first));
  t.deepEqual(
    await readFile(await joined([none, first], join(folder, 'two.parquet'), 'parquet')),
    await readFile(first),
  );
  await t.throwsAsync(joined([none, none], join(folder, 'none.parquet'), 'parquet'), { message: /no rows to join/ });
});

test('text: one after the other, in place of what was there', async (t) => {
  const folder = await temporaryFolder();
  const paths = ['a', 'b', 'c'].map((name) => join(folder, name));
  for (const [i, path] of paths.entries()) await writeFile(path, ['one\n', '', 'two\nthree\n'][i] ?? '');
  const all = join(folder, 'all');
  await writeFile(all, 'what was there before, which is longer');
  t.is(await readFile(await joined(paths, all, 'ndjson'), 'utf8'), 'one\ntwo\nthree\n');
});

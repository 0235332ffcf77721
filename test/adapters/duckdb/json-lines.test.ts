/** A whole NDJSON file is read line by line: blocks, columns that come late, years, keys with all their digits. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import type { Failure, OpenedSource, WantedColumn, YearRange } from '../../../core/index.js';
import { collect, type Rows } from '../../contracts/sample-rows.js';
import { call, left, removeTemporaryFolders, right, temporaryFolder } from './files.js';

test.after.always(removeTemporaryFolders);

const sourceOf = async (content: string | Buffer, keys: ReadonlyArray<string> = []) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'rows.ndjson'), content);
  return duckdbDataSource({ files: { rows: 'rows.ndjson' }, keys, baseDir: folder });
};

const openRows = async (content: string | Buffer, range: YearRange = {}): Promise<OpenedSource> =>
  right((await sourceOf(content)).open(range, call));

const readRows = async (
  content: string | Buffer,
  names: ReadonlyArray<string>,
  role: WantedColumn['role'] = 'feature',
): Promise<Rows> => collect((await openRows(content)).read(names.map((name) => ({ name, role }))));

const failureIn = async (content: string | Buffer): Promise<Failure | undefined> => {
  const opened = await (await sourceOf(content)).open({}, call)();
  if (E.isLeft(opened)) return opened.left;
  for await (const batch of opened.right.read([])) if (E.isLeft(batch)) return batch.left;
  return undefined;
};

test('values are what JSON says, each by itself; the last of a name counts; bare NaN is missing', async (t) => {
  const found = await readRows(
    '{"a": 1}\n{"a": "x", "b": 1}\n{"a": true}\n{"a": [1]}\n{"a": 1, "a": 5}\n{"a": NaN}\n{"b": 2}\n{"a": 9007199254740993}\n',
    ['a'],
  );
  t.deepEqual<unknown, unknown>(found.cells.get('a'), [1, 'x', true, [1], 5, null, null, 2 ** 53]);
});

test('a byte order mark, line breaks of Windows, empty lines and a last line without a break', async (t) => {
  const found = await readRows('\uFEFF{"a": 1}\r\n\r\n  \n{"a": 2}\r\n\n{"a": 3}', ['a']);
  t.deepEqual(found.cells.get('a'), [1, 2, 3]);
});

test('lines of every length keep their place and their text, over blocks and within characters', async (t) => {
  const texts = Array.from({ length: 400 }, (_, row) => 'ä€🎲'.repeat((row * 37) % 1500));
  const lines = texts.map((text, row) => JSON.stringify({ row, text }));
  const found = await readRows(lines.join('\n'), ['row', 'text']);
  t.deepEqual(
    found.cells.get('row'),
    texts.map((_, row) => row),
  );
  t.deepEqual(found.cells.get('text'), texts);
  t.is((await readRows(`${JSON.stringify({ text: 'x'.repeat(2 ** 23) })}\n`, ['text'])).rowCount, 1);
});

test('a line beyond 16 MiB is DataUnreadable, whatever comes after it', async (t) => {
  for (const end of ['"}\n', '"}', '']) {
    const failed = await failureIn(`{"a": 1}\n{"a": "${'x'.repeat(2 ** 24)}${end}`);
    t.is(failed?.tag, 'DataUnreadable');
    t.is(failed?.message, 'rows.ndjson: line 2 is longer than 16777216 bytes.');
  }
});

test('a column is there when some row has it, however late; one that none has is told before any row', async (t) => {
  const late = `${'{"a": 1, "constructor": 2}\n'.repeat(30_000)}{"late": 3}\n`;
  const opened = await openRows(late);
  t.deepEqual(opened.columnNames, ['a', 'constructor']);
  t.deepEqual(await opened.columnsAmong?.(['late', 'toString', 'a'])(), E.right(['late', 'a']));
  const wanted = ['late', 'constructor'].map((name) => ({ name, role: 'feature' }) as const);
  const found = await collect(opened.read(wanted));
  t.is(found.rowCount, 30_001);
  t.deepEqual(found.cells.get('late')?.slice(-2), [null, 3]);
  t.deepEqual(found.cells.get('constructor')?.slice(-2), [2, null]);
  const batches = [];
  for await (const batch of opened.read([{ name: 'lats', role: 'feature' }])) batches.push(batch);
  t.deepEqual(
    batches.map((batch) => E.isLeft(batch) && [batch.left.tag, batch.left.message]),
    [['InvalidInput', 'rows.ndjson: there is no column "lats"; did you mean "late"?']],
  );
});

test('a file without rows lacks no column, and has none of its own', async (t) => {
  for (const content of ['', '\n\n']) {
    const opened = await openRows(content, { startYear: 2000 });
    t.deepEqual(opened.columnNames, []);
    t.deepEqual(await opened.columnsAmong?.(['a', 'b'])(), E.right(['a', 'b']));
    const found = await collect(opened.read([{ name: 'a', role: 'feature' }]));
    t.deepEqual([found.batchSizes, found.cells.get('a')], [[0], []]);
  }
});

test('a key keeps the digits that a number would lose', async (t) => {
  const lines = [
    '{"k": 9007199254740993, "t": "\\"k\\": 1234567890123456789"}',
    '{"k": -18446744073709551617, "x": 0.12345678901234567890, "y": 12345678901234567890e1}',
    '{"k": 1e300}',
    '{"k": 7}',
    `{"t": "${'\\n'.repeat(2 ** 22)}", "k": 9007199254740993}`,
  ];
  const found = await readRows(lines.join('\n'), ['k'], 'key');
  const rounded = 9_007_199_254_740_993n;
  t.deepEqual(found.cells.get('k'), [rounded, -18_446_744_073_709_551_617n, 1e300, 7, rounded]);
});

test('years are numbers, or digits as in CSV; a row without one never matches', async (t) => {
  const years = ['1999', '"1999"', '" +2000 "', '2000.5', '"soon"', 'null', 'true', '2001', '[2000]'];
  const lines = [...years.map((year, row) => `{"row": ${row}, "year_published": ${year}}`), '{"row": 9}'];
  const rowsOf = async (range: YearRange) => {
    const opened = await openRows(lines.join('\n'), range);
    const { cells, rowCount } = await collect(opened.read([{ name: 'row', role: 'key' }]));
    t.deepEqual(await opened.countRows(), E.right(rowCount));
    return cells.get('row');
  };
  t.deepEqual(await rowsOf({ startYear: 1999, endYear: 2000 }), [0, 1, 2]);
  t.deepEqual(await rowsOf({ startYear: 2000 }), [2, 3, 7]);
  t.deepEqual(await rowsOf({ startYear: 3000 }), []);
  const yearless = (await sourceOf('{"a": 1}\n')).open({ endYear: 2000 }, call);
  t.is((await left(yearless)).tag, 'InvalidInput');
});

/** The DuckDB data source keeps the port's promises for each format, and its own: the guard, types, messages. */
import { readdir, readlink, symlink, truncate, writeFile, readFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as E from 'fp-ts/lib/Either.js';
import { type DuckdbSourceOptions, duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import type { Failure, WantedColumn, YearRange } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import { dataSourceContract } from '../../contracts/data-source.js';
import { type Cell, collect, countedRows, type Rows, sampleRows } from '../../contracts/sample-rows.js';
import { call, left, removeTemporaryFolders, right, sql, temporaryFolder, writeRows } from './files.js';

let folder: string;

test.before(async () => {
  folder = await temporaryFolder();
  await writeRows(folder, 'games.parquet', sampleRows());
  await writeRows(folder, 'games.csv', sampleRows());
  await writeRows(folder, 'counted.parquet', countedRows(1000));
});

test.after.always(removeTemporaryFolders);

for (const extension of ['parquet', 'csv', 'ndjson']) {
  for (const { name, run } of dataSourceContract) {
    test(`${extension}: ${name}`, async (t) => {
      const root = await temporaryFolder();
      const file = `it's "a" [table] *.${extension}`;
      await run({
        sourceOf: async (table, keys) => {
          await writeRows(root, file, table);
          return duckdbDataSource({ files: { 'my "games"': file }, keys, baseDir: root });
        },
        namesColumnsOfEmptyTables: extension !== 'ndjson',
      });
      t.pass();
    });
  }
}

type Options = Partial<DuckdbSourceOptions>;

const source = (options: Options) =>
  duckdbDataSource({ files: { games: 'games.parquet' }, keys: [], baseDir: folder, ...options });

const readAll = async (options: Options, role: WantedColumn['role'] = 'key', range: YearRange = {}): Promise<Rows> => {
  const opened = await right(source(options).open(range, call));
  try {
    return await collect(opened.read(opened.columnNames.map((name) => ({ name, role }))));
  } finally {
    await opened.close();
  }
};

/** The failure of opening, or else of reading all columns. */
const failureOf = async (options: Options, range: YearRange = {}, limits = call): Promise<Failure | undefined> => {
  const opened = await source(options).open(range, limits)();
  if (E.isLeft(opened)) return opened.left;
  const names = opened.right.columnNames;
  let found: Failure | undefined;
  for await (const batch of opened.right.read(names.map((name) => ({ name, role: 'feature' })))) {
    if (E.isLeft(batch)) found = batch.left;
  }
  await opened.right.close();
  return found;
};

const refused: ReadonlyArray<readonly [string, Failure['tag']]> = [
  [`COPY games TO 'stolen.parquet'`, 'PermissionDenied'],
  [`COPY games TO '<games>'`, 'InvalidInput'],
  ['INSERT INTO games SELECT * FROM games', 'InvalidInput'],
  [`CREATE TABLE mine AS SELECT * FROM games`, 'InvalidInput'],
  ['DROP VIEW games', 'InvalidInput'],
  [`ATTACH ':memory:' AS other`, 'InvalidInput'],
  [`ATTACH 'other.db' AS other`, 'InvalidInput'],
  ['PRAGMA database_list', 'InvalidInput'],
  ['PRAGMA enable_profiling', 'InvalidInput'],
  ['EXPLAIN SELECT * FROM games', 'InvalidInput'],
  ['SELECT 1; SELECT 2', 'InvalidInput'],
  ['SELECT 1; DROP VIEW games', 'InvalidInput'],
  ['', 'InvalidInput'],
  [';', 'InvalidInput'],
  [' ; ; ', 'InvalidInput'],
  ['-- nothing', 'InvalidInput'],
  ['/* nothing */ ;', 'InvalidInput'],
  ['SELEKT 1', 'InvalidInput'],
  ['SELECT nothing FROM games', 'InvalidInput'],
  ['SELECT 1) UNION ALL (SELECT 2', 'InvalidInput'],
  [`SELECT * FROM read_csv('/etc/passwd')`, 'PermissionDenied'],
  [`SELECT * FROM read_text('/etc/passwd')`, 'PermissionDenied'],
  [`SELECT * FROM glob('/etc/*')`, 'PermissionDenied'],
  [`SELECT * FROM '<counted>'`, 'PermissionDenied'],
  [`SELECT * FROM read_parquet('<counted>')`, 'PermissionDenied'],
  [`SELECT * FROM read_parquet('https://example.com/x.parquet')`, 'PermissionDenied'],
  ['INSTALL httpfs', 'InvalidInput'],
  ['LOAD httpfs', 'InvalidInput'],
  ['SET threads = 1', 'InvalidInput'],
  ['SET enable_external_access = true', 'InvalidInput'],
  ['CALL pragma_version()', 'InvalidInput'],
  [`SELECT * FROM query('COPY games TO ''stolen.parquet''')`, 'InvalidInput'],
];
for (const [statement, tag] of refused) {
  test(`refuses as SQL: ${statement}`, async (t) => {
    const filled = statement
      .replace('<games>', join(folder, 'games.parquet'))
      .replace('<counted>', join(folder, 'counted.parquet'));
    const found = await failureOf({ sql: filled });
    t.is(found?.tag, tag, found?.message);
  });
}

const mistakes: ReadonlyArray<readonly [string, string]> = [
  ['SELECT * FRM games', `, line 1, column 14: syntax error at or near "games".`],
  ['SELECT * FROM gamez', `, line 1, column 15: Table with name gamez does not exist! Did you mean "games"?`],
  [
    '-- all\nSELECT game_id,\n  nam FROM games',
    `, line 3, column 3: Referenced column "nam" not found in FROM clause! Candidate bindings: "name", "game_id"`,
  ],
  [`SELECT ${'game_id, '.repeat(30)} nam FROM games`, ', line 1: Referenced column "nam" not found in FROM clause! '],
  ['SELECT (1', ': syntax error at end of input.'],
  [
    'SELECT name + 1 FROM games',
    `, line 1, column 13: No function matches the given name and argument types '+(VARCHAR, INTEGER_LITERAL)'. You might need to add explicit type casts.`,
  ],
  ['SELECT game_id FROM games WHERE name > $start_year', ', line 1, column 38: Cannot compare values of type VARCHAR'],
  [`SELECT * FROM read_csv('other.csv')`, ', line 1, column 15: only the declared files may be read, '],
];
for (const [statement, message] of mistakes) {
  test(`a mistake is told of the SQL and not of the file: ${statement}`, async (t) => {
    const found = await failureOf({ sql: statement });
    t.is(found?.tag, statement.includes('read_csv') ? 'PermissionDenied' : 'InvalidInput');
    t.is(found?.message.slice(0, message.length + 16), `The source's SQL${message}`);
  });
}

test('a file that does not parse is DataUnreadable, and alone named, also behind SQL with a mistake', async (t) => {
  await writeFile(join(folder, 'no.parquet'), 'PAR0');
  const found = await failureOf({
    files: { games: 'games.parquet', no: './no.parquet' },
    sql: 'SELECT nothing FROM games',
  });
  t.is(found?.tag, 'DataUnreadable');
  t.regex(found?.message ?? '', /^\.\/no\.parquet: /);
  t.false(found?.message.includes(folder), found?.message);
  const row = await failureOf({ sql: 'SELECT name::INTEGER AS n FROM games' });
  t.is(row?.tag, 'DataUnreadable');
  t.regex(row?.message ?? '', /^games\.parquet: Could not convert string /);
});

test('what cells, lines and names say is no word of the engine', async (t) => {
  const said = [
    'no space left',
    'permission denied',
    'a: File too large',
    'could not allocate block of size',
    'The Parallel CSV Reader',
    'The CSV Parser state machine',
    'Using file_row_number option on file with column named file_row_number',
  ];
  for (const text of said) {
    const cell = await failureOf({ sql: `SELECT unnest(['${text}'])::INTEGER AS n FROM games` });
    t.is(cell?.tag, 'DataUnreadable', cell?.message);
    t.is((await failureOf({ sql: `SELECT "${text}" FROM games` }))?.tag, 'InvalidInput');
  }
  await writeFile(join(folder, 'log.csv'), `a,b\n1,2\n${said.join()}\n`);
  t.regex((await failureOf({ files: { games: 'log.csv' } }))?.message ?? '', /Line: 3; Expected Number of Columns: 2/);
});

test('a line break within the quotes of a CSV header is of the name', async (t) => {
  await writeFile(join(folder, 'broken.csv'), '"first\nname",second\n1,2\n3,4\n');
  const { cells } = await readAll({ files: { games: 'broken.csv' } });
  t.deepEqual(
    [...cells],
    [
      ['first\nname', ['1', '3']],
      ['second', ['2', '4']],
    ],
  );
});

test('a whole file may do without its keys, and SQL may not', async (t) => {
  const keys = ['game_id', 'gone'];
  for (const sql of [undefined, 'SELECT * FROM games']) {
    const opened = await right(source({ keys, ...(sql === undefined ? {} : { sql }) }).open({}, call));
    t.deepEqual(opened.absentKeys ?? [], sql === undefined ? ['gone'] : []);
    await opened.close();
  }
});

test('a SELECT over several files, with joins, comments and a semicolon', async (t) => {
  const found = await readAll({
    files: { games: 'games.parquet', 'Other Rows': 'counted.parquet' },
    sql: `-- the first two
      SELECT g.name, o.half FROM games g JOIN "Other Rows" o ON g.game_id = o."row" ORDER BY g.game_id LIMIT 2;
      `,
  });
  t.deepEqual(found.cells.get('name'), ['Die Macher', 'Tal der Könige, 2']);
  t.deepEqual(found.cells.get('half'), [0.75, 1.25]);
  for (const end of [' -- done', '; -- done', ';\n/* all; of it */ ; ', `, '; -- two' AS two`, ' -- one; -- two'])
    t.is((await readAll({ sql: `SELECT 1 AS one${end}` })).rowCount, 1, end);
});

test('only the parameters that the SQL names are bound, and both years are included', async (t) => {
  const years = async (where: string, range: YearRange): Promise<ReadonlyArray<Cell> | undefined> =>
    (await readAll({ sql: `SELECT year_published AS y FROM games WHERE ${where}` }, 'key', range)).cells.get('y');
  const between = 'year_published BETWEEN $start_year AND $end_year';
  t.deepEqual(await years(between, { startYear: 1992, endYear: 2000 }), [1992, 1995, 2000, 2000]);
  t.deepEqual(await years(between, { startYear: 2020 }), [2020, 2021]);
  t.deepEqual(await years(between, {}), [1986, 1992, 1995, 2000, 2000, 2020, 2021]);
  t.deepEqual(await years('year_published >= $start_year', { startYear: 2021 }), [2021]);
  t.deepEqual(await years('$end_year < 0 OR year_published < 1990', {}), [1986]);
});

test('a range that the SQL has no parameter for, and another parameter, are InvalidInput', async (t) => {
  const one = 'SELECT * FROM games WHERE year_published >= $start_year';
  t.is((await failureOf({ sql: 'SELECT * FROM games' }, { startYear: 2000 }))?.tag, 'InvalidInput');
  t.regex((await failureOf({ sql: one }, { startYear: 1, endYear: 2 }))?.message ?? '', /\$end_year/);
  t.regex((await failureOf({ sql: 'SELECT $start AS a' }))?.message ?? '', /\$start;/);
  t.is((await failureOf({ sql: 'SELECT ? AS a' }))?.tag, 'InvalidInput');
});

test('a range with text years needs a cast in SQL, and in a whole CSV file it does not', async (t) => {
  await writeFile(join(folder, 'years.csv'), 'year_published\n999\n1999\nsoon\n\n"2005"\n10000\n');
  const files = { games: 'years.csv' };
  const texts = ['999', '1999.0', '1.999e3', '1999.9', '2000.1', 'soon', 'nan', 'inf', ' 2000 '];
  await writeFile(join(folder, 'texts.csv'), `year_published\n${texts.join('\n')}\n`);
  const lines = texts.map((text) => JSON.stringify({ year_published: text }));
  await writeFile(join(folder, 'texts.ndjson'), lines.join('\n'));
  for (const games of ['texts.csv', 'texts.ndjson']) {
    const found = await readAll({ files: { games } }, 'key', { startYear: 1999, endYear: 2000 });
    t.deepEqual(found.cells.get('year_published'), ['1999.0', '1.999e3', '1999.9', ' 2000 '], games);
  }
  const cast = 'SELECT * FROM games WHERE try_cast(year_published AS INTEGER) BETWEEN $start_year AND $end_year';
  for (const options of [{ files }, { files, sql: cast }]) {
    const found = await readAll(options, 'key', { startYear: 1000, endYear: 2005 });
    t.deepEqual(found.cells.get('year_published'), ['1999', '2005']);
  }
  const uncast = await failureOf({ files, sql: 'SELECT * FROM games WHERE year_published > $start_year' });
  t.is(uncast?.tag, 'InvalidInput');
  t.regex(uncast?.message ?? '', /explicit cast/);
});

test('texts of any length keep every character, a byte order mark too', async (t) => {
  const texts = [
    '\ufeff',
    '\ufeffx',
    'a\ufeff',
    '',
    '123456789012',
    '1234567890123',
    '\ufeff1234567890',
    'ä'.repeat(6),
    'ü'.repeat(7),
    '😀'.repeat(9_000),
  ];
  await writeFile(join(folder, 'texts-of.csv'), ['t,n', ...texts.map((text, i) => `"${text}",${i}`), ''].join('\n'));
  const stored = "COALESCE(t, '') AS t, CASE WHEN n::INTEGER % 3 > 0 THEN t END AS u, n";
  const copied = join(folder, 'texts-of.parquet');
  await sql(
    `COPY (SELECT ${stored} FROM read_csv('${join(folder, 'texts-of.csv')}', all_varchar=true)) TO '${copied}'`,
  );
  const { cells } = await readAll({ files: { games: 'texts-of.parquet' } });
  t.deepEqual(cells.get('t'), texts);
  t.deepEqual(
    cells.get('u'),
    texts.map((text, i) => (i % 3 > 0 && text !== '' ? text : null)),
  );
  const fromCsv = await readAll({ files: { games: 'texts-of.csv' } });
  t.deepEqual(
    fromCsv.cells.get('t'),
    texts.map((text) => (text === '' ? null : text)),
  );
});

test('years that are no numbers are told with their column', async (t) => {
  await sql(`COPY (SELECT DATE '2020-01-01' AS year_published) TO '${join(folder, 'dates.parquet')}'`);
  const found = await failureOf({ files: { games: 'dates.parquet' } }, { startYear: 2019 });
  t.is(found?.tag, 'InvalidInput');
  t.regex(
    found?.message ?? '',
    /^dates\.parquet: .* the column year_published is no number \(DATE\): read the file through SQL/,
  );
});

test('a file that is not there is NotFound and named as it was configured', async (t) => {
  const missing = await failureOf({ files: { games: 'games.parquet', more: 'data/none.parquet' } });
  t.is(missing?.tag, 'NotFound');
  t.is(missing?.message, 'data/none.parquet: there is no such file.');
  const [relative, absolute] = await Promise.all(
    ['none.parquet', join(folder, 'none.parquet')].map((games) =>
      failureOf({ files: { games }, baseDirName: 'that folder' }),
    ),
  );
  t.is(relative?.message, 'none.parquet: there is no such file in that folder, where its path begins.');
  t.true(absolute?.message.endsWith('none.parquet: there is no such file.'));
  t.is((await failureOf({ files: { games: 'games.xlsx' } }))?.tag, 'InvalidInput');
  t.is((await failureOf({ files: { games: 'games.parquet', more: 'counted.parquet' } }))?.tag, 'InvalidInput');
  await mkdir(join(folder, 'folder.parquet'));
  t.is((await failureOf({ files: { games: 'folder.parquet' } }))?.tag, 'DataUnreadable');
});

test('a truncated and a damaged Parquet file are DataUnreadable, also when it shows in the middle of the rows', async (t) => {
  await writeRows(folder, 'large.parquet', countedRows(400_000));
  const bytes = await readFile(join(folder, 'large.parquet'));
  await writeFile(join(folder, 'truncated.parquet'), bytes);
  await truncate(join(folder, 'truncated.parquet'), bytes.length >> 1);
  const truncated = await failureOf({ files: { games: 'truncated.parquet' } });
  t.is(truncated?.tag, 'DataUnreadable');
  t.regex(truncated?.message ?? '', /^truncated\.parquet: .*'truncated\.parquet'/);
  await writeFile(
    join(folder, 'damaged.parquet'),
    bytes.fill(0x5a, (bytes.length * 3) >> 2, ((bytes.length * 3) >> 2) + 999),
  );
  t.is((await failureOf({ files: { games: 'damaged.parquet' } }))?.tag, 'DataUnreadable');
  // Its footer is whole, and tells of bytes that are not there.
  await writeFile(
    join(folder, 'without-middle.parquet'),
    Buffer.concat([bytes.subarray(0, 9_999), bytes.subarray(-5_000)]),
  );
  t.is((await failureOf({ files: { games: 'without-middle.parquet' } }))?.tag, 'DataUnreadable');
});

test('no row of a CSV file is lost, however long a line is', async (t) => {
  const long = 'z'.repeat(34_000_000);
  for (const [what, lines] of Object.entries({
    alone: ['x,y', `1,${long}`, ''],
    first: ['x,y', `1,${long}`, '2,b', ''],
    'in the middle': ['x,y', '1,a', `2,${long}`, '3,b', ''],
    'at the end, without a break': ['x,y', '1,a', `2,${long}`],
    quoted: ['x,y', '1,a', `2,"${long}"`, '3,b', ''],
  })) {
    await writeFile(join(folder, 'long.csv'), lines.join('\n'));
    const failed = await failureOf({ files: { games: 'long.csv' } });
    t.is(failed?.tag, 'DataUnreadable', what);
    t.regex(failed?.message ?? '', /line is longer than 2000000 bytes|Line: 3;.*quote/, what);
  }
  await writeFile(join(folder, 'mixed.csv'), 'x,y\r\n1,2\n3,4\r\n');
  t.regex((await failureOf({ files: { games: 'mixed.csv' } }))?.message ?? '', /lines end in different ways/);
});

test('a Parquet file whose columns the engine would call otherwise, or read as other numbers, is refused', async (t) => {
  const write = async (name: string, schema: ReadonlyArray<SchemaElement>, data: ReadonlyArray<unknown>) => {
    const columnData = schema.slice(1).map((element, i) => ({ name: element.name, data: [data[i]] }));
    await writeFile(join(folder, name), Buffer.from(parquetWriteBuffer({ schema: [...schema], columnData })));
    return (await failureOf({ files: { games: name } }))?.message;
  };
  const root = { name: 'schema', num_children: 2 };
  const double = { type: 'DOUBLE', repetition_type: 'OPTIONAL' } as const;
  const twice = [root, { name: 'X', ...double }, { name: 'x', ...double }];
  t.is(
    await write('twice.parquet', twice, [1, 2]),
    'twice.parquet: the file has the column "x" twice (case aside): rename one.',
  );
  const decimal = {
    type: 'FIXED_LEN_BYTE_ARRAY',
    repetition_type: 'OPTIONAL',
    converted_type: 'DECIMAL',
    scale: 0,
  } as const;
  const wide = { name: 'wide', ...decimal, precision: 39, type_length: 17 };
  t.regex(
    (await write('wide.parquet', [root, { name: 'x', ...double }, wide], [1, 5n])) ?? '',
    /^wide\.parquet: the column "wide" is a decimal of more than 38 digits/,
  );
});

const brokenCsv: ReadonlyArray<readonly [string, string, RegExp]> = [
  ['a row that is too short', '1,2\n7\n', /Line: 3;.*Expected Number of Columns: 2 Found: 1/],
  ['a row that is too long', '1,2\n7,8,9\n', /Line: 3;.*Expected Number of Columns: 2 Found: 3/],
  ['a quote that does not end', '1,"2\n7,8\n', /Line: 2;.*unterminated quote/],
  ['text after a quote', '1,"2"3\n', /Line: 2;/],
  ['bytes that are not UTF-8', '1,\xff\n', /Line: 2;.*utf-8/],
  ['a short row behind 200,000 good ones', `${'1,2\n'.repeat(200_000)}7\n`, /Line: 200002;/],
];
for (const [i, [what, rows, message]] of brokenCsv.entries()) {
  test(`CSV with ${what} is DataUnreadable and says the line`, async (t) => {
    const file = `broken-${i}.csv`;
    await writeFile(join(folder, file), Buffer.from(`a,b\n${rows}`, 'latin1'));
    const found = await failureOf({ files: { games: file } });
    t.is(found?.tag, 'DataUnreadable');
    t.regex(found?.message ?? '', message);
    t.false(found?.message.includes(folder));
  });
}

test('CSV headers: quotes, byte order mark, an index without a name; none and twice the same are refused', async (t) => {
  const names = async (text: string) => {
    await writeFile(join(folder, 'header.csv'), text);
    const opened = await right(source({ files: { games: 'header.csv' } }).open({}, call));
    await opened.close();
    return opened.columnNames;
  };
  t.deepEqual(await names('a,"b ""q"", x",c\r\n1,2,3\r\n'), ['a', 'b "q", x', 'c']);
  t.deepEqual(await names('\uFEFFa,b\n1,2\n'), ['a', 'b']);
  t.deepEqual(await names(',a\n0,1\n'), ['column0', 'a']);
  t.deepEqual(await names('1,2'), ['1', '2']);
  await writeFile(join(folder, 'none.csv'), '');
  t.is((await failureOf({ files: { games: 'none.csv' } }))?.tag, 'DataUnreadable');
  await writeFile(join(folder, 'twice.csv'), 'a,A\n1,2\n');
  t.regex((await failureOf({ files: { games: 'twice.csv' } }))?.message ?? '', /"A" twice/);
});

test('CSV is text: verbatim, and an empty field is missing, quoted or not', async (t) => {
  await writeFile(join(folder, 'text.csv'), 'a,b\n007, x \n,NA\n"",null\n1e3,"\\N"\n#,true\n');
  const found = await readAll({ files: { games: 'text.csv' } }, 'feature');
  t.deepEqual(found.cells.get('a'), ['007', null, null, '1e3', '#']);
  t.deepEqual(found.cells.get('b'), [' x ', 'NA', 'null', '\\N', 'true']);
  t.deepEqual([...found.types.values()], ['string', 'string']);
});

test('to SQL, the columns of NDJSON have the types of the whole file, text is verbatim, and what is mixed is JSON', async (t) => {
  const lines = [
    ...Array.from({ length: 30_000 }, (_, row) => `{"n": ${row}, "minus": ${-row}, "none": null}`),
    '{"n": 1.5, "day": "2020-01-01", "at": "2020-01-01 10:00:00", "id": "123E4567-E89B-12D3-A456-426614174000"}',
    '{"n": 2, "mixed": 1, "day": "soon", "flag": true, "wide": 18446744073709551615}',
    '{"n": 3, "mixed": "x", "day": null, "flag": false, "wide": -1}',
    '{"n": 3, "mixed": 9007199254740993, "minus": 7}',
  ];
  await writeFile(join(folder, 'typed.ndjson'), lines.join('\n'));
  const files = { games: 'typed.ndjson' };
  for (const [role, mixed, wide] of [
    ['feature', 2 ** 53, [2n ** 64n - 1n, -1n, null]],
    ['key', 2n ** 53n + 1n, [`${2n ** 64n - 1n}`, '-1', null]],
  ] as const) {
    const found = await readAll({ files, sql: 'SELECT * FROM games' }, role);
    const last = (name: string) => found.cells.get(name)?.slice(-3);
    t.deepEqual(last('n'), [2, 3, 3]);
    t.is(found.types.get('n'), 'float64');
    t.deepEqual(last('minus'), [null, null, 7n]);
    t.is(found.types.get('minus'), 'int64');
    t.deepEqual(found.cells.get('day')?.slice(-4, -2), ['2020-01-01', 'soon']);
    t.is(found.cells.get('at')?.at(-4), '2020-01-01 10:00:00');
    t.is(found.cells.get('id')?.at(-4), '123E4567-E89B-12D3-A456-426614174000');
    t.deepEqual(last('mixed'), [1, 'x', mixed]);
    t.deepEqual(last('flag'), [true, false, null]);
    t.deepEqual(last('none'), [null, null, null]);
    t.deepEqual(last('wide'), wide);
  }
});

const brokenJson: ReadonlyArray<readonly [string, string, RegExp]> = [
  ['no JSON', '{"n": oops}\n', /: line 2 is not JSON \((?!.*oops).*\): NDJSON has one object a line\.$/],
  ['an array', '[1]\n', /: line 2 must be an object, got an array\.$/],
  ['a number, without a line break', '5', /: line 2 must be an object, got 5\.$/],
  ['bytes that are not UTF-8', '{"n": "\xff"}\n', /: line 2 is not UTF-8: /],
  ['an object behind 200,000 good ones', `${'{"n": 1}\n'.repeat(200_000)}{"n": }`, /: line 200002 is not JSON /],
];
for (const [i, [what, rows, message]] of brokenJson.entries()) {
  test(`NDJSON with a line that is ${what} is DataUnreadable and says the line, whole and to SQL`, async (t) => {
    const file = `broken-${i}.ndjson`;
    await writeFile(join(folder, file), Buffer.from(`{"n": 1}\n${rows}`, 'latin1'));
    for (const options of [{}, { sql: 'SELECT * FROM games' }]) {
      const found = await failureOf({ files: { games: file }, ...options });
      t.is(found?.tag, 'DataUnreadable');
      t.regex(found?.message ?? '', message);
      t.true(found?.message.startsWith(file));
    }
  });
}

test('to SQL, a name that a line of NDJSON has twice is DataUnreadable: the line, without advice and without the row', async (t) => {
  await writeFile(join(folder, 'twins.ndjson'), '{"n": 1}\n{"secret": 5, "n": 2, "n": 3}\n');
  const found = await failureOf({ files: { games: 'twins.ndjson' }, sql: 'SELECT * FROM games' });
  t.is(found?.tag, 'DataUnreadable');
  t.is(
    found?.message,
    'twins.ndjson: JSON transform error in file "twins.ndjson", in line 2: an object has the key "n" twice.',
  );
});

const typed: ReadonlyArray<readonly [string, WantedColumn['role'], string, Cell]> = [
  ['200::UTINYINT', 'feature', 'int32', 200],
  ['(-7)::SMALLINT', 'feature', 'int32', -7],
  ['4000000000::UINTEGER', 'feature', 'int64', 4_000_000_000n],
  ['18446744073709551615::UBIGINT', 'feature', 'json', 2n ** 64n - 1n],
  ['18446744073709551615::UBIGINT', 'key', 'string', '18446744073709551615'],
  ['(-170141183460469231731687303715884105727)::HUGEINT', 'key', 'string', '-170141183460469231731687303715884105727'],
  ['12::HUGEINT', 'feature', 'json', 12n],
  [`'[1, "x"]'::JSON->0`, 'feature', 'json', 1],
  [`'[1, "x"]'::JSON->1`, 'key', 'json', 'x'],
  ['1.50::DECIMAL(10,2)', 'key', 'string', '1.50'],
  ['1.50::DECIMAL(10,2)', 'feature', 'float64', 1.5],
  [`'nan'::FLOAT`, 'feature', 'float32', NaN],
  [`DATE '2020-02-29'`, 'key', 'string', '2020-02-29'],
  [`TIMESTAMP '2020-02-29 01:02:03.5'`, 'key', 'string', '2020-02-29T01:02:03.5'],
  [`'2020-02-29 01:02:03'::TIMESTAMP_S`, 'key', 'string', '2020-02-29T01:02:03'],
  [`'2020-02-29 01:02:03.123456789'::TIMESTAMP_NS`, 'key', 'string', '2020-02-29T01:02:03.123456789'],
  [`TIMESTAMPTZ '2020-02-29 01:02:03+02'`, 'key', 'string', '2020-02-28T23:02:03Z'],
  [`TIMESTAMPTZ '2020-02-29 01:02:03+02'::VARCHAR`, 'key', 'string', '2020-02-28 23:02:03+00'],
  [`TIME '01:02:03'`, 'key', 'string', '01:02:03'],
  [`'b'::ENUM('a', 'b')`, 'feature', 'string', 'b'],
  [`'123E4567-E89B-12D3-A456-426614174000'::UUID`, 'key', 'string', '123e4567-e89b-12d3-a456-426614174000'],
  ['NULL', 'feature', 'int32', null],
  ['NULL::VARCHAR', 'feature', 'string', null],
  [`'a' || chr(0) || 'b, a text of more than twelve bytes'`, 'key', 'string', 'a\0b, a text of more than twelve bytes'],
];
for (const [expression, role, type, value] of typed) {
  test(`as a ${role}, ${expression} is ${type}`, async (t) => {
    const found = await readAll({ sql: `SELECT ${expression} AS "the ""value"""` }, role);
    t.is(found.types.get('the "value"'), type as never);
    t.deepEqual(found.cells.get('the "value"'), [value]);
  });
}

for (const [expression, cure] of [
  ['[1.0, 2.0]', /is of the type LIST, .*: make columns of its elements in SQL\.$/],
  ['array_value(1, 2)', /make columns of its elements in SQL/],
  [`{'a': 1}`, /STRUCT, .*: make columns of its fields in SQL/],
  ['map([1], [2])', /make columns of its fields in SQL/],
  [`'x'::BLOB`, /BLOB, .*: cast it to a number or to text in SQL/],
  ['INTERVAL 1 DAY', /INTERVAL, .*: cast it to a number or to text in SQL/],
] as const) {
  test(`a wanted ${expression} is DataUnreadable, an unwanted one is no matter`, async (t) => {
    const opened = await right(source({ sql: `SELECT 1 AS one, ${expression} AS wide` }).open({}, call));
    t.deepEqual(opened.columnNames, ['one', 'wide']);
    t.is((await collect(opened.read([{ name: 'one', role: 'key' }]))).rowCount, 1);
    for await (const batch of opened.read([{ name: 'wide', role: 'feature' }])) {
      t.is(E.isLeft(batch) && batch.left.tag, 'DataUnreadable');
      t.regex(E.isLeft(batch) ? batch.left.message : '', cure);
    }
    await opened.close();
  });
}

test('a file keeps its order, whatever its row groups and the filter', async (t) => {
  const path = join(folder, 'groups.parquet');
  await sql(`COPY (SELECT range::INTEGER AS i FROM range(300000)) TO '${path}' (ROW_GROUP_SIZE 5000)`);
  const found = await readAll({ files: { games: 'groups.parquet' }, sql: 'SELECT i FROM games WHERE i % 3 = 0' });
  t.is(found.rowCount, 100_000);
  t.true(found.cells.get('i')?.every((value, row) => value === row * 3));
  t.true(found.batchSizes.every((size) => size <= 65_536));
});

test('of a batch, columns are given back alone, also those that were put together or have missing values', async (t) => {
  const sql = `SELECT range::DOUBLE AS a, range AS b, if(range % 2 = 0, range::FLOAT, NULL) AS c, 'x' AS d FROM range(5000) WHERE range % 3 = 0`;
  const opened = await right(source({ files: {}, sql }).open({}, call));
  let rowCount = 0;
  for await (const batch of opened.read(['a', 'b', 'c', 'd'].map((name) => ({ name, role: 'key' })))) {
    if (E.isLeft(batch)) throw new Error(batch.left.message);
    const { columns, free } = batch.right;
    free?.(['a', 'c', 'd', 'none of it']);
    t.deepEqual(
      Array.from(columns, ([, { values }]) => values.length),
      [0, batch.right.rowCount, 0, batch.right.rowCount],
    );
    t.is(columns.get('b')?.values[1], BigInt(3 * (rowCount + 1)));
    rowCount += batch.right.rowCount;
  }
  await opened.close();
  t.is(rowCount, 1667);
});

test('a folder named like a partition adds no column, and a link may be read', async (t) => {
  await mkdir(join(folder, 'year=2020'));
  await symlink(join(folder, 'counted.parquet'), join(folder, 'year=2020', 'link.parquet'));
  const opened = await right(source({ files: { games: 'year=2020/link.parquet' } }).open({}, call));
  t.deepEqual(opened.columnNames, ['row', 'half', 'label']);
  await opened.close();
});

test('an error of one row in the middle of the rows is told', async (t) => {
  const found = await failureOf({
    sql: `SELECT CASE WHEN range = 250000 THEN error('this row') END AS a FROM range(300000)`,
  });
  t.is(found?.tag, 'DataUnreadable');
  t.regex(found?.message ?? '', /this row/);
});

test('a query that needs more memory than it may use, and cannot spill, is TooLarge', async (t) => {
  const needy = `SELECT list(range)::VARCHAR AS all FROM range(20000000)`;
  const found = await failureOf({ sql: needy.replace('all', 'everything'), memoryLimitBytes: 2 ** 25 });
  t.is(found?.tag, 'TooLarge', found?.message);
  t.false(found?.message.includes(tmpdir()), found?.message);
});

const endless = 'SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 0';

test('a running query ends at the deadline and when it is cancelled', async (t) => {
  const late = await failureOf({ sql: endless }, {}, { ...call, deadlineMs: Date.now() + 500 });
  t.is(late?.tag, 'DeadlineExceeded');

  const cancellation = cancellable();
  const opened = await right(source({ sql: endless }).open({}, { ...call, cancellation }));
  const counted = opened.countRows();
  setTimeout(cancellation.abort, 100);
  t.is((await left(() => counted)).tag, 'Cancelled');
  await opened.close();
});

const openFiles = async (): Promise<ReadonlyArray<string>> => {
  const found = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return found.filter((path) => path.endsWith('held.parquet'));
};

(process.platform === 'linux' ? test : test.skip)('a reading that is left early keeps no file open', async (t) => {
  await writeRows(folder, 'held.parquet', countedRows(400_000));
  const opened = await right(source({ files: { games: 'held.parquet' } }).open({}, call));
  for await (const batch of opened.read([{ name: 'row', role: 'key' }])) {
    t.true(E.isRight(batch));
    t.true((await openFiles()).length > 0);
    break;
  }
  await opened.close();
  t.deepEqual(await openFiles(), []);
});

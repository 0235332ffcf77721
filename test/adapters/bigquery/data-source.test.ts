/** The BigQuery data source keeps the port's promises against a fake of the service, and its own: statements, jobs, types, cost. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { bigqueryDataSource } from '../../../adapters/bigquery/data-source.js';
import { declaredStatement } from '../../../adapters/bigquery/sql.js';
import { duckdbBatchStage } from '../../../adapters/duckdb/batch-stage.js';
import { duckdbStagedSource } from '../../../adapters/duckdb/staged-source.js';
import { type DataSource, failTask, type RawColumn } from '../../../core/index.js';
import { dataSourceContract } from '../../contracts/data-source.js';
import { type Cell, collect, countedRows, sampleRows } from '../../contracts/sample-rows.js';
import type { CannedTable, Golden } from '../../support/fake-bigquery/golden.js';
import { left, removeTemporaryFolders, right, temporaryFolder } from '../duckdb/files.js';
import { asKeys, call, cannedOf, failureOf, inAFake, opened, sourceIn } from './in-a-fake.js';

test.after.always(removeTemporaryFolders);

const whole = 'SELECT * FROM games';
const ofYears = `SELECT * FROM games
WHERE @start_year = -2147483647 AND @end_year = 2147483647
   OR year_published BETWEEN @start_year AND @end_year`;

/** A table without a query of its own, as the contract wants it. */
const goldenOf = (table: Parameters<typeof cannedOf>[0]): Golden => {
  const canned = cannedOf(table);
  const year = canned.fields.findIndex(({ name }) => name === 'year_published');
  if (year === -1) return { sql: whole, answer: () => canned };
  return {
    sql: ofYears,
    parameters: ['start_year', 'end_year'],
    answer: ({ start_year: start, end_year: end }) => ({
      ...canned,
      rows: canned.rows.filter(
        (row) =>
          (start === '-2147483647' && end === '2147483647') ||
          (row[year] !== null && Number(row[year]) >= Number(start) && Number(row[year]) <= Number(end)),
      ),
    }),
  };
};

for (const { name, run } of dataSourceContract) {
  test(name, async (t) => {
    const fake = await inAFake(t);
    await run({
      sourceOf: async (table, keys) => {
        const golden = goldenOf(table);
        fake.knows(golden);
        return sourceIn(fake, { sql: golden.sql, keys });
      },
      namesColumnsOfEmptyTables: true,
    });
    t.pass();
  });
}

test('a text that never ends is looked at once, however many escapes it has', (t) => {
  for (const quotes of ['"""', "'''"]) {
    const sql = `SELECT ${quotes}${'\\\\n'.repeat(10_000)}`;
    t.is(declaredStatement(sql, {}).sql, sql);
  }
});

test('every statement that is sent, with its parameters, labels, location and ceiling', async (t) => {
  const fake = await inAFake(t, { location: 'EU' });
  const sql = `SELECT game_id, \`average rating\` FROM games -- "@other"
WHERE year_published >= @start_year AND name != '@end_year'`;
  fake.knows({ sql, parameters: ['start_year'], answer: () => cannedOf(sampleRows()), bytes: 3_000_000 });
  const source = sourceIn(fake, {
    sql: `${sql};  -- done\n`,
    location: 'EU',
    labels: { team: 'games' },
    maximumBytesBilled: 10_000_000,
  });
  const games = await opened(source, { startYear: 1990 });
  await collect(games.read(asKeys(['average rating', 'game_id'])));
  await collect(games.read([]));
  t.deepEqual(await games.countRows(), E.right(8));
  await games.close();
  t.deepEqual(fake.statements(), [
    sql,
    `SELECT \`average rating\`, \`game_id\` FROM (\n${sql}\n)`,
    `SELECT TRUE FROM (\n${sql}\n)`,
    `SELECT COUNT(*) FROM (\n${sql}\n)`,
  ]);
  const query = {
    useLegacySql: false,
    parameterMode: 'NAMED',
    queryParameters: [{ name: 'start_year', parameterType: { type: 'INT64' }, parameterValue: { value: '1990' } }],
    maximumBytesBilled: '10000000',
  };
  const [first] = fake.jobs();
  t.deepEqual(first?.insert, {
    jobReference: { projectId: 'games-project', jobId: first?.jobId, location: 'EU' },
    configuration: { labels: { team: 'games' }, query: { query: fake.statements()[1], ...query } },
  });
  t.deepEqual(games.notes, ["BigQuery scans up to 2.86 MiB for the source's query."]);
});

const oneColumn = (type: string, ...values: ReadonlyArray<unknown>): CannedTable => ({
  fields: [{ name: 'x', type }],
  rows: values.map((value) => [value]),
});

const types: ReadonlyArray<
  readonly [table: CannedTable, type: RawColumn['type'], asKey: ReadonlyArray<Cell>, asFeature?: ReadonlyArray<Cell>]
> = [
  [
    oneColumn(
      'INTEGER',
      '0',
      '-1',
      '999999999999999',
      '-999999999999999',
      '9223372036854775807',
      '-9223372036854775808',
      null,
    ),
    'int64',
    [0n, -1n, 999999999999999n, -999999999999999n, 9223372036854775807n, -9223372036854775808n, null],
  ],
  [oneColumn('INT64', '4294967296', '-4294967297', '2147483648'), 'int64', [4294967296n, -4294967297n, 2147483648n]],
  [
    oneColumn('FLOAT', '1.5', '-1.0E-7', 'NaN', 'Infinity', '-Infinity', null, '0.1'),
    'float64',
    [1.5, -1e-7, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null, 0.1],
  ],
  [oneColumn('BOOLEAN', 'true', 'false', null), 'bool', [true, false, null]],
  [oneColumn('STRING', '', '00123', "it's 🎲\n", null), 'string', ['', '00123', "it's 🎲\n", null]],
  [oneColumn('NUMERIC', '12.50', '-0.000000001', null), 'string', ['12.50', '-0.000000001', null], [12.5, -1e-9, null]],
  [
    oneColumn('BIGNUMERIC', '1267650600228229401496703205376.0', null),
    'string',
    ['1267650600228229401496703205376.0', null],
    [2 ** 100, null],
  ],
  [oneColumn('DATE', '2020-02-29', '0001-01-01', null), 'string', ['2020-02-29', '0001-01-01', null]],
  [
    oneColumn('TIME', '12:00:00', '23:59:59.500000', '00:00:10.000001'),
    'string',
    ['12:00:00', '23:59:59.5', '00:00:10.000001'],
  ],
  [
    oneColumn('DATETIME', '2020-01-01T00:00:00', '2020-01-01T10:20:30.120000'),
    'string',
    ['2020-01-01T00:00:00', '2020-01-01T10:20:30.12'],
  ],
  [
    oneColumn(
      'TIMESTAMP',
      '0',
      '1577836800000001',
      '-1',
      '-62135596800000000',
      '253402300799999999',
      '1577836800120000',
      null,
    ),
    'string',
    [
      '1970-01-01T00:00:00Z',
      '2020-01-01T00:00:00.000001Z',
      '1969-12-31T23:59:59.999999Z',
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999999Z',
      '2020-01-01T00:00:00.12Z',
      null,
    ],
  ],
];
for (const [table, type, asKey, asFeature = asKey] of types) {
  const [{ type: name } = { type: '' }] = table.fields;
  test(`${name} as key and as feature`, async (t) => {
    const fake = await inAFake(t);
    fake.knows({ sql: whole, answer: () => table });
    const games = await opened(sourceIn(fake));
    const keys = await collect(games.read([{ name: 'x', role: 'key' }]));
    t.deepEqual(keys.cells.get('x'), asKey);
    t.is(keys.types.get('x'), type);
    const features = await collect(games.read([{ name: 'x', role: 'feature' }]));
    t.deepEqual(features.cells.get('x'), asFeature);
    t.is(features.types.get('x'), asFeature === asKey ? type : 'float64');
  });
}

const cures: ReadonlyArray<readonly [type: string, cure: RegExp, mode?: 'REPEATED']> = [
  ['INTEGER', /of the type ARRAY, .*tags\[SAFE_OFFSET\(0\)\]/, 'REPEATED'],
  ['RECORD', /of the type STRUCT, .*make columns of its fields/],
  ['BYTES', /TO_HEX/],
  ['JSON', /JSON_VALUE/],
  ['GEOGRAPHY', /ST_X/],
  ['RANGE', /RANGE_START/],
  ['INTERVAL', /make a number or text of it in SQL/],
  ['A_TYPE_OF_TOMORROW', /of the type A_TYPE_OF_TOMORROW, /],
];
for (const [type, cure, mode] of cures) {
  test(`${mode ?? ''}${type} is refused with its name and a cure, before anything is paid for, and only when it is wanted`, async (t) => {
    const fake = await inAFake(t);
    const fields = [
      { name: 'x', type, ...(mode === undefined ? {} : { mode }) },
      { name: 'y', type: 'INTEGER' },
    ];
    fake.knows({ sql: whole, answer: () => ({ fields, rows: [[null, '1']] }) });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, 'DataUnreadable');
    t.regex(failed?.message ?? '', cure);
    t.true(failed?.message.startsWith('The column "x" of the source\'s query is '), failed?.message);
    t.is(fake.jobs().length, 0);
    const games = await opened(sourceIn(fake));
    t.is((await collect(games.read([{ name: 'y', role: 'feature' }]))).rowCount, 1);
  });
}

for (const [type, value] of [
  ['INTEGER', '1.5'],
  ['INTEGER', ''],
  ['FLOAT', 'many'],
  ['BOOLEAN', '1'],
  ['TIMESTAMP', '1.5E9'],
  ['STRING', { v: 'x' }],
  ['INTEGER', 7],
] as const) {
  test(`a ${type} that is told as ${JSON.stringify(value)} is refused, and taken for nothing else`, async (t) => {
    const fake = await inAFake(t);
    fake.knows({ sql: whole, answer: () => oneColumn(type, value) });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, 'DataUnreadable');
    t.regex(failed?.message ?? '', /a value that this version does not know \(/);
  });
}

const mistakes: ReadonlyArray<readonly [sql: string, message: RegExp]> = [
  ['', /exactly one SELECT; this one is empty/],
  [' ;; -- nothing', /this one is empty/],
  ['/* nothing */ # at all', /this one is empty/],
  ['SELECT 1; SELECT 2', /several statements/],
  ["SELECT ';'; DROP TABLE games", /several statements/],
  ['SELECT * FROM games WHERE year > @start', /names the parameter @start; only @start_year and @end_year are bound/],
];
for (const [sql, message] of mistakes) {
  test(`refuses without asking: ${sql}`, async (t) => {
    const fake = await inAFake(t);
    const failed = await failureOf(sourceIn(fake, { sql }));
    t.is(failed?.tag, 'InvalidInput');
    t.regex(failed?.message ?? '', message);
    t.deepEqual(fake.statements(), []);
  });
}

test('a range that the SQL has no parameter for is InvalidInput', async (t) => {
  const fake = await inAFake(t);
  const sql =
    'SELECT \'@end_year\', "@end_year" -- @end_year\n, @@end_year, `@end_year` FROM games WHERE y >= @START_YEAR';
  const failed = await failureOf(sourceIn(fake, { sql }), { startYear: 1, endYear: 2 });
  t.regex(failed?.message ?? '', /does not name @end_year/);
  t.deepEqual(fake.statements(), []);
});

for (const statementType of ['DELETE', 'CREATE_TABLE_AS_SELECT', 'SCRIPT', 'EXPORT_DATA', 'CALL', '']) {
  test(`a statement of the type ${statementType || 'that nobody told'} is refused after the dry run`, async (t) => {
    const fake = await inAFake(t);
    fake.knows({ sql: whole, statementType, answer: () => oneColumn('INTEGER', '1') });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, 'InvalidInput');
    t.regex(
      failed?.message ?? '',
      new RegExp(`exactly one SELECT; this one is ${statementType || 'another statement'}`),
    );
    t.deepEqual(fake.counts(), { dryRun: 1 });
  });
}

test('more bytes than maximum_bytes_billed are refused by the dry run, in readable units', async (t) => {
  const fake = await inAFake(t);
  fake.knows({ sql: whole, bytes: 5 * 2 ** 40, answer: () => oneColumn('INTEGER', '1') });
  const failed = await failureOf(sourceIn(fake, { maximumBytesBilled: 100 * 2 ** 30 }));
  t.is(failed?.tag, 'TooLarge');
  t.is(
    failed?.message,
    "The source's query would scan 5.00 TiB, and maximum_bytes_billed allows 100 GiB: select fewer columns, filter on the column that the table is partitioned by, or raise it.",
  );
  t.deepEqual(fake.counts(), { dryRun: 1 });
  t.is(await failureOf(sourceIn(fake, { maximumBytesBilled: 5 * 2 ** 40 })), undefined);
});

test('a page is as large as the service makes it, and the next one is fetched meanwhile', async (t) => {
  const fake = await inAFake(t, { pageRowLimit: 10 });
  fake.knows({ sql: whole, answer: () => cannedOf(countedRows(35)) });
  const games = await opened(sourceIn(fake));
  const rows = games.read([{ name: 'row', role: 'key' }])[Symbol.asyncIterator]();
  await rows.next();
  while ((fake.counts().results ?? 0) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(fake.counts().results, 2, 'one page ahead, and no more');
  await rows.return?.();
  t.deepEqual((await collect(games.read([{ name: 'row', role: 'key' }]))).batchSizes, [10, 10, 10, 5]);
});

test('an emulator named in the environment does not lead the client to a wrong path, and gets no credentials', async (t) => {
  const fake = await inAFake(t);
  fake.knows({ sql: whole, answer: () => oneColumn('INTEGER', '1') });
  process.env['BIGQUERY_EMULATOR_HOST'] = fake.url;
  t.teardown(() => delete process.env['BIGQUERY_EMULATOR_HOST']);
  t.is(await failureOf(sourceIn(fake)), undefined);
  t.is(fake.authorized(), 0);
});

test('the client does not put the project in the place of its mark', async (t) => {
  const fake = await inAFake(t);
  const sql = "SELECT '{{projectId}}' AS x";
  fake.knows({ sql, answer: () => oneColumn('STRING', '{{projectId}}') });
  t.is(await failureOf(sourceIn(fake, { sql })), undefined);
});

test('several processes can read what was staged, which has the types and values of the query', async (t) => {
  const fake = await inAFake(t, { pageRowLimit: 5 });
  const rows = sampleRows();
  const tables = { 'games-project.games.features': 1000, 'other-project.shop.prices': 2000 };
  const golden = { sql: whole, answer: () => cannedOf(rows), tables };
  fake.knows(golden);
  const source = sourceIn(fake, { stage: duckdbBatchStage() });
  const before = await right(source.snapshot?.({}, call) ?? failTask('InvalidInput', ''));
  t.like(before, { kind: 'bigquery', project: 'games-project', sql: whole, parameters: {} });
  t.deepEqual(
    (before['tables'] as ReadonlyArray<{ table: string; modified_ms: string }>).map((one) => [
      one.table,
      one.modified_ms,
    ]),
    [
      ['games-project.games.features', '1000'],
      ['other-project.shop.prices', '2000'],
    ],
  );
  t.deepEqual(await right(source.snapshot?.({}, call) ?? failTask('InvalidInput', '')), before);
  t.is(fake.jobs().length, 0, 'nothing was paid for');

  const folder = await temporaryFolder();
  const path = join(folder, 'job', 'source.parquet');
  const opening = { jobId: 'a', stagePath: path };
  const games = await opened(source, {}, call, opening);
  const wanted = asKeys([...rows.columns.keys()]);
  const staged = await right(games.stage?.(wanted) ?? failTask('InvalidInput', ''));
  t.deepEqual(staged.rowGroups, [8]);
  const parts = [
    { begin: 0, end: 3 },
    { begin: 3, end: 8 },
  ];
  const cells = await Promise.all(
    parts.map(async (range) => {
      const part = await right(duckdbStagedSource(staged.rows, range, { keys: [], baseDir: folder }).open({}, call));
      const found = await collect(part.read(wanted));
      await part.close();
      return found;
    }),
  );
  const direct = await collect(games.read(wanted));
  for (const { name } of wanted) {
    t.deepEqual(
      cells.flatMap((part) => part.cells.get(name) ?? []),
      direct.cells.get(name),
    );
    t.is(cells[0]?.types.get(name), direct.types.get(name));
  }
  t.is(fake.jobs().length, 1, 'the query was run once');

  fake.knows({ ...golden, tables: { ...tables, 'other-project.shop.prices': 2001 } });
  t.notDeepEqual(await right(source.snapshot?.({}, call) ?? failTask('InvalidInput', '')), before);
  await games.close();

  fake.fault({
    fault: { kind: 'refusal', status: 400, reason: 'invalidQuery', message: 'Bad value' },
    on: 'results',
    after: 1,
  });
  const again = await opened(source, {}, call, { jobId: 'b', stagePath: join(folder, 'other', 'source.parquet') });
  t.is((await left(again.stage?.(wanted) ?? failTask('InvalidInput', ''))).tag, 'DataUnreadable');
  t.deepEqual(await readdir(folder), ['job'], 'what was begun is gone');
});

const everyType = `SELECT year, 9007199254740993 AS i, CAST('NaN' AS FLOAT64) AS f, TRUE AS b, "it's" AS s, NUMERIC '12.5' AS n,
  DATE '2020-02-29' AS d, TIME '12:00:00.5' AS t, DATETIME '2020-01-01T10:20:30.12' AS dt,
  TIMESTAMP '2020-01-01 00:00:00.000001+00' AS ts, CAST(NULL AS INT64) AS missing
FROM UNNEST(GENERATE_ARRAY(@start_year, @end_year)) AS year`;
const oneOfEach = ['9007199254740993', 'NaN', 'true', "it's", '12.5', '2020-02-29', '12:00:00.500000'];
const later = ['2020-01-01T10:20:30.120000', '1577836800000001', null];
const typeNames = 'INTEGER FLOAT BOOLEAN STRING NUMERIC DATE TIME DATETIME TIMESTAMP INTEGER'.split(' ');

/** The same SQL, which reads no table, wherever it runs. */
const runsAlike = (where: string, sourceOf: (t: ExecutionContext, sql: string) => Promise<DataSource>): void => {
  test(`${where}: one SELECT with every type, over ten years`, async (t) => {
    const source = await sourceOf(t, everyType);
    const games = await opened(source, { startYear: 2000, endYear: 2009 });
    const { cells, rowCount } = await collect(games.read(asKeys(games.columnNames)));
    t.is(rowCount, 10);
    t.deepEqual(new Set(cells.get('year')), new Set(Array.from({ length: 10 }, (_, i) => BigInt(2000 + i))));
    const first = Object.fromEntries(Array.from(cells, ([name, column]) => [name, column[0]]));
    const [i, f, b, s, n, d] = [9007199254740993n, Number.NaN, true, "it's", '12.5', '2020-02-29'];
    const [dt, ts] = ['2020-01-01T10:20:30.12', '2020-01-01T00:00:00.000001Z'];
    t.deepEqual({ ...first, year: 0 }, { year: 0, i, f, b, s, n, d, t: '12:00:00.5', dt, ts, missing: null });
    t.deepEqual(await games.countRows(), E.right(10));
    await games.close();
  });

  test(`${where}: a mistake in the SQL is told with its place`, async (t) => {
    const failed = await failureOf(await sourceOf(t, 'SELECT 1 AS x,\n  nothing AS y'));
    t.is(failed?.tag, 'InvalidInput');
    t.is(failed?.message, "The source's SQL, line 2, column 3: Unrecognized name: nothing.");
  });
};

runsAlike('the fake', async (t, sql) => {
  const fake = await inAFake(t);
  fake.knows({
    sql: everyType,
    parameters: ['start_year', 'end_year'],
    answer: ({ start_year: start, end_year: end }) => ({
      fields: ['year', ...'i f b s n d t dt ts missing'.split(' ')].map((name, i) => ({
        name,
        type: typeNames[i - 1] ?? 'INTEGER',
      })),
      rows: Array.from({ length: Number(end) - Number(start) + 1 }, (_, i) => [
        `${Number(start) + i}`,
        ...oneOfEach,
        ...later,
      ]),
    }),
  });
  const refusal = { status: 400, reason: 'invalidQuery', message: 'Unrecognized name: nothing at [2:3]' };
  fake.knows({ sql: 'SELECT 1 AS x,\n  nothing AS y', refusal });
  return sourceIn(fake, { sql });
});

const realProject = process.env['TEST_GCP_PROJECT'];
if (realProject !== undefined) {
  runsAlike(`project ${realProject}`, async (_, sql) => bigqueryDataSource({ project: realProject, sql, keys: [] }));
}

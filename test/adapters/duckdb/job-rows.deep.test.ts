/** Staged rows read as the source itself does, whatever it is, and each range of them is those rows. */
import { existsSync, readFileSync } from 'node:fs';
import { access, appendFile, copyFile, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { duckdbBatchStage } from '../../../adapters/duckdb/batch-stage.js';
import { type DuckdbSourceOptions, duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { duckdbJobRows } from '../../../adapters/duckdb/job-rows.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import {
  type BatchStream,
  cancellationSource,
  fail,
  type RowBatch,
  type StagedRows,
  type WantedColumn,
  type YearRange,
} from '../../../core/index.js';
import { jobFolderContract } from '../../contracts/job-folder.js';
import { collect, countedRows, type Rows } from '../../contracts/sample-rows.js';
import {
  call,
  filesUnder,
  left,
  readRows,
  removeTemporaryFolders,
  right,
  sql,
  temporaryFolder,
  writeRows,
} from './files.js';

test.after.always(removeTemporaryFolders);

const stageBatch = duckdbBatchStage();

for (const { name, run } of jobFolderContract) {
  test(`a folder of this machine: ${name}`, async (t) => {
    const root = await temporaryFolder();
    await run({
      openJob: (jobId) => {
        const folder = join(root, 'out.parquet.job', jobId);
        return { documents: localFilesystemArtifactStore({ root: folder, mayGo: true }), ...duckdbJobRows({ folder }) };
      },
      write: async (path, rows) => (await right(stageBatch('the rows', oneBatch(rows), path))).rows,
      readBack: async (location) => (existsSync(join(root, location)) ? readRows(join(root, location)) : undefined),
    });
    t.pass();
  });
}

async function* oneBatch(rows: RowBatch): BatchStream {
  yield E.right(rows);
}

/** Awkward for SQL, and for who takes it for a pattern. */
const awkward = `it's "a" [job] *`;

/** A folder with sources of each kind, and a job's folder that is not there yet. */
const place = async () => {
  const root = await temporaryFolder();
  const job = join(root, `${awkward}.parquet.job`, 'id');
  await sql(
    `COPY (SELECT range AS id, CASE WHEN range % 3 = 0 THEN NULL ELSE range / 4 END AS x, range % 2 = 0 AS even, 'text ' || range AS name,
       (1990 + range % 40)::INTEGER AS year_published, DATE '2020-01-01' + range::INTEGER AS day, now()::TIMESTAMP AS seen, (range / 8)::DECIMAL(9, 3) AS price
     FROM range(5000)) TO '${join(root, 'games.parquet')}' (ROW_GROUP_SIZE 2048)`,
    `COPY (SELECT * FROM '${join(root, 'games.parquet')}' LIMIT 3000) TO '${join(root, 'games.csv')}'`,
  );
  const lines = [
    '1',
    'null',
    '"01"',
    '9007199254740993',
    '1.5',
    '[1, 2]',
    '{"a": "ä"}',
    'true',
    '""',
    '-0.0',
    '1e400',
    '-1e400',
  ];
  await writeFile(
    join(root, 'games.ndjson'),
    lines
      .map((value, i) => `{"id": ${i}, "x": ${value}, "year_published": ${2000 + i}${i > 4 ? ', "late": 1' : ''}}\n`)
      .join(''),
  );
  return { root, job };
};

const wide = `SELECT id, id::HUGEINT * 1000000000000000000 AS wide, sum(id) OVER (ROWS 1 PRECEDING) AS summed, id::UBIGINT + 9223372036854775808 AS big,
    CASE id % 4 WHEN 0 THEN '1' WHEN 1 THEN '"one"' WHEN 2 THEN '9007199254740993' END::JSON AS mixed, x, even, name, day, seen, price, nan::FLOAT AS single,
    CASE WHEN even THEN 'a' ELSE 'b' END::ENUM ('a', 'b') AS kind
  FROM games, (SELECT 'NaN'::DOUBLE AS nan) ORDER BY id DESC -- the end`;

const sources: Readonly<Record<string, readonly [Partial<DuckdbSourceOptions>, YearRange?]>> = {
  'a query of every type': [{ sql: wide }],
  'a query of a CSV file': [{ files: { games: 'games.csv' }, sql: 'SELECT *, id::INTEGER AS n FROM games' }],
  'a query with years': [
    { sql: 'SELECT * FROM games WHERE year_published BETWEEN $start_year AND $end_year' },
    { startYear: 2001, endYear: 2002 },
  ],
  'a query without rows': [{ sql: 'SELECT * FROM games WHERE false' }],
  'a Parquet file': [{}],
  'years of a Parquet file': [{}, { startYear: 2001 }],
  'a CSV file': [{ files: { games: 'games.csv' } }],
  'an NDJSON file': [{ files: { games: 'games.ndjson' } }],
  'years of an NDJSON file': [{ files: { games: 'games.ndjson' } }, { startYear: 2003, endYear: 2008 }],
};

const read = async (
  source: ReturnType<typeof duckdbDataSource>,
  wanted: ReadonlyArray<WantedColumn>,
  range: YearRange,
) => {
  const opened = await right(source.open(range, call));
  try {
    return await collect(opened.read(wanted));
  } finally {
    await opened.close();
  }
};

/** Stages all columns of a source. */
const stage = async (
  { root, job }: Awaited<ReturnType<typeof place>>,
  options: Partial<DuckdbSourceOptions>,
  range: YearRange,
  role: WantedColumn['role'],
) => {
  const source = duckdbDataSource({ files: { games: 'games.parquet' }, keys: [], baseDir: root, ...options });
  const opened = await right(source.open(range, call, { stagePath: join(job, 'source.parquet') }));
  try {
    const names = [...opened.columnNames, ...(options.files?.['games'] === 'games.ndjson' ? ['late'] : [])];
    const wanted = names.map((name) => ({ name, role }));
    const staged = opened.stage === undefined ? undefined : await right(opened.stage(wanted));
    if (staged === undefined) throw new Error('it cannot be staged');
    return { source, wanted, textual: opened.textual, ...staged };
  } finally {
    await opened.close();
  }
};

const rowTotal = (groups: ReadonlyArray<number>): number => groups.reduce((sum, rows) => sum + rows, 0);

const joined = (parts: ReadonlyArray<Rows>) => {
  const names = [...(parts[0]?.cells.keys() ?? [])];
  return new Map(names.map((name) => [name, parts.flatMap(({ cells }) => cells.get(name) ?? [])]));
};

const sourcesRoot = place();

for (const [name, [options, range = {}]] of Object.entries(sources)) {
  for (const role of ['feature', 'key'] as const) {
    test(`${name}: staged as ${role}s, it reads as it does itself`, async (t) => {
      const { root } = await sourcesRoot;
      const here = { root, job: join(root, `${awkward}.job`, `${name} as ${role}`) };
      const { source, wanted, textual, rows, rowGroups } = await stage(here, options, range, role);
      const direct = await read(source, wanted, range);
      const folder = duckdbJobRows({ folder: here.job });
      const count = rowTotal(rowGroups);
      t.is(count, direct.rowCount);
      // Ranges that begin and end within row groups, and one that is empty.
      const edges = [0, 0, Math.floor((count * 2) / 3), count];
      const parts: Rows[] = [];
      for (const [i, end] of edges.slice(1).entries()) {
        const slice = folder.readStaged(rows, [], { begin: edges[i] ?? 0, end });
        parts.push(await read(slice, wanted, { startYear: 1 }));
      }
      for (const { types } of parts) t.deepEqual(types, direct.types);
      t.deepEqual(joined(parts), new Map(direct.cells));
      t.is(rows.textual, textual);
    });
  }
}

test('half a character, which JSON can say and UTF-8 cannot, is staged as U+FFFD', async (t) => {
  const here = await place();
  await writeFile(join(here.root, 'half.ndjson'), '{"x": "half \\ud83d"}\n{"x": ["\\ud83d", 1]}\n');
  const { wanted, rows } = await stage(here, { files: { games: 'half.ndjson' } }, {}, 'feature');
  const staged = duckdbJobRows({ folder: here.job }).readStaged(rows, [], { begin: 0, end: 2 });
  t.deepEqual((await read(staged, wanted, {})).cells.get('x'), ['half \ufffd', ['\ufffd', 1]]);
});

test('rows whose staging is cancelled, also just when they are written, leave nothing', async (t) => {
  const here = await place();
  const stagePath = join(here.job, 'source.parquet');
  /** Its last bytes are there, and it is not yet known to be durable. */
  const isWritten = (): boolean => existsSync(stagePath) && readFileSync(stagePath).subarray(4).includes('PAR1');
  for (const [sql, isTime] of [
    ['SELECT * FROM games', isWritten],
    ['SELECT range AS id FROM range(3000000), games', () => existsSync(stagePath)],
  ] as const) {
    const { cancellation, cancel } = cancellationSource();
    const source = duckdbDataSource({ files: { games: 'games.parquet' }, keys: [], baseDir: here.root, sql });
    const opened = await right(source.open({}, { ...call, cancellation }, { stagePath }));
    const staging = opened.stage?.([{ name: 'id', role: 'feature' }])();
    while (!isTime()) await nextTurn();
    cancel();
    const staged = await staging;
    await opened.close();
    const isStaged = staged?._tag === 'Right';
    t.is(existsSync(isStaged ? stagePath : here.job), isStaged, sql);
    if (isTime !== isWritten) t.like(staged, { left: { tag: 'Cancelled' } });
    await rm(here.job, { recursive: true, force: true });
  }
});

test('a Parquet file is read where it is, by its row groups; all else is staged in the job folder', async (t) => {
  const here = await place();
  const { rows, rowGroups } = await stage(here, {}, {}, 'key');
  t.like(rows.files, [{ path: join(here.root, 'games.parquet'), row_count: 5000 }]);
  t.deepEqual(rowGroups, [2048, 2048, 904]);
  await t.throwsAsync(access(here.job), { code: 'ENOENT' });
  const staged = await stage(here, {}, { startYear: 0 }, 'key');
  t.is(staged.rows.files[0]?.path, join(here.job, 'source.parquet'));
  t.deepEqual(await readdir(here.job), ['source.parquet']);
});

test('rows in several files are those of the first, then those of the next, whatever a range begins and ends in', async (t) => {
  const here = await place();
  const { source, wanted, rows } = await stage(here, {}, {}, 'key');
  const [file] = rows.files;
  if (file === undefined) throw new Error('there are no rows');
  const direct = await read(source, wanted, {});
  const twice = { ...rows, files: [file, file] };
  const folder = duckdbJobRows({ folder: here.job });
  const edges = [0, 4_000, 6_000, 6_000, 10_000];
  const parts: Rows[] = [];
  for (const [i, end] of edges.slice(1).entries())
    parts.push(await read(folder.readStaged(twice, [], { begin: edges[i] ?? 0, end }), wanted, {}));
  t.deepEqual(
    parts.map(({ rowCount }) => rowCount),
    [4_000, 2_000, 0, 4_000],
  );
  t.deepEqual(joined(parts), joined([direct, direct]));
});

test('rows that were changed since they were staged are refused; a copy of them is not', async (t) => {
  const here = await place();
  const { rows } = await stage(here, {}, {}, 'key');
  const folder = duckdbJobRows({ folder: here.job });
  const open = (of: StagedRows) => folder.readStaged(of, [], { begin: 0, end: 5 }).open({}, call);
  const copy = join(here.root, 'copy.parquet');
  const [file] = rows.files;
  if (file === undefined) throw new Error('there are no rows');
  await copyFile(file.path, copy);
  await (await right(open({ ...rows, files: [{ ...file, path: copy }] }))).close();
  await sql(`COPY (SELECT * FROM '${copy}' ORDER BY name) TO '${file.path}'`);
  const failed = await left(open(rows));
  t.like(failed, { tag: 'DataUnreadable' });
  t.regex(failed.message, /^games\.parquet was changed since the job was planned/);
  const staged = await stage(here, {}, { startYear: 0 }, 'key');
  const own = await right(folder.stage('source.parquet', staged.rows.files[0] ?? file, call));
  await truncate(join(here.job, 'source.parquet'), 1_000);
  t.regex(
    (await left(open({ ...staged.rows, files: [own] }))).message,
    /^source\.parquet, which has the rows of games\.parquet in the job's folder, was changed or damaged: remove that folder/,
  );
  await rm(file.path);
  t.like(await left(open(rows)), { tag: 'NotFound' });
});

test('a source that cannot be read to its end fails with its place, and leaves no folder', async (t) => {
  const here = await place();
  await appendFile(join(here.root, 'games.csv'), '1,2,"broken\n');
  await writeFile(join(here.root, 'games.ndjson'), `${'{"id": 1}\n'.repeat(50_000)}{"id": \n`);
  for (const file of ['games.csv', 'games.ndjson']) {
    const source = duckdbDataSource({ files: { games: file }, keys: [], baseDir: here.root });
    const opened = await right(source.open({}, call, { stagePath: join(here.job, 'source.parquet') }));
    const failed = await left(opened.stage?.([{ name: 'id', role: 'key' }]) ?? (async () => E.right(undefined)));
    await opened.close();
    t.is(failed.tag, 'DataUnreadable', failed.message);
    t.regex(failed.message, new RegExp(`^${file}: .*(?:3002|50001)\\b`, 'i'));
  }
  t.deepEqual((await readdir(here.root)).sort(), ['games.csv', 'games.ndjson', 'games.parquet']);
});

test('a snapshot is the same until a file, the query or the years change', async (t) => {
  const { root } = await place();
  const snapshot = (options: Partial<DuckdbSourceOptions> = {}, range: YearRange = {}) => {
    const source = duckdbDataSource({ files: { games: 'games.csv' }, keys: [], baseDir: root, ...options });
    return right(source.snapshot?.(range, call) ?? (async () => E.right({})));
  };
  const first = await snapshot();
  t.deepEqual(await snapshot(), first);
  const others = [
    await snapshot({ sql: 'SELECT * FROM games' }),
    await snapshot({ files: { rows: 'games.csv' } }),
    await snapshot({}, { startYear: 2000 }),
  ];
  await appendFile(join(root, 'games.csv'), '1,2,true,x,2000,2020-01-01,2020-01-01 00:00:00,1\n');
  others.push(await snapshot());
  t.is(new Set([first, ...others].map((one) => JSON.stringify(one))).size, 5);
  const gone = duckdbDataSource({ files: { games: 'gone.csv' }, keys: [], baseDir: root });
  t.like(await left(gone.snapshot?.({}, call) ?? (async () => E.right({}))), { tag: 'NotFound' });
});

test('files of rows go, also those of killed processes, and documents stay; a folder goes with its job', async (t) => {
  const { root, job } = await place();
  const folder = duckdbJobRows({ folder: job });
  await writeRows(job, 'part-00000-a.parquet', {
    rowCount: 1,
    columns: new Map([['n', { type: 'int32', values: Int32Array.of(1) }]]),
  });
  await writeFile(join(job, '.part-00000-b.parquet.uuid.tmp'), '');
  await writeFile(join(job, '_plan.json'), '{}');
  await mkdir(join(job, '_commits'));
  await writeFile(join(job, '_commits', '00000.json'), '{}');
  await right(folder.removeRows(call));
  t.deepEqual(await filesUnder(job), ['_commits/00000.json', '_plan.json']);
  await right(folder.remove(call));
  t.deepEqual((await readdir(root)).sort(), ['games.csv', 'games.ndjson', 'games.parquet']);
  await right(folder.remove(call));
});

test('rows that cannot be staged leave the folder above theirs, and those that are staged are not for others to read', async (t) => {
  const root = await temporaryFolder();
  const path = join(root, 'scorekeeper-one', 'rows.parquet');
  const rows = countedRows(3);
  const broken = async function* (): BatchStream {
    yield E.right(rows);
    yield fail('DataUnreadable', 'a bad row');
  };
  t.is((await left(stageBatch('the rows', broken(), path))).message, 'a bad row');
  t.deepEqual(await readdir(root), []);
  await right(stageBatch('the rows', oneBatch(rows), path));
  t.is((await stat(join(root, 'scorekeeper-one'))).mode & 0o777, 0o700);
});

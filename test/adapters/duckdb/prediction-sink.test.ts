/** The DuckDB prediction sink keeps the port's promises for each format, and its own: the files' contents, links, crashes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { engineTypes } from '../../../adapters/duckdb/chunk-writer.js';
import { loadLibrary, openEngine } from '../../../adapters/duckdb/engine.js';
import { outputGroups } from '../../../adapters/duckdb/output-groups.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import type { SinkSchema } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import { predictionSinkContract } from '../../contracts/prediction-sink.js';
import { asNobody } from '../../support/as-nobody.js';
import { countedRows } from '../../contracts/sample-rows.js';
import {
  call,
  filesUnder,
  left,
  readRows,
  removeTemporaryFolders,
  right,
  rows,
  schema,
  sql,
  temporaryFolder,
  writeRows,
} from './files.js';

test.after.always(removeTemporaryFolders);

for (const extension of ['.parquet', '.csv', '.ndjson'] as const) {
  for (const { name, run } of predictionSinkContract) {
    test(`${extension}: ${name}`, async (t) => {
      const root = await temporaryFolder();
      await run({
        sink: duckdbPredictionSink({ root }),
        extension,
        readBack: async (location) => {
          const exists = await access(join(root, location)).then(
            () => true,
            () => false,
          );
          if (!exists) return undefined;
          return readRows(join(root, location));
        },
        stored: () => filesUnder(root),
      });
      t.pass();
    });
  }
}

const written = async (location: string): Promise<string> => {
  const root = await temporaryFolder();
  const writer = await right(duckdbPredictionSink({ root }).open(location, schema, call));
  await right(writer.write(rows));
  return (await right(writer.commit)).location;
};

test('CSV: a header, nulls as nothing, empty text quoted, numbers that are not finite as nothing', async (t) => {
  t.is(
    await readFile(await written('a.csv'), 'utf8'),
    [
      'id,name,prediction,flag,version,scored_at',
      '1,"",0.5,true,3,2026-03-04T05:06:07.089Z',
      '1152921504606846976,"a ""b"", c",,false,3,2026-03-04T05:06:07.089Z',
      '3,,,true,3,2026-03-04T05:06:07.089Z',
      '',
    ].join('\n'),
  );
});

test('NDJSON: one object a line, all of it JSON, also by the name of .jsonl and in capitals', async (t) => {
  const text = await readFile(await written('a.ndjson'), 'utf8');
  t.is(await readFile(await written('a.JSONL'), 'utf8'), text);
  const lines = text.trimEnd().split('\n');
  const common = { version: 3, scored_at: '2026-03-04T05:06:07.089Z' };
  t.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { id: 1, name: '', prediction: 0.5, flag: true, ...common },
      { id: 2 ** 60, name: 'a "b", c', prediction: null, flag: false, ...common },
      { id: 3, name: null, prediction: null, flag: true, ...common },
    ],
  );
});

test('Parquet: zstd, types of its own, NaN and infinity kept', async (t) => {
  const path = await written('a.parquet');
  t.deepEqual(await sql(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '${path}')`), [
    ['id', 'BIGINT'],
    ['name', 'VARCHAR'],
    ['prediction', 'FLOAT'],
    ['flag', 'BOOLEAN'],
    ['version', 'INTEGER'],
    ['scored_at', 'TIMESTAMP WITH TIME ZONE'],
  ]);
  t.deepEqual(await sql(`SELECT DISTINCT compression FROM parquet_metadata('${path}')`), [['ZSTD']]);
  t.deepEqual(await sql(`SELECT prediction::VARCHAR FROM '${path}'`), [['0.5'], ['nan'], ['inf']]);
  t.deepEqual(await sql(`SELECT DISTINCT epoch_ms(scored_at) FROM '${path}'`), [['1772600767089']]);
});

test('a link on the way, or for a target, is InvalidInput, and what it leads to stays', async (t) => {
  const root = await temporaryFolder();
  const outside = await temporaryFolder();
  await writeFile(join(outside, 'theirs.csv'), 'theirs');
  await mkdir(join(root, 'a'));
  await symlink(outside, join(root, 'a', 'link'));
  await symlink(join(outside, 'theirs.csv'), join(root, 'link.csv'));
  await symlink(join(outside, 'nowhere'), join(root, 'dangling'));
  const sink = duckdbPredictionSink({ root });
  for (const location of ['a/link/theirs.csv', 'a/link/b/c.csv', 'link.csv', 'dangling/c.csv']) {
    t.is((await left(sink.open(location, schema, call))).tag, 'InvalidInput', location);
    t.is((await left(sink.resolve(location))).tag, 'InvalidInput', location);
  }
  t.deepEqual(await filesUnder(outside), ['theirs.csv']);
  t.is(await readFile(join(outside, 'theirs.csv'), 'utf8'), 'theirs');
});

test('a link that is put on the way meanwhile is refused at the end', async (t) => {
  const root = await temporaryFolder();
  const outside = await temporaryFolder();
  const writer = await right(duckdbPredictionSink({ root }).open('a.csv', schema, call));
  await symlink(join(outside, 'b.csv'), join(root, 'a.csv'));
  await right(writer.write(rows));
  t.is((await left(writer.commit)).tag, 'InvalidInput');
  t.deepEqual(await filesUnder(outside), []);
  t.deepEqual(await filesUnder(root), ['a.csv']);
});

test('a file where a folder is needed, and a folder where the file is, are InvalidInput', async (t) => {
  const root = await temporaryFolder();
  await writeFile(join(root, 'file'), '');
  await mkdir(join(root, 'folder.csv'));
  const sink = duckdbPredictionSink({ root });
  t.is((await left(sink.open('file/a.csv', schema, call))).tag, 'InvalidInput');
  t.is((await left(sink.open('folder.csv', schema, call))).tag, 'InvalidInput');
  t.is((await left(sink.open(`${'x'.repeat(250)}.csv`, schema, call))).tag, 'InvalidInput');
});

for (const name of ['.git', '.x.csv', 'C:', 'a\nb', 'a\u202eb', 'a\ud800', 'nul.d', 'con']) {
  test(`an output through or as ${JSON.stringify(name)} is InvalidInput`, async (t) => {
    const sink = duckdbPredictionSink({ root: await temporaryFolder() });
    t.is((await left(sink.resolve(`${name}/a.csv`))).tag, 'InvalidInput');
    t.is((await left(sink.resolve(`b/${name}.csv`))).tag, 'InvalidInput');
  });
}

test('a name may hold what the engine takes for a pattern elsewhere', async (t) => {
  const root = await temporaryFolder();
  const writer = await right(duckdbPredictionSink({ root }).open('it is [x]/a*?.parquet', schema, call));
  await right(writer.write(rows));
  await right(writer.commit);
  t.deepEqual(await filesUnder(root), ['it is [x]/a*?.parquet']);
});

test('what is protected is neither replaced nor written into, by whichever way it is named', async (t) => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'models', 'registered'), { recursive: true });
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'data', 'games.parquet'), 'rows');
  const linked = `${root}-linked`;
  await symlink(root, linked);
  t.teardown(() => rm(linked));
  const protectedPaths = [join(root, 'models'), join(root, 'data', 'games.parquet'), join(root, 'later')];
  for (const place of [root, linked]) {
    const sink = duckdbPredictionSink({ root: place, protectedPaths });
    for (const location of ['data/games.parquet', 'models/a.csv', 'models/registered/x/v1/a.parquet', 'later/a.csv']) {
      const { tag, message } = await left(sink.open(location, schema, call));
      t.is(tag, 'InvalidInput', location);
      t.regex(message, /choose another/);
    }
    await (await right(sink.open('data/games2.parquet', schema, call))).abort();
    await (await right(sink.open('models2/a.csv', schema, call))).abort();
  }
  t.is(await readFile(join(root, 'data', 'games.parquet'), 'utf8'), 'rows');
});

test('two columns of one name, case aside, are InvalidInput', async (t) => {
  const sink = duckdbPredictionSink({ root: await temporaryFolder() });
  const twice: SinkSchema = { ...schema, constants: [{ name: 'Prediction', type: 'int32', value: 1 }] };
  t.is((await left(sink.open('a.csv', twice, call))).tag, 'InvalidInput');
});

test.serial('a folder that cannot be written is PermissionDenied at once', async (t) => {
  const root = await temporaryFolder();
  const sink = duckdbPredictionSink({ root });
  await (await right(sink.open('a.csv', schema, call))).abort();
  await chmod(root, 0o500);
  await asNobody(async () => {
    t.is((await left(sink.open('b.csv', schema, call))).tag, 'PermissionDenied');
  });
});

test('a failure names the output and not where it is on this machine', async (t) => {
  const root = await temporaryFolder();
  for (const location of ['sub/a.parquet', 'sub/a.csv']) {
    const writer = await right(duckdbPredictionSink({ root }).open(location, schema, call));
    await right(writer.write(rows));
    await rm(join(root, 'sub'), { recursive: true });
    const { tag, message } = await left(writer.commit);
    t.true(tag === 'Unavailable' || tag === 'NotFound', message);
    t.true(message.startsWith(`The output ${location}: `), message);
    t.false(message.includes(root), message);
    t.false(message.includes(tmpdir()), message);
  }
});

test('parts that look as the whole are joined as they are, and others are written anew', async (t) => {
  const root = await temporaryFolder();
  const sink = duckdbPredictionSink({ root });
  const columns = Array.from(countedRows(0).columns, ([name, { type }]) => ({ name, type }));
  const constants = (job: string) => [
    { name: 'job', type: 'string', value: job } as const,
    { name: 'version', type: 'int32', value: 3 } as const,
    { name: 'at', type: 'timestamp', value: '2026-03-04T05:06:07.089Z' } as const,
  ];
  const part = async (name: string, job: string, rowCount: number): Promise<string> => {
    const writer = await right(sink.open(name, { columns, constants: constants(job) }, call));
    await right(writer.write(countedRows(rowCount)));
    return (await right(writer.commit)).location;
  };
  const whole = async (name: string, parts: ReadonlyArray<string>): Promise<string> => {
    const joined = await right(sink.join(name, { columns, constants: constants('a') }, parts, call));
    const { location, rowCount } = await right(joined.commit);
    const isWhole = `job IS NOT DISTINCT FROM 'a' AND version = 3 AND "at" = TIMESTAMPTZ '2026-03-04 05:06:07.089Z'`;
    t.deepEqual(await sql(`SELECT count(*)::INT, bool_and(${isWhole}) FROM '${location}'`), [[rowCount, true]]);
    return location;
  };
  const groups = async (path: string): Promise<ReadonlyArray<unknown>> => {
    const counts = `SELECT DISTINCT row_group_id, row_group_num_rows::INT FROM parquet_metadata('${path}') ORDER BY ALL`;
    return (await sql(counts)).map(([, rowCount]) => rowCount);
  };
  const rowsIn = async (path: string): Promise<ReadonlyArray<unknown>> =>
    (await sql(`SELECT row FROM '${path}'`)).flat();
  const counted = (rowCount: number): ReadonlyArray<number> => Array.from({ length: rowCount }, (_, row) => row);

  const mine = await part('mine.parquet', 'a', 3_000);
  const fewer = await part('fewer.parquet', 'a', 2_100);
  const same = await whole('same.parquet', [fewer, mine]);
  t.deepEqual(await groups(same), [2_100, 3_000]);
  t.deepEqual(await rowsIn(same), [...counted(2_100), ...counted(3_000)]);
  const theirs = await whole('theirs.parquet', [await part('part.parquet', 'b', 2_100), mine]);
  t.deepEqual(await groups(theirs), [4_148, 952]);
  t.deepEqual(await rowsIn(theirs), await rowsIn(same));
  for (const other of [
    'NULL AS job',
    "'b' AS job",
    '4::INTEGER AS version',
    '\'2026-03-04 05:06:07.088Z\'::TIMESTAMPTZ AS "at"',
  ]) {
    const [value, name] = other.split(' AS ');
    const oneOther = join(root, 'one-other.parquet');
    await sql(
      `COPY (SELECT * REPLACE (CASE WHEN row = 1234 THEN ${value} ELSE ${name} END AS ${name}) FROM '${mine}') TO '${oneOther}' (FORMAT parquet)`,
    );
    t.deepEqual(await groups(await whole('one-row.parquet', [fewer, oneOther])), [4_148, 952], other);
  }
  const small = await part('small.parquet', 'a', 1_000);
  t.deepEqual(await groups(await whole('small-ones.parquet', [small, small, small])), [3_000]);
  t.deepEqual(await groups(await whole('of-lines.parquet', [await part('lines.ndjson', 'b', 10)])), [10]);
});

test('a key that is beyond what a double holds is infinite', async (t) => {
  const root = await temporaryFolder();
  const columns = [{ name: 'key', type: 'json' } as const];
  const writer = await right(duckdbPredictionSink({ root }).open('a.parquet', { columns, constants: [] }, call));
  const values = [Number.POSITIVE_INFINITY, 1, null, Number.NEGATIVE_INFINITY];
  await right(writer.write({ rowCount: 4, columns: new Map([['key', { type: 'json', values }]]) }));
  const { location } = await right(writer.commit);
  t.deepEqual(await sql(`SELECT key FROM '${location}'`), [['Infinity'], [1], [null], ['-Infinity']]);
});

test('the digest of an output ends with its call', async (t) => {
  const root = await temporaryFolder();
  await writeFile(join(root, 'a.parquet'), new Uint8Array(2 ** 26));
  const cancellation = cancellable();
  const digest = duckdbPredictionSink({ root }).digest('a.parquet', { ...call, cancellation });
  setTimeout(cancellation.abort, 1);
  t.is((await left(digest)).tag, 'Cancelled');
});

test('what waits outside of the output is not for others to read', async (t) => {
  const aside = await temporaryFolder();
  const groups = outputGroups({ schema, path: join(aside, 'a.parquet'), format: 'parquet' }, join(aside, 'inner'));
  const engine = await openEngine(await loadLibrary(), [], { memoryLimitBytes: 2 ** 26, threads: 1 }, [aside]);
  const connection = await engine.connect();
  const list = schema.columns.map(({ type }, i) => `NULL::${engineTypes[type]} AS c${i}`).join(', ');
  await connection.run(`CREATE TABLE held AS SELECT ${list}`);
  await groups.write({ connection, name: 'held' });
  t.is((await stat(join(aside, 'inner'))).mode & 0o777, 0o700);
  await groups.close();
  connection.disconnectSync();
  await engine.close();
});

test('a temporary folder that cannot be made is told as such, and the previous output stays', async (t) => {
  const root = await temporaryFolder();
  await writeRows(root, 'a.parquet', countedRows(5));
  const nowhere = join(root, 'a.parquet', 'below');
  const child = fork(fileURLToPath(new URL('endless-output.js', import.meta.url)), [root, 'a.parquet'], {
    env: { ...process.env, TMPDIR: nowhere },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (text) => (said += `${text}`));
  await once(child, 'exit');
  t.regex(said, /A folder in the system's temporary folder \(TMPDIR\): a file stands where a folder is needed\./);
  t.is((await readRows(join(root, 'a.parquet'))).rowCount, 5);
});

test('a batch that is not of the schema is a bug, and throws', async (t) => {
  const writer = await right(duckdbPredictionSink({ root: await temporaryFolder() }).open('a.csv', schema, call));
  await t.throwsAsync(writer.write(countedRows(2)), { instanceOf: TypeError });
  await writer.abort();
});

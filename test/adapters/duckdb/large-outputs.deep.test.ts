/** Outputs that are long, wide or of long texts, and one whose process is killed while it writes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import type { RawColumn, RowBatch, SinkSchema } from '../../../core/index.js';
import { countedRows } from '../../contracts/sample-rows.js';
import {
  call,
  filesUnder,
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

test('rows beyond the memory limit wait on the disk, and keep their order', async (t) => {
  const root = await temporaryFolder();
  const batch = countedRows(100_000);
  const columns = Array.from(batch.columns, ([name, { type }]) => ({ name, type }));
  const sink = duckdbPredictionSink({ root, memoryLimitBytes: 2 ** 26 });
  const writer = await right(sink.open('a.parquet', { columns, constants: [] }, call));
  for (let i = 0; i < 30; i++) await right(writer.write(batch));
  t.is((await right(writer.commit)).rowCount, 3_000_000);
  const path = join(root, 'a.parquet');
  const inOrder = `bool_and(row = file_row_number % 100000) FROM read_parquet('${path}', file_row_number=true)`;
  t.deepEqual(await sql(`SELECT count(*)::INT, ${inOrder}`), [[3_000_000, true]]);
});

for (const extension of ['parquet', 'csv', 'ndjson']) {
  test(`${extension}: groups that are small, for rows that are wide, make the file that one group makes`, async (t) => {
    const root = await temporaryFolder();
    const columns = [...schema.columns, { name: 'key', type: 'json' } as const];
    const location = async (name: string, memoryLimitBytes: number, types: SinkSchema['columns']): Promise<string> => {
      const sink = duckdbPredictionSink({ root, memoryLimitBytes });
      const writer = await right(sink.open(`${name}.${extension}`, { ...schema, columns: types }, call));
      for (let batch = 0; batch < 110; batch++) {
        const key: RawColumn = { type: 'json', values: [batch, 'a "b"', null] };
        const name: RawColumn = { type: 'string', values: ['x', 'y, z', 'ä'].map((text) => text.repeat(30_000)) };
        const all = new Map<string, RawColumn>([...rows.columns, ['name', name], ['key', key]]);
        await right(writer.write({ rowCount: 3, columns: all }));
      }
      const { rowCount, location: path } = await right(writer.commit);
      t.is(rowCount, 330);
      return path;
    };
    for (const [name, types] of Object.entries({ settled: schema.columns, open: columns })) {
      const few = await location(`${name}-few`, 2 ** 26, types);
      const one = await location(`${name}-one`, 2 ** 30, types);
      if (extension === 'parquet') {
        t.deepEqual(await sql(`SELECT * FROM '${few}'`), await sql(`SELECT * FROM '${one}'`));
        const groups = `SELECT count(DISTINCT row_group_id)::INT FROM parquet_metadata('${few}')`;
        if (name === 'settled') t.true(Number((await sql(groups))[0]?.[0]) > 2);
      } else t.is(await readFile(few, 'utf8'), await readFile(one, 'utf8'));
    }
    t.is((await filesUnder(root)).length, 4);
  });
}

test('a probability for each of 600 classes is written, in every format and in parts', async (t) => {
  const root = await temporaryFolder();
  const sink = duckdbPredictionSink({ root });
  const columns = Array.from({ length: 600 }, (_, i) => ({ name: `probability_${i}`, type: 'float32' }) as const);
  const batchOf = (rowCount: number): RowBatch => ({
    rowCount,
    columns: new Map(
      columns.map(({ name, type }, i) => [
        name,
        { type, values: Float32Array.from({ length: rowCount }, (_, row) => (i + row) / 4) },
      ]),
    ),
  });
  for (const extension of ['csv', 'ndjson', 'parquet']) {
    const writer = await right(sink.open(`a.${extension}`, { columns, constants: [] }, call));
    // More than the engine takes at once.
    for (const rowCount of [2_048, 16]) await right(writer.write(batchOf(rowCount)));
    const { location } = await right(writer.commit);
    const table = extension === 'ndjson' ? `read_json('${location}', map_inference_threshold=-1)` : `'${location}'`;
    const last = await sql(`SELECT count(*)::INT, min(probability_599), max(probability_599) FROM ${table}`);
    t.deepEqual(last, [[2_064, 599 / 4, (599 + 2_047) / 4]], extension);
  }
  const part = join(root, 'a.parquet');
  const joined = await right(sink.join('b.parquet', { columns, constants: [] }, [part, part], call));
  t.is((await right(joined.commit)).rowCount, 4_128);
});

test('rows of long texts take no more memory than short ones', async (t) => {
  const root = await temporaryFolder();
  const sink = duckdbPredictionSink({ root, memoryLimitBytes: 2 ** 27 });
  const names = ['a', 'b', 'c', 'd'];
  const columns = names.map((name) => ({ name, type: 'string' }) as const);
  const writer = await right(sink.open('a.parquet', { columns, constants: [] }, call));
  for (let i = 0; i < 20; i++) {
    const values = Array.from({ length: 2048 }, (_, row) => `${i} ${row} `.repeat(100));
    const texts = names.map((name) => [name, { type: 'string', values }] as const);
    await right(writer.write({ rowCount: values.length, columns: new Map(texts) }));
  }
  const { rowCount, location } = await right(writer.commit);
  t.is(rowCount, 40_960);
  const joined = await right(sink.join('b.parquet', { columns, constants: [] }, [location, location, location], call));
  t.is((await right(joined.commit)).rowCount, 3 * 40_960);
});

test('a process that is killed while it writes leaves the previous output whole', async (t) => {
  const root = await temporaryFolder();
  await writeRows(root, 'a.parquet', countedRows(1000));
  const child = fork(fileURLToPath(new URL('endless-output.js', import.meta.url)), [root, 'a.parquet'], {
    // What it spills stays there.
    env: { ...process.env, TMPDIR: await temporaryFolder() },
  });
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.is((await readRows(join(root, 'a.parquet'))).rowCount, 1000);
  await writeRows(root, 'a.parquet', countedRows(7));
  t.is((await readRows(join(root, 'a.parquet'))).rowCount, 7);
});

/** Sources that go wrong late or are cut short: the place is told, the previous output stays, and nothing is left beside it, in the temporary folder, or open. */
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sql } from '../../adapters/duckdb/files.js';
import { emptyFolder, onnxFixtures, runHere, writeExperiment } from './command-line.js';

const cwd = await emptyFolder();
// Of this process alone.
const temporary = await emptyFolder();
process.env['TMPDIR'] = temporary;

/** Files of ours that this process has open; only Linux tells. */
const openFiles = async (): Promise<ReadonlyArray<string>> => {
  if (process.platform !== 'linux') return [];
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(cwd) || path.startsWith(temporary));
};

test.before(async () => {
  await writeExperiment(join(cwd, 'models/experiments/rating/m'), join(onnxFixtures, 'columns.onnx'));
  const registered = await runHere(cwd, ['register', '--model-type', 'rating', '--experiment', 'm', '--name', 'm']);
  if (registered.code !== 0) throw new Error(registered.stderr);
});

const csv = (rowCount: number): string => `weight,year\n${'1,2000\n'.repeat(rowCount)}`;
const ndjson = (rowCount: number): string => '{"weight": 1, "year": 2000}\n'.repeat(rowCount);

const parquet = async (): Promise<Buffer> => {
  const path = join(cwd, 'whole.parquet');
  await sql(
    `copy (select range::float as weight, (hash(range) % 100)::float as year from range(300000)) to '${path}' (row_group_size 100000)`,
  );
  return readFile(path);
};
const cut = (share: number) => async (): Promise<Buffer> => {
  const bytes = await parquet();
  return bytes.subarray(0, Math.floor(bytes.length * share));
};

// what is wrong, the file, what is in it, the exit code, what is said
const cases: ReadonlyArray<readonly [string, string, () => Promise<string | Buffer>, number, RegExp]> = [
  ['a Parquet file of no bytes', 'a.parquet', cut(0), 26, /: a\.parquet: .*too small/],
  ['a Parquet file that is cut in its first row group', 'b.parquet', cut(0.2), 26, /: b\.parquet: No magic bytes/],
  [
    'a Parquet file that is cut in its footer',
    'c.parquet',
    cut(0.9999),
    26,
    /: c\.parquet: No magic bytes .*: it was cut off, or is not a Parquet file\./,
  ],
  ['a Parquet file called CSV', 'p.csv', parquet, 26, /: p\.csv: line 1 holds a zero byte, .* extension/],
  [
    'a Parquet file with a hole in its second row group',
    'd.parquet',
    async () => {
      const bytes = await parquet();
      return bytes.fill(0, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.6));
    },
    26,
    /: d\.parquet: /,
  ],
  [
    'a quote on line 40,000 that does not end',
    'e.csv',
    async () => `${csv(39_998)}1,"2000\n${'1,2000\n'.repeat(40_000)}`,
    26,
    /: e\.csv: .*Line: 40000;.*unterminated quote/,
  ],
  [
    'text from line 30,000 on, in a column of numbers (CSV)',
    'f.csv',
    async () => `${csv(29_998)}${'high,2000\n'.repeat(3)}`,
    23,
    /: 3 values do not fit .* row 29998, column "weight": expected float32, got the text "high"/,
  ],
  [
    'text from line 30,000 on, in a column of numbers (NDJSON)',
    'g.ndjson',
    async () => `${ndjson(29_999)}${'{"weight": "high", "year": 2000}\n'.repeat(3)}`,
    23,
    /: 3 values do not fit .* row 29999, column "weight": expected float32, got the text "high"/,
  ],
];

for (const [what, file, content, code, said] of cases) {
  test.serial(`${what}: exit ${code}`, async (t) => {
    await writeFile(join(cwd, file), await content());
    const output = join(cwd, 'out.parquet');
    await writeFile(output, 'before');
    const there = await readdir(cwd);
    const scored = await runHere(cwd, ['score', 'rating/m', '--source', file, '--output', 'out.parquet']);
    t.is(scored.code, code, scored.stderr);
    t.regex(scored.stderr, said);
    t.is(scored.stdout, '');
    t.is(await readFile(output, 'utf8'), 'before');
    t.deepEqual(await readdir(cwd), there);
    t.deepEqual(await readdir(temporary), []);
    t.deepEqual(await openFiles(), []);
  });
}

/** CSV that arrives: RFC 4180, the same values however it is cut and as the engine reads the same file, faults told by their line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { csvEncoder } from '../../../adapters/csv/encoder.js';
import { csvRows } from '../../../adapters/csv/rows.js';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { failure, type PassingRows } from '../../../core/index.js';
import { bytesOf } from '../../support/bytes.js';
import { leftOf, rowBatch, typed, unhurried } from '../../support/scoring.js';
import { passed } from '../passed.js';

const rowsOf = (content: string | Uint8Array, size?: number, recordLimitBytes = 1_000_000): PassingRows =>
  csvRows({
    bytes: bytesOf(content, size === undefined ? {} : { size }),
    name: 'The body',
    recordLimitBytes,
    tooLong: (line) => failure('TooLarge', `line ${line} is too long`),
  });

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scorekeeper-csv-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

let fileCount = 0;

/** The same content as a file. */
const asFile = async (content: string, names: ReadonlyArray<string>) => {
  const file = `rows-${fileCount++}.csv`;
  await writeFile(join(folder, file), content);
  const source = duckdbDataSource({ files: { rows: file }, keys: [], baseDir: folder });
  return passed({ open: (call) => source.open({}, call) }, names);
};

const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

const field = fc
  .oneof(
    fc.constantFrom('', '1', 'a,b', 'say "go"', 'two\nlines', 'two\r\nlines', ' x ', '"', 'ü', '🎲', 'NULL', '0.10'),
    fc.string(),
  )
  .filter((text) => !/\0|\r(?!\n)/.test(text));

test('every value arrives as a file gives it, however it is cut', async (t) => {
  const tables = fc.record({
    rows: fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 6 }),
    size: fc.integer({ min: 1, max: 9 }),
    end: fc.constantFrom('\n', '\r\n'),
    last: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(tables, async ({ rows, size, end, last }) => {
      const lines = [['a', 'b', 'c c'], ...rows].map((row) => row.map(quoted).join(','));
      const content = lines.join(end) + (last ? end : '');
      const arrived = await passed(rowsOf(content, size), ['c c', 'a', 'b']);
      t.deepEqual(arrived.cells, {
        a: rows.map(([a]) => (a === '' ? null : a)),
        b: rows.map(([, b]) => (b === '' ? null : b)),
        'c c': rows.map(([, , c]) => (c === '' ? null : c)),
      });
      // The engine wants one kind of line break in the whole file.
      if (end === '\n' && content.includes('\r')) return;
      if (end === '\r\n' && /(?<!\r)\n/.test(content)) return;
      t.deepEqual(arrived, await asFile(content, ['c c', 'a', 'b']));
    }),
    { numRuns: 60 },
  );
});

for (const [name, content, columns] of [
  ['a byte order mark', '\ufeffa,b\n1,2\n', { a: ['1'], b: ['2'] }],
  ['no break after the last line', 'a,b\n1,2', { a: ['1'], b: ['2'] }],
  ['lines without anything', 'a,b\n\n1,2\n\n', { a: ['1'], b: ['2'] }],
  ['one column with nothing in a line', 'a\n1\n\n2\n', { a: ['1', null, '2'] }],
  ['a header alone', 'a,b\n', { a: [], b: [] }],
  ['a column without a name', 'a,\n1,2\n', { a: ['1'], column1: ['2'] }],
  ['names in quotes', '"a","b, c"\n1,2\n', { a: ['1'], 'b, c': ['2'] }],
] as const) {
  test(`${name}: as the file`, async (t) => {
    const names = Object.keys(columns);
    const arrived = await passed(rowsOf(content, 2), names);
    t.deepEqual(arrived.cells, columns);
    t.deepEqual(arrived, await asFile(content, names));
  });
}

const many = (rows: number, end: string): string => `a,b${end}${`1,2${end}`.repeat(rows)}`;

for (const [name, content, message] of [
  ['a quote that stays open', `${many(39_998, '\n')}1,"2\n3,4\n`, /line 40000 has quotes that do not match/],
  [
    'the same with CRLF, after a field of several lines',
    `a,b\r\n"x\r\ny",1\r\n1,"2\r\n3,4\r\n`,
    /begins in line 4 has quotes/,
  ],
  ['a quote in the middle', 'a,b\n1,2\n3,x"y\n', /begins in line 3 has quotes that do not match/],
  ['something after a quote', 'a,b\n"1"x,2\n', /begins in line 2 has quotes that do not match/],
  ['a field too many', `${many(500, '\r\n')}1,2,3\r\n`, /line 502 has 3 fields, where the header has 2/],
  ['a field too few', 'a,b\n1\n', /line 2 has 1 field, where the header has 2/],
] as const) {
  for (const size of [7, 1_000_000]) {
    test(`${name} is told with its line, ${size} bytes at a time`, async (t) => {
      const rows = rowsOf(content, size);
      const opened = await rows.open(unhurried)();
      const refused = opened._tag === 'Left' ? opened.left : (await passed(rowsOf(content, size), ['a'])).failure;
      t.is(refused?.tag, 'InvalidInput');
      t.regex(`${refused?.message}`, message);
    });
  }
}

test('nothing, a name that comes twice and bytes that are not UTF-8 are refused', async (t) => {
  t.regex(leftOf(await rowsOf('').open(unhurried)(), 'InvalidInput').message, /begins with a header/);
  t.regex(leftOf(await rowsOf('a,A\n').open(unhurried)(), 'InvalidInput').message, /names the column "A" twice/);
  t.regex(leftOf(await rowsOf('a,b\r1,2\r').open(unhurried)(), 'InvalidInput').message, /line 1 has a carriage return/);
  const bytes = Buffer.concat([Buffer.from('a\n1\n2\n'), Buffer.from([0xff, 0x0a])]);
  t.regex(leftOf(await rowsOf(bytes).open(unhurried)(), 'InvalidInput').message, /from line 1 on/);
  t.regex(`${(await passed(rowsOf(bytes, 3), ['a'])).failure?.message}`, /from line 4 on that are not UTF-8/);
});

test('a record above the limit is told with its line', async (t) => {
  const { failure: refused } = await passed(rowsOf(`a\n1\n${'x'.repeat(2_000)}\n`, 100, 1_000), ['a']);
  t.deepEqual([refused?.tag, refused?.message], ['TooLarge', 'line 3 is too long']);
});

test('no more is read than is asked for', async (t) => {
  let pulls = 0;
  const bytes = bytesOf(many(10_000, '\n'), { size: 100, onPull: () => pulls++ });
  const rows = csvRows({ bytes, name: 'x', recordLimitBytes: 1_000, tooLong: () => failure('TooLarge', '') });
  const opened = await rows.open(unhurried)();
  if (opened._tag === 'Left') return t.fail();
  const batches = opened.right.read([{ name: 'a', role: 'feature' }])[Symbol.asyncIterator]();
  await batches.next();
  await batches.next();
  t.true(pulls <= 3, `${pulls}`);
  await opened.right.close();
});

test('predictions are written as RFC 4180 has it: an empty field for null, quotes for text of no characters', (t) => {
  const columns = {
    row: typed('int64', 0n, 2n ** 60n),
    'a "key"': typed('string', 'x, "y"\n', ''),
    k: typed('string', 'a\nb', null),
    p: typed('float32', Number.NaN, 0.5),
    b: typed('bool', true, false),
  };
  const schema = Object.entries(columns).map(([name, { type }]) => ({ name, type }));
  const text = `${csvEncoder.begin(schema)}${csvEncoder.encode(rowBatch(columns))}${csvEncoder.end()}`;
  t.is(text, 'row,"a ""key""",k,p,b\r\n0,"x, ""y""\n","a\nb",,true\r\n1152921504606846976,"",,0.5,false\r\n');
});

test('bytes that end in the middle of a character are no text', async (t) => {
  const cut = Buffer.from('a,b\n1,café').subarray(0, -1);
  for (const size of [1, 100]) {
    const { failure: failed } = await passed(rowsOf(cut, size), ['a', 'b']);
    t.is(failed?.message, 'The body: there are bytes from line 2 on that are not UTF-8: encode it as UTF-8.');
  }
});

test('of thousands of columns, the one that comes twice is told', async (t) => {
  const names = Array.from({ length: 60_000 }, (_, i) => `c${i}`);
  const failed = leftOf(await rowsOf(`${names.join(',')},C5\n`).open(unhurried)(), 'InvalidInput');
  t.is(failed.message, 'The body: line 1 names the column "C5" twice (case aside).');
});

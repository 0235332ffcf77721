/** NDJSON that arrives: as a file is read, however it is cut. */
import test from 'ava';
import * as fc from 'fast-check';
import { ndjsonRows } from '../../../adapters/duckdb/ndjson-rows.js';
import { failure, type PassingRows } from '../../../core/index.js';
import { bytesOf } from '../../support/bytes.js';
import { cancellable, leftOf, rightOf, unhurried } from '../../support/scoring.js';
import { passed } from '../passed.js';

const rowsOf = (content: string | Uint8Array, size?: number, lineLimitBytes = 1_000_000): PassingRows =>
  ndjsonRows({
    bytes: bytesOf(content, size === undefined ? {} : { size }),
    name: 'The body',
    lineLimitBytes,
    tooLong: (line) => failure('TooLarge', `line ${line} is too long`),
  });

test('values arrive as they are, one by one, however they are cut', async (t) => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constantFrom(null, true, 0.5, 'ü\n🎲'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 9 }),
      async (values, size) => {
        const content = values.map((a) => `${JSON.stringify({ a })}\n`).join('\n');
        const arrived = await passed(rowsOf(content, size), ['a']);
        t.deepEqual(arrived.cells, { a: values });
      },
    ),
    { numRuns: 60 },
  );
});

test('a key keeps its digits, and bare NaN is missing', async (t) => {
  const { cells } = await passed(rowsOf('{"x":NaN,"id":9007199254740993}\n{"x":1,"id":"a"}', 5), ['x'], ['id']);
  t.deepEqual(cells, { x: [null, 1], id: [9_007_199_254_740_993n, 'a'] });
});

const line = (rows: number, then: string): string => `${'{"a":1}\n'.repeat(rows)}${then}\n`;

for (const [name, content, message] of [
  [
    'what is no JSON',
    line(39_999, '{"a":'),
    /^The body: line 40000 is not JSON \(.*\): NDJSON has one object a line\.$/,
  ],
  ['an array', line(1, '[1]'), /line 2 must be an object, got an array/],
  ['a line that ends early', '{"a":1}\n{"a":2', /line 2 is not JSON/],
] as const) {
  test(`${name} is told with its line`, async (t) => {
    for (const size of [5, 1_000_000]) {
      const opened = await rowsOf(content, size).open(unhurried)();
      const refused = opened._tag === 'Left' ? opened.left : (await passed(rowsOf(content, size), ['a'])).failure;
      t.is(refused?.tag, 'InvalidInput');
      t.regex(`${refused?.message}`, message);
    }
  });
}

test('bytes that are not UTF-8, and a line above the limit, are told with their line', async (t) => {
  const bytes = Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n')]);
  t.regex(leftOf(await rowsOf(bytes).open(unhurried)(), 'InvalidInput').message, /line 2 is not UTF-8/);
  const long = `{"a":1}\n{"a":"${'x'.repeat(2_000)}"}\n`;
  t.is(leftOf(await rowsOf(long, undefined, 1_000).open(unhurried)(), 'TooLarge').message, 'line 2 is too long');
});

test('a column is there when one of the first 4,096 rows has it, however they are cut', async (t) => {
  const names = ['a', 'b', 'c'];
  const content = `${'{"a":1}\n'.repeat(4_095)}{"a":1,"b":1}\n{"c":1}\n`;
  for (const size of [100, 5_000, 1_000_000]) {
    const opened = rightOf(await rowsOf(content, size).open(unhurried)());
    t.deepEqual(rightOf((await opened.columnsAmong?.(names)()) ?? { _tag: 'Right', right: [] }), ['a', 'b'], `${size}`);
    await opened.close();
  }
});

test('without rows every column is there', async (t) => {
  const opened = rightOf(await rowsOf('\n\n').open(unhurried)());
  t.deepEqual(rightOf((await opened.columnsAmong?.(['a'])()) ?? { _tag: 'Right', right: [] }), ['a']);
  t.deepEqual((await passed(rowsOf(''), ['a'])).cells, { a: [] });
});

test('what ends the bytes ends the rows, and a cancellation does, too', async (t) => {
  const bytes = bytesOf('{"a":1}\n', { failure: failure('Cancelled', 'gone') });
  const options = { name: 'x', lineLimitBytes: 100, tooLong: () => failure('TooLarge', '') };
  t.is((await passed(ndjsonRows({ ...options, bytes }), ['a'])).failure?.message, 'gone');
  const cancellation = cancellable();
  const endless = bytesOf('{"a":1}\n'.repeat(1_000), { size: 8, onPull: () => cancellation.abort() });
  const refused = await ndjsonRows({ ...options, bytes: endless }).open({ ...unhurried, cancellation })();
  leftOf(refused, 'Cancelled');
});

/** The same bytes score the same as a file and on stdin: NDJSON goes through the one coercion path, value by value. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import type { MemoryModel } from '../../../adapters/memory/inference-engine.js';
import { parseRows } from '../../../apps/cli/rows-on-stdin.js';
import type { ScoreAnswer, TensorType } from '../../../core/index.js';
import { rightOf, scoringService, spec, sums } from '../../support/scoring.js';
import { readRows } from '../../adapters/duckdb/files.js';

/** One feature `X`; the prediction shows its value. */
const modelOf = (type: TensorType): MemoryModel => ({
  inputs: [spec('X', type, 1)],
  outputs: [{ spec: spec('variable', 'float64', 1), holds: 'scores', classes: [] }],
  intercepts: [0.5],
  weights: { X: type === 'string' ? { a: [1], '1': [2], '': [3] } : [[2]] },
});

const types: ReadonlyArray<TensorType> = ['float32', 'float64', 'int32', 'int64', 'bool', 'string'];

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scorekeeper-ndjson-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

let fileCount = 0;

/** A service whose `rows` and `table` are the file, whole and by SQL. */
const serviceOver = async (type: TensorType, content: string, keys: ReadonlyArray<string> = []) => {
  const file = `rows-${fileCount++}.ndjson`;
  await writeFile(join(folder, file), content);
  const source = { files: { rows: file }, keys, baseDir: folder };
  const sources = { rows: duckdbDataSource(source), table: duckdbDataSource({ ...source, sql: 'SELECT * FROM rows' }) };
  const sink = duckdbPredictionSink({ root: folder });
  const { service } = await scoringService({ model: modelOf(type), sources, ports: { sink } });
  return service;
};

/** What does not depend on where the rows came from; a pointer into a body begins with `/data`. */
const outcome = ({ predictions, refused, refused_total, performance_diagnostics }: ScoreAnswer) => ({
  predictions,
  refused: refused?.map(({ row, errors }) => [row, errors.map(({ detail }) => detail)]),
  refused_total,
  warnings: performance_diagnostics.warnings,
});

/** Scores the content as a file (by the source of that name) and as `predict` reads it. */
const bothWays = async (type: TensorType, content: string, data_source: 'rows' | 'table' = 'rows') => {
  const service = await serviceOver(type, content);
  const request = { ...sums, on_error: 'skip' } as const;
  const asFile = rightOf(await service.score({ ...request, data_source })());
  const asData = rightOf(await service.score({ ...request, data: rightOf(parseRows(content)) })());
  return { asFile: outcome(asFile), asData: outcome(asData) };
};

const contents: ReadonlyArray<
  readonly [type: TensorType, lines: ReadonlyArray<string>, refused: ReadonlyArray<number>]
> = [
  ['float32', ['{"X":1}', '{"X":"x"}', '{"X":2}'], [1]],
  ['float32', ['{"X":true}', '{"X":2}', '{"X":null}', '{}', '{"X":NaN}'], []],
  ['float32', ['{"X":16777217}', '{"X":1e39}', '{"X":1e999}'], []],
  ['bool', ['{"X":1}', '{"X":true}', '{"X":2}'], [2]],
  ['string', ['{"X":"a"}', '{"X":1}', '{"X":"2020-01-01"}', '{"X":null}'], [1, 3]],
  ['int64', ['{"X":9007199254740993}', '{"X":"9007199254740993"}', '{"X":-1}', '{"X":1.5}', '{"X":NaN}'], [0, 3, 4]],
  ['int64', ['{"X":18446744073709551615}', '{"X":1}', '{"X":-1}'], [0]],
  ['int32', ['{"X":1,"X":5}', '{"X":2147483648}', '{"X":[1]}', '{"X":{"a":1}}'], [1, 2, 3]],
];
for (const [type, lines, refused] of contents) {
  test(`${type}: ${lines.join(' ')}`, async (t) => {
    const { asFile, asData } = await bothWays(type, `${lines.join('\n')}\n`);
    t.deepEqual(asFile, asData);
    t.deepEqual(
      asFile.refused?.map(([row]) => row),
      refused,
    );
  });
}

test('one bad value of 60,002 refuses its own row and no other', async (t) => {
  const lines = Array.from({ length: 60_002 }, (_, row) => `{"X":${row === 50_000 ? '"oops"' : row}}\n`);
  const service = await serviceOver('float32', lines.join(''));
  for (const data_source of ['rows', 'table']) {
    const answer = rightOf(
      await service.score({ ...sums, data_source, on_error: 'skip', output_location: 'long.parquet' })(),
    );
    t.is(answer.performance_diagnostics.total_scored, 60_001, data_source);
    t.deepEqual(
      answer.refused?.map(({ row }) => row),
      [50_000],
    );
    t.is((await readRows(join(folder, 'long.parquet'))).rowCount, 60_001);
  }
});

test('keys of a file have one type, that of all its rows, however far apart, and all their digits', async (t) => {
  const many = (key: (row: number) => unknown): string =>
    Array.from({ length: 30_000 }, (_, row) => `{"X":${row},"id":${key(row)}}\n`).join('');
  for (const [content, type, last] of [
    [many((row) => 9_007_199_254_740_993n + BigInt(row)), 'int64', 9_007_199_254_740_993n + 29_999n],
    [many((row) => (row === 0 ? '"x"' : row)), 'string', '29999'],
    [many((row) => (row === 29_999 ? 0.5 : row)), 'float64', 0.5],
    [many((row) => row % 2 === 1), 'bool', true],
  ] as const) {
    const service = await serviceOver('float32', content, ['id']);
    rightOf(await service.score({ ...sums, data_source: 'rows', output_location: 'keys.parquet' })());
    const found = await readRows(join(folder, 'keys.parquet'));
    t.is(found.types.get('id'), type);
    t.is(found.cells.get('id')?.length, 30_000);
    t.is(found.cells.get('id')?.at(-1), last);
  }
});

test('a key beyond 2^53 is told by its digits in an answer', async (t) => {
  const service = await serviceOver('float32', '{"X":1,"id":9007199254740993}\n{"X":2,"id":7}\n', ['id']);
  const { predictions } = rightOf(await service.score({ ...sums, data_source: 'rows' })());
  t.deepEqual(
    predictions?.map(({ id }) => id),
    ['9007199254740993', 7],
  );
});

test('a file without rows is no rows, whatever the model asks for', async (t) => {
  const service = await serviceOver('float32', '');
  const answer = rightOf(await service.score({ ...sums, data_source: 'rows', output_location: 'empty.parquet' })());
  t.is(answer.performance_diagnostics.rows_read, 0);
  t.deepEqual(answer.performance_diagnostics.warnings, ['The source has no rows: nothing was scored.']);
});

const literal = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom('true', 'false', 'null', '0', '1', '-0', '1e3', '2147483648', '"a"', '"1"', '" 7 "', '""', '"NaN"'),
  fc.string().map((value) => JSON.stringify(value)),
);
/** What the engine's one type for a column would change: numbers that no double holds, and what is nested. */
const odd = fc.constantFrom('NaN', 'Infinity', '-9007199254740993', '18446744073709551615', '1e400', '[1]', '{}', '[]');

for (const type of types) {
  test(`${type}: any values, whole`, async (t) => {
    const lines = fc.array(fc.oneof({ weight: 5, arbitrary: literal }, odd), { minLength: 2, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lines, async (values) => {
        const { asFile, asData } = await bothWays(type, values.map((value) => `{"X":${value}}\n`).join(''));
        t.deepEqual(asFile, asData);
      }),
      { numRuns: 20 },
    );
  });

  test(`${type}: any values but odd ones, by SQL`, async (t) => {
    const lines = fc.array(literal, { minLength: 2, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lines, async (values) => {
        const content = values.map((value) => `{"X":${value}}\n`).join('');
        const { asFile, asData } = await bothWays(type, content, 'table');
        t.deepEqual(asFile, asData);
      }),
      { numRuns: 8 },
    );
  });
}

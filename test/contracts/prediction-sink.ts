/** The promises of the port PredictionSink. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type BatchColumn,
  type CallOptions,
  type Failure,
  type JoinSchema,
  neverCancelled,
  type PredictionSink,
  type RawColumn,
  type RowBatch,
  type SinkSchema,
  type SinkWriter,
  sliceColumn,
} from '../../core/index.js';
import { cancellable } from './cancellable.js';
import type { Contract } from './contract.js';
import { assertSameCells, type Cell, countedRows, type Rows, sampleRows } from './sample-rows.js';

/** A sink under whose root there is nothing yet. */
export interface PredictionSinkHarness {
  readonly sink: PredictionSink;
  /** The format that the contract is run for. */
  readonly extension: '.parquet' | '.csv' | '.ndjson';
  /** All columns of the output at this location, in the order of the output; none when there is no output. */
  readonly readBack: (location: string) => Promise<Rows | undefined>;
  /** Locations of all that stands under the root, hidden names too. */
  readonly stored: () => Promise<ReadonlyArray<string>>;
}

const call: CallOptions = { deadlineMs: Date.now() + 3_600_000, cancellation: neverCancelled };

const expectRight = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isLeft(result)) throw new assert.AssertionError({ message: `${result.left.tag}: ${result.left.message}` });
  return result.right;
};

const tagOf = async (task: TaskEither<Failure, unknown>): Promise<string | undefined> => {
  const result = await task();
  return E.isLeft(result) ? result.left.tag : undefined;
};

const schemaOf = (rows: RowBatch, constants: SinkSchema['constants'] = []): SinkSchema => ({
  columns: Array.from(rows.columns, ([name, { type }]) => ({ name, type })),
  constants,
});

const open = ({ sink }: PredictionSinkHarness, location: string, schema: SinkSchema): Promise<SinkWriter> =>
  expectRight(sink.open(location, schema, call));

const store = async (harness: PredictionSinkHarness, location: string, rows: RowBatch) => {
  const writer = await open(harness, location, schemaOf(rows));
  await expectRight(writer.write(rows));
  return expectRight(writer.commit);
};

const assertStored = async (harness: PredictionSinkHarness, location: string, rows: RowBatch): Promise<void> => {
  const found = await harness.readBack(location);
  assert.ok(found, `there is no output ${location}`);
  assert.equal(found.rowCount, rows.rowCount);
  for (const [name, column] of rows.columns) assertSameCells(column, found.cells.get(name), name);
};

const batchesOf = (rows: RowBatch, size: number): ReadonlyArray<RowBatch> =>
  Array.from({ length: Math.ceil(rows.rowCount / size) }, (_, i) => {
    const [begin, end] = [i * size, Math.min((i + 1) * size, rows.rowCount)];
    const columns = Array.from(rows.columns, ([name, column]) => [name, sliceColumn(column, begin, end)] as const);
    return { rowCount: end - begin, columns: new Map(columns) };
  });

/** JSON values by batch, and the type and cells that they become. */
const narrowed: ReadonlyArray<{
  readonly batches: ReadonlyArray<ReadonlyArray<unknown>>;
  readonly type: RawColumn['type'];
  readonly cells: ReadonlyArray<Cell>;
}> = [
  {
    batches: [
      [1, null],
      [9_007_199_254_740_993n, -5],
    ],
    type: 'int64',
    cells: [1n, null, 9_007_199_254_740_993n, -5n],
  },
  {
    batches: [
      [1, undefined],
      [0.5, 1e300, -1e21],
    ],
    type: 'float64',
    cells: [1, null, 0.5, 1e300, -1e21],
  },
  { batches: [[1, 2n ** 53n], [0.5]], type: 'float64', cells: [1, 2 ** 53, 0.5] },
  { batches: [[true], [false, null]], type: 'bool', cells: [true, false, null] },
  { batches: [[1, true], [null]], type: 'string', cells: ['1', 'true', null] },
  { batches: [[0.5], [2n ** 53n + 1n]], type: 'string', cells: ['0.5', '9007199254740993'] },
  { batches: [[-(2n ** 63n) - 1n]], type: 'string', cells: ['-9223372036854775809'] },
  { batches: [[7], ['a "b", c', { a: [1] }]], type: 'string', cells: ['7', 'a "b", c', '{"a":[1]}'] },
  { batches: [[null], [undefined]], type: 'int64', cells: [null, null] },
  { batches: [], type: 'int64', cells: [] },
];

/** In CSV a number is text. */
const readAs = (expected: Cell | undefined, found: Cell): Cell => {
  if (found === null || expected === null) return found;
  if (typeof expected === 'bigint') return BigInt(found);
  return typeof expected === 'number' ? Number(found) : `${found}`;
};

export const predictionSinkContract: Contract<PredictionSinkHarness> = [
  {
    name: 'columns of every type are stored with their missing values, and where they are is told',
    run: async (harness) => {
      const location = `games${harness.extension}`;
      const rows = sampleRows();
      const written = await store(harness, location, rows);
      await assertStored(harness, location, rows);
      assert.equal(written.rowCount, 8);
      assert.equal(written.location, await expectRight(harness.sink.resolve(location)));
      assert.ok(written.sizeBytes > 0);
      assert.deepEqual(await harness.stored(), [location]);
    },
  },
  {
    name: 'constants follow the columns and hold in every row',
    run: async (harness) => {
      const location = `constants${harness.extension}`;
      const rows = countedRows(3);
      const schema = schemaOf(rows, [
        { name: 'model_name', type: 'string', value: `O'Brien "1"` },
        { name: 'model_version', type: 'int32', value: 12 },
        { name: 'scored_at', type: 'timestamp', value: '2026-03-04T05:06:07.089Z' },
      ]);
      const writer = await open(harness, location, schema);
      await expectRight(writer.write(rows));
      await expectRight(writer.commit);
      const found = await harness.readBack(location);
      assert.deepEqual(
        [...(found?.cells.keys() ?? [])],
        ['row', 'half', 'label', 'model_name', 'model_version', 'scored_at'],
      );
      assert.deepEqual(found?.cells.get('model_name'), Array(3).fill(`O'Brien "1"`));
      assert.deepEqual(found?.cells.get('model_version')?.map(Number), [12, 12, 12]);
      assert.deepEqual(
        found?.cells.get('scored_at')?.map((at) => Date.parse(String(at))),
        Array(3).fill(Date.parse('2026-03-04T05:06:07.089Z')),
      );
    },
  },
  {
    name: 'NaN stays NaN in Parquet and is null in CSV and NDJSON',
    run: async (harness) => {
      const location = `nan${harness.extension}`;
      const columns = new Map<string, BatchColumn>([
        ['single', { type: 'float32', values: Float32Array.of(1.5, NaN) }],
        ['double', { type: 'float64', values: Float64Array.of(2.5, NaN) }],
      ]);
      await store(harness, location, { rowCount: 2, columns });
      const found = await harness.readBack(location);
      const expected = harness.extension === '.parquet' ? NaN : null;
      for (const [name, first] of [
        ['single', 1.5],
        ['double', 2.5],
      ] as const) {
        const cells = found?.cells.get(name);
        assert.equal(Number(cells?.[0]), first);
        assert.equal(cells?.[1], expected);
      }
    },
  },
  {
    name: 'a column of JSON values gets the narrowest type that holds all of them, in whichever batch they come',
    run: async (harness) => {
      for (const [i, { batches, type, cells }] of narrowed.entries()) {
        const location = `json-${i}${harness.extension}`;
        const columns = [{ name: 'value', type: 'json' } as const];
        const writer = await open(harness, location, { columns, constants: [] });
        for (const values of batches) {
          await expectRight(
            writer.write({ rowCount: values.length, columns: new Map([['value', { type: 'json', values }]]) }),
          );
        }
        await expectRight(writer.commit);
        const found = await harness.readBack(location);
        // Of the formats, Parquet alone has types.
        if (harness.extension === '.parquet') assert.equal(found?.types.get('value'), type);
        const read = (found?.cells.get('value') ?? []).map((cell, row) => readAs(cells[row], cell));
        assert.deepEqual(
          read,
          cells.map((cell) => (typeof cell === 'boolean' ? `${cell}` : cell)),
        );
      }
    },
  },
  {
    name: 'rows keep their order over many batches',
    run: async (harness) => {
      const location = `many${harness.extension}`;
      const rows = countedRows(150_000);
      const writer = await open(harness, location, schemaOf(rows));
      for (const batch of [countedRows(0), ...batchesOf(rows, 33_333)]) await expectRight(writer.write(batch));
      assert.equal((await expectRight(writer.commit)).rowCount, 150_000);
      await assertStored(harness, location, rows);
    },
  },
  {
    name: 'the arrays of a batch may be used again once it is written',
    run: async (harness) => {
      const location = `reused${harness.extension}`;
      const values = Int32Array.of(1, 2);
      const rows: RowBatch = { rowCount: 2, columns: new Map([['row', { type: 'int32', values }]]) };
      const writer = await open(harness, location, schemaOf(rows));
      await expectRight(writer.write(rows));
      values.fill(9);
      await expectRight(writer.write(rows));
      await expectRight(writer.commit);
      assert.deepEqual((await harness.readBack(location))?.cells.get('row')?.map(Number), [1, 2, 9, 9]);
    },
  },
  {
    name: 'no rows give an output without rows',
    run: async (harness) => {
      const location = `empty${harness.extension}`;
      const writer = await open(harness, location, schemaOf(countedRows(0)));
      assert.equal((await expectRight(writer.commit)).rowCount, 0);
      assert.deepEqual(await harness.stored(), [location]);
      assert.equal((await harness.readBack(location))?.rowCount, 0);
    },
  },
  {
    name: 'nothing is to be seen before the commit, which replaces what was there',
    run: async (harness) => {
      const location = `replaced${harness.extension}`;
      await store(harness, location, countedRows(5));
      const next = countedRows(7);
      const writer = await open(harness, location, schemaOf(next));
      await expectRight(writer.write(next));
      await assertStored(harness, location, countedRows(5));
      await expectRight(writer.commit);
      await assertStored(harness, location, next);
      assert.deepEqual(await harness.stored(), [location]);
    },
  },
  {
    name: 'an abort leaves the previous output as it was, and nothing else',
    run: async (harness) => {
      const [kept, never] = [`kept${harness.extension}`, `never${harness.extension}`];
      await store(harness, kept, countedRows(5));
      for (const location of [kept, never]) {
        const writer = await open(harness, location, schemaOf(countedRows(0)));
        await expectRight(writer.write(countedRows(100)));
        await writer.abort();
        await writer.abort();
      }
      await assertStored(harness, kept, countedRows(5));
      assert.deepEqual(await harness.stored(), [kept]);
    },
  },
  {
    name: 'an output that is cleared is gone, and so is the previous one',
    run: async (harness) => {
      const [stale, never] = [`stale${harness.extension}`, `never${harness.extension}`];
      await store(harness, stale, countedRows(5));
      for (const location of [stale, never]) {
        const writer = await open(harness, location, schemaOf(countedRows(0)));
        await expectRight(writer.write(countedRows(3)));
        await expectRight(writer.clear);
        await writer.abort();
      }
      assert.deepEqual(await harness.stored(), []);
    },
  },
  {
    name: 'an abort after the commit is harmless',
    run: async (harness) => {
      const location = `done${harness.extension}`;
      const writer = await open(harness, location, schemaOf(countedRows(0)));
      await expectRight(writer.write(countedRows(4)));
      await expectRight(writer.commit);
      await writer.abort();
      await assertStored(harness, location, countedRows(4));
    },
  },
  {
    name: 'a commit that is cancelled fails, and leaves the previous output as it was, and nothing else',
    run: async (harness) => {
      const location = `cancelled${harness.extension}`;
      await store(harness, location, countedRows(5));
      const cancellation = cancellable();
      const writer = await expectRight(
        harness.sink.open(location, schemaOf(countedRows(0)), { ...call, cancellation }),
      );
      await expectRight(writer.write(countedRows(9)));
      cancellation.abort();
      assert.equal(await tagOf(writer.write(countedRows(1))), 'Cancelled');
      assert.equal(await tagOf(writer.commit), 'Cancelled');
      await assertStored(harness, location, countedRows(5));
      assert.deepEqual(await harness.stored(), [location]);
    },
  },
  {
    name: 'a deadline that is past opens nothing',
    run: async (harness) => {
      const late = { ...call, deadlineMs: Date.now() - 1 };
      const location = `late${harness.extension}`;
      assert.equal(await tagOf(harness.sink.open(location, schemaOf(countedRows(0)), late)), 'DeadlineExceeded');
      assert.deepEqual(await harness.stored(), []);
    },
  },
  {
    name: 'parents are made, and names may hold spaces and quotes',
    run: async (harness) => {
      const location = `2026/it's "May"/games final${harness.extension}`;
      await store(harness, location, countedRows(2));
      await assertStored(harness, location, countedRows(2));
      assert.deepEqual(await harness.stored(), [location]);
    },
  },
  {
    name: 'a location that escapes the root, or has no known extension, is InvalidInput, and touches nothing',
    run: async (harness) => {
      const name = `games${harness.extension}`;
      const refused = [
        ...[`../${name}`, `a/../../${name}`, `a/../${name}`, `/${name}`, `/tmp/${name}`, `a//${name}`, `./${name}`],
        ...[`a\\${name}`, `..\\${name}`, `a\0${name}`, '', '.', '..', 'a/', `${name}/`],
        ...['games', 'games.txt', 'games.parquet.gz', 'parquet', 'gs://bucket/games.xlsx'],
      ];
      for (const location of refused) {
        assert.equal(await tagOf(harness.sink.resolve(location)), 'InvalidInput', `resolve ${location}`);
        const opened = harness.sink.open(location, schemaOf(countedRows(0)), call);
        assert.equal(await tagOf(opened), 'InvalidInput', `open ${location}`);
      }
      assert.deepEqual(await harness.stored(), []);
    },
  },
  {
    name: 'parts are joined in their order, with the constants of the whole, and text in the type that holds it',
    run: async (harness) => {
      const names = ['b', 'a', 'c'].map((name) => `parts/${name}.parquet`);
      for (const [i, name] of names.entries()) {
        const columns = new Map<string, BatchColumn>([
          [
            'key',
            { type: 'string', values: [`${i}`, `${2n ** 60n + BigInt(i)}`, ''], missing: Uint8Array.of(0, 0, 1) },
          ],
          ['prediction', { type: 'float32', values: Float32Array.of(i, NaN, i + 0.5) }],
        ]);
        const rows = { rowCount: 3, columns };
        const writer = await open(
          harness,
          name,
          schemaOf(rows, [{ name: 'job_id', type: 'string', value: `part ${i}` }]),
        );
        await expectRight(writer.write(rows));
        await expectRight(writer.commit);
      }
      const location = `whole${harness.extension}`;
      await store(harness, location, countedRows(1));
      const schema: JoinSchema = {
        columns: [
          { name: 'key', type: 'int64' },
          { name: 'prediction', type: 'float32' },
        ],
        constants: [
          { name: 'job_id', type: 'string', value: 'all' },
          { name: 'scored_at', type: 'timestamp', value: '2026-03-04T05:06:07.089Z' },
        ],
      };
      const parts = await Promise.all(names.map((name) => expectRight(harness.sink.resolve(name))));
      const joined = await expectRight(harness.sink.join(location, schema, parts, call));
      await assertStored(harness, location, countedRows(1));
      const written = await expectRight(joined.commit);
      await joined.abort();
      assert.equal(written.rowCount, 9);
      assert.equal(written.location, await expectRight(harness.sink.resolve(location)));
      const found = await harness.readBack(location);
      assert.deepEqual([...(found?.cells.keys() ?? [])], ['key', 'prediction', 'job_id', 'scored_at']);
      if (harness.extension === '.parquet') assert.equal(found?.types.get('key'), 'int64');
      assert.deepEqual(
        found?.cells.get('key')?.map((cell) => (cell === null ? null : BigInt(cell))),
        [0, 1, 2].flatMap((i) => [BigInt(i), 2n ** 60n + BigInt(i), null]),
      );
      const notFinite = harness.extension === '.parquet' ? NaN : null;
      assert.deepEqual(
        found?.cells.get('prediction')?.map((cell, row) => (row % 3 === 1 ? cell : Number(cell))),
        [0, notFinite, 0.5, 1, notFinite, 1.5, 2, notFinite, 2.5],
      );
      assert.deepEqual(new Set(found?.cells.get('job_id')), new Set(['all']));
    },
  },
  {
    name: 'an output that is joined and given up, or that lacks a part, leaves the previous one, and nothing else',
    run: async (harness) => {
      const location = `joined${harness.extension}`;
      await store(harness, location, countedRows(5));
      await store(harness, 'part.parquet', countedRows(3));
      const [part, gone] = await Promise.all(
        ['part.parquet', 'gone.parquet'].map((name) => expectRight(harness.sink.resolve(name))),
      );
      const { columns } = schemaOf(countedRows(0));
      const schema = { columns, constants: [] } as JoinSchema;
      const joined = await expectRight(harness.sink.join(location, schema, [part ?? ''], call));
      await joined.abort();
      await joined.abort();
      assert.equal(await tagOf(harness.sink.join(location, schema, [part ?? '', gone ?? ''], call)), 'NotFound');
      await assertStored(harness, location, countedRows(5));
      assert.deepEqual(await harness.stored(), [location, 'part.parquet']);
    },
  },
  {
    name: 'a digest tells outputs apart, and where there is none',
    run: async (harness) => {
      const [one, same, other] = ['one', 'same', 'other'].map((name) => `${name}${harness.extension}`);
      const digest = async (location = '') => O.toUndefined(await expectRight(harness.sink.digest(location, call)));
      assert.equal(await digest(one), undefined);
      await store(harness, one ?? '', countedRows(5));
      await store(harness, same ?? '', countedRows(5));
      await store(harness, other ?? '', countedRows(6));
      assert.match((await digest(one)) ?? '', /^[0-9a-f]{64}$/);
      assert.equal(await digest(one), await digest(same));
      assert.notEqual(await digest(one), await digest(other));
    },
  },
];

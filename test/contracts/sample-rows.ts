/** Rows for the contracts of sources and sinks, and when two cells count as the same after a journey through a file. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import type { BatchColumn, BatchStream, Column, RawColumn, RawRows, RowBatch } from '../../core/index.js';

/** A value, or null where it is missing. */
export type Cell = string | number | bigint | boolean | null;

/** What a stream gave. */
export interface Rows {
  readonly rowCount: number;
  readonly batchSizes: ReadonlyArray<number>;
  readonly types: ReadonlyMap<string, RawColumn['type']>;
  readonly cells: ReadonlyMap<string, ReadonlyArray<Cell>>;
}

/** Eight rows with a column of every type, each with a missing value, and awkward names and text. */
export const sampleRows = (): RowBatch => ({
  rowCount: 8,
  columns: new Map<string, BatchColumn>([
    [
      'game_id',
      {
        type: 'int64',
        values: BigInt64Array.of(1n, 2n, 3n, 9_007_199_254_740_993n, -5n, 0n, 7n, 8n),
        missing: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0),
      },
    ],
    [
      'name',
      {
        type: 'string',
        values: ['Die Macher', 'Tal der Könige, 2', 'say "go"', 'two\nlines', '', '00123', '2020-01-01', "it's 🎲"],
        missing: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0),
      },
    ],
    [
      'year_published',
      {
        type: 'int32',
        values: Int32Array.of(1986, 1992, 1995, 2000, 2000, 2020, 2021, 0),
        missing: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
      },
    ],
    [
      'average rating',
      {
        type: 'float32',
        values: Float32Array.of(7.6, 6.5, 0, -1.25, 3.4e38, 1e-40, 8, 9),
        missing: Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0),
      },
    ],
    [
      'weight "mean"',
      {
        type: 'float64',
        values: Float64Array.of(4.3, 2.000000001, 0.1, -1e300, 5e-300, 1.5, 0, 3.25),
        missing: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0),
      },
    ],
    [
      'min_players',
      {
        type: 'int32',
        values: Int32Array.of(2147483647, -2147483648, 1, 2, 3, 4, 5, 6),
        missing: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0),
      },
    ],
    [
      'is_expansion',
      {
        type: 'bool',
        values: Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1),
        missing: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
      },
    ],
  ]),
});

/** `rowCount` rows: `row` counts from 0, `half` is half of it, `label` is text, missing in every tenth row. */
export const countedRows = (rowCount: number): RowBatch => ({
  rowCount,
  columns: new Map<string, BatchColumn>([
    ['row', { type: 'int32', values: Int32Array.from({ length: rowCount }, (_, row) => row) }],
    ['half', { type: 'float64', values: Float64Array.from({ length: rowCount }, (_, row) => row / 2 + 0.25) }],
    [
      'label',
      {
        type: 'string',
        values: Array.from({ length: rowCount }, (_, row) => `row number ${row}`),
        missing: Uint8Array.from({ length: rowCount }, (_, row) => (row % 10 === 0 ? 1 : 0)),
      },
    ],
  ]),
});

/** Reads the stream to its end; rejects when it ends with a failure. */
export const collect = async (stream: BatchStream): Promise<Rows> => {
  const batchSizes: number[] = [];
  const types = new Map<string, RawColumn['type']>();
  const cells = new Map<string, Cell[]>();
  for await (const batch of stream) {
    if (E.isLeft(batch)) throw new assert.AssertionError({ message: `${batch.left.tag}: ${batch.left.message}` });
    batchSizes.push(batch.right.rowCount);
    for (const [name, column] of [...batch.right.columns, ...apart(batch.right)]) {
      assert.equal(column.values.length, batch.right.rowCount, `the length of ${name}`);
      types.set(name, column.type);
      const known = cells.get(name) ?? [];
      for (const cell of cellsOf(column)) known.push(cell);
      cells.set(name, known);
    }
  }
  return { rowCount: batchSizes.reduce((sum, size) => sum + size, 0), batchSizes, types, cells };
};

/** The columns of a block, each by itself. */
const apart = ({ rowCount, block }: RawRows): ReadonlyArray<readonly [string, BatchColumn]> => {
  const { names, values } = block ?? { names: [], values: new Float64Array() };
  assert.equal(values.length, rowCount * names.length, 'the numbers of a block');
  return names.map((name, at) => {
    const numbers = Float64Array.from({ length: rowCount }, (_, row) => values[row * names.length + at] ?? NaN);
    return [
      name,
      { type: 'float64', values: numbers, missing: Uint8Array.from(numbers, (value) => Number(Number.isNaN(value))) },
    ];
  });
};

export const cellsOf = (column: RawColumn): ReadonlyArray<Cell> =>
  Array.from<unknown, Cell>(column.values, (value, row) => {
    if (column.type === 'json') return (value ?? null) as Cell;
    if (column.missing?.[row] === 1) return null;
    return column.type === 'bool' ? value === 1 : (value as Cell);
  });

/** Holds when each cell has the value that was stored; it may have become wider, or text (`2.5`, `true`). */
export const assertSameCells = (stored: BatchColumn, found: ReadonlyArray<Cell> | undefined, what: string): void => {
  const expected = cellsOf(stored);
  assert.equal(found?.length, expected.length, `the number of cells of ${what}`);
  assert.deepEqual(
    found?.map((cell) => (cell === null ? null : asStored(stored.type, cell))),
    expected,
    what,
  );
};

const asStored = (type: Column['type'], cell: string | number | bigint | boolean): Cell => {
  switch (type) {
    case 'float32':
      return Math.fround(Number(cell));
    case 'float64':
    case 'int32':
      return Number(cell);
    case 'int64':
      return BigInt(cell);
    case 'bool':
      return `${cell}` === 'true';
    case 'string':
      return cell;
  }
};

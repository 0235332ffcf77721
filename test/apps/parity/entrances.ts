/** Every way in for rows: the same cells as records, columns, split, NDJSON, CSV, Parquet and Arrow, cut as one likes. */
import { readFile } from 'node:fs/promises';
import { arrowEncoder } from '../../../adapters/arrow/encoder.js';
import { arrowRows } from '../../../adapters/arrow/rows.js';
import { csvRows } from '../../../adapters/csv/rows.js';
import { ndjsonRows } from '../../../adapters/duckdb/ndjson-rows.js';
import { parquetRows } from '../../../adapters/duckdb/parquet-rows.js';
import { stageParquet } from '../../../adapters/duckdb/parquet-stage.js';
import { type BatchColumn, failure, type PassingRows, type TensorType } from '../../../core/index.js';
import { bytesOf } from '../../support/bytes.js';
import { rightOf, rowBatch, typed, unhurried } from '../../support/scoring.js';

/** A bigint is an integer that a double may not hold. */
export type Cell = number | bigint | boolean | string | null;

/** Columns of one length, in order, with the types of the features that they are for. */
export type Table = ReadonlyArray<{
  readonly name: string;
  readonly type: TensorType;
  readonly cells: ReadonlyArray<Cell>;
}>;

/** How rows are cut on their way: bytes in a part, rows in a batch. */
export interface Cut {
  readonly bytes: number;
  readonly rows: number;
}

/** What a request is sent with. */
export interface Sent {
  readonly data?: unknown;
  readonly rows?: PassingRows;
}

export interface Entrance {
  readonly name: string;
  /** Whether the cells of a column for such a feature can be told by it as what they are. */
  readonly expresses: (cells: ReadonlyArray<Cell>, type: TensorType) => boolean;
  readonly send: (table: Table, cut: Cut) => Promise<Sent>;
}

const rowCountOf = (table: Table): number => table[0]?.cells.length ?? 0;
const rowsOf = (table: Table): ReadonlyArray<number> => Array.from({ length: rowCountOf(table) }, (_, row) => row);
const tooLarge = failure('TooLarge', 'too large');

/** As a number is written; no double that is too large is finite. */
const literal = (cell: Cell): string => {
  if (typeof cell === 'bigint') return `${cell}`;
  if (cell === Number.POSITIVE_INFINITY) return '1e999';
  return typeof cell === 'number' && Number.isNaN(cell) ? 'NaN' : JSON.stringify(cell);
};

const object = (members: ReadonlyArray<readonly [string, string]>): string =>
  `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
const record = (table: Table, row: number): string =>
  object(table.map(({ name, cells }) => [name, literal(cells[row] ?? null)]));

/** As a body of JSON, which has no NaN. */
const inline = (name: string, write: (table: Table) => string): Entrance => ({
  name,
  expresses: (cells) => !cells.some(Number.isNaN),
  send: async (table) => ({ data: JSON.parse(write(table)) as unknown }),
});

const ndjson: Entrance = {
  name: 'NDJSON',
  expresses: () => true,
  send: async (table, { bytes }) => {
    const content = rowsOf(table)
      .map((row) => `${record(table, row)}\n`)
      .join('');
    return {
      rows: ndjsonRows({
        bytes: bytesOf(content, { size: bytes }),
        name: 'x',
        lineLimitBytes: 10_000,
        tooLong: () => tooLarge,
      }),
    };
  },
};

const field = (cell: Cell): string =>
  typeof cell === 'string' ? `"${cell.replaceAll('"', '""')}"` : cell === null ? '' : `${cell}`;

/** Every field is text: a number and its digits are one, and no text is none. */
const csv: Entrance = {
  name: 'CSV',
  expresses: (cells, type) =>
    cells.every((cell) => {
      if (cell === null) return true;
      if (type === 'string') return typeof cell === 'string' && cell !== '';
      return typeof cell !== 'string' || type === 'int64' || !/^(?:true|false|nan|inf|[\d.+-]+)?$/i.test(cell);
    }),
  send: async (table, { bytes }) => {
    const lines = [
      table.map(({ name }) => field(name)),
      ...rowsOf(table).map((row) => table.map(({ cells }) => field(cells[row] ?? null))),
    ];
    const content = lines.map((fields) => `${fields.join(',')}\r\n`).join('');
    return {
      rows: csvRows({
        bytes: bytesOf(content, { size: bytes }),
        name: 'x',
        recordLimitBytes: 10_000,
        tooLong: () => tooLarge,
      }),
    };
  },
};

const typeOf = (cells: ReadonlyArray<Cell>, feature: TensorType): TensorType => {
  const there = cells.filter((cell) => cell !== null);
  if (there.length === 0) return feature;
  if (there.some((cell) => typeof cell === 'bigint')) return 'int64';
  if (there.some((cell) => typeof cell === 'boolean')) return 'bool';
  if (there.some((cell) => typeof cell === 'string')) return 'string';
  return there.every((cell) => Number.isInteger(cell) && (cell as number) === ((cell as number) | 0))
    ? 'int32'
    : 'float64';
};

/** A column has one type. */
const isOfOneKind = (cells: ReadonlyArray<Cell>): boolean =>
  new Set(cells.filter((cell) => cell !== null).map((cell) => typeof cell)).size <= 1;

const columnsOf = (table: Table, begin: number, end: number): Record<string, BatchColumn> =>
  Object.fromEntries(
    table.map(({ name, type, cells }) => [name, typed(typeOf(cells, type), ...cells.slice(begin, end))]),
  );

const batchesOf = (table: Table, rows: number) => {
  const rowCount = rowCountOf(table);
  return Array.from({ length: Math.ceil(rowCount / rows) }, (_, i) =>
    rowBatch(columnsOf(table, i * rows, Math.min(rowCount, (i + 1) * rows))),
  );
};

const schemaOf = (table: Table) => table.map(({ name, type, cells }) => ({ name, type: typeOf(cells, type) }));

const arrow: Entrance = {
  name: 'Arrow',
  expresses: isOfOneKind,
  send: async (table, { bytes, rows }) => {
    const encoder = arrowEncoder();
    const parts = [encoder.begin(schemaOf(table)), ...batchesOf(table, rows).map(encoder.encode), encoder.end()];
    const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return {
      rows: arrowRows({
        bytes: bytesOf(content, { size: bytes }),
        name: 'x',
        batchLimitBytes: 100_000,
        tooLarge: () => tooLarge,
      }),
    };
  },
};

const parquet: Entrance = {
  name: 'Parquet',
  expresses: isOfOneKind,
  send: async (table, { bytes, rows }) => {
    const stage = stageParquet(unhurried);
    rightOf(await stage.into.begin(schemaOf(table))());
    for (const batch of batchesOf(table, rows)) rightOf(await stage.into.write(batch)());
    const { path } = rightOf(await stage.finish());
    const content = await readFile(path);
    await stage.close();
    return {
      rows: parquetRows({ bytes: bytesOf(content, { size: bytes }), name: 'x', spoolLimitBytes: 1_000_000, tooLarge }),
    };
  },
};

export const entrances: ReadonlyArray<Entrance> = [
  inline(
    'records',
    (table) =>
      `[${rowsOf(table)
        .map((row) => record(table, row))
        .join(',')}]`,
  ),
  inline('columns', (table) => object(table.map(({ name, cells }) => [name, `[${cells.map(literal).join(',')}]`]))),
  inline('split', (table) =>
    object([
      ['columns', JSON.stringify(table.map(({ name }) => name))],
      [
        'data',
        `[${rowsOf(table)
          .map((row) => `[${table.map(({ cells }) => literal(cells[row] ?? null)).join(',')}]`)
          .join(',')}]`,
      ],
    ]),
  ),
  ndjson,
  csv,
  arrow,
  parquet,
];

/** Data source: a table in this process's memory, for tests, examples and embedders that have their rows at hand. */
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchColumn,
  type BatchStream,
  type CallOptions,
  type DataSource,
  fail,
  type Failure,
  failure,
  failTask,
  type RowBatch,
  sliceColumn,
  type WantedColumn,
  type YearRange,
} from '../../core/index.js';

const yearColumn = 'year_published';
const batchRowLimit = 65_536;

/** The rows of `table`, of any number; ranges are compared with its column `year_published`. The table is not copied. */
export const memoryDataSource = (options: {
  readonly table: RowBatch;
  readonly keys: ReadonlyArray<string>;
  /** Where rows are staged, by path; without it they cannot be. */
  readonly staged?: Map<string, RowBatch>;
}): DataSource => ({
  keys: options.keys,
  ...(options.staged === undefined
    ? {}
    : { snapshot: (range) => TE.of({ columns: digestOf(options.table), ...range }) }),
  open: (range, call, { stagePath } = {}) => {
    const over = overFailure(call);
    if (over !== undefined) return TE.left(over);
    const isRanged = range.startYear !== undefined || range.endYear !== undefined;
    const years = options.table.columns.get(yearColumn);
    if (isRanged && years === undefined) {
      return failTask('InvalidInput', `A range of years was given, and there is no column ${yearColumn}.`);
    }
    const table = isRanged && years !== undefined ? rowsWithin(options.table, years, range) : options.table;
    return TE.right({
      columnNames: [...table.columns.keys()],
      textual: false,
      countRows: TE.right(table.rowCount),
      read: (wanted) => batches(table, wanted, call),
      ...(options.staged === undefined || stagePath === undefined
        ? {}
        : { stage: () => TE.fromIO(() => stage(table, stagePath, options.staged ?? new Map())) }),
      close: async () => undefined,
    });
  },
});

/** Of all its values. */
export const digestOf = (table: RowBatch): string =>
  createHash('sha256').update(serialize(table.columns)).digest('hex');

const stage = (table: RowBatch, path: string, staged: Map<string, RowBatch>) => {
  staged.set(path, table);
  const rowGroups: number[] = [];
  for (let begin = 0; begin < table.rowCount; begin += batchRowLimit) {
    rowGroups.push(Math.min(batchRowLimit, table.rowCount - begin));
  }
  const files = [{ path, state: digestOf(table), row_count: table.rowCount }];
  return { rows: { name: 'the table', files, textual: false, casts: {} }, rowGroups };
};

async function* batches(table: RowBatch, wanted: ReadonlyArray<WantedColumn>, call: CallOptions): BatchStream {
  const unknown = wanted.find(({ name }) => !table.columns.has(name));
  if (unknown !== undefined) {
    yield fail('InvalidInput', `There is no column "${unknown.name}".`);
    return;
  }
  for (let begin = 0; begin === 0 || begin < table.rowCount; begin += batchRowLimit) {
    const over = overFailure(call);
    if (over !== undefined) {
      yield E.left(over);
      return;
    }
    const end = Math.min(begin + batchRowLimit, table.rowCount);
    const columns = new Map<string, BatchColumn>();
    for (const { name } of wanted) {
      const column = table.columns.get(name);
      if (column !== undefined) columns.set(name, sliceColumn(column, begin, end));
    }
    yield E.right({ rowCount: end - begin, columns });
  }
}

const overFailure = (call: CallOptions): Failure | undefined => {
  if (call.cancellation.aborted) return failure('Cancelled', 'The reading was cancelled.');
  if (Date.now() >= call.deadlineMs) return failure('DeadlineExceeded', 'The time allowed for reading ran out.');
  return undefined;
};

const rowsWithin = (table: RowBatch, years: BatchColumn, range: YearRange): RowBatch => {
  const rows: number[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    const year = Number(years.values[row]);
    if (years.missing?.[row] === 1) continue;
    if (year >= (range.startYear ?? -Infinity) && year <= (range.endYear ?? Infinity)) rows.push(row);
  }
  const columns = Array.from(table.columns, ([name, column]) => [name, pickRows(column, rows)] as const);
  return { rowCount: rows.length, columns: new Map(columns) };
};

const pickRows = (column: BatchColumn, rows: ReadonlyArray<number>): BatchColumn => {
  const { missing: mask } = column;
  const missing = mask === undefined ? {} : { missing: Uint8Array.from(rows, (row) => mask[row] ?? 0) };
  switch (column.type) {
    case 'float32':
      return { type: column.type, values: Float32Array.from(rows, (row) => column.values[row] ?? 0), ...missing };
    case 'float64':
      return { type: column.type, values: Float64Array.from(rows, (row) => column.values[row] ?? 0), ...missing };
    case 'int32':
      return { type: column.type, values: Int32Array.from(rows, (row) => column.values[row] ?? 0), ...missing };
    case 'int64':
      return { type: column.type, values: BigInt64Array.from(rows.map((row) => column.values[row] ?? 0n)), ...missing };
    case 'bool':
      return { type: column.type, values: Uint8Array.from(rows, (row) => column.values[row] ?? 0), ...missing };
    case 'string':
      return { type: column.type, values: rows.map((row) => column.values[row] ?? ''), ...missing };
  }
};

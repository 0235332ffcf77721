/** Row batches: equal-length named columns of typed arrays, and streams of them, from the source to the sink. */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Failure } from '../failure.js';
import type { TensorType } from '../model/signature.js';

/**
 * The values of one column. The type names are ONNX's own, so a column is a tensor's data. A `bool` is 0 or 1 in a byte.
 */
export type Column =
  | { readonly type: 'float32'; readonly values: Float32Array }
  | { readonly type: 'float64'; readonly values: Float64Array }
  | { readonly type: 'int32'; readonly values: Int32Array }
  | { readonly type: 'int64'; readonly values: BigInt64Array }
  | { readonly type: 'bool'; readonly values: Uint8Array }
  | { readonly type: 'string'; readonly values: ReadonlyArray<string> };

/** A column in a batch. `missing[i]` is 1 where row `i` has no value; what `values[i]` holds there means nothing. */
export type BatchColumn = Column & { readonly missing?: Uint8Array };

/**
 * Columns of numbers, together: of each row the values in the order of `names`, then those of the next row. A missing one is NaN, and an integer is
 * rounded to the nearest number.
 */
export interface NumberBlock {
  readonly names: ReadonlyArray<string>;
  readonly values: Float64Array;
}

/** `rowCount` rows; every column holds exactly that many values. */
export interface RowBatch {
  readonly rowCount: number;
  readonly columns: ReadonlyMap<string, BatchColumn>;
  /** Columns that are not among the others. */
  readonly block?: NumberBlock;
}

/**
 * A column as an entrance brings it: typed, or values one by one, as JSON has them, where each may be of another type. Among those, null and
 * undefined are missing, and a bigint is an integer that the entrance knows exactly.
 */
export type RawColumn = BatchColumn | { readonly type: 'json'; readonly values: ReadonlyArray<unknown> };

/** `rowCount` rows; every column holds exactly that many values. */
export interface RawRows {
  readonly rowCount: number;
  readonly columns: ReadonlyMap<string, RawColumn>;
  /** Columns that are not among the others. */
  readonly block?: NumberBlock;
  /** Gives the memory of these columns back at once; nobody may read them afterwards. Absent where the collector does as well. */
  readonly free?: (names: ReadonlyArray<string>) => void;
}

/**
 * Batches in order, pulled one at a time, so back-pressure costs nothing. A `left` is the last element. Leaving the loop
 * early (`return`) frees what the stream holds.
 */
export type BatchStream = AsyncIterable<Either<Failure, RawRows>>;

/** Name and type of one column of a stream or a file. */
export interface ColumnSpec {
  readonly name: string;
  readonly type: TensorType;
}

/** Rows `begin` (included) to `end` (excluded) of a column, without copying numbers. */
export const sliceColumn = (column: BatchColumn, begin: number, end: number): BatchColumn => {
  const missing = column.missing === undefined ? {} : { missing: column.missing.subarray(begin, end) };
  switch (column.type) {
    case 'float32':
      return { type: column.type, values: column.values.subarray(begin, end), ...missing };
    case 'float64':
      return { type: column.type, values: column.values.subarray(begin, end), ...missing };
    case 'int32':
      return { type: column.type, values: column.values.subarray(begin, end), ...missing };
    case 'int64':
      return { type: column.type, values: column.values.subarray(begin, end), ...missing };
    case 'bool':
      return { type: column.type, values: column.values.subarray(begin, end), ...missing };
    case 'string':
      return { type: column.type, values: column.values.slice(begin, end), ...missing };
  }
};

/** An empty column of `type` with room for `rowCount` values (numbers 0, text empty). */
export const allocateColumn = (type: TensorType, rowCount: number): Column =>
  columnAt(type, rowCount, new ArrayBuffer(bytesPerValue[type] * rowCount), 0);

const bytesPerValue: Readonly<Record<TensorType, number>> = {
  ...{ float32: 4, float64: 8, int32: 4, int64: 8, bool: 1, string: 0 },
};

const columnAt = (type: TensorType, rowCount: number, buffer: ArrayBuffer, at: number): Column => {
  switch (type) {
    case 'float32':
      return { type, values: new Float32Array(buffer, at, rowCount) };
    case 'float64':
      return { type, values: new Float64Array(buffer, at, rowCount) };
    case 'int32':
      return { type, values: new Int32Array(buffer, at, rowCount) };
    case 'int64':
      return { type, values: new BigInt64Array(buffer, at, rowCount) };
    case 'bool':
      return { type, values: new Uint8Array(buffer, at, rowCount) };
    case 'string':
      return { type, values: new Array<string>(rowCount).fill('') };
  }
};

/** `allocateColumn` for the columns of these features, which share one piece of memory: a single row of many would cost as many. */
export const columnAllocator = (
  features: ReadonlyArray<{ readonly type: TensorType }>,
  rowCount: number,
): ((type: TensorType) => Column) => {
  let buffer: ArrayBuffer | undefined;
  let at = 0;
  return (type) => {
    buffer ??= new ArrayBuffer(features.reduce((length, { type: one }) => length + alignedBytes(one, rowCount), 0));
    const column = columnAt(type, rowCount, buffer, at);
    at += alignedBytes(type, rowCount);
    return column;
  };
};

/** The place of the next column must suit any type. */
const alignedBytes = (type: TensorType, rowCount: number): number =>
  Math.ceil((bytesPerValue[type] * rowCount) / 8) * 8;

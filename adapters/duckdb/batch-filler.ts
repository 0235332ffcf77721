/** Turns the engine's chunks of about 2,000 rows into batches, whole columns at a time. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import {
  allocateColumn,
  type BatchColumn,
  type RawColumn,
  type RawRows,
  sliceColumn,
  type TensorType,
} from '../../core/index.js';
import type { Library } from './engine.js';
import type { Scalar } from './scalar.js';

/** As many rows as a batch may have. */
export const batchRowLimit = 65_536;

/** A batch that is being filled. */
export interface BatchFiller {
  readonly rowCount: () => number;
  /** Copies the first `count` rows of the chunk, whose first columns are the batch's. The caller keeps to the limit. */
  readonly append: (chunk: DuckDBDataChunk, count: number) => void;
  readonly finish: () => RawRows;
}

export const batchFiller = (library: Library, columns: ReadonlyArray<Scalar>): BatchFiller => {
  const fillers = columns.map(({ name, type, cellOf }) => ({
    name,
    ...(type === 'json' ? jsonFiller(cellOf) : columnFiller(library, type)),
  }));
  let rowCount = 0;
  return {
    rowCount: () => rowCount,
    append: (chunk, count) => {
      fillers.forEach((filler, i) => filler.append(chunk, i, rowCount, count));
      rowCount += count;
    },
    finish: () => ({ rowCount, columns: new Map(fillers.map((filler) => [filler.name, filler.finish(rowCount)])) }),
  };
};

interface ColumnFiller {
  readonly append: (chunk: DuckDBDataChunk, index: number, at: number, count: number) => void;
  readonly finish: (rowCount: number) => RawColumn;
}

const jsonFiller = (cellOf = (item: unknown): unknown => item): ColumnFiller => {
  const values: unknown[] = [];
  return {
    append: (chunk, index, _, count) => {
      const items = count === 0 ? undefined : chunk.getColumnVector(index);
      for (let row = 0; row < count; row++) {
        const item = items?.getItem(row) ?? undefined;
        values.push(item === undefined ? undefined : cellOf(item));
      }
    },
    finish: () => ({ type: 'json', values }),
  };
};

const columnFiller = ({ bindings }: Library, type: TensorType): ColumnFiller => {
  let missing: Uint8Array | undefined;
  const texts: string[] = [];
  const column = allocateColumn(type, type === 'string' ? 0 : batchRowLimit);
  const bytes = column.type === 'string' ? undefined : new Uint8Array(column.values.buffer);

  return {
    append: (chunk, index, at, count) => {
      if (count === 0) return;
      const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
      const valid: Uint8Array | null = bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8);
      for (let row = 0; valid !== null && row < count; row++) {
        if (((valid[row >> 3] ?? 0) & (1 << (row & 7))) !== 0) continue;
        missing ??= new Uint8Array(batchRowLimit);
        missing[at + row] = 1;
      }
      if (bytes !== undefined && column.type !== 'string') {
        const width = column.values.BYTES_PER_ELEMENT;
        bytes.set(bindings.vector_get_data(vector, count * width), at * width);
        return;
      }
      const strings = chunk.getColumnVector(index);
      for (let row = 0; row < count; row++) texts.push((strings.getItem(row) as string | null) ?? '');
    },
    finish: (rowCount) => {
      const full: BatchColumn = {
        ...(type === 'string' ? { type, values: texts } : column),
        ...(missing === undefined ? {} : { missing }),
      };
      return rowCount === batchRowLimit ? full : sliceColumn(full, 0, rowCount);
    },
  };
};

/** Turns the engine's chunks of about 2,000 rows into batches, whole columns at a time. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { allocateColumn, type BatchColumn, type ColumnSpec, type RowBatch, sliceColumn } from '../../core/index.js';
import type { Library } from './engine.js';

/** As many rows as a batch may have. */
export const batchRowLimit = 65_536;

/** A batch that is being filled. */
export interface BatchFiller {
  readonly rowCount: () => number;
  /** Copies the first `count` rows of the chunk, whose first columns are the batch's. The caller keeps to the limit. */
  readonly append: (chunk: DuckDBDataChunk, count: number) => void;
  readonly finish: () => RowBatch;
}

export const batchFiller = (library: Library, columns: ReadonlyArray<ColumnSpec>): BatchFiller => {
  const fillers = columns.map((column) => columnFiller(library, column));
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

const columnFiller = ({ bindings }: Library, { name, type }: ColumnSpec) => {
  let missing: Uint8Array | undefined;
  const texts: string[] = [];
  const column = allocateColumn(type, type === 'string' ? 0 : batchRowLimit);
  const bytes = column.type === 'string' ? undefined : new Uint8Array(column.values.buffer);

  return {
    name,
    append: (chunk: DuckDBDataChunk, index: number, at: number, count: number): void => {
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
    finish: (rowCount: number): BatchColumn => {
      const full: BatchColumn = {
        ...(type === 'string' ? { type, values: texts } : column),
        ...(missing === undefined ? {} : { missing }),
      };
      return rowCount === batchRowLimit ? full : sliceColumn(full, 0, rowCount);
    },
  };
};

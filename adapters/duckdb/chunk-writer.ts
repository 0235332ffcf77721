/** Turns batches into the engine's chunks, whole columns at a time. */
import type { DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import { type BatchColumn, textColumn, type RawRows, type SinkColumn } from '../../core/index.js';
import type { Library } from './engine.js';

/** The engine's names of the types that a batch can have; JSON values are kept as text. */
export const engineTypes = {
  float32: 'FLOAT',
  float64: 'DOUBLE',
  int32: 'INTEGER',
  int64: 'BIGINT',
  bool: 'BOOLEAN',
  string: 'VARCHAR',
  json: 'VARCHAR',
} as const satisfies Record<SinkColumn['type'], string>;

/** Fills one chunk, again and again, with rows `begin` (included) to `end` (excluded) of a batch: at most as many as it holds. */
export const chunkWriter = (
  library: Library,
  schema: ReadonlyArray<SinkColumn>,
): ((batch: RawRows, begin: number, end: number) => DuckDBDataChunk) => {
  const types: ReadonlyArray<DuckDBType> = schema.map(({ type }) => library.api[engineTypes[type]]);
  // Always the same: the collector does not see the engine's memory, and would let new ones pile up.
  const chunk = library.api.DuckDBDataChunk.create(types);
  return (batch, begin, end) => {
    chunk.reset();
    chunk.rowCount = end - begin;
    schema.forEach(({ name, type }, index) => {
      const column = batch.columns.get(name);
      if (column?.type !== type) throw new TypeError(`the batch has no ${type} column "${name}"`);
      if (column.type === 'json') copyJson(library, chunk, index, column.values, begin, end);
      else copyColumn(library, chunk, index, column, begin, end);
    });
    return chunk;
  };
};

const copyJson = (
  library: Library,
  chunk: DuckDBDataChunk,
  index: number,
  values: ReadonlyArray<unknown>,
  begin: number,
  end: number,
): void => {
  copyColumn(library, chunk, index, textColumn(values.slice(begin, end)), 0, end - begin);
};

const copyColumn = (
  { bindings }: Library,
  chunk: DuckDBDataChunk,
  index: number,
  column: BatchColumn,
  begin: number,
  end: number,
): void => {
  const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
  const missing = column.missing?.subarray(begin, end);
  if (column.type === 'string') {
    for (let row = begin; row < end; row++) {
      if (missing?.[row - begin] !== 1)
        bindings.vector_assign_string_element(vector, row - begin, column.values[row] ?? '');
    }
  } else {
    const { buffer, byteOffset, byteLength } = column.values.subarray(begin, end);
    bindings.copy_data_to_vector(vector, 0, buffer as ArrayBuffer, byteOffset, byteLength);
  }
  if (!missing?.includes(1)) return;
  const valid = new Uint8Array(Math.ceil((end - begin) / 64) * 8).fill(255);
  missing.forEach((isMissing, row) => {
    if (isMissing === 1) valid[row >> 3] = (valid[row >> 3] ?? 0) & ~(1 << (row & 7));
  });
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, valid.buffer, 0, valid.byteLength);
};

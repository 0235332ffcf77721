/** Turns the engine's chunks of up to about 2,000 rows into batches, whole columns at a time. */
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Column, RawColumn, RawRows, TensorType } from '../../core/index.js';
import type { Library } from './engine.js';
import { freeBuffers } from './free-buffers.js';
import type { Scalar } from './scalar.js';

/** A batch that is being filled. */
export interface BatchFiller {
  readonly rowCount: () => number;
  /** Takes the first `count` rows of the chunk, whose first columns are the batch's; then come those that are together, as one list. */
  readonly append: (chunk: DuckDBDataChunk, count: number) => void;
  readonly finish: () => RawRows;
}

export const batchFiller = (
  library: Library,
  columns: ReadonlyArray<Scalar>,
  together: ReadonlyArray<string>,
): BatchFiller => {
  const fillers = columns.map(({ name, type, cellOf }) => ({ name, ...fillerOf(library, type, cellOf) }));
  const blockParts: Uint8Array[] = [];
  let rowCount = 0;
  return {
    rowCount: () => rowCount,
    append: (chunk, count) => {
      if (count === 0) return;
      fillers.forEach((filler, i) => filler.append(chunk, i, count));
      if (together.length > 0) blockParts.push(listedNumbers(library, chunk, columns.length, count * together.length));
      rowCount += count;
    },
    finish: () => {
      const filled = new Map(fillers.map((filler) => [filler.name, filler.finish(rowCount)]));
      const { buffer, byteOffset } = joined(blockParts);
      const values = new Float64Array(buffer, byteOffset, rowCount * together.length);
      return {
        rowCount,
        columns: filled,
        ...(together.length === 0 ? {} : { block: { names: together, values } }),
        free: (names) => {
          const isBlockNamed = together.some((name) => names.includes(name));
          freeBuffers([
            ...names.flatMap((name) => buffersOf(filled.get(name))),
            ...(isBlockNamed ? ownBuffer(values) : []),
          ]);
        },
      };
    },
  };
};

/** The numbers of a list in every row, NaN where one is missing, as bytes of doubles. */
const listedNumbers = ({ bindings }: Library, chunk: DuckDBDataChunk, index: number, count: number): Uint8Array => {
  const lists = bindings.data_chunk_get_vector(chunk.chunk, index);
  const numbers = bindings.list_vector_get_child(lists);
  if (bindings.list_vector_get_size(lists) !== count) throw new Error('the lists do not stand one after the other');
  const bytes = bindings.vector_get_data(numbers, count * bytesPerValue.float64);
  const valid: Uint8Array | null = bindings.vector_get_validity(numbers, Math.ceil(count / 64) * 8);
  if (valid === null) return bytes;
  const values = new Float64Array(bytes.buffer, bytes.byteOffset, count);
  for (let at = 0; at < count; at++) if (isMissing(valid, at)) values[at] = Number.NaN;
  return bytes;
};

/** The engine's masks have a bit for each value, which is 0 where it is missing. */
const isMissing = (valid: Uint8Array, at: number): boolean => ((valid[at >> 3] ?? 0) & (1 << (at & 7))) === 0;

/** A column of numbers has one that is its alone. */
const buffersOf = (column: RawColumn | undefined): ReadonlyArray<ArrayBuffer> => {
  if (column === undefined || column.type === 'json' || column.type === 'string') return [];
  return ownBuffer(column.values);
};

const ownBuffer = ({ buffer }: ArrayBufferView): ReadonlyArray<ArrayBuffer> =>
  buffer instanceof ArrayBuffer ? [buffer] : [];

interface ColumnFiller {
  readonly append: (chunk: DuckDBDataChunk, index: number, count: number) => void;
  readonly finish: (rowCount: number) => RawColumn;
}

const fillerOf = (library: Library, type: Scalar['type'], cellOf: Scalar['cellOf']): ColumnFiller => {
  if (type === 'json') return jsonFiller(cellOf);
  return type === 'string' ? textFiller(library) : numberFiller(library, type);
};

const jsonFiller = (cellOf: Scalar['cellOf'] = (item) => item): ColumnFiller => {
  const values: unknown[] = [];
  return {
    append: (chunk, index, count) => {
      const items = chunk.getColumnVector(index);
      for (let row = 0; row < count; row++) {
        const item = items.getItem(row) ?? undefined;
        values.push(item === undefined ? undefined : cellOf(item));
      }
    },
    finish: () => ({ type: 'json', values }),
  };
};

const textFiller = (library: Library): ColumnFiller => {
  const values: string[] = [];
  const masks: Mask[] = [];
  return {
    append: (chunk, index, count) => {
      const mask = maskOf(library, chunk, index, count);
      masks.push(mask);
      const textAt = textsOf(library, chunk, index, count);
      for (let row = 0; row < count; row++) values.push(mask.missing?.[row] === 1 ? '' : textAt(row));
    },
    finish: (rowCount) => ({ type: 'string', values, ...missingOf(masks, rowCount) }),
  };
};

const bytesPerText = 16;
const mostBytesInside = 12;

/** The engine's texts (`duckdb_string_t` of its C interface): the length of each, and behind it the bytes, or where they are. The Node interface would lose a byte order mark. */
const textsOf = (
  { bindings }: Library,
  chunk: DuckDBDataChunk,
  index: number,
  count: number,
): ((row: number) => string) => {
  const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
  const { buffer, byteOffset, byteLength } = bindings.vector_get_data(vector, count * bytesPerText);
  const texts = Buffer.from(buffer, byteOffset, byteLength);
  return (row) => {
    const at = row * bytesPerText;
    const length = texts.readUInt32LE(at);
    if (length <= mostBytesInside) return texts.toString('utf8', at + 4, at + 4 + length);
    const bytes = bindings.get_data_from_pointer(buffer as ArrayBuffer, byteOffset + at + 8, length);
    return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8');
  };
};

const numberFiller = (library: Library, type: NumberType): ColumnFiller => {
  const { bindings } = library;
  const parts: Uint8Array[] = [];
  const masks: Mask[] = [];
  return {
    append: (chunk, index, count) => {
      masks.push(maskOf(library, chunk, index, count));
      const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
      // A copy, which nobody else holds.
      parts.push(bindings.vector_get_data(vector, count * bytesPerValue[type]));
    },
    finish: (rowCount) => ({ ...viewOf(type, joined(parts), rowCount), ...missingOf(masks, rowCount) }),
  };
};

/** Which of the rows of a chunk are missing (1); undefined when none is. */
type Mask = { readonly count: number; readonly missing: Uint8Array | undefined };

const maskOf = ({ bindings }: Library, chunk: DuckDBDataChunk, index: number, count: number): Mask => {
  const vector = bindings.data_chunk_get_vector(chunk.chunk, index);
  const valid: Uint8Array | null = bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8);
  let missing: Uint8Array | undefined;
  for (let row = 0; valid !== null && row < count; row++) {
    if (!isMissing(valid, row)) continue;
    missing ??= new Uint8Array(count);
    missing[row] = 1;
  }
  return { count, missing };
};

const missingOf = (masks: ReadonlyArray<Mask>, rowCount: number): { readonly missing?: Uint8Array } => {
  if (masks.every(({ missing }) => missing === undefined)) return {};
  const all = new Uint8Array(rowCount);
  let at = 0;
  for (const { count, missing } of masks) {
    if (missing !== undefined) all.set(missing, at);
    at += count;
  }
  return { missing: all };
};

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const all = new Uint8Array(parts.reduce((length, part) => length + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
};

type NumberType = Exclude<TensorType, 'string'>;

const bytesPerValue: Readonly<Record<NumberType, number>> = { float32: 4, float64: 8, int32: 4, int64: 8, bool: 1 };

const viewOf = (type: NumberType, { buffer, byteOffset }: Uint8Array, count: number): Column => {
  switch (type) {
    case 'float32':
      return { type, values: new Float32Array(buffer, byteOffset, count) };
    case 'float64':
      return { type, values: new Float64Array(buffer, byteOffset, count) };
    case 'int32':
      return { type, values: new Int32Array(buffer, byteOffset, count) };
    case 'int64':
      return { type, values: new BigInt64Array(buffer, byteOffset, count) };
    case 'bool':
      return { type, values: new Uint8Array(buffer, byteOffset, count) };
  }
};

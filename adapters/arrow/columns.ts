/** From Arrow's columns to those of a batch: typed where the types are the same, never by way of rows. */
import {
  Binary,
  BinaryView,
  type Data,
  DataType,
  type Dictionary,
  type Float,
  type Int,
  LargeBinary,
  Precision,
  Vector,
} from 'apache-arrow';
import type { BatchColumn, RawColumn, WantedColumn } from '../../core/index.js';
import { textReader } from './text.js';

type Role = WantedColumn['role'];

/** Whether `columnOf` reads columns of this type. */
export const isScalar = (type: DataType): boolean =>
  DataType.isDictionary(type)
    ? isScalar(type.dictionary) && !DataType.isNull(type.dictionary)
    : DataType.isNull(type) ||
      DataType.isInt(type) ||
      DataType.isFloat(type) ||
      DataType.isBool(type) ||
      isText(type) ||
      textReader(type) !== undefined;

const isText = (type: DataType): boolean =>
  DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type);

/**
 * The column's first chunk, which is all of it in a record batch. Throws a RangeError when it does not hold `rowCount` values.
 * Dates, times and decimals are text as a key, and dates and times as a feature, too, where a decimal is a float64.
 */
export const columnOf = (vector: Vector, role: Role, rowCount: number, textLimit: number): RawColumn => {
  const [data] = vector.data;
  if (data === undefined || data.length !== rowCount)
    throw new RangeError('a column has another length than its batch');
  const { type } = data;
  if (DataType.isNull(type)) return { type: 'json', values: new Array<unknown>(rowCount) };
  if (DataType.isDictionary(type)) return decoded(data as Data<Dictionary>, role, rowCount, textLimit);
  const missing = missingOf(data, rowCount);
  if (DataType.isInt(type)) return integers(data as Data<Int>, role, rowCount, missing);
  if (DataType.isFloat(type)) return floats(data as Data<Float>, vector, rowCount, missing);
  if (DataType.isBool(type))
    return { type: 'bool', values: bits(data.values as Uint8Array, data.offset, rowCount), ...missing };
  const read = isText(type) ? texts(data, textLimit) : textReader(type)?.(data);
  if (read === undefined) throw new TypeError(`columns of the type ${type} were to be refused`);
  const values = Array.from({ length: rowCount }, (_, row) => (missing.missing?.[row] === 1 ? '' : read(row)));
  return DataType.isDecimal(type) && role === 'feature'
    ? { type: 'float64', values: Float64Array.from(values, Number), ...missing }
    : { type: 'string', values, ...missing };
};

/** Texts may point to the same bytes again and again: together they are no longer than the limit. */
const texts = (data: Data, limit: number): ((row: number) => string) => {
  if (DataType.isUtf8View(data.type)) atLeast(data.values as Uint8Array, data.length * viewBytes);
  else atLeast(data.valueOffsets as Int32Array, data.length + 1);
  // The library's own way loses a byte order mark, and writes U+FFFD where there are no characters.
  const bytes = new Vector([data.clone(bytesTypeOf(data.type))]);
  let length = 0;
  return (row) => {
    const text = utf8.decode(bytes.get(row) as Uint8Array);
    length += text.length;
    if (length > limit) throw new RangeError('its texts are longer than its batch');
    return text;
  };
};

/** Throws a TypeError for what is not UTF-8. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const bytesTypeOf = (type: DataType): DataType => {
  if (DataType.isUtf8View(type)) return new BinaryView();
  return DataType.isLargeUtf8(type) ? new LargeBinary() : new Binary();
};

/** Of a text that is told by where it stands. */
const viewBytes = 16;

interface Missing {
  readonly missing?: Uint8Array;
}

const missingOf = ({ nullCount, nullBitmap, offset }: Data, rowCount: number): Missing => {
  if (nullCount === 0) return {};
  const valid = bits(nullBitmap, offset, rowCount);
  return { missing: valid.map((bit) => 1 - bit) };
};

/** A byte for each bit. */
const bits = (packed: Uint8Array, offset: number, rowCount: number): Uint8Array => {
  if (packed.length * 8 < offset + rowCount) throw new RangeError('a bitmap is too short');
  const bytes = new Uint8Array(rowCount);
  for (let row = 0, at = offset; row < rowCount; row++, at++) bytes[row] = ((packed[at >> 3] ?? 0) >> (at & 7)) & 1;
  return bytes;
};

const atLeast = <A extends { readonly length: number }>(values: A, rowCount: number): A => {
  if (values.length < rowCount) throw new RangeError('a column has too few values');
  return values;
};

const integers = (data: Data<Int>, role: Role, rowCount: number, missing: Missing): RawColumn => {
  const { isSigned, bitWidth } = data.type;
  const values = atLeast(data.values as Int32Array | BigInt64Array | BigUint64Array, rowCount).subarray(0, rowCount);
  if (values instanceof BigUint64Array) {
    // Exact, so that one that is out of range refuses its own row.
    const known = (value: bigint, row: number): bigint | undefined =>
      missing.missing?.[row] === 1 ? undefined : value;
    return role === 'key'
      ? { type: 'string', values: Array.from(values, String), ...missing }
      : { type: 'json', values: Array.from(values, known) };
  }
  if (values instanceof BigInt64Array) return { type: 'int64', values, ...missing };
  if (bitWidth === 32 && !isSigned)
    return { type: 'int64', values: BigInt64Array.from(Array.from(values, BigInt)), ...missing };
  return { type: 'int32', values: values instanceof Int32Array ? values : Int32Array.from(values), ...missing };
};

const floats = (data: Data<Float>, vector: Vector, rowCount: number, missing: Missing): BatchColumn => {
  const values = atLeast(data.values, rowCount).subarray(0, rowCount);
  switch (data.type.precision) {
    case Precision.DOUBLE:
      return { type: 'float64', values: values as Float64Array, ...missing };
    case Precision.SINGLE:
      return { type: 'float32', values: values as Float32Array, ...missing };
    case Precision.HALF:
      return {
        type: 'float32',
        values: Float32Array.from(values, (_, row) => (vector.get(row) as number | null) ?? 0),
        ...missing,
      };
  }
};

/** Each dictionary is read once, whatever number of batches points into it. */
const dictionaries = new WeakMap<Vector, Partial<Record<Role, RawColumn>>>();

const decoded = (data: Data<Dictionary>, role: Role, rowCount: number, textLimit: number): RawColumn => {
  const { dictionary, values: indices } = data;
  if (dictionary === undefined) throw new RangeError('a dictionary is missing');
  atLeast(indices as { readonly length: number }, rowCount);
  const known = dictionaries.get(dictionary) ?? {};
  dictionaries.set(dictionary, known);
  const column = (known[role] ??= whole(dictionary, role, textLimit));
  const { missing: isMissing } = missingOf(data, rowCount);
  const values = new Array<unknown>(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const at = Number(indices[row]);
    if (isMissing?.[row] === 1) continue;
    if (!(at >= 0 && at < dictionary.length)) throw new RangeError('an index is beyond its dictionary');
    if (column.type === 'json' || column.missing?.[at] !== 1) values[row] = valueAt(column, at);
  }
  if (column.type !== 'string') return { type: 'json', values };
  const missing = Uint8Array.from(values, (value) => (value === undefined ? 1 : 0));
  return {
    type: 'string',
    values: Array.from(values, (value) => (value as string | undefined) ?? ''),
    ...(missing.includes(1) ? { missing } : {}),
  };
};

const valueAt = (column: RawColumn, row: number): unknown =>
  column.type === 'bool' ? column.values[row] === 1 : column.values[row];

/** A dictionary that grew by deltas has a chunk for each. */
const whole = (dictionary: Vector, role: Role, textLimit: number): RawColumn => {
  if (dictionary.data.length === 1) return columnOf(dictionary, role, dictionary.length, textLimit);
  const values: unknown[] = [];
  for (const data of dictionary.data) {
    const column = columnOf(new Vector([data]), role, data.length, textLimit);
    for (let row = 0; row < data.length; row++) {
      values.push(column.type !== 'json' && column.missing?.[row] === 1 ? undefined : valueAt(column, row));
    }
  }
  return { type: 'json', values };
};

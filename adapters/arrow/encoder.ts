/** Predictions as an Arrow IPC stream: a record batch for each batch; what is JSON value by value is text, for its type is known only at its end. */
import {
  AsyncByteQueue,
  Bool,
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow';
import {
  type BatchColumn,
  textColumn,
  type PredictionEncoder,
  type RawColumn,
  type SinkColumn,
} from '../../core/index.js';

/** A new one for each answer. Numbers that are not finite stay as they are. */
export const arrowEncoder = (): PredictionEncoder => {
  const written = new Pieces();
  const writer = new RecordBatchStreamWriter();
  let schema = new Schema([]);
  return {
    begin: (columns) => {
      schema = new Schema(columns.map((column) => new Field(column.name, typeOf(column), true)));
      writer.reset(written, schema);
      return written.take();
    },
    encode: ({ rowCount, columns }) => {
      const children = Array.from(columns.values(), (column) => dataOf(typed(column), rowCount));
      writer.write(
        new RecordBatch(
          schema,
          makeData({ type: new Struct(schema.fields), length: rowCount, nullCount: 0, children }),
        ),
      );
      return written.take();
    },
    end: () => {
      writer.close();
      return written.take();
    },
  };
};

/** Keeps what the writer writes until it is taken. */
class Pieces extends AsyncByteQueue {
  #pieces: Uint8Array[] = [];

  override write(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  take(): Uint8Array {
    const taken = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return taken;
  }
}

const types = {
  float32: new Float32(),
  float64: new Float64(),
  int32: new Int32(),
  int64: new Int64(),
  bool: new Bool(),
  string: new Utf8(),
  json: new Utf8(),
} as const satisfies Record<SinkColumn['type'], DataType>;

const typeOf = ({ type }: SinkColumn): DataType => types[type];

const typed = (column: RawColumn): BatchColumn => (column.type === 'json' ? textColumn(column.values) : column);

const dataOf = (column: BatchColumn, length: number): Data => {
  const { missing } = column;
  const nullCount = missing === undefined ? 0 : missing.reduce((count, one) => count + one, 0);
  const nulls =
    missing === undefined || nullCount === 0 ? { nullCount: 0 } : { nullCount, nullBitmap: bitsOf(missing, 0) };
  switch (column.type) {
    case 'float32':
      return makeData({ type: types.float32, length, data: column.values, ...nulls });
    case 'float64':
      return makeData({ type: types.float64, length, data: column.values, ...nulls });
    case 'int32':
      return makeData({ type: types.int32, length, data: column.values, ...nulls });
    case 'int64':
      return makeData({ type: types.int64, length, data: column.values, ...nulls });
    case 'bool':
      return makeData({ type: types.bool, length, data: bitsOf(column.values, 1), ...nulls });
    case 'string': {
      const valueOffsets = new Int32Array(length + 1);
      for (let row = 0; row < length; row++) {
        valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + Buffer.byteLength(column.values[row] ?? '');
      }
      // One by one: together, half a character at the end of a text and half a one at the beginning of the next would be one.
      const data = Buffer.allocUnsafe(valueOffsets[length] ?? 0);
      for (let row = 0; row < length; row++) data.write(column.values[row] ?? '', valueOffsets[row] ?? 0);
      return makeData({
        type: types.string,
        length,
        valueOffsets,
        data,
        ...nulls,
      });
    }
  }
};

/** One bit for each byte, set where the byte is `set`; the lowest first. */
const bitsOf = (bytes: Uint8Array, set: 0 | 1): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(bytes.length / 8));
  bytes.forEach((byte, i) => {
    if (byte === set) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return bits;
};

/**
 * Verifies the metadata of an Arrow message before the library reads it: that believes every count that it finds, and a damaged one would make it
 * fill the memory. The names are those of Arrow's `Message.fbs` and `Schema.fbs`.
 */

/** What a message is, and how many bytes follow its metadata. */
export interface MessageKind {
  readonly header: 'schema' | 'dictionary' | 'batch';
  readonly bodyLength: number;
  readonly isCompressed: boolean;
}

/** The places of the fields of a table, and what stands there; scalars and texts harm nobody. */
interface Shape {
  /** Vectors of tables. */
  readonly tables?: Readonly<Record<number, Shape>>;
  /** Vectors of structs and scalars: the bytes of each. */
  readonly structs?: Readonly<Record<number, number>>;
  /** Tables. */
  readonly inner?: Readonly<Record<number, Shape>>;
}

const keyValue: Shape = {};
const field: Shape & { tables: Record<number, Shape> } = { tables: { 6: keyValue } };
field.tables[5] = field;
const schema: Shape = { tables: { 1: field, 2: keyValue }, structs: { 3: 8 } };
const recordBatch: Shape = { structs: { 1: 16, 2: 16, 4: 8 } };
/** Where a batch says how its buffers are compressed. */
const compressionPlace = 3;
const dictionaryBatch: Shape = { inner: { 1: recordBatch } };

const headers = {
  1: { header: 'schema', shape: schema },
  2: { header: 'dictionary', shape: dictionaryBatch },
  3: { header: 'batch', shape: recordBatch },
} as const;

const deepest = 32;

/** Throws a RangeError when the metadata is damaged. */
export const verifyMetadata = (bytes: Uint8Array): MessageKind => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // No two tables need to share bytes, and each has at least four.
  let tablesLeft = bytes.length / 4;
  let isCompressed = false;

  const refuse = (): never => {
    throw new RangeError('its metadata is damaged');
  };

  /** Of a table: where the field at a place stands; 0 when it is not there. */
  const fieldsOf = (table: number): ((place: number) => number) => {
    if (--tablesLeft < 0) refuse();
    const vtable = table - view.getInt32(table, true);
    const vtableSize = view.getUint16(vtable, true);
    return (place) => {
      const at = 4 + 2 * place;
      const offset = at + 2 > vtableSize ? 0 : view.getUint16(vtable + at, true);
      return offset === 0 ? 0 : table + offset;
    };
  };

  const pointed = (at: number): number => at + view.getUint32(at, true);

  /** Where the items begin, and how many there are. */
  const vector = (at: number, itemBytes: number): readonly [number, number] => {
    const start = pointed(at);
    const count = view.getUint32(start, true);
    return start + 4 + count * itemBytes > bytes.length ? refuse() : [start + 4, count];
  };

  const verify = (table: number, shape: Shape, depth: number): void => {
    if (depth > deepest) refuse();
    const fieldAt = fieldsOf(table);
    if (shape === recordBatch && fieldAt(compressionPlace) !== 0) isCompressed = true;
    const each = <A>(of: Readonly<Record<number, A>> | undefined, work: (at: number, what: A) => void): void => {
      for (const [place, what] of Object.entries(of ?? {})) {
        const at = fieldAt(Number(place));
        if (at !== 0) work(at, what as A);
      }
    };
    each(shape.structs, (at, itemBytes) => void vector(at, itemBytes));
    each(shape.inner, (at, inner) => verify(pointed(at), inner, depth + 1));
    each(shape.tables, (at, item) => {
      const [first, count] = vector(at, 4);
      for (let i = 0; i < count; i++) verify(pointed(first + 4 * i), item, depth + 1);
    });
  };

  const message = view.getUint32(0, true);
  const fieldAt = fieldsOf(message);
  const [headerType, header, bodyLength, metadata] = [fieldAt(1), fieldAt(2), fieldAt(3), fieldAt(4)];
  const kind = headerType === 0 ? undefined : headers[view.getUint8(headerType) as keyof typeof headers];
  if (kind === undefined || header === 0) return refuse();
  verify(pointed(header), kind.shape, 0);
  if (metadata !== 0) {
    const [first, count] = vector(metadata, 4);
    for (let i = 0; i < count; i++) verify(pointed(first + 4 * i), keyValue, 0);
  }
  const length = bodyLength === 0 ? 0 : Number(view.getBigInt64(bodyLength, true));
  return length < 0 ? refuse() : { header: kind.header, bodyLength: length, isCompressed };
};

/** Joins whole files of one format and with the same columns, byte for byte: no row is written a second time. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { OutputFormat } from '../../core/index.js';

export interface FileJoiner {
  /** Adds the rows of a file after those that are there. Of CSV, only the first may have a header. */
  readonly add: (path: string) => Promise<void>;
  /** After the last file; at least one has rows. */
  readonly finish: () => Promise<void>;
  /** Harmless twice. */
  readonly close: () => Promise<void>;
}

/** Begins the file `path`, in place of one that is there. */
export const joinFiles = async (path: string, format: OutputFormat): Promise<FileJoiner> => {
  const target = await open(path, 'w');
  const { add, finish } = format === 'parquet' ? parquetJoiner(target) : textJoiner(target);
  return { add, finish, close: () => target.close() };
};

const textJoiner = (target: FileHandle): Omit<FileJoiner, 'close'> => ({
  add: (path) => copyBytes(path, 0, Number.POSITIVE_INFINITY, target),
  finish: async () => undefined,
});

/** A struct as Thrift's compact protocol has it, with the numbers of its fields; an offset is a bigint. */
type Struct = Readonly<Record<`field_${number}`, unknown>>;

/** The metadata at the end of a file: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
interface FileMetaData extends Struct {
  readonly field_3: bigint;
  readonly field_4: ReadonlyArray<RowGroup>;
}

interface RowGroup extends Struct {
  readonly field_1: ReadonlyArray<ColumnChunk>;
}

interface ColumnChunk extends Struct {
  readonly field_3: Struct;
}

const magic = 'PAR1';
const footerBytes = 4 + magic.length;

/** The row groups of every file, moved as they are, and metadata that tells where they are now. */
const parquetJoiner = (target: FileHandle): Omit<FileJoiner, 'close'> => {
  let joined: FileMetaData | undefined;
  const groups: RowGroup[] = [];
  let position = 0;
  const append = async (bytes: string | Uint8Array): Promise<void> => {
    await target.writeFile(bytes);
    position += bytes.length;
  };
  return {
    add: async (path) => {
      if (joined === undefined) await append(magic);
      const { metadata, begin } = await readMetadata(path);
      const by = BigInt(position - magic.length);
      for (const group of metadata.field_4) groups.push(movedGroup(group, by));
      joined = { ...metadata, field_3: metadata.field_3 + (joined?.field_3 ?? 0n), field_4: groups };
      await copyBytes(path, magic.length, begin, target);
      position += begin - magic.length;
    },
    finish: async () => {
      // Nor would these functions know what an empty list holds.
      if (joined === undefined || groups.length === 0) throw new Error('there are no rows to join');
      const { serializeTCompactProtocol } = await import('hyparquet-writer/src/thrift.js');
      const { ByteWriter } = await import('hyparquet-writer/src/bytewriter.js');
      const writer = new ByteWriter();
      serializeTCompactProtocol(writer, joined);
      writer.appendUint32(writer.offset);
      await append(writer.getBytes());
      await append(magic);
    },
  };
};

/** From `begin` (included) to `end` (excluded) of a file. */
const copyBytes = async (path: string, begin: number, end: number, target: FileHandle): Promise<void> => {
  if (begin === end) return;
  for await (const bytes of createReadStream(path, { start: begin, end: end - 1, highWaterMark: 2 ** 20 }))
    await target.writeFile(bytes);
};

/** The metadata of a file that the engine wrote, and where it begins. */
const readMetadata = async (path: string): Promise<{ readonly metadata: FileMetaData; readonly begin: number }> => {
  const { deserializeTCompactProtocol } = await import('hyparquet/src/thrift.js');
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const footer = Buffer.alloc(footerBytes);
    await file.read(footer, 0, footerBytes, size - footerBytes);
    const bytes = new Uint8Array(footer.readUInt32LE(0));
    const begin = size - footerBytes - bytes.length;
    await file.read(bytes, 0, bytes.length, begin);
    const metadata = deserializeTCompactProtocol({ view: new DataView(bytes.buffer), offset: 0 }) as FileMetaData;
    return { metadata, begin };
  } finally {
    await file.close();
  }
};

/** A row group, its columns and, of each of those, where its pages, their indexes and its filter are. */
const movedGroup = (group: RowGroup, by: bigint): RowGroup => ({
  ...moved(group, by, 'field_5'),
  field_1: group.field_1.map((chunk) => ({
    ...moved(chunk, by, 'field_2', 'field_4', 'field_6'),
    field_3: moved(chunk.field_3, by, 'field_9', 'field_10', 'field_11', 'field_14'),
  })),
});

/** An offset of 0 is none. */
const moved = <S extends Struct>(struct: S, by: bigint, ...offsets: ReadonlyArray<keyof S & keyof Struct>): S => {
  const there = offsets.filter((field) => typeof struct[field] === 'bigint' && struct[field] !== 0n);
  return { ...struct, ...Object.fromEntries(there.map((field) => [field, (struct[field] as bigint) + by])) };
};

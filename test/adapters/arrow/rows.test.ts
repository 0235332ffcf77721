/** Arrow streams that arrive: types as they are, dictionaries decoded, dates and decimals as the files have them; damage is told and harms nobody. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  Bool,
  compressionRegistry,
  CompressionType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  Float16,
  Int16,
  Int32,
  Int8,
  LargeUtf8,
  List,
  Null,
  RecordBatchStreamWriter,
  tableFromIPC,
  tableToIPC,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  Utf8View,
  type Vector,
  makeData,
  makeVector,
  type DataType,
  vectorFromArray,
} from 'apache-arrow';
import test from 'ava';
import * as fc from 'fast-check';
import { arrowEncoder } from '../../../adapters/arrow/encoder.js';
import { arrowRows } from '../../../adapters/arrow/rows.js';
import { parquetRows } from '../../../adapters/duckdb/parquet-rows.js';
import { failure, type PassingRows, type RowBatch } from '../../../core/index.js';
import { countedRows, sampleRows } from '../../contracts/sample-rows.js';
import { bytesOf } from '../../support/bytes.js';
import { json, leftOf, rowBatch, typed, unhurried } from '../../support/scoring.js';
import { passed } from '../passed.js';

const rowsOf = (content: Uint8Array | string, size?: number, batchLimitBytes = 10_000_000): PassingRows =>
  arrowRows({
    bytes: bytesOf(content, size === undefined ? {} : { size }),
    name: 'The body',
    batchLimitBytes,
    tooLarge: (batch) => failure('TooLarge', `batch ${batch} is too large`),
  });

const streamOf = (columns: Readonly<Record<string, Vector>>): Uint8Array => tableToIPC(new Table(columns), 'stream');

/** As the encoder writes it, in batches of so many rows. */
const encoded = (table: RowBatch, rowsEach = table.rowCount): Uint8Array => {
  const encoder = arrowEncoder();
  const parts = [encoder.begin(Array.from(table.columns, ([name, { type }]) => ({ name, type })))];
  for (let begin = 0; begin < table.rowCount; begin += rowsEach) {
    const rows = Array.from({ length: Math.min(rowsEach, table.rowCount - begin) }, (_, i) => begin + i);
    const columns = Array.from(table.columns, ([name, { type, values, missing }]) => {
      const cells = rows.map((row) => (missing?.[row] === 1 ? null : (values[row] ?? null)));
      return [name, typed(type, ...cells)] as const;
    });
    parts.push(encoder.encode(rowBatch(Object.fromEntries(columns))));
  }
  return Buffer.concat([...parts, encoder.end()].map((part) => Buffer.from(part)));
};

/** The cells of a table. */
const cellsOf = (table: RowBatch) =>
  Object.fromEntries(
    Array.from(table.columns, ([name, { values, missing }]) => [
      name,
      Array.from(values as ArrayLike<unknown>, (value, row) => (missing?.[row] === 1 ? null : value)),
    ]),
  );

test('columns of every type come back typed, with their missing values, however they are cut', async (t) => {
  const stored = sampleRows();
  const names = [...stored.columns.keys()];
  for (const rowsEach of [8, 3, 1]) {
    for (const size of [1, 64, 100_000]) {
      const arrived = await passed(rowsOf(encoded(stored, rowsEach), size), names.toReversed());
      t.deepEqual(arrived.columnNames, names);
      t.deepEqual(arrived.cells, cellsOf(stored));
      for (const [name, { type }] of stored.columns) t.is(arrived.types[name], type);
    }
  }
});

test('a batch of any number of rows is read in parts', async (t) => {
  const stored = countedRows(20_000);
  const arrived = await passed(rowsOf(encoded(stored)), ['row', 'label']);
  t.is(arrived.rowCount, 20_000);
  t.deepEqual(arrived.cells['row'], cellsOf(stored)['row']);
  t.deepEqual(arrived.cells['label'], cellsOf(stored)['label']);
});

test('narrow, unsigned and half types, nulls and large text', async (t) => {
  const stream = streamOf({
    i8: vectorFromArray([-1, null], new Int8()),
    i16: vectorFromArray([-300, 1], new Int16()),
    u8: vectorFromArray([255, 0], new Uint8()),
    u16: vectorFromArray([65_535, 0], new Uint16()),
    u32: vectorFromArray([4_294_967_295, null], new Uint32()),
    u64: vectorFromArray([18_446_744_073_709_551_615n, null], new Uint64()),
    half: vectorFromArray([0.5, null], new Float16()),
    none: vectorFromArray([null, null], new Null()),
    text: vectorFromArray(['ü🎲', null], new LargeUtf8()),
    flag: vectorFromArray([true, null], new Bool()),
  });
  const names = ['i8', 'i16', 'u8', 'u16', 'u32', 'half', 'none', 'text', 'flag'];
  const arrived = await passed(rowsOf(stream), [...names, 'u64']);
  t.deepEqual(arrived.cells, {
    ...{ i8: [-1, null], i16: [-300, 1], u8: [255, 0], u16: [65_535, 0], u32: [4_294_967_295n, null] },
    ...{ u64: [18_446_744_073_709_551_615n, null], half: [0.5, null], none: [null, null] },
    ...{ text: ['ü🎲', null], flag: [1, null] },
  });
  t.deepEqual(
    names.map((name) => arrived.types[name]),
    [...['int32', 'int32', 'int32', 'int32', 'int64', 'float32', 'json', 'string', 'bool']] as never,
  );
  t.deepEqual((await passed(rowsOf(stream), [], ['u64'])).cells, { u64: ['18446744073709551615', null] });
});

test('dictionaries are decoded', async (t) => {
  const stream = streamOf({
    text: vectorFromArray(['a', null, 'b', 'a'], new Dictionary(new Utf8(), new Int32())),
    year: vectorFromArray([2000, 2001, null, 2000], new Dictionary(new Int32(), new Int8())),
  });
  const { cells, types } = await passed(rowsOf(stream), ['text', 'year']);
  t.deepEqual(cells, { text: ['a', null, 'b', 'a'], year: [2000, 2001, null, 2000] });
  t.deepEqual(types, { text: 'string', year: 'json' });
});

test('dates, times and decimals are as a Parquet file has them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-arrow-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const connection = await (await DuckDBInstance.create()).connect();
  const file = join(folder, 'x.parquet');
  await connection.run(`SET TimeZone = 'UTC'`);
  await connection.run(`COPY (SELECT * FROM (VALUES
    (DATE '2020-02-29', TIMESTAMP_S '2020-02-29 01:02:03', TIMESTAMP_MS '2020-02-29 01:02:03.120', TIMESTAMP '1969-12-31 23:59:59.5',
     TIMESTAMP_NS '2020-02-29 01:02:03.000000001', TIMESTAMPTZ '2020-02-29 01:02:03.25+00', TIME '01:02:03.5', 12.50::DECIMAL(9,2)),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, -0.05::DECIMAL(9,2)))
    AS t(day, s, ms, us, ns, tz, clock, money)) TO '${file}'`);
  connection.closeSync();
  const instant = Date.UTC(2020, 1, 29, 1, 2, 3);
  const ticks = (type: DataType, value: bigint) =>
    makeVector(
      makeData({
        type,
        length: 2,
        nullCount: 1,
        nullBitmap: Uint8Array.of(1),
        data: BigInt64Array.of(value, 0n),
      } as never),
    );
  const stream = streamOf({
    day: vectorFromArray([Date.UTC(2020, 1, 29), null], new DateDay()),
    s: vectorFromArray([instant, null], new TimestampMillisecond()),
    ms: vectorFromArray([instant + 120, null], new TimestampMillisecond()),
    us: ticks(new TimestampMicrosecond(), -500_000n),
    ns: ticks(new TimestampNanosecond(), BigInt(instant) * 1_000_000n + 1n),
    tz: ticks(new TimestampMicrosecond('Europe/Berlin'), BigInt(instant) * 1_000n + 250_000n),
    clock: ticks(new TimeMicrosecond(), 3_723_500_000n),
    money: vectorFromArray(
      [Uint32Array.of(1_250, 0, 0, 0), Uint32Array.of(0xff_ff_ff_fb, 0xff_ff_ff_ff, 0xff_ff_ff_ff, 0xff_ff_ff_ff)],
      new Decimal(2, 9, 128),
    ),
  });
  const names = ['day', 's', 'ms', 'us', 'ns', 'tz', 'clock', 'money'];
  const asParquet = (): PassingRows =>
    parquetRows({ bytes: bytesOf(parquet), name: 'x', spoolLimitBytes: 1_000_000, tooLarge: failure('TooLarge', '') });
  const parquet = await readFile(file);
  for (const [features, keys] of [
    [names, []],
    [[], names],
  ] as const) {
    const arrived = await passed(rowsOf(stream), features, keys);
    t.deepEqual(arrived, await passed(asParquet(), features, keys));
    t.is(arrived.cells['day']?.[0], '2020-02-29');
    t.is(arrived.cells['us']?.[0], '1969-12-31T23:59:59.5');
    t.is(arrived.cells['tz']?.[0], '2020-02-29T01:02:03.25Z');
    t.deepEqual(arrived.cells['money'], features.length > 0 ? [12.5, -0.05] : ['12.50', '-0.05']);
  }
  const others = streamOf({
    day: vectorFromArray([Date.UTC(2020, 1, 29)], new DateMillisecond()),
    clock: vectorFromArray([3_723_500], new TimeMillisecond()),
  });
  t.deepEqual((await passed(rowsOf(others), ['day', 'clock'])).cells, { day: ['2020-02-29'], clock: ['01:02:03.5'] });
});

test('a stream without batches has columns, and no rows', async (t) => {
  const encoder = arrowEncoder();
  const stream = Buffer.concat(
    [encoder.begin([{ name: 'a', type: 'int32' }]), encoder.end()].map((part) => Buffer.from(part)),
  );
  const { columnNames, rowCount, cells } = await passed(rowsOf(stream), ['a']);
  t.deepEqual({ columnNames, rowCount, cells }, { columnNames: ['a'], rowCount: 0, cells: { a: [] } });
});

test('what is no Arrow stream is refused, and says so', async (t) => {
  const list = streamOf({ tags: vectorFromArray([[1]], new List(new Field('item', new Int32()))) });
  t.regex(
    `${(await passed(rowsOf(list), ['tags'])).failure?.message}`,
    /"tags" is of the type List, and features and keys/,
  );
  t.regex(`${(await passed(rowsOf(list), ['tag'])).failure?.message}`, /no column "tag"; did you mean "tags"/);
  const open = async (content: Uint8Array | string) =>
    leftOf(await rowsOf(content).open(unhurried)(), 'InvalidInput').message;
  t.regex(await open(''), /there is nothing in it/);
  t.regex(
    await open('hello, this is no Arrow'),
    /batch 1 is damaged, or of no Arrow stream: a message does not begin as one/,
  );
  const whole = encoded(countedRows(2_000), 1_000);
  t.regex(
    `${(await passed(rowsOf(whole.subarray(0, whole.length - 100), 64), ['row'])).failure?.message}`,
    /batch 2 is damaged.*: it ends too early/,
  );
  t.regex(await open(tableToIPC(new Table({ a: vectorFromArray([1], new Int32()) }), 'file')), /this is an Arrow file/);
});

/** The library brings no codec. This one begins as Zstandard's frames do (RFC 8878); nobody will read them. */
const codec = { encode: (bytes: Uint8Array) => Buffer.concat([Buffer.from('28b52ffd2000', 'hex'), bytes]) };

test('a compressed batch is told, by its number', async (t) => {
  compressionRegistry.set(CompressionType.ZSTD, codec);
  const parts = [undefined, CompressionType.ZSTD].map((compressionType) => {
    const batches = new Table({ text: vectorFromArray(['a', 'b'.repeat(100)], new Utf8()) }).batches;
    const options = compressionType === undefined ? {} : { compressionType };
    return RecordBatchStreamWriter.writeAll(batches, options).toUint8Array(true);
  });
  const [plain, compressed] = parts as [Uint8Array, Uint8Array];
  const schemaBytes = encodedSchemaBytes(compressed);
  const both = Buffer.concat([plain.subarray(0, plain.length - 8), compressed.subarray(schemaBytes)]);
  t.is((await endOf(() => rowsOf(plain), 'text'))?.message, undefined);
  for (const [stream, batch] of [
    [compressed, 1],
    [both, 2],
  ] as const) {
    t.is(
      (await endOf(() => rowsOf(stream), 'text'))?.message,
      `The body: batch ${batch} is compressed: send an uncompressed IPC stream.`,
    );
  }
});

/** Of a stream's first message: the mark, its length, and what has that length. */
const encodedSchemaBytes = (stream: Uint8Array): number =>
  8 + Buffer.from(stream.buffer, stream.byteOffset).readUInt32LE(4);

test('a column of a type that the library does not know is told', async (t) => {
  const stream = streamOf({ tags: vectorFromArray([[1]], new List(new Field('item', new Int32()))) });
  const [list, listView] = [12, 25];
  const told = new Set<string | undefined>();
  for (let at = 8; at < encodedSchemaBytes(stream); at++) {
    if (stream[at] !== list) continue;
    const other = Uint8Array.from(stream, (byte, i) => (i === at ? listView : byte));
    told.add((await endOf(() => rowsOf(other), 'tags'))?.message);
  }
  t.true(
    told.has('The body: the schema has a column whose type is not read here (ListView): cast it, or leave it out.'),
    [...told].join('\n'),
  );
});

/** What a stream fails with, wherever it does. */
const endOf = async (rows: () => PassingRows, column: string) => {
  const opened = await rows().open(unhurried)();
  return opened._tag === 'Left' ? opened.left : (await passed(rows(), [column])).failure;
};

test('a batch above the limit is told', async (t) => {
  const small = encoded(countedRows(100));
  const large = encoded(countedRows(2_000));
  t.is((await passed(rowsOf(small, 100, small.length), ['row'])).rowCount, 100);
  const refused = await endOf(() => rowsOf(large, 100, 20_000), 'row');
  t.deepEqual([refused?.tag, refused?.message], ['TooLarge', 'batch 1 is too large']);
});

test('texts keep a byte order mark, and what is not UTF-8 is refused', async (t) => {
  const texts = ['\ufeff', '\ufeffx', 'a\ufeff', 'ä'.repeat(20)];
  for (const type of [new Utf8(), new LargeUtf8(), new Utf8View()])
    t.deepEqual((await passed(rowsOf(streamOf({ text: vectorFromArray(texts, type) })), ['text'])).cells, {
      text: texts,
    });
  const latin1 = makeData({
    type: new Utf8(),
    length: 2,
    nullCount: 0,
    valueOffsets: Int32Array.from([0, 2, 4]),
    data: Buffer.from('Züok', 'latin1'),
  });
  t.is(
    (await endOf(() => rowsOf(streamOf({ text: makeVector(latin1) })), 'text'))?.message,
    'The body: batch 1 is damaged (a text of the column "text" is not UTF-8): send an IPC stream.',
  );
});

test('texts that stand for more than their batch are refused', async (t) => {
  const valueOffsets = Int32Array.from({ length: 20 }, (_, i) => (i % 2) * 1_000);
  const text = makeData({
    type: new Utf8(),
    length: 19,
    nullCount: 0,
    valueOffsets,
    data: new Uint8Array(1_000).fill(0x78),
  });
  const stream = streamOf({ text: makeVector(text) });
  t.regex(
    `${(await endOf(() => rowsOf(stream, undefined, 4_000), 'text'))?.message}`,
    /texts are longer than its batch/,
  );
});

test('a stream with any of its bits flipped ends in rows or in a failure', async (t) => {
  const stream = encoded(
    rowBatch({
      a: typed('int32', 1, null, 3),
      s: typed('string', 'a', 'b', null),
      f: typed('bool', true, false, null),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: stream.length * 8 - 1 }), async (bit) => {
      const damaged = Uint8Array.from(stream);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const opened = await rowsOf(damaged, 64, 100_000).open(unhurried)();
      if (opened._tag === 'Left') return t.is(['InvalidInput', 'TooLarge'].includes(opened.left.tag), true);
      const wanted = ['a', 's', 'f'].map((name) => ({ name, role: 'key' }) as const);
      for await (const batch of opened.right.read(wanted)) {
        if (batch._tag === 'Right')
          t.true([...batch.right.columns.values()].every(({ values }) => values.length === batch.right.rowCount));
      }
      await opened.right.close();
    }),
    { numRuns: 300 },
  );
});

test('keys of JSON are text in a stream', (t) => {
  const encoder = arrowEncoder();
  const parts = [
    encoder.begin([{ name: 'k', type: 'json' }]),
    encoder.encode({ rowCount: 4, columns: new Map([['k', json(1, 'a', null, [2])]]) }),
    encoder.end(),
  ];
  const table = tableFromIPC(Buffer.concat(parts.map((part) => Buffer.from(part))));
  t.deepEqual(
    table.toArray().map((row) => (row as { k: unknown }).k),
    ['1', 'a', null, '[2]'],
  );
});

test('halves of a character at the end of one text and the beginning of the next stay apart', async (t) => {
  const stored = rowBatch({ text: typed('string', 'a\ud83d', '\ude00b', '🎲', null, 'next') });
  const arrived = await passed(rowsOf(encoded(stored)), ['text']);
  t.deepEqual(arrived.cells, { text: ['a\ufffd', '\ufffdb', '🎲', null, 'next'] });
});

test('of thousands of columns, the one that comes twice is told', async (t) => {
  const encoder = arrowEncoder();
  const names = Array.from({ length: 60_000 }, (_, i) => `c${i % 59_999}`);
  const begin = encoder.begin(names.map((name) => ({ name, type: 'int32' }) as const));
  const failed = leftOf(await rowsOf(Buffer.concat([Buffer.from(begin)])).open(unhurried)(), 'InvalidInput');
  t.regex(failed.message, /names the column "c0" twice/);
});

/** CSV that arrives, such as the body of a request: RFC 4180 with a header, text throughout, scored as it comes. */
import * as E from 'fp-ts/lib/Either.js';
import {
  type BatchStream,
  type ByteStream,
  fail,
  type Failure,
  nearest,
  repeated,
  type PassingRows,
  type RawColumn,
  type WantedColumn,
} from '../../core/index.js';
import { csvRecords, type CsvOrigin, type CsvRecords } from './records.js';

export interface CsvRowsOptions extends CsvOrigin {
  readonly bytes: ByteStream;
}

/**
 * The first line names the columns; one without a name is called by its place, `column0`, …. `open` and `read` fail `InvalidInput` for what is
 * no CSV, naming the line where its record begins.
 */
export const csvRows = (options: CsvRowsOptions): PassingRows => ({
  open: (call) => async () => {
    const records = csvRecords(options.bytes, options, call);
    const first = await records.next();
    if (first.done === true) {
      return fail('InvalidInput', `${options.name}: there is nothing in it; CSV begins with a header.`);
    }
    if (E.isLeft(first.value)) return first.value;
    const [header = [], ...rows] = first.value.right;
    const names = header.map((name, i) => (name === '' ? `column${i}` : name));
    if (names.some((name) => /\r(?!\n)/.test(name))) {
      await records.return();
      return fail(
        'InvalidInput',
        `${options.name}: line 1 has a carriage return (CR) without a line feed behind it: end lines in LF or CRLF.`,
      );
    }
    const twice = repeated(names);
    if (twice !== undefined) {
      await records.return();
      return fail('InvalidInput', `${options.name}: line 1 names the column "${twice}" twice (case aside).`);
    }
    return E.right({
      columnNames: names,
      textual: true,
      read: (wanted) => read(rows, records, names, wanted, options.name),
      close: async () => void (await records.return()),
    });
  },
});

async function* read(
  first: CsvRecords,
  others: AsyncIterable<E.Either<Failure, CsvRecords>>,
  names: ReadonlyArray<string>,
  wanted: ReadonlyArray<WantedColumn>,
  what: string,
): BatchStream {
  const places: Array<readonly [string, number]> = [];
  for (const { name } of wanted) {
    const place = names.indexOf(name);
    if (place < 0) {
      const near = nearest(name, names);
      yield fail(
        'InvalidInput',
        `${what}: there is no column "${name}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
      );
      return;
    }
    places.push([name, place]);
  }
  let isBegun = first.length > 0;
  if (isBegun) yield E.right(batchOf(first, places));
  for await (const records of others) {
    if (E.isLeft(records)) return yield records;
    isBegun = true;
    yield E.right(batchOf(records.right, places));
  }
  if (!isBegun) yield E.right(batchOf([], places));
}

const batchOf = (records: CsvRecords, places: ReadonlyArray<readonly [string, number]>) => ({
  rowCount: records.length,
  columns: new Map(places.map(([name, place]) => [name, columnOf(records, place)])),
});

/** An empty field is missing. */
const columnOf = (records: CsvRecords, place: number): RawColumn => {
  const values = records.map((record) => record[place] ?? '');
  return values.includes('')
    ? { type: 'string', values, missing: Uint8Array.from(values, (value) => (value === '' ? 1 : 0)) }
    : { type: 'string', values };
};

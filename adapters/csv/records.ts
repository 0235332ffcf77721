/** The records of CSV that arrives, as many as each part of it completes; a fault is told by the line where its record begins. */
import { Buffer } from 'node:buffer';
import * as E from 'fp-ts/lib/Either.js';
import { CsvError, parse } from 'csv-parse';
import { type ByteStream, type CallOptions, fail, type Failure, failure } from '../../core/index.js';

export type CsvRecords = ReadonlyArray<ReadonlyArray<string>>;

/** What is said of records that do not fit. */
export interface CsvOrigin {
  /** Begins messages, as in "The body". */
  readonly name: string;
  readonly recordLimitBytes: number;
  /** What a longer record is. */
  readonly tooLong: (lineNumber: number) => Failure;
}

/**
 * Lists of records, of which the first begins with the header. Fields are text; quotes as RFC 4180 has them; CRLF or LF ends a record. A
 * record without anything in it is passed over, but for CSV of one column. A `left` is the last element.
 */
export async function* csvRecords(
  bytes: ByteStream,
  origin: CsvOrigin,
  call: CallOptions,
): AsyncGenerator<E.Either<Failure, CsvRecords>, void, undefined> {
  const { name } = origin;
  const taker = recordTaker(origin.recordLimitBytes);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const notText = (line: number): E.Either<Failure, never> =>
    fail('InvalidInput', `${name}: there are bytes from line ${line} on that are not UTF-8: encode it as UTF-8.`);
  for await (const part of cut(bytes)) {
    if (E.isLeft(part)) return yield part;
    const over = overFailure(name, call);
    if (over !== undefined) return yield E.left(over);
    if (!isText(utf8, part.right)) return yield notText(taker.line());
    const fault = await taker.take(part.right);
    if (fault !== undefined) return yield E.left(failureOf(fault, origin));
    const records = taker.taken();
    if (records.length > 0) yield E.right(records);
  }
  if (!isText(utf8)) return yield notText(taker.line());
  const fault = await taker.end();
  if (fault !== undefined) return yield E.left(failureOf(fault, origin));
  const records = taker.taken();
  if (records.length > 0) yield E.right(records);
}

const overFailure = (name: string, { cancellation, deadlineMs }: CallOptions): Failure | undefined => {
  if (cancellation.aborted) return failure('Cancelled', `${name}: the call was cancelled.`);
  return performance.timeOrigin + performance.now() >= deadlineMs
    ? failure('DeadlineExceeded', `${name}: the time allowed ran out.`)
    : undefined;
};

/** What is parsed between two turns of the event loop: a few milliseconds' worth. */
const partBytes = 2 ** 16;

async function* cut(bytes: ByteStream): ByteStream {
  for await (const part of bytes) {
    if (E.isLeft(part)) yield part;
    else
      for (let at = 0; at < part.right.length; at += partBytes) yield E.right(part.right.subarray(at, at + partBytes));
  }
}

/** Whether the next part is, or without one, whether everything ended where a character does. */
const isText = (utf8: InstanceType<typeof TextDecoder>, part?: Uint8Array): boolean => {
  try {
    utf8.decode(part, { stream: part !== undefined });
    return true;
  } catch {
    return false;
  }
};

/** What is wrong with the record that begins in a line. */
interface Fault {
  readonly line: number;
  readonly kind: 'quotes' | 'length' | { readonly fields: number; readonly wanted: number };
}

const failureOf = ({ line, kind }: Fault, { name, tooLong }: CsvOrigin): Failure => {
  if (kind === 'length') return tooLong(line);
  return failure(
    'InvalidInput',
    kind === 'quotes'
      ? `${name}: the record that begins in line ${line} has quotes that do not match: a field with a quote in it is quoted, and the quote doubled (RFC 4180).`
      : `${name}: line ${line} has ${kind.fields} field${kind.fields === 1 ? '' : 's'}, where the header has ${kind.wanted}.`,
  );
};

/** Feeds the parser part by part. */
const recordTaker = (recordLimitBytes: number) => {
  let records: string[][] = [];
  let fieldCount: number | undefined;
  /** Where the last record ended, in bytes from the beginning. */
  let end = 0;
  /** The same after the part before, with the breaks of lines up to there; and the parts that go beyond. */
  let settled = { bytes: 0, breaks: 0 };
  let parts: ReadonlyArray<{ readonly begin: number; readonly bytes: Uint8Array }> = [];
  let partsEnd = 0;
  let misfit: { readonly begin: number; readonly fields: number } | undefined;
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    // Told by us, so that lines without anything on them are no fault.
    relax_column_count: true,
    max_record_size: recordLimitBytes,
    on_record: (record: string[], { bytes }) => {
      const isBlank = record.length === 1 && record[0] === '' && fieldCount !== 1;
      if (misfit === undefined && !isBlank) {
        fieldCount ??= record.length;
        if (record.length === fieldCount) records.push(record);
        else misfit = { begin: end, fields: record.length };
      }
      end = bytes;
      return null;
    },
  });
  // Nothing comes out of it: the records are taken as they are found. What it refuses is told to who writes.
  parser.on('error', () => undefined).resume();

  const breaksBefore = (place: number): number =>
    parts.reduce(
      (count, { begin, bytes }) =>
        count + countBreaks(bytes.subarray(Math.max(0, settled.bytes - begin), Math.max(0, place - begin))),
      settled.breaks,
    );

  const settle = async (step: (told: (error?: Error | null) => void) => void): Promise<Fault | undefined> => {
    const error = await new Promise<Error | null | undefined>((resolve) => step(resolve));
    if (misfit !== undefined) {
      return { line: breaksBefore(misfit.begin) + 1, kind: { fields: misfit.fields, wanted: fieldCount ?? 0 } };
    }
    settled = { bytes: end, breaks: breaksBefore(end) };
    parts = parts.filter(({ begin, bytes }) => begin + bytes.length > end);
    return error instanceof Error ? { line: settled.breaks + 1, kind: kindOf(error) } : undefined;
  };

  return {
    /** What is wrong, if anything is. */
    take: (bytes: Uint8Array): Promise<Fault | undefined> => {
      parts = [...parts, { begin: partsEnd, bytes }];
      partsEnd += bytes.length;
      return settle((told) => void parser.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), told));
    },
    end: (): Promise<Fault | undefined> => settle((told) => void parser.end(told)),
    taken: (): CsvRecords => {
      const taken = records;
      records = [];
      return taken;
    },
    /** The line in which the next part begins. */
    line: () => breaksBefore(partsEnd) + 1,
  };
};

const countBreaks = (bytes: Uint8Array): number => {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
};

const kindOf = (error: Error): Fault['kind'] => {
  if (!(error instanceof CsvError)) throw error;
  switch (error.code as string) {
    case 'CSV_MAX_RECORD_SIZE':
      return 'length';
    // The second is told without its prefix.
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'quotes';
    default:
      throw error;
  }
};

/** NDJSON as it stands: line by line, each by JSON's own rules, in blocks of bounded size. */
import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import * as E from 'fp-ts/lib/Either.js';
import {
  type CallOptions,
  type Failure,
  type FailureTag,
  failure,
  type JsonObject,
  parseJson,
  replaceInJson,
  show,
} from '../../core/index.js';
import { raise, raised } from './errors.js';
import { assertOngoing } from './interruptible.js';
import type { SourceFile } from './source-file.js';

/** Some rows of a file, in order: what each line says, and the line itself. */
export interface JsonRows {
  readonly records: ReadonlyArray<JsonObject>;
  readonly lines: ReadonlyArray<string>;
}

/** What is read and parsed between two turns of the event loop: a few milliseconds' worth. */
const blockBytes = 2 ** 19;

/** No line may be longer. */
const lineLimitBytes = 2 ** 24;

/** Rows at a time. */
export const jsonRowLimit = 4096;

/** Where lines come from, and what is said of those that do not fit. */
export interface LineOrigin {
  /** Begins messages. */
  readonly name: string;
  /** Of a line that is no JSON object in UTF-8. */
  readonly fault: FailureTag;
  readonly lineLimitBytes: number;
  readonly tooLong: (lineNumber: number) => Failure;
}

/**
 * The rows of the file, 1 to `jsonRowLimit` at a time. Lines without anything on them are no rows. Raises `DataUnreadable` for a line that is
 * no JSON object, naming it, `DeadlineExceeded` and `Cancelled`.
 */
export async function* readJsonLines(file: SourceFile, call: CallOptions): AsyncGenerator<JsonRows, void, undefined> {
  const tooLong = (line: number): Failure =>
    failure('DataUnreadable', `${file.name}: line ${line} is longer than ${lineLimitBytes} bytes.`);
  const handle = await open(file.path);
  try {
    yield* parseJsonLines(
      fileBlocks(handle),
      { name: file.name, fault: 'DataUnreadable', lineLimitBytes, tooLong },
      call,
    );
  } finally {
    await handle.close();
  }
}

async function* fileBlocks(handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const block = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await handle.read(block, 0, blockBytes);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
  }
}

/** The same of blocks of bytes. Raises what the origin says. */
export async function* parseJsonLines(
  blocks: AsyncIterable<Buffer>,
  origin: LineOrigin,
  call: CallOptions,
): AsyncGenerator<JsonRows, void, undefined> {
  let lineNumber = 0;
  for await (const block of wholeLines(blocks, origin, () => lineNumber + 1)) {
    assertOngoing(origin.name, call);
    let records: JsonObject[] = [];
    let lines: string[] = [];
    for (const line of textOf(block, origin, lineNumber).split('\n')) {
      lineNumber++;
      if (isBlank(line)) continue;
      if (isLongerThan(origin.lineLimitBytes, line)) throw raised(origin.tooLong(lineNumber));
      records.push(recordOf(line, origin, lineNumber));
      lines.push(line);
      if (records.length < jsonRowLimit) continue;
      yield { records, lines };
      records = [];
      lines = [];
    }
    if (records.length > 0) yield { records, lines };
  }
}

/** Blocks that end where a line does, without the last line's break. */
async function* wholeLines(
  blocks: AsyncIterable<Buffer>,
  { lineLimitBytes: limit, tooLong }: LineOrigin,
  nextLine: () => number,
): AsyncGenerator<Buffer, void, undefined> {
  // The beginning of a line that no block has held whole so far.
  let parts: Buffer[] = [];
  let byteCount = 0;
  for await (const block of blocks) {
    const end = block.lastIndexOf(0x0a);
    if (byteCount + (end < 0 ? block.length : block.indexOf(0x0a)) > limit) throw raised(tooLong(nextLine()));
    if (end >= 0) {
      yield Buffer.concat([...parts, block.subarray(0, end)]);
      parts = [];
      byteCount = 0;
    }
    parts.push(block.subarray(end + 1));
    byteCount += block.length - end - 1;
  }
  if (byteCount > 0) yield Buffer.concat(parts);
}

const textOf = (block: Buffer, { name, fault }: LineOrigin, linesBefore: number): string => {
  if (!isUtf8(block)) {
    let begin = 0;
    for (let line = linesBefore + 1; ; line++) {
      const end = block.indexOf(0x0a, begin);
      if (!isUtf8(block.subarray(begin, end < 0 ? block.length : end)))
        raise(fault, `${name}: line ${line} is not UTF-8: encode it as UTF-8.`);
      begin = end + 1;
    }
  }
  const text = block.toString('utf8');
  return linesBefore === 0 && text.startsWith('\uFEFF') ? text.slice(1) : text;
};

/** A character has at most three bytes of UTF-8 for each of its units. */
const isLongerThan = (limitBytes: number, line: string): boolean =>
  line.length * 3 > limitBytes && Buffer.byteLength(line) > limitBytes;

const isBlank = (line: string): boolean => line.charCodeAt(0) !== 0x7b && line.trim() === '';

const recordOf = (line: string, { name, fault }: LineOrigin, lineNumber: number): JsonObject => {
  const parsed = parseJson(line);
  if (E.isLeft(parsed)) {
    // Without the line itself, which the reason may quote.
    const reason = parsed.left.replace(/, (?:\.\.\.)?"[^]*/, '');
    return raise(fault, `${name}: line ${lineNumber} is not JSON (${reason}): NDJSON has one object a line.`);
  }
  const value = parsed.right;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  return raise(fault, `${name}: line ${lineNumber} must be an object, got ${show(value)}.`);
};

/** An integer of as many digits as a double may round. */
const longInteger = /(?<![\d.])-?\d{16,}(?![\d.eE])/;

/** The value of `name` in a line, of which `value` is what a double holds: an integer that was rounded comes with all its digits. */
export const exactValue = (line: string, name: string, value: unknown): unknown => {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  const quoted = parseJson(replaceInJson(line, longInteger, (digits) => `"${digits}"`));
  const digits = E.isRight(quoted) ? (quoted.right as JsonObject)[name] : undefined;
  return typeof digits === 'string' ? BigInt(digits) : value;
};

/** NDJSON as it stands: line by line, each by JSON's own rules, in blocks of bounded size. */
import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import * as E from 'fp-ts/lib/Either.js';
import { type CallOptions, type JsonObject, parseJson, replaceInJson, show } from '../../core/index.js';
import { raise } from './errors.js';
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

/**
 * The rows of the file, 1 to `jsonRowLimit` at a time. Lines without anything on them are no rows. Raises `DataUnreadable` for a line that is
 * no JSON object, naming it, `DeadlineExceeded` and `Cancelled`.
 */
export async function* readJsonLines(file: SourceFile, call: CallOptions): AsyncGenerator<JsonRows, void, undefined> {
  const handle = await open(file.path);
  try {
    let lineNumber = 0;
    for await (const block of wholeLines(handle, file.name, () => lineNumber + 1)) {
      assertOngoing(file.name, call);
      let records: JsonObject[] = [];
      let lines: string[] = [];
      for (const line of textOf(block, file.name, lineNumber).split('\n')) {
        lineNumber++;
        if (isBlank(line)) continue;
        records.push(recordOf(line, file.name, lineNumber));
        lines.push(line);
        if (records.length < jsonRowLimit) continue;
        yield { records, lines };
        records = [];
        lines = [];
      }
      if (records.length > 0) yield { records, lines };
    }
  } finally {
    await handle.close();
  }
}

/** Blocks that end where a line does, without the last line's break. */
async function* wholeLines(
  handle: FileHandle,
  name: string,
  nextLine: () => number,
): AsyncGenerator<Buffer, void, undefined> {
  // The beginning of a line that no block has held whole so far.
  let parts: Buffer[] = [];
  let byteCount = 0;
  for (;;) {
    const block = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await handle.read(block, 0, blockBytes);
    if (bytesRead === 0) break;
    const end = block.lastIndexOf(0x0a, bytesRead - 1);
    if (byteCount + (end < 0 ? bytesRead : block.indexOf(0x0a)) > lineLimitBytes)
      raise('DataUnreadable', `${name}: line ${nextLine()} is longer than ${lineLimitBytes} bytes.`);
    if (end >= 0) {
      yield Buffer.concat([...parts, block.subarray(0, end)]);
      parts = [];
      byteCount = 0;
    }
    parts.push(block.subarray(end + 1, bytesRead));
    byteCount += bytesRead - end - 1;
  }
  if (byteCount > 0) yield Buffer.concat(parts);
}

const textOf = (block: Buffer, name: string, linesBefore: number): string => {
  if (!isUtf8(block)) {
    let begin = 0;
    for (let line = linesBefore + 1; ; line++) {
      const end = block.indexOf(0x0a, begin);
      if (!isUtf8(block.subarray(begin, end < 0 ? block.length : end)))
        raise('DataUnreadable', `${name}: line ${line} is not UTF-8: encode the file as UTF-8.`);
      begin = end + 1;
    }
  }
  const text = block.toString('utf8');
  return linesBefore === 0 && text.startsWith('\uFEFF') ? text.slice(1) : text;
};

const isBlank = (line: string): boolean => line.charCodeAt(0) !== 0x7b && line.trim() === '';

const recordOf = (line: string, name: string, lineNumber: number): JsonObject => {
  const parsed = parseJson(line);
  if (E.isLeft(parsed)) {
    // Without the line itself, which the reason may quote.
    const reason = parsed.left.replace(/, (?:\.\.\.)?"[^]*/, '');
    return raise(
      'DataUnreadable',
      `${name}: line ${lineNumber} is not JSON (${reason}): NDJSON has one object a line.`,
    );
  }
  const value = parsed.right;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  return raise('DataUnreadable', `${name}: line ${lineNumber} must be an object, got ${show(value)}.`);
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

/** NDJSON that arrives, such as the body of a request: scored line by line as it comes, each value by itself, as a file is read. */
import { Buffer } from 'node:buffer';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchStream,
  type ByteStream,
  type CallOptions,
  type Failure,
  type PassingRows,
  type WantedColumn,
} from '../../core/index.js';
import { raised, toFailure } from './errors.js';
import { assertOngoing } from './interruptible.js';
import { type JsonRows, parseJsonLines } from './json-lines.js';
import { batchOf } from './json-source.js';

export interface NdjsonRowsOptions {
  readonly bytes: ByteStream;
  /** Begins messages, as in "The body". */
  readonly name: string;
  readonly lineLimitBytes: number;
  /** What a longer line is. */
  readonly tooLong: (lineNumber: number) => Failure;
}

/** So many rows are looked at for a column that the first ones do not have; so many bytes at most, as one line may have. */
const rowsToLookAt = 4_096;

/**
 * Its columns are those of the first row, and what is looked for is there, too, when one of the first 4,096 rows has it, as far as they are together no longer than one line may be. `open` and `read` fail
 * `InvalidInput` for a line that is no JSON object, naming it.
 */
export const ndjsonRows = (options: NdjsonRowsOptions): PassingRows => {
  const toRowsFailure = toFailure(options.name);
  return {
    open: (call) =>
      TE.tryCatch(async () => {
        assertOngoing(options.name, call);
        const rows = parseJsonLines(blocksOf(options.bytes), { ...options, fault: 'InvalidInput' }, call);
        const ahead = lookingAhead(rows, options.lineLimitBytes);
        await ahead.more();
        return {
          columnNames: Object.keys(ahead.first() ?? {}),
          columnsAmong: (names) =>
            TE.tryCatch(async () => {
              while (names.some((name) => !ahead.seen.has(name)) && (await ahead.more()));
              return ahead.first() === undefined ? names : names.filter((name) => ahead.seen.has(name));
            }, toRowsFailure),
          textual: false,
          read: (wanted) => read(ahead.all(), wanted, options.name, call),
          close: async () => void (await rows.return()),
        };
      }, toRowsFailure),
  };
};

async function* blocksOf(bytes: ByteStream): AsyncGenerator<Buffer, void, undefined> {
  for await (const part of bytes) {
    if (E.isLeft(part)) throw raised(part.left);
    const { buffer, byteOffset, byteLength } = part.right;
    yield Buffer.from(buffer, byteOffset, byteLength);
  }
}

/** Keeps the rows that were looked at for those that read them. */
const lookingAhead = (rows: AsyncGenerator<JsonRows, void, undefined>, byteLimit: number) => {
  const kept: JsonRows[] = [];
  const seen = new Set<string>();
  let rowsLeft = rowsToLookAt;
  let bytesLeft = byteLimit;
  /** Row by row: what counts does not depend on how the bytes were cut. */
  const look = ({ records, lines }: JsonRows): void => {
    for (let row = 0; row < records.length && rowsLeft > 0 && bytesLeft > 0; row++) {
      rowsLeft--;
      bytesLeft -= Buffer.byteLength(lines[row] ?? '');
      for (const name of Object.keys(records[row] ?? {})) seen.add(name);
    }
  };
  return {
    /** The columns of the rows so far. */
    seen: seen as ReadonlySet<string>,
    first: () => kept[0]?.records[0],
    /** Looks at more rows; false when there are none, or enough were looked at. */
    more: async (): Promise<boolean> => {
      if (rowsLeft === 0 || bytesLeft <= 0) return false;
      const next = await rows.next();
      if (next.done === true) return false;
      look(next.value);
      kept.push(next.value);
      return true;
    },
    /** Every row, from the first. */
    all: async function* () {
      for (let first = kept.shift(); first !== undefined; first = kept.shift()) yield first;
      yield* rows;
    },
  };
};

async function* read(
  rows: AsyncIterable<JsonRows>,
  wanted: ReadonlyArray<WantedColumn>,
  name: string,
  call: CallOptions,
): BatchStream {
  try {
    let isBegun = false;
    for await (const some of rows) {
      isBegun = true;
      yield E.right(batchOf(some, wanted));
      assertOngoing(name, call);
    }
    if (!isBegun) yield E.right(batchOf({ records: [], lines: [] }, wanted));
  } catch (error) {
    yield E.left(toFailure(name)(error));
  }
}

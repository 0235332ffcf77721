/** Files in buckets as source files: copies on this machine, whole, or with what is read of a Parquet file. */
import { open } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type BucketFile,
  type ByteRange,
  type CallOptions,
  failure,
  type Failure,
  type RowRange,
} from '../../core/index.js';
import { orRaise, raise, raised } from './errors.js';
import { chunkRanges } from './parquet-chunks.js';
import { formatOf, type SourceFile } from './source-file.js';

/** A copy that is its reader's own, and goes when it is closed. */
interface Copy {
  /** Absolute. */
  readonly path: string;
  readonly close: Task<void>;
}

/** Where files in buckets come from. */
export interface BucketCopies {
  readonly head: (address: string, call: CallOptions) => TaskEither<Failure, O.Option<BucketFile>>;
  /** Fails `Conflict` when the file is gone or in another generation. */
  readonly whole: (file: BucketFile, call: CallOptions) => TaskEither<Failure, Copy>;
  /** A copy with holes, which `fetch` fills. */
  readonly partial: (
    file: BucketFile,
    call: CallOptions,
  ) => TaskEither<
    Failure,
    Copy & { readonly fetch: (ranges: ReadonlyArray<ByteRange>, call: CallOptions) => TaskEither<Failure, void> }
  >;
}

/** Whether a path names a file in a bucket. */
export const isInBucket = (path: string): boolean => path.startsWith('gs://');

/** The file as it is now. Raises `NotFound`, and what `head` fails with. */
export const findInBucket = async (
  copies: BucketCopies | undefined,
  address: string,
  call: CallOptions,
): Promise<BucketFile> => {
  formatOf(address);
  const found = orRaise(await given(copies, address).head(address, call)());
  return O.isSome(found) ? found.value : raise('NotFound', `${address}: there is no such file in the bucket.`);
};

/** How often a file may be replaced between the look at it and its copy. */
const mostTries = 3;

/** A copy of the file as it is now. */
export const copyWhole = async (
  copies: BucketCopies | undefined,
  view: string,
  address: string,
  call: CallOptions,
): Promise<SourceFile> => {
  for (let tries = 1; ; tries++) {
    const file = await findInBucket(copies, address, call);
    const copied = await given(copies, address).whole(file, call)();
    if (E.isLeft(copied) && copied.left.tag === 'Conflict' && tries < mostTries) continue;
    const { path, close } = orRaise(copied);
    return { view, name: address, path, close, format: formatOf(address), generation: file.generation };
  }
};

const given = (copies: BucketCopies | undefined, address: string): BucketCopies =>
  copies ?? raise('InvalidInput', `${address}: files in buckets are not read here.`);

/** Where Parquet says what is where, in most files. */
const tailBytes = 65_536;
const magicBytes = 8;

/** A copy with the end of a Parquet file, to which the chunks that are to be read come before they are. */
export const copyParts = async (
  copies: BucketCopies | undefined,
  view: string,
  file: BucketFile,
  call: CallOptions,
): Promise<SourceFile> => {
  const { address, sizeBytes, generation } = file;
  const copy = orRaise(await given(copies, address).partial(file, call)());
  const fetched = new Set<string>();
  /** From here on everything is there. */
  let endBegin = sizeBytes;
  const fetch = async (ranges: ReadonlyArray<ByteRange>): Promise<void> => {
    const missing = ranges.filter(({ begin, end }) => begin < endBegin && !fetched.has(`${begin} ${end}`));
    if (missing.length === 0) return;
    const result = await copy.fetch(joined(missing), call)();
    if (E.isLeft(result) && result.left.tag === 'Conflict') throw raised(replaced(address));
    orRaise(result);
    for (const { begin, end } of missing) fetched.add(`${begin} ${end}`);
  };
  try {
    const fetchFrom = async (begin: number): Promise<void> => {
      await fetch([{ begin, end: endBegin }]);
      endBegin = Math.min(begin, endBegin);
    };
    await fetchFrom(Math.max(0, sizeBytes - tailBytes));
    await fetchFrom(Math.max(0, sizeBytes - magicBytes - (await footerBytes(copy.path, sizeBytes))));
  } catch (error) {
    await copy.close();
    throw error;
  }
  return {
    view,
    name: address,
    path: copy.path,
    close: copy.close,
    format: 'parquet',
    generation,
    fetchColumns: async (connection: DuckDBConnection, names: ReadonlyArray<string>, rows?: RowRange) =>
      fetch(await chunkRanges(connection, copy.path, sizeBytes, names, rows)),
  };
};

const replaced = (address: string): Failure =>
  failure(
    'DataUnreadable',
    `${address}: the file was removed or replaced since it was opened. Score again when nobody writes to it.`,
  );

/** What stands before the last four bytes; 0 in a file that is too short for it. */
const footerBytes = async (path: string, sizeBytes: number): Promise<number> => {
  if (sizeBytes < magicBytes) return 0;
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, sizeBytes - magicBytes);
    return buffer.readUInt32LE();
  } finally {
    await handle.close();
  }
};

/** Fewer ranges with the same bytes: neighbours are one. */
const joined = (ranges: ReadonlyArray<ByteRange>): ReadonlyArray<ByteRange> => {
  const fewer: ByteRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.begin - b.begin)) {
    const last = fewer.at(-1);
    if (last === undefined || range.begin > last.end) fewer.push(range);
    else fewer[fewer.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
  }
  return fewer;
};

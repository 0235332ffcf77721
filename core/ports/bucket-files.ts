/** Port: files of any size in buckets, moved between there and the disk of this machine. */
import type { Option } from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { CallOptions } from './host.js';

/** One state of one file. Another write is another generation, whatever its bytes are. */
export interface BucketFile {
  /** `gs://bucket/name`. */
  readonly address: string;
  /** Opaque: compared for equality only, and only with those of the same address. */
  readonly generation: string;
  readonly sizeBytes: number;
  /** In lower-case hex, where `upload` wrote it. */
  readonly sha256?: string;
}

/** Bytes `begin` (included) to `end` (excluded) of a file. */
export interface ByteRange {
  readonly begin: number;
  readonly end: number;
}

/**
 * An address is `gs://`, a bucket, and a name of one or more segments, joined by `/`: none is empty, `.` or `..`, and none holds a control
 * character or one of `# [ ] { } * ? \`. Every other address is refused with `InvalidInput`, by every call.
 *
 * The adapter promises:
 * - a file is visible whole or not at all, also to those that read it while it is replaced: what is read is of one generation;
 * - bytes arrive as they left, held against the digest of the service or of the range, else the call fails `Unavailable`;
 * - nothing is held in memory but a few chunks;
 * - every call settles by its deadline (`DeadlineExceeded`) or soon after its cancellation (`Cancelled`), and leaves nothing on the disk that it
 *   did not finish.
 *
 * Every call may fail `InvalidInput` (address), `NotFound` (no such bucket), `PermissionDenied`, `Unavailable`, `DeadlineExceeded`, `Cancelled`.
 */
export interface BucketFiles {
  /** The file as it is now; none when there is none. */
  readonly head: (address: string, call: CallOptions) => TaskEither<Failure, Option<BucketFile>>;
  /** All files whose addresses begin with `prefix`, sorted by address. */
  readonly list: (prefix: string, call: CallOptions) => TaskEither<Failure, ReadonlyArray<BucketFile>>;
  /**
   * Writes the file to `path`, which is made, or of these ranges each to its place in the file that is there, and nothing else.
   * Fails `Conflict` when the file is gone or in another generation, unless the bucket keeps what was replaced. Nothing may be at the path of a
   * whole file.
   */
  readonly download: (
    file: BucketFile,
    path: string,
    ranges: ReadonlyArray<ByteRange> | 'whole',
    call: CallOptions,
  ) => TaskEither<Failure, void>;
  /** Puts the file at `path` in the place of whatever is at the address, in one step, with its SHA-256. */
  readonly upload: (path: string, address: string, call: CallOptions) => TaskEither<Failure, BucketFile>;
  /** Removes the file. Succeeds when there was none. */
  readonly remove: (address: string, call: CallOptions) => TaskEither<Failure, void>;
}

/** Port: where predictions go, all or nothing. */
import type { Option } from 'fp-ts/lib/Option.js';
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { TensorType } from '../model/signature.js';
import type { ColumnSpec, RawRows } from '../scoring/row-batch.js';
import type { CallOptions } from './host.js';

/** A `json` column becomes the narrowest type that holds all its values, once they are all there: `narrowestType` says which. */
export interface SinkColumn {
  readonly name: string;
  readonly type: TensorType | 'json';
}

/** What an output holds: the columns of the batches that are written, then columns with one value in every row. */
export interface SinkSchema {
  readonly columns: ReadonlyArray<SinkColumn>;
  readonly constants: ReadonlyArray<{ readonly name: string } & ConstantValue>;
}

/** A schema in which every column has its type. */
export interface JoinSchema extends SinkSchema {
  readonly columns: ReadonlyArray<ColumnSpec>;
}

export type ConstantValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int32'; readonly value: number }
  /** An instant, ISO 8601 in UTC. */
  | { readonly type: 'timestamp'; readonly value: string };

/** What a finished output is. */
export interface Written {
  /** Where it is, resolved: a path, or a `gs://` address. */
  readonly location: string;
  readonly rowCount: number;
  readonly sizeBytes: number;
}

/** An output under way. Calls come one after the other; exactly one of `commit`, `clear` and `abort` ends it. */
export interface SinkWriter {
  /** Takes a batch with exactly the schema's columns. Missing values become nulls; NaN stays NaN in Parquet and is null in CSV and NDJSON. */
  readonly write: (batch: RawRows) => TaskEither<Failure, void>;
  /** Replaces the target in one step; until then, and when this fails, the previous output is as it was. */
  readonly commit: TaskEither<Failure, Written>;
  /** Ends with no output at the target: removes the previous one, if there is one, and what was written. */
  readonly clear: TaskEither<Failure, void>;
  /** Leaves nothing behind; harmless after `commit` or `clear`, or twice. */
  readonly abort: Task<void>;
}

/** An output that is whole and not in its place yet; ended by one of the two, which do what a writer's do. */
export type JoinedOutput = Pick<SinkWriter, 'commit' | 'abort'>;

/**
 * The format is told by the extension: `.parquet` (zstd), `.csv`, `.ndjson` or `.jsonl`.
 *
 * The adapter promises that the target is at every moment the previous output, whole, or the new one, whole, and that
 * rows keep their order. Nobody promises what happens when two outputs go to one target at once, except that one of them is there, whole.
 */
export interface PredictionSink {
  /** Where locations are resolved, for people: a folder or a `gs://` address. */
  readonly root: string;
  /**
   * Begins an output at `location`, relative to the root, with `/` between segments.
   * Fails `InvalidInput` when the location escapes the root (`..`, absolute, through a symbolic link) or has no known extension,
   * `PermissionDenied`, `Unavailable` (also when the disk is full), `DeadlineExceeded`, `Cancelled`.
   */
  readonly open: (location: string, schema: SinkSchema, call: CallOptions) => TaskEither<Failure, SinkWriter>;
  /**
   * Writes beside the target the rows of `parts`, in their order: outputs of such a sink in Parquet or NDJSON, where they are, with the columns of
   * the schema. A column that is text in the parts becomes what the schema says; constants are the schema's. Fails as `open` does, and `NotFound`
   * when a part is not there.
   */
  readonly join: (
    location: string,
    schema: JoinSchema,
    parts: ReadonlyArray<string>,
    call: CallOptions,
  ) => TaskEither<Failure, JoinedOutput>;
  /** The SHA-256, in lower-case hex, of the output at `location`; none when there is none. Fails like `open`. */
  readonly digest: (location: string, call: CallOptions) => TaskEither<Failure, Option<string>>;
  /** Where `location` will be, resolved, without touching anything. Fails `InvalidInput` like `open`. */
  readonly resolve: (location: string) => TaskEither<Failure, string>;
}

/** Port: where rows to score come from. */
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import type { Failure } from '../failure.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { BatchStream } from '../scoring/row-batch.js';
import type { CallOptions } from './host.js';
import type { RowsThere } from './source-scoring.js';

/** Both years are included; an absent side is open. Rows without a year never match a range. */
export interface YearRange {
  readonly startYear?: number;
  readonly endYear?: number;
}

/** A column to read, and what for: keys of date, timestamp or decimal type travel as ISO or decimal text. */
export interface WantedColumn {
  readonly name: string;
  readonly role: 'feature' | 'key';
}

/** A Parquet file of staged rows. */
const StagedFile = t.readonly(
  t.type({
    path: t.string,
    /** Tells when the file is another one by now. */
    state: t.string,
    row_count: t.number,
  }),
);
export type StagedFile = t.TypeOf<typeof StagedFile>;

/** The rows of a source in Parquet files, where several processes read them, each a range: those of the first file, then those of the next. */
export const StagedRows = t.readonly(
  t.type({
    /** What messages call them. */
    name: t.string,
    files: t.readonlyArray(StagedFile),
    /** As `OpenedSource` has it. */
    textual: t.boolean,
    /** Columns that stand there as text, and the type that each of them is read as, by the name that the engine has for it. */
    casts: t.readonly(t.record(t.string, t.string)),
  }),
  'StagedRows',
);
export type StagedRows = t.TypeOf<typeof StagedRows>;

/** What was staged. */
export interface Staged {
  readonly rows: StagedRows;
  /** How many rows each row group of the files has, which can be read by itself. */
  readonly rowGroups: ReadonlyArray<number>;
}

/** A source whose query was prepared: its columns are known, no row was read yet. */
export interface OpenedSource {
  /**
   * Every column there is, in the source's order, also those that cannot be read as scalars; where each row names its own (NDJSON), those of
   * the first rows, and where rows pass by, of the first.
   */
  readonly columnNames: ReadonlyArray<string>;
  /**
   * Only where each row names its own columns: those of `names` that some row has, or all of them when there are no rows. Costs a pass over
   * the source when one of them is not among `columnNames`. Fails as `read` does.
   */
  readonly columnsAmong?: (names: ReadonlyArray<string>) => TaskEither<Failure, ReadonlyArray<string>>;
  /** Those of the source's keys that are no columns here, where that is no mistake: they were meant for another file. */
  readonly absentKeys?: ReadonlyArray<string>;
  /** What a report tells of the source, in sentences: what reading it costs. */
  readonly notes?: ReadonlyArray<string>;
  /** True for CSV: a `string` column holds unparsed text, in which an empty field is missing. */
  readonly textual: boolean;
  /** How many rows there will be. May cost a pass over the source. Fails as `read` does. */
  readonly countRows: TaskEither<Failure, number>;
  /**
   * The rows, in one pass, each batch with exactly the wanted columns and 1 to 65,536 rows; a source without rows gives one batch of none, which shows the columns' types; no wanted columns gives batches
   * without columns. A column of JSON gives its values one by one, so that one that does not fit refuses its own row and no other. A source
   * reads each wanted column and no other. A second `read` begins again. Columns that are wanted `together` may come as a block, in that order,
   * where all of them are numbers or bools there.
   * Ends with a left `DataUnreadable` (saying where) when a file or row does not parse or a wanted column's type is not scalar,
   * `InvalidInput` when a wanted column is not there, `TooLarge` when the query needs more memory than it may use, `PermissionDenied`,
   * `Unavailable`, `DeadlineExceeded`, `Cancelled`.
   */
  readonly read: (wanted: ReadonlyArray<WantedColumn>, together?: ReadonlyArray<string>) => BatchStream;
  /**
   * Only where `open` was given a path: writes the wanted columns of all the rows there, in order, and makes the file durable; or finds them in
   * Parquet files that the source is anyway, or has others write them, as `stagePrefix` says. Fails as `read` does.
   */
  readonly stage?: (wanted: ReadonlyArray<WantedColumn>) => TaskEither<Failure, Staged>;
  /** Only where the rows can be scored where they are. */
  readonly there?: RowsThere;
  /** Frees what it holds; harmless twice. */
  readonly close: Task<void>;
}

/** Rows that come by once: nobody can count them before, and they are opened and read a single time. */
export interface PassingRows {
  /** Reads on until the columns are known. Fails as `DataSource.open` does, with `InvalidInput` for what does not parse and `TooLarge` above a limit. */
  readonly open: (call: CallOptions) => TaskEither<Failure, Omit<OpenedSource, 'countRows'>>;
}

/** What rows are opened for. */
export interface Opening {
  /**
   * The scoring. A source whose query runs elsewhere, and costs something, finds that of an earlier opening for the same scoring there, with the
   * same rows.
   */
  readonly jobId?: string;
  /** The file that `stage` writes. */
  readonly stagePath?: string;
  /** Where files that `stage` has others write to a bucket begin, `gs://bucket/name-`; they end in `.parquet`. */
  readonly stagePrefix?: string;
}

/** The adapter promises not to change what it reads. Nobody promises that two readings see the same rows. */
export interface DataSource {
  /** The columns that are carried from the source to the output beside the predictions. `keysOf` checks them against an opened source. */
  readonly keys: ReadonlyArray<string>;
  /**
   * Prepares the query for the range; the options hold for everything that the opened source does.
   * Fails `NotFound` when a file is not there, `DataUnreadable` when a file does not parse, `InvalidInput` when the query does not parse or
   * names what is not there, or a range is given and the source has no year to compare it with, `TooLarge` when the query would read more than
   * it may, `Unavailable`, `PermissionDenied`, `DeadlineExceeded`, `Cancelled`.
   */
  readonly open: (range: YearRange, call: CallOptions, opening?: Opening) => TaskEither<Failure, OpenedSource>;
  /**
   * Only where several processes can read the rows: all that decides which rows a range has, at the cost of no row. Two that are equal tell the
   * same rows. Fails as `open` does.
   */
  readonly snapshot?: (range: YearRange, call: CallOptions) => TaskEither<Failure, JsonObject>;
}

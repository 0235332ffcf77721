/** Port: the folder of one sharded job, which all its processes share: documents, staged rows, parts of the output. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { ArtifactStore } from './artifact-store.js';
import type { DataSource, Opening, StagedFile, StagedRows } from './data-source.js';
import type { CallOptions } from './host.js';
import type { PredictionSink } from './prediction-sink.js';

/** Rows `begin` (included) to `end` (excluded), counted from 0. */
export interface RowRange {
  readonly begin: number;
  readonly end: number;
}

/** `stagePath` is on this machine; a file there is for `stage` to take. `stagePrefix` is in the folder, where that is in a bucket. */
export type StagePlace = Required<Pick<Opening, 'stagePath'>> & Pick<Opening, 'stagePrefix'>;

/** Every name in the folder that does not begin with `_` is a file of rows. Nothing is made before the first write. */
export interface JobFolder {
  /** Keys begin in the folder. */
  readonly documents: ArtifactStore;
  /** Files of rows; locations begin in the folder. */
  readonly parts: PredictionSink;
  /** Where the job's output goes, wherever the folder is seen: locations begin in the folder that holds `{output}.job`. */
  readonly outputs: PredictionSink;
  /**
   * A range of staged rows as a source, which ignores years. A relative path of theirs begins in the folder. Opening it fails `DataUnreadable` when a
   * file was changed since.
   */
  readonly readStaged: (rows: StagedRows, keys: ReadonlyArray<string>, range: RowRange) => DataSource;
  /** Where rows may be staged, under a name that nobody else has. */
  readonly stagePlace: (name: string) => TaskEither<Failure, StagePlace>;
  /** Takes the file of staged rows that was written at the `stagePath` of the name into the folder, where the path that it then has is relative. */
  readonly stage: (name: string, written: StagedFile, call: CallOptions) => TaskEither<Failure, StagedFile>;
  /** Removes all files of rows, also those that killed processes left half written. Fails `PermissionDenied`, `Unavailable`. */
  readonly removeRows: (call: CallOptions) => TaskEither<Failure, void>;
  /** Removes the folder with all that is in it. Fails `PermissionDenied`, `Unavailable`. */
  readonly remove: (call: CallOptions) => TaskEither<Failure, void>;
}

/** By its path, as `PredictionSink.resolve` resolves: a folder of this machine, or a `gs://` address. */
export type OpenJobFolder = (path: string) => JobFolder;

/** Ports: who takes the predictions of an answer as they are made, and how they become bytes. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { RawRows } from '../scoring/row-batch.js';
import type { SinkColumn } from './prediction-sink.js';

/**
 * Calls come one after the other, and each settles when the next may come: who takes slowly holds back the source. After one that fails there are
 * no more; core says in the answer of the scoring whether everything came.
 */
export interface PredictionStream {
  /** Comes once, before any row, also when there will be none: `row`, the keys, the prediction columns. */
  readonly begin: (columns: ReadonlyArray<SinkColumn>) => TaskEither<Failure, void>;
  /** Takes a batch with exactly these columns; `json` ones hold values one by one, of any type. The arrays are not used again. */
  readonly write: (batch: RawRows) => TaskEither<Failure, void>;
}

/** Writes predictions in some format, piece by piece: the pieces in order are the whole. */
export interface PredictionEncoder {
  readonly begin: (columns: ReadonlyArray<SinkColumn>) => string | Uint8Array;
  /** Of a batch with exactly these columns. */
  readonly encode: (batch: RawRows) => string | Uint8Array;
  /** What comes after the last row. */
  readonly end: () => string | Uint8Array;
}

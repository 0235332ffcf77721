/** Part of a port: a source that scores its own rows where they are, with a model that it reads itself. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { Feature } from '../model/signature.js';
import type { DistributionSummary } from '../scoring/distribution.js';
import type { Provenance } from '../scoring/outputs.js';
import type { PredictionColumn } from '../scoring/predictions.js';
import type { BatchStream } from '../scoring/row-batch.js';

/** What is to be scored, and with what. */
export interface PredictingThere {
  /** The source keeps the model under it: letters, digits and _. Another version or artifact has another name. */
  readonly modelName: string;
  /** Where the model's artifact is, as the source reads it: a `gs://` address. */
  readonly artifact: string;
  /** Each is an input of its own. */
  readonly features: ReadonlyArray<Feature>;
  readonly predictionColumns: ReadonlyArray<PredictionColumn>;
  /** Columns of the source that are carried to the output. */
  readonly keys: ReadonlyArray<string>;
  readonly provenance: Provenance;
}

/** The same, and where the predictions go. */
export interface ScoringThere extends PredictingThere {
  /** A table, as the sink resolves it. */
  readonly output: string;
}

export interface ScoredThere {
  readonly rowCount: number;
  /** By numeric prediction column. */
  readonly summaries: Readonly<Record<string, DistributionSummary>>;
  /** That nothing was summarised, and why: the rows are written all the same. */
  readonly warnings: ReadonlyArray<string>;
  /** How long it took to have the model there. */
  readonly loadMs: number;
  readonly scoreMs: number;
}

/**
 * Scores rows where they are, with the values that the coercion of features would give. Both fail `SignatureMismatch` when a value does not fit its
 * feature, or a column's type fits none of it; `InvalidInput` when the model is not taken; `NotFound`, `TooLarge`, `PermissionDenied`,
 * `Unavailable`, `DeadlineExceeded`, `Cancelled`.
 */
export interface RowsThere {
  /** Into a table, which has every row or, when this fails, none; either, when it fails `ambiguous`. Fails `InvalidInput`, too, when the output is not taken. */
  readonly score: (scoring: ScoringThere) => TaskEither<Failure, ScoredThere>;
  /**
   * Has the model there, and gives the rows in one pass, as `OpenedSource.read` would give them, keys as it has them: of the keys and the
   * prediction columns, which have their types. Every row or, when it ends with a failure, too few.
   */
  readonly predict: (predicting: PredictingThere) => TaskEither<Failure, BatchStream>;
}

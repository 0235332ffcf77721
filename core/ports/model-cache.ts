/** Port: loaded models under a byte budget, one load per model however many ask. */
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { LoadedModel } from './inference-engine.js';

/** What a cache holds now, and how often it was asked since it was made. */
export interface ModelCacheUsage {
  readonly modelCount: number;
  readonly sizeBytes: number;
  readonly hits: number;
  readonly misses: number;
}

/**
 * The adapter promises:
 * - `load` runs once for all who ask for the same key while it is loading; a failed load is not remembered;
 * - one who waits for another's load that ends in `Cancelled` or `DeadlineExceeded` loads for himself;
 * - a model is released once it is evicted and nobody uses it, never while somebody does;
 * - the models that are held and not in use stay within the byte budget;
 * - `hits` counts the askings whose model was held or being loaded, `misses` the loads that began.
 *
 * It may assume that the key (the artifact's SHA-256) says everything about the model.
 */
export interface ModelCache {
  /** Lends the model of `key` to `use`, loading it first if it is not held. Fails as `load` or `use` does. */
  readonly withModel: <A>(
    key: string,
    load: TaskEither<Failure, LoadedModel>,
    use: (model: LoadedModel) => TaskEither<Failure, A>,
  ) => TaskEither<Failure, A>;
  readonly usage: () => ModelCacheUsage;
  /** Evicts everything: what is idle is released by then, what is loading or in use after its last user. */
  readonly clear: Task<void>;
}

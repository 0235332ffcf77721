/** Port: the runtime that inspects, loads and runs artifacts. */
import type { Option } from 'fp-ts/lib/Option.js';
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { OnnxFormat } from '../model/push-down.js';
import type { TensorSpec } from '../model/signature.js';
import type { Column } from '../scoring/row-batch.js';
import type { CallOptions } from './host.js';

/** Row-major data and its dimensions; the product of `shape` is the number of values. */
export type Tensor = Column & { readonly shape: ReadonlyArray<number> };

/** What an artifact says of itself, and what one warm-up row showed. */
export interface Inspection {
  readonly inputs: ReadonlyArray<TensorSpec>;
  /** With the widths that the warm-up row showed where the artifact leaves a dimension after the first free. */
  readonly outputs: ReadonlyArray<TensorSpec>;
  /** What the file says of how it is written; only where artifacts are ONNX files. */
  readonly format?: OnnxFormat;
}

/** A model in memory. */
export interface LoadedModel {
  /** An estimate of the memory it holds, in bytes; at least its artifact's size. */
  readonly sizeBytes: number;
  /**
   * Runs the model once on complete feeds, one tensor per input, and answers with every output by name. It may hold the
   * event loop for as long as it computes: the caller keeps batches small. Feeds are not changed, and not kept after the run: their room is used again.
   * Where the runs of others come first, `onStart` is called when this one begins. Fails `InferenceFailed`, also after `release`.
   */
  readonly run: (
    feeds: ReadonlyMap<string, Tensor>,
    onStart?: () => void,
  ) => TaskEither<Failure, ReadonlyMap<string, Tensor>>;
  /** Frees its memory after the runs under way; harmless twice. */
  readonly release: Task<void>;
}

/**
 * The adapter promises that an artifact which crashes the runtime, never returns, or takes too much memory can do so in
 * `inspect` without harm to this process. It may assume that `load` is only given bytes that passed an inspection.
 */
export interface InferenceEngine {
  /**
   * Loads the artifact away from this process and runs one warm-up row through it: zeros, and as text that of `texts` by the input's name, for models
   * that take none but what they know, else empty text. `featureNames`, of which
   * a matrix has those that are no inputs of their own, tell the width of a matrix input where the artifact leaves it free.
   * Fails `ArtifactUnreadable` when it does not load, has an input or output that is not a tensor of a servable type or has more
   * than two dimensions, fixes the number of rows, fails on the warm-up row, predicts it otherwise beside another row, or takes more time or memory
   * than the adapter allows.
   * Fails `DeadlineExceeded`, `Cancelled`.
   */
  readonly inspect: (
    artifact: Uint8Array,
    featureNames: ReadonlyArray<string>,
    call: CallOptions,
    texts?: Readonly<Record<string, string>>,
  ) => TaskEither<Failure, Inspection>;

  /** Loads the artifact into this process. Fails `ArtifactUnreadable`, `DeadlineExceeded`, `Cancelled`. */
  readonly load: (artifact: Uint8Array, call: CallOptions) => TaskEither<Failure, LoadedModel>;

  /**
   * Runs the artifact once, away from this process, in the runtime that BigQuery ML has (`bigqueryRuntime`); none where that is not installed.
   * Fails `ArtifactUnreadable` when it does not load or run there, or takes more time or memory than the adapter allows;
   * `DeadlineExceeded`, `Cancelled`.
   */
  readonly runInBigqueryRuntime?: (
    artifact: Uint8Array,
    feeds: ReadonlyMap<string, Tensor>,
    call: CallOptions,
  ) => TaskEither<Failure, Option<ReadonlyMap<string, Tensor>>>;
}

/** Experiments: what a training run leaves, and the codecs of its files. */
import * as t from 'io-ts';
import { Fill } from './signature.js';

/** Metric names to values; a value that is not a finite number never passes a gate. */
export const Metrics = t.UnknownRecord;
export type Metrics = t.TypeOf<typeof Metrics>;

/** `metadata.json`; other fields are kept. */
export const ExperimentMetadata = t.intersection([
  t.partial({ name: t.string, description: t.string, timestamp: t.string, metadata: t.UnknownRecord }),
  t.UnknownRecord,
]);
export type ExperimentMetadata = t.TypeOf<typeof ExperimentMetadata>;

/** `model_info.json`; other fields are kept. `fills` names what stands for a missing value, by feature. */
export const ModelInfo = t.intersection([
  t.partial({
    feature_names: t.readonlyArray(t.string),
    classes: t.readonlyArray(t.union([t.string, t.number])),
    fills: t.readonly(t.record(t.string, Fill)),
    library_versions: t.UnknownRecord,
  }),
  t.UnknownRecord,
]);
export type ModelInfo = t.TypeOf<typeof ModelInfo>;

/**
 * `golden.json`: sample rows in any of the three forms that `POST /score` takes as `data`, and what the training code
 * predicted for them, by prediction column, in row order.
 */
export const Golden = t.readonly(
  t.type({
    data: t.unknown,
    predictions: t.readonly(t.record(t.string, t.readonlyArray(t.union([t.number, t.string, t.boolean, t.null])))),
  }),
);
export type Golden = t.TypeOf<typeof Golden>;

/** One version of a training run, read whole. */
export interface Experiment {
  readonly modelType: string;
  readonly name: string;
  readonly version: number;
  readonly metadata: ExperimentMetadata;
  readonly metrics: { readonly train: Metrics; readonly tune: Metrics; readonly test: Metrics };
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly modelInfo: ModelInfo;
  readonly artifact: Uint8Array;
  readonly golden?: Golden;
}

/** What could be registered: one experiment and its versions, ascending. */
export interface ExperimentListing {
  readonly modelType: string;
  readonly name: string;
  readonly versions: ReadonlyArray<number>;
}

/** Signatures: names, types and shapes of a model's inputs and outputs, and its ordered features. */
import * as t from 'io-ts';

/** The element types that can be served, by ONNX's own names. */
export const TensorType = t.keyof({ float32: null, float64: null, int32: null, int64: null, bool: null, string: null });
export type TensorType = t.TypeOf<typeof TensorType>;

/** One input or output. `shape` uses null for a free dimension; the first dimension is the rows. */
export const TensorSpec = t.readonly(
  t.type({ name: t.string, type: TensorType, shape: t.readonlyArray(t.union([t.number, t.null])) }),
);
export type TensorSpec = t.TypeOf<typeof TensorSpec>;

/** What stands for a missing value of a feature. */
export const Fill = t.union([t.string, t.number, t.boolean]);
export type Fill = t.TypeOf<typeof Fill>;

/** One named value of a row. It feeds `input`, at place `index` when that is a matrix, else (null) alone. */
export const Feature = t.readonly(
  t.type({
    name: t.string,
    type: TensorType,
    input: t.string,
    index: t.union([t.number, t.null]),
    fill: t.union([Fill, t.null]),
  }),
);
export type Feature = t.TypeOf<typeof Feature>;

export const Signature = t.readonly(
  t.type({
    inputs: t.readonlyArray(TensorSpec),
    outputs: t.readonlyArray(TensorSpec),
    features: t.readonlyArray(Feature),
  }),
);
export type Signature = t.TypeOf<typeof Signature>;

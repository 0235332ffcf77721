/** Signatures: names, types and shapes of a model's inputs and outputs, and its ordered features. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as t from 'io-ts';
import { fail, type Failure } from '../failure.js';
import type { ModelInfo } from './experiment.js';

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

/**
 * Names the features of a model from what its artifact says and, for a matrix input, from `model_info.feature_names`.
 * An input `[N, 1]` or `[N]` is one feature with the input's own name; an input `[N, F]` takes F names in order.
 * Fails `ArtifactUnreadable` when a matrix's columns have no names, or not as many as it has columns, and `InvalidInput` when a fill is of no
 * feature, or none that its feature can hold.
 */
export const signatureOf = (
  inputs: ReadonlyArray<TensorSpec>,
  outputs: ReadonlyArray<TensorSpec>,
  modelInfo: ModelInfo,
): E.Either<Failure, Signature> =>
  pipe(
    matrixNames(inputs, modelInfo.feature_names ?? []),
    E.chain((names) => {
      let next = 0;
      const features = inputs.flatMap((input): ReadonlyArray<Feature> => {
        const width = widthOf(input);
        const place = { type: input.type, input: input.name };
        if (width === 1 && !isLoneRenamed(inputs, modelInfo)) {
          return [{ name: input.name, ...place, index: null, fill: fillOf(modelInfo, input.name) }];
        }
        const own = names.slice(next, next + (width ?? names.length));
        next += own.length;
        const isMatrix = input.shape.length > 1;
        return own.map((name, index) => ({
          name,
          ...place,
          index: isMatrix ? index : null,
          fill: fillOf(modelInfo, name),
        }));
      });
      const unfit = misfit(features, modelInfo.fills ?? {});
      if (unfit !== undefined) return fail('InvalidInput', unfit);
      if (features.some(({ name }) => name === '')) {
        return fail('InvalidInput', 'A feature of the model has no name: correct feature_names in model_info.json.');
      }
      const twice = features.find(({ name }, i) => features.findIndex((other) => other.name === name) !== i);
      return twice === undefined
        ? E.right({ inputs, outputs, features })
        : fail(
            'ArtifactUnreadable',
            `Two features of the model are called "${twice.name}". Rename one in the pipeline and export it again.`,
          );
    }),
  );

/** Columns of an input: 1 for `[N]` and `[N, 1]`, null when the artifact leaves it free. */
const widthOf = ({ shape }: TensorSpec): number | null => (shape.length < 2 ? 1 : (shape[1] ?? null));

/** A single input of one column whose feature has another name; `[N, 1]` is then a matrix of width 1. */
const isLoneRenamed = (inputs: ReadonlyArray<TensorSpec>, { feature_names }: ModelInfo): boolean =>
  inputs.length === 1 && feature_names?.length === 1 && feature_names[0] !== inputs[0]?.name;

/** The names for the columns of matrix inputs, in order: all feature names, or those that are not inputs of their own. */
const matrixNames = (
  inputs: ReadonlyArray<TensorSpec>,
  featureNames: ReadonlyArray<string>,
): E.Either<Failure, ReadonlyArray<string>> => {
  const matrices = inputs.filter((input) => widthOf(input) !== 1);
  if (matrices.length === 0) return E.right(featureNames);
  const shown = matrices.map(({ name, shape }) => `"${name}" [${shape.map((d) => d ?? 'N').join(', ')}]`).join(', ');
  if (featureNames.length === 0) {
    return fail(
      'ArtifactUnreadable',
      `The model takes a matrix (${shown}) and nothing names its columns. List them, in order, as feature_names in model_info.json.`,
    );
  }
  const names = namesForMatrices(inputs, featureNames);
  const free = matrices.filter((input) => widthOf(input) === null);
  const width = matrices.reduce((sum, input) => sum + (widthOf(input) ?? 0), 0);
  const fits = free.length === 0 ? names.length === width : names.length > 0 && matrices.length === 1;
  return fits
    ? E.right(names)
    : fail(
        'ArtifactUnreadable',
        `The model takes a matrix (${shown}) and model_info.json names ${names.length} features for it. Name as many as it has columns, in order.`,
      );
};

/** What is wrong with the fills, as a sentence. */
const misfit = (features: ReadonlyArray<Feature>, fills: Readonly<Record<string, Fill>>): string | undefined => {
  for (const [name, fill] of Object.entries(fills)) {
    const feature = features.find((known) => known.name === name);
    if (feature === undefined)
      return `model_info.json fills "${name}", which is no feature of the model. Correct or remove it.`;
    if (!canHold(feature.type, fill)) {
      return `model_info.json fills "${name}" (${feature.type}) with ${JSON.stringify(fill)}, which it cannot hold. Correct it.`;
    }
  }
  return undefined;
};

const canHold = (type: TensorType, fill: Fill): boolean => {
  switch (type) {
    case 'string':
      return typeof fill === 'string';
    case 'bool':
      return fill === true || fill === false || fill === 0 || fill === 1;
    case 'int32':
    case 'int64':
      return Number.isSafeInteger(fill) && (type === 'int64' || fill === ((fill as number) | 0));
    case 'float32':
    case 'float64':
      return typeof fill === 'number';
  }
};

/** Only its own: a feature may be called `constructor`. */
const fillOf = ({ fills = {} }: ModelInfo, name: string): Fill | null =>
  Object.hasOwn(fills, name) ? (fills[name] ?? null) : null;

/** How many columns a matrix of free width has: one for each feature name that is no input of its own, at least 1. */
export const freeWidthOf = (inputs: ReadonlyArray<TensorSpec>, featureNames: ReadonlyArray<string>): number =>
  Math.max(1, namesForMatrices(inputs, featureNames).length);

const namesForMatrices = (
  inputs: ReadonlyArray<TensorSpec>,
  featureNames: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const own = new Set(inputs.filter((input) => widthOf(input) === 1).map(({ name }) => name));
  return featureNames.filter((name) => !own.has(name));
};

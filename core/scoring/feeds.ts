/** Makes the tensors that feed a model: of rows of one batch, or of several that are run together. */
import type { Feature, Signature, TensorSpec } from '../model/signature.js';
import type { Tensor } from '../ports/inference-engine.js';
import { inType } from './float-columns.js';
import { sliceBlock } from './number-block.js';
import { allocateColumn, type Column, type RowBatch, sliceColumn } from './row-batch.js';

/** Each input of a model with the features that feed it. */
export type ModelInputs = ReadonlyArray<{ readonly spec: TensorSpec; readonly features: ReadonlyArray<Feature> }>;

export const inputsOf = ({ inputs, features }: Signature): ModelInputs =>
  inputs.map((spec) => ({ spec, features: features.filter(({ input }) => input === spec.name) }));

/** The rows from `begin` (included) to `end` (excluded) of a batch of features, as `coerceFeatures` makes them. */
export interface Slice {
  readonly inputs: ModelInputs;
  readonly batch: RowBatch;
  readonly begin: number;
  readonly end: number;
}

export const rowsOf = (slices: ReadonlyArray<Slice>): number =>
  slices.reduce((rows, { begin, end }) => rows + end - begin, 0);

/** Room for tensors, by input, which one run after the other uses. */
export type Room = Map<string, Column>;

/** One tensor per input, with the rows of one slice after the other: of one model, whose features may have other names in each. */
export const feedsOf = (slices: readonly [Slice, ...ReadonlyArray<Slice>], room: Room): ReadonlyMap<string, Tensor> => {
  const rowCount = rowsOf(slices);
  const [first] = slices;
  const feeds = new Map<string, Tensor>();
  for (let input = 0; input < first.inputs.length; input++) {
    const { spec, features } = inputAt(first, input);
    const column =
      slices.length === 1 && features[0]?.index === null
        ? columnOf(spec, features[0], first)
        : rowMajor(features.length, slices, input, columnIn(room, spec, rowCount * features.length));
    // The compiler loses sight of the type and its values going together.
    const { type, values } = column;
    feeds.set(spec.name, {
      type,
      values,
      shape: spec.shape.length === 1 ? [rowCount] : [rowCount, features.length],
    } as Tensor);
  }
  return feeds;
};

const inputAt = ({ inputs }: Slice, at: number): ModelInputs[number] => {
  const input = inputs[at];
  if (input === undefined) throw new Error(`the model has no input ${at}`);
  return input;
};

const featureColumn = (batch: RowBatch, { name }: Feature): Column => {
  const column = batch.columns.get(name);
  if (column === undefined) throw new Error(`feature ${name} was not coerced`);
  return column;
};

/** The values as they are there, where an input has one feature and nobody else's rows. */
const columnOf = ({ type }: TensorSpec, feature: Feature, { batch, begin, end }: Slice): Column => {
  const column = featureColumn(batch, feature);
  return inType(type, begin === 0 && end === batch.rowCount ? column : sliceColumn(column, begin, end));
};

/** Row by row, each with its features in order. */
const rowMajor = (width: number, slices: ReadonlyArray<Slice>, input: number, into: Column): Column => {
  let at = 0;
  for (const slice of slices) {
    const { batch, begin, end } = slice;
    if (batch.block === undefined) {
      const columns = inputAt(slice, input).features.map((feature) => featureColumn(batch, feature).values);
      if (width === 1 && !Array.isArray(into.values))
        copyColumn(columns[0] as Numbers, slice, into.values as Numbers, at);
      else transpose(columns, slice, into.values, at);
    } else (into.values as Numbers).set(sliceBlock(batch.block, begin, end).values as unknown as Numbers, at);
    at += (end - begin) * width;
  }
  return into;
};

/** Of any numbers: what is copied rounds them as the target does. */
type Numbers = Float32Array;

const copyColumn = (source: Numbers, { begin, end }: Slice, target: Numbers, at: number): void =>
  target.set(begin === 0 && end === source.length ? source : source.subarray(begin, end), at);

/** Rows that are transposed at a time, so that source and target both stay in the processor's cache. */
const blockRows = 64;

const transpose = (
  columns: ReadonlyArray<ArrayLike<unknown>>,
  { begin, end }: Slice,
  target: { [at: number]: unknown },
  firstAt: number,
): void => {
  const width = columns.length;
  for (let block = begin; block < end; block += blockRows) {
    const blockEnd = Math.min(end, block + blockRows);
    for (let index = 0; index < width; index++) {
      const source = columns[index] as ArrayLike<unknown>;
      for (let row = block, at = firstAt + (block - begin) * width + index; row < blockEnd; row++, at += width)
        target[at] = source[row];
    }
  }
};

/** A column of `count` values, all of which will be written: the beginning of what is there, or new where that is too short. */
const columnIn = (room: Room, { name, type }: TensorSpec, count: number): Column => {
  const there = room.get(name);
  if (there !== undefined && there.values.length >= count) return sliceColumn(there, 0, count);
  const column = allocateColumn(type, count);
  room.set(name, column);
  return column;
};

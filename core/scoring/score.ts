/** Scores batches of features in slices of a few milliseconds, between which the event loop turns. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { type Failure, fail } from '../failure.js';
import type { Feature, Signature, TensorSpec } from '../model/signature.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { LoadedModel, Tensor } from '../ports/inference-engine.js';
import { inType } from './float-columns.js';
import { allocatePredictions, copyPrediction, type PredictionColumn, predictionColumnsOf } from './predictions.js';
import { allocateColumn, type Column, type RowBatch, sliceColumn } from './row-batch.js';

/** A loaded model, what feeds it and what comes of it. */
export interface ScoringModel {
  readonly loaded: LoadedModel;
  readonly inputs: ReadonlyArray<{ readonly spec: TensorSpec; readonly features: ReadonlyArray<Feature> }>;
  readonly predictionColumns: ReadonlyArray<PredictionColumn>;
}

/** `classes` names the columns of a classifier's probabilities. */
export const scoringModel = (
  loaded: LoadedModel,
  signature: Signature,
  classes: ReadonlyArray<string | number> | undefined,
): ScoringModel => ({
  loaded,
  inputs: inputsOf(signature),
  predictionColumns: predictionColumnsOf(signature, classes),
});

/** Each input with the features that feed it. */
export const inputsOf = ({ inputs, features }: Signature): ScoringModel['inputs'] =>
  inputs.map((spec) => ({ spec, features: features.filter(({ input }) => input === spec.name) }));

/** What a slice may take, in milliseconds. */
const sliceMs = 4;
const firstSliceRows = 64;
const mostSliceRows = 16_384;

/** Rows per slice, learnt from what the model cost so far. */
const slicePlans = new WeakMap<LoadedModel, { rows: number }>();

/** Room for matrices, by input, which one slice after the other uses. */
export type Room = Map<string, Column>;

/**
 * Predicts every row of a batch of features (as `coerceFeatures` makes them), in order. Between slices the event loop turns, and
 * the deadline and the cancellation are looked at. Batches that are scored one after the other may share a `room`. Fails `InferenceFailed`,
 * `DeadlineExceeded`, `Cancelled`.
 */
export const scoreBatch =
  (host: Host, room: Room = new Map()) =>
  (model: ScoringModel, batch: RowBatch, call: CallOptions): TaskEither<Failure, RowBatch> =>
  async () => {
    const columns = allocatePredictions(model.predictionColumns, batch.rowCount);
    const plan = slicePlans.get(model.loaded) ?? { rows: firstSliceRows };
    slicePlans.set(model.loaded, plan);
    for (let begin = 0; begin < batch.rowCount; ) {
      const stopped = checkCall(host, call);
      if (E.isLeft(stopped)) return stopped;
      const end = Math.min(batch.rowCount, begin + plan.rows);
      let startedMs = host.nowMs();
      const started = (): void => {
        startedMs = host.nowMs();
      };
      const outputs = await model.loaded.run(feedsOf(model, batch, begin, end, room), started)();
      if (E.isLeft(outputs)) return outputs;
      for (const column of model.predictionColumns) {
        const tensor = outputs.right.get(column.output);
        const into = columns.get(column.name);
        if (tensor === undefined || into === undefined || tensor.values.length !== (end - begin) * column.width) {
          return fail(
            'InferenceFailed',
            `The model gave ${tensor?.values.length ?? 'no'} values as "${column.output}" for ${end - begin} rows of ${column.width}: its output does not go row by row.`,
          );
        }
        copyPrediction(tensor, column, into, begin);
      }
      plan.rows = nextSliceRows(plan.rows, end - begin, host.nowMs() - startedMs);
      begin = end;
      if (begin < batch.rowCount) await host.turn();
    }
    return E.right({ rowCount: batch.rowCount, columns });
  };

/** Right while the caller still waits and there is time. */
const checkCall = (host: Host, { cancellation, deadlineMs }: CallOptions): E.Either<Failure, void> => {
  if (cancellation.aborted) return fail('Cancelled', 'The caller went away before the answer was ready.');
  if (host.nowMs() >= deadlineMs)
    return fail(
      'DeadlineExceeded',
      'The time allowed ran out before all rows were scored. Send fewer rows, or allow more time.',
    );
  return E.right(undefined);
};

/**
 * Aims at a slice's time. Grows eightfold at most, lest one odd measurement let the next slice hold everybody up, and shrinks at once: of a model that
 * takes a second for its first row, the next slice is one row.
 */
const nextSliceRows = (planned: number, rows: number, tookMs: number): number => {
  if (rows < planned && tookMs < sliceMs) return planned;
  const aimed = Math.round((rows * sliceMs) / Math.max(tookMs, 0.01));
  return Math.max(1, Math.min(mostSliceRows, planned * 8, aimed));
};

/** One tensor per input, of the rows from `begin` to `end`. */
export const feedsOf = (
  { inputs }: Pick<ScoringModel, 'inputs'>,
  batch: RowBatch,
  begin: number,
  end: number,
  room: Room,
): ReadonlyMap<string, Tensor> => {
  const feeds = new Map<string, Tensor>();
  for (const { spec, features } of inputs) {
    const [first] = features;
    const isAlone = first !== undefined && first.index === null;
    const tensor = isAlone
      ? columnTensor(spec, first, batch, begin, end)
      : matrixTensor(spec, features, batch, begin, end, room);
    feeds.set(spec.name, tensor);
  }
  return feeds;
};

const featureColumn = (batch: RowBatch, { name }: Feature): Column => {
  const column = batch.columns.get(name);
  if (column === undefined) throw new Error(`feature ${name} was not coerced`);
  return column;
};

const columnTensor = (input: TensorSpec, feature: Feature, batch: RowBatch, begin: number, end: number): Tensor => {
  const column = featureColumn(batch, feature);
  const isWhole = begin === 0 && end === batch.rowCount;
  const { type, values } = inType(input.type, isWhole ? column : sliceColumn(column, begin, end));
  // The compiler loses sight of the type and its values going together.
  return { type, values, shape: input.shape.length === 1 ? [end - begin] : [end - begin, 1] } as Tensor;
};

/** Rows that are transposed at a time, so that source and target both stay in the processor's cache. */
const blockRows = 64;

const matrixTensor = (
  input: TensorSpec,
  features: ReadonlyArray<Feature>,
  batch: RowBatch,
  begin: number,
  end: number,
  room: Room,
): Tensor => {
  const width = features.length;
  const tensor = columnIn(room, input, (end - begin) * width);
  const target = tensor.values as { [at: number]: unknown };
  const sources = features.map((feature) => featureColumn(batch, feature).values as ArrayLike<unknown>);
  for (let block = begin; block < end; block += blockRows) {
    const blockEnd = Math.min(end, block + blockRows);
    for (let index = 0; index < width; index++) {
      const source = sources[index] as ArrayLike<unknown>;
      for (let row = block, at = (block - begin) * width + index; row < blockEnd; row++, at += width)
        target[at] = source[row];
    }
  }
  return { ...tensor, shape: [end - begin, width] };
};

/** A column of `count` values, all of which will be written: the beginning of what is there, or new where that is too short. */
const columnIn = (room: Room, { name, type }: TensorSpec, count: number): Column => {
  const there = room.get(name);
  if (there !== undefined && there.values.length >= count) return sliceColumn(there, 0, count);
  const column = allocateColumn(type, count);
  room.set(name, column);
  return column;
};

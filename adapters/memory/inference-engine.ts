/** Adapter: an inference engine without a runtime, for tests. Its artifacts are linear models written as JSON. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import {
  allocateColumn,
  type CallOptions,
  type Column,
  fail,
  type Failure,
  failure,
  freeWidthOf,
  type InferenceEngine,
  type Tensor,
  TensorSpec,
} from '../../core/index.js';

/** One number per class, or a single one. */
const Scores = t.readonlyArray(t.number);

/**
 * One output: the scores (float32 or float64), their softmax (likewise), or the class with the highest score (its place as
 * int64, or its name in `classes` as text).
 */
const Output = t.type({
  spec: TensorSpec,
  holds: t.keyof({ scores: null, probabilities: null, label: null }),
  classes: t.readonlyArray(t.string),
});
type Output = t.TypeOf<typeof Output>;

/**
 * A linear model. A row's scores are the intercepts plus, for every value in the row, the value times its weights; a text
 * adds the weights of that text, and nothing when it has none.
 */
export const MemoryModel = t.type({
  inputs: t.array(TensorSpec),
  outputs: t.array(Output),
  intercepts: Scores,
  /** By input: the weights of each place in a row, or of each text. */
  weights: t.record(t.string, t.union([t.readonlyArray(Scores), t.record(t.string, Scores)])),
});
export type MemoryModel = t.TypeOf<typeof MemoryModel>;

/** The bytes that the engine reads as `model`. */
export const memoryArtifact = (model: MemoryModel): Uint8Array => new TextEncoder().encode(JSON.stringify(model));

export interface MemoryEngineOptions {
  /** Awaited by each run: to take time, to count, or to reject, which makes the run fail. */
  readonly onRun?: (rowCount: number) => Promise<void>;
}

/** Runs what `memoryArtifact` writes. */
export const memoryInferenceEngine = ({ onRun }: MemoryEngineOptions = {}): InferenceEngine => ({
  inspect: (artifact, featureNames, call) =>
    TE.fromEither(
      pipe(
        decode(artifact, call),
        E.flatMap((model) =>
          E.tryCatch(
            () => {
              const outputs = compute(model, warmUpRow(model.inputs, freeWidthOf(model.inputs, featureNames)));
              return { inputs: model.inputs, outputs: model.outputs.map(({ spec }) => shown(spec, outputs)) };
            },
            (error) => failure('ArtifactUnreadable', `The model failed on one row of zeros (${reasonOf(error)}).`),
          ),
        ),
      ),
    ),
  load: (artifact, call) =>
    TE.fromEither(
      pipe(
        decode(artifact, call),
        E.map((model) => {
          let released = false;
          return {
            sizeBytes: artifact.byteLength,
            run: (feeds) =>
              TE.tryCatch(
                async () => {
                  if (released) throw new Error('the model was released');
                  await onRun?.(rowCountOf(feeds));
                  return compute(model, feeds);
                },
                (error) => failure('InferenceFailed', `The model failed to run (${reasonOf(error)}).`),
              ),
            release: async () => {
              released = true;
            },
          };
        }),
      ),
    ),
});

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const decode = (artifact: Uint8Array, call: CallOptions): E.Either<Failure, MemoryModel> => {
  if (call.cancellation.aborted) return fail('Cancelled', 'The artifact was no longer wanted.');
  if (performance.timeOrigin + performance.now() >= call.deadlineMs) {
    return fail('DeadlineExceeded', 'The artifact was not read within the time allowed.');
  }
  return pipe(
    E.tryCatch((): unknown => JSON.parse(new TextDecoder().decode(artifact)), E.toError),
    E.flatMap((json) => MemoryModel.decode(json)),
    E.mapLeft(() => failure('ArtifactUnreadable', 'The artifact is not a model of the memory engine.')),
    E.filterOrElse(
      ({ inputs, outputs }) => [...inputs, ...outputs.map(({ spec }) => spec)].every(({ shape }) => shape.length <= 2),
      () => failure('ArtifactUnreadable', 'The artifact has an input or output with more than two dimensions.'),
    ),
  );
};

const warmUpRow = (inputs: ReadonlyArray<TensorSpec>, freeWidth: number): ReadonlyMap<string, Tensor> =>
  new Map(
    inputs.map(({ name, type, shape }) => {
      const row = shape.map((size, i) => (i === 0 ? 1 : (size ?? freeWidth)));
      return [name, { ...allocateColumn(type, row[1] ?? 1), shape: row }];
    }),
  );

const shown = (spec: TensorSpec, outputs: ReadonlyMap<string, Tensor>): TensorSpec => ({
  ...spec,
  shape: [null, ...(outputs.get(spec.name)?.shape.slice(1) ?? [])],
});

const rowCountOf = (feeds: ReadonlyMap<string, Tensor>): number => feeds.values().next().value?.shape[0] ?? 0;

const compute = (model: MemoryModel, feeds: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> => {
  const rows = Array.from({ length: rowCountOf(feeds) }, () => [...model.intercepts]);
  for (const spec of model.inputs) addScores(rows, feedOf(spec, feeds, rows.length), model.weights[spec.name] ?? []);
  return new Map(
    model.outputs.map((output) => {
      const width = output.holds === 'label' ? 1 : model.intercepts.length;
      const shape = output.spec.shape.length < 2 ? [rows.length] : [rows.length, width];
      return [output.spec.name, { ...columnOf(output, rows), shape }];
    }),
  );
};

/** The tensor fed to an input, which is of its type and shape. */
const feedOf = (spec: TensorSpec, feeds: ReadonlyMap<string, Tensor>, rowCount: number): Tensor => {
  const tensor = feeds.get(spec.name);
  if (tensor === undefined) throw new Error(`input "${spec.name}" is missing`);
  const fits =
    tensor.type === spec.type &&
    tensor.shape.length === spec.shape.length &&
    tensor.shape.every((size, i) => (i === 0 ? size === rowCount : (spec.shape[i] ?? size) === size));
  if (!fits) throw new Error(`input "${spec.name}" does not take ${tensor.type} [${tensor.shape.join(', ')}]`);
  return tensor;
};

const addScores = (rows: Array<Array<number>>, tensor: Tensor, weights: MemoryModel['weights'][string]): void => {
  const width = tensor.shape[1] ?? 1;
  if (tensor.type !== 'string' && Object.keys(weights).length !== width) {
    throw new Error(`${width} values in a row do not go with ${Object.keys(weights).length} weights`);
  }
  const weightsByKey = new Map(Object.entries(weights));
  tensor.values.forEach((value, i) => {
    const [key, factor] = typeof value === 'string' ? [value, 1] : [String(i % width), Number(value)];
    const row = rows[Math.floor(i / width)] ?? [];
    weightsByKey.get(key)?.forEach((weight, k) => {
      row[k] = (row[k] ?? 0) + weight * factor;
    });
  });
};

const columnOf = ({ spec, holds, classes }: Output, rows: ReadonlyArray<ReadonlyArray<number>>): Column => {
  if (holds === 'label') {
    const places = rows.map((row) => row.indexOf(Math.max(...row)));
    return spec.type === 'string'
      ? { type: 'string', values: places.map((place) => classes[place] ?? '') }
      : { type: 'int64', values: BigInt64Array.from(places, BigInt) };
  }
  const numbers = rows.flatMap(holds === 'probabilities' ? softmax : (row) => row);
  return spec.type === 'float64'
    ? { type: 'float64', values: Float64Array.from(numbers) }
    : { type: 'float32', values: Float32Array.from(numbers) };
};

const softmax = (row: ReadonlyArray<number>): ReadonlyArray<number> => {
  const powers = row.map(Math.exp);
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
};

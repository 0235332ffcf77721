/** Prediction columns: which a model has, by its outputs, and how an output's tensor becomes them. */
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure, repeated } from '../failure.js';
import type { Signature, TensorSpec, TensorType } from '../model/signature.js';
import type { Tensor } from '../ports/inference-engine.js';
import { allocateColumn, type Column } from './row-batch.js';

/** One column of predictions: column `index` of the `width` columns of an output. */
export interface PredictionColumn {
  readonly name: string;
  readonly type: TensorType;
  readonly output: string;
  readonly index: number;
  readonly width: number;
}

/**
 * The columns of a model's predictions. A lone output of one column is `prediction`. A classifier (a label per row, and a
 * matrix of floats) gives `prediction`, and `probability` (of the second class) for two classes or `probability_<class>` for more.
 * Any other output keeps its own name, with `_0`, `_1`, … when it is wide.
 */
export const predictionColumnsOf = (
  { outputs }: Signature,
  classes: ReadonlyArray<string | number> | undefined,
): ReadonlyArray<PredictionColumn> => {
  const [first] = outputs;
  if (outputs.length === 1 && first !== undefined && widthOf(first) === 1) return [column('prediction', first, 0)];
  const classifier = classifierOf(outputs);
  if (classifier === undefined) return outputs.flatMap(ownColumns);
  const { label, probabilities } = classifier;
  return [column('prediction', label, 0), ...probabilityColumns(probabilities, classes)];
};

/** Right when `classes`, where there are any, name each column of a classifier's probabilities, and each once. Fails `ArtifactUnreadable`. */
export const checkClasses = (
  { outputs }: Signature,
  classes: ReadonlyArray<string | number> | undefined,
): E.Either<Failure, void> => {
  const classifier = classifierOf(outputs);
  if (classes === undefined || classifier === undefined) return E.right(undefined);
  const width = widthOf(classifier.probabilities);
  const twice = repeated(classes.map(String), (name) => name);
  if (twice !== undefined)
    return fail(
      'ArtifactUnreadable',
      `model_info.json names the class "${twice}" twice. Name each class once, in order.`,
    );
  return classes.length === width
    ? E.right(undefined)
    : fail(
        'ArtifactUnreadable',
        `The model gives ${width} probabilities ("${classifier.probabilities.name}") and model_info.json names ${classes.length} classes for them. Name as many, in order, or none.`,
      );
};

/**
 * Right when there are prediction columns, whose names differ from each other and from the `reserved` ones, case aside: else no file could hold
 * them. Fails `ArtifactUnreadable`.
 */
export const checkPredictionColumns = (
  columns: ReadonlyArray<PredictionColumn>,
  reserved: ReadonlyArray<string>,
): E.Either<Failure, void> => {
  if (columns.length === 0)
    return fail('ArtifactUnreadable', 'The outputs of the model have no columns, so nothing would be predicted.');
  const name = repeated([...reserved, ...columns.map((one) => one.name)]);
  const twice = columns.findLast((one) => one.name === name);
  return twice === undefined
    ? E.right(undefined)
    : fail(
        'ArtifactUnreadable',
        `Two columns of the predictions would be called "${twice.name}" (case aside), of which ${reserved.join(', ')} are Scorekeeper's own. Rename the output "${twice.output}", or the classes in model_info.json.`,
      );
};

const widthOf = ({ shape }: TensorSpec): number => (shape.length < 2 ? 1 : (shape[1] ?? 1));

const column = (name: string, output: TensorSpec, index: number): PredictionColumn => ({
  name,
  type: output.type,
  output: output.name,
  index,
  width: widthOf(output),
});

/** Two outputs, in either order: a label of integers or text, and floats of two or more columns. */
const classifierOf = (
  outputs: ReadonlyArray<TensorSpec>,
): { readonly label: TensorSpec; readonly probabilities: TensorSpec } | undefined => {
  if (outputs.length !== 2) return undefined;
  const label = outputs.find(
    (output) =>
      widthOf(output) === 1 && (output.type === 'int64' || output.type === 'string' || output.type === 'bool'),
  );
  const probabilities = outputs.find(
    (output) => widthOf(output) > 1 && (output.type === 'float32' || output.type === 'float64'),
  );
  return label === undefined || probabilities === undefined ? undefined : { label, probabilities };
};

const probabilityColumns = (
  output: TensorSpec,
  classes: ReadonlyArray<string | number> | undefined,
): ReadonlyArray<PredictionColumn> => {
  const width = widthOf(output);
  if (width === 2) return [column('probability', output, 1)];
  const named = classes?.length === width ? classes : Array.from({ length: width }, (_, i) => i);
  return named.map((name, i) => column(`probability_${name}`, output, i));
};

const ownColumns = (output: TensorSpec): ReadonlyArray<PredictionColumn> => {
  const width = widthOf(output);
  return width === 1
    ? [column(output.name, output, 0)]
    : Array.from({ length: width }, (_, i) => column(`${output.name}_${i}`, output, i));
};

/** Columns for the predictions of `rowCount` rows. */
export const allocatePredictions = (
  columns: ReadonlyArray<PredictionColumn>,
  rowCount: number,
): ReadonlyMap<string, Column> => new Map(columns.map(({ name, type }) => [name, allocateColumn(type, rowCount)]));

/** Copies one column of an output, from row `at` on, to the rows from `begin` to `end` of a column. */
export const copyPrediction = (
  from: Tensor,
  { index, width }: PredictionColumn,
  at: number,
  into: Column,
  begin: number,
  end: number,
): void => {
  const source = from.values as ArrayLike<unknown>;
  const target = into.values as { [row: number]: unknown };
  for (let place = at * width + index, row = begin; row < end; place += width, row++) target[row] = source[place];
};

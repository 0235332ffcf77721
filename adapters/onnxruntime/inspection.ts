/** What an inspection checks in an open session: that its inputs and outputs can be served, and that one row runs. */
import * as E from 'fp-ts/lib/Either.js';
import type { InferenceSession } from 'onnxruntime-node';
import {
  allocateColumn,
  fail,
  type Failure,
  freeWidthOf,
  type Inspection,
  type Tensor,
  type TensorSpec,
  TensorType,
} from '../../core/index.js';
import { reasonOf, type Session } from './session.js';

const refuse = (sentence: string): E.Either<Failure, never> => fail('ArtifactUnreadable', sentence);

/** Describes the session's model. `featureNames` tell the width where an input leaves it free, `texts` what is fed to inputs of text. */
export const inspectSession = async (
  session: Session,
  featureNames: ReadonlyArray<string>,
  texts: Readonly<Record<string, string>>,
): Promise<E.Either<Failure, Inspection>> => {
  const inputs = E.traverseArray(readInput)(session.inputs);
  if (E.isLeft(inputs)) return inputs;
  if (inputs.right.length === 0) return refuse('The artifact has no inputs, so it has nothing to score.');
  const declared = E.traverseArray(readSpec('output'))(session.outputs);
  if (E.isLeft(declared)) return declared;

  const feeds = warmUpRow(inputs.right, freeWidthOf(inputs.right, featureNames), texts);
  let results: ReadonlyMap<string, Tensor>;
  try {
    results = await session.run(feeds);
  } catch (error) {
    const shapes = [...feeds].map(([name, { shape }]) => `"${name}" [${shape.join(', ')}]`).join(', ');
    const cure = inputs.right.some(({ type }) => type === 'string') ? unknownText : '';
    return refuse(`The model failed on one row of zeros, fed as ${shapes} (${reasonOf(error)}).${cure}`);
  }
  const outputs = E.traverseArray((spec: TensorSpec) => describeOutput(spec, results.get(spec.name)?.shape ?? []))(
    declared.right,
  );
  if (E.isLeft(outputs)) return outputs;
  const dependence = await whatCompanyChanges(session, feeds, results);
  return dependence === undefined
    ? E.right({ inputs: inputs.right, outputs: outputs.right })
    : refuse(`${dependence}: rows are scored in batches of any size. Export a model that takes each row by itself.`);
};

const unknownText =
  " If it takes none but the texts that it knows, leave golden rows with the experiment, of which the first one's texts are fed, or encode with handle_unknown='ignore'.";

/** The warm-up row again, beside another one; beside itself where the model takes no such row. */
const whatCompanyChanges = async (
  session: Session,
  row: ReadonlyMap<string, Tensor>,
  alone: ReadonlyMap<string, Tensor>,
): Promise<string | undefined> => {
  let together: ReadonlyMap<string, Tensor>;
  try {
    together = await session.run(besideOther(row, 1)).catch(() => session.run(besideOther(row, 0)));
  } catch (error) {
    return `The model runs one row of zeros and not two (${reasonOf(error)})`;
  }
  for (const [name, { values }] of alone) {
    const { values: both = [], shape = [] } = together.get(name) ?? {};
    if (shape[0] !== 2) return `The artifact's output "${name}" has the shape [${shape.join(', ')}] for two rows`;
    for (let at = 0; at < values.length; at++) {
      if (!isNear(both[at], values[at]))
        return `The artifact's output "${name}" for a row depends on the rows beside it (${values[at]} alone, ${both[at]} beside another)`;
    }
  }
  return undefined;
};

/** The row, and one that has `number` where it has numbers, and the same text. */
const besideOther = (row: ReadonlyMap<string, Tensor>, number: 0 | 1): ReadonlyMap<string, Tensor> =>
  new Map(
    [...row].map(([name, { type, values, shape }]) => {
      if (type === 'string') return [name, { type, values: [...values, ...values], shape: [2, ...shape.slice(1)] }];
      const column = allocateColumn(type, 2 * values.length);
      if (column.type === 'int64') column.values.fill(BigInt(number), values.length);
      // A larger number tells more, and an integer may be a code of few values.
      else if (column.type === 'float32' || column.type === 'float64') column.values.fill(100 * number, values.length);
      else if (column.type !== 'string') column.values.fill(number, values.length);
      return [name, { ...column, shape: [2, ...shape.slice(1)] }];
    }),
  );

/** Two ways of adding up may differ, and labels with them; what other rows do to a prediction is larger. */
const isNear = (one: unknown, other: unknown): boolean =>
  typeof one !== 'number' ||
  typeof other !== 'number' ||
  Object.is(one, other) ||
  Math.abs(one - other) <= 1e-3 * Math.max(1, Math.abs(other));

const readSpec =
  (direction: 'input' | 'output') =>
  (value: InferenceSession.ValueMetadata): E.Either<Failure, TensorSpec> => {
    const name = `${direction} "${value.name}"`;
    if (!value.isTensor) {
      return refuse(
        `The artifact's ${name} is not a tensor. If it is a ZipMap's, export the model with options={'zipmap': False}.`,
      );
    }
    if (!TensorType.is(value.type)) {
      return refuse(
        `The artifact's ${name} has the type ${value.type}; what can be served is ${Object.keys(TensorType.keys).join(', ')}.`,
      );
    }
    const shape = value.shape.map((size) => (typeof size === 'number' ? size : null));
    return E.right({ name: value.name, type: value.type, shape });
  };

const readInput = (value: InferenceSession.ValueMetadata): E.Either<Failure, TensorSpec> =>
  E.flatMap((spec: TensorSpec) => {
    const shape = `The artifact's input "${spec.name}" has the shape [${spec.shape.map((size) => size ?? 'free').join(', ')}]`;
    if (spec.shape.length < 1 || spec.shape.length > 2) return refuse(`${shape}; it must be [N], [N, 1] or [N, F].`);
    if (spec.shape[0] !== null)
      return refuse(`${shape}. Export it with a free first dimension, for any number of rows.`);
    return E.right(spec);
  })(readSpec('input')(value));

const warmUpRow = (
  inputs: ReadonlyArray<TensorSpec>,
  freeWidth: number,
  texts: Readonly<Record<string, string>>,
): ReadonlyMap<string, Tensor> =>
  new Map(
    inputs.map(({ name, type, shape }) => {
      const row = shape.map((size, i) => (i === 0 ? 1 : (size ?? freeWidth)));
      const width = row[1] ?? 1;
      const isText = type === 'string' && width === 1 && Object.hasOwn(texts, name);
      return [name, { ...(isText ? { type, values: [texts[name] ?? ''] } : allocateColumn(type, width)), shape: row }];
    }),
  );

/** The width is taken from the row that ran, since exporters often leave it, or the whole shape, undeclared. */
const describeOutput = (spec: TensorSpec, shape: ReadonlyArray<number>): E.Either<Failure, TensorSpec> =>
  shape[0] === 1 && shape.length <= 2
    ? E.right({ ...spec, shape: [null, ...shape.slice(1)] })
    : refuse(
        `The artifact's output "${spec.name}" has the shape [${shape.join(', ')}] for one row; it must be [N] or [N, C].`,
      );

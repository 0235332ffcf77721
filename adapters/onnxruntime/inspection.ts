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

/** Describes the session's model. `featureNames` tell the width where an input leaves it free. */
export const inspectSession = async (
  session: Session,
  featureNames: ReadonlyArray<string>,
): Promise<E.Either<Failure, Inspection>> => {
  const inputs = E.traverseArray(readInput)(session.inputs);
  if (E.isLeft(inputs)) return inputs;
  if (inputs.right.length === 0) return refuse('The artifact has no inputs, so it has nothing to score.');
  const declared = E.traverseArray(readSpec('output'))(session.outputs);
  if (E.isLeft(declared)) return declared;

  const feeds = warmUpRow(inputs.right, freeWidthOf(inputs.right, featureNames));
  let results: ReadonlyMap<string, Tensor>;
  try {
    results = await session.run(feeds);
  } catch (error) {
    const shapes = [...feeds].map(([name, { shape }]) => `"${name}" [${shape.join(', ')}]`).join(', ');
    return refuse(`The model failed on one row of zeros, fed as ${shapes} (${reasonOf(error)}).`);
  }
  const outputs = E.traverseArray((spec: TensorSpec) => describeOutput(spec, results.get(spec.name)?.shape ?? []))(
    declared.right,
  );
  return E.isLeft(outputs) ? outputs : E.right({ inputs: inputs.right, outputs: outputs.right });
};

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

const warmUpRow = (inputs: ReadonlyArray<TensorSpec>, freeWidth: number): ReadonlyMap<string, Tensor> =>
  new Map(
    inputs.map(({ name, type, shape }) => {
      const row = shape.map((size, i) => (i === 0 ? 1 : (size ?? freeWidth)));
      return [name, { ...allocateColumn(type, row[1] ?? 1), shape: row }];
    }),
  );

/** The width is taken from the row that ran, since exporters often leave it, or the whole shape, undeclared. */
const describeOutput = (spec: TensorSpec, shape: ReadonlyArray<number>): E.Either<Failure, TensorSpec> =>
  shape[0] === 1 && shape.length <= 2
    ? E.right({ ...spec, shape: [null, ...shape.slice(1)] })
    : refuse(
        `The artifact's output "${spec.name}" has the shape [${shape.join(', ')}] for one row; it must be [N] or [N, C].`,
      );

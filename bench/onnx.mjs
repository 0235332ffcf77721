// Writes the models that the batch benchmarks score, as ONNX files: a linear one, and a forest of gradient-boosted trees.
// Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), operators those of ai.onnx.ml 3.

const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};
const integer = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field, content) => Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const attribute = (name, type, ...values) => message(5, text(1, name), integer(20, type), ...values);
const int = (name, value) => attribute(name, 2, integer(3, value));
const floats = (name, values) => attribute(name, 6, bytes(7, Buffer.from(Float32Array.from(values).buffer)));
const ints = (name, values) => attribute(name, 7, bytes(8, Buffer.concat(values.map(varint))));
const strings = (name, values) => attribute(name, 8, ...values.map((value) => text(9, value)));

const float32 = 1;
const matrix = (field, name, width) => {
  const shape = message(2, message(1, text(2, 'N')), message(1, integer(1, width)));
  return message(field, text(1, name), message(2, message(1, integer(1, float32), shape)));
};

/** One operator of ai.onnx.ml from a matrix `X` of `width` float32 features to one float32 `prediction` a row. */
const modelOf = (operator, width, ...attributes) => {
  const node = [text(1, 'X'), text(2, 'prediction'), text(4, operator), text(7, 'ai.onnx.ml'), ...attributes];
  const graph = [message(1, ...node), text(2, 'bench'), matrix(11, 'X', width), matrix(12, 'prediction', 1)];
  const operators = [message(8, text(1, ''), integer(2, 17)), message(8, text(1, 'ai.onnx.ml'), integer(2, 3))];
  return Buffer.concat([integer(1, 8), ...operators, message(7, ...graph)]);
};

export const linearModel = (coefficients, intercept) =>
  modelOf(
    'LinearRegressor',
    coefficients.length,
    ...[floats('coefficients', coefficients), floats('intercepts', [intercept]), int('targets', 1)],
  );

/** Full binary trees of `depth` levels of splits; the features are taken to be spread evenly between 0 and 1. */
export const treeModel = (width, treeCount, depth, random) => {
  const nodes = [];
  const leaves = [];
  const splitCount = 2 ** depth - 1;
  for (let tree = 0; tree < treeCount; tree++) {
    for (let id = 0; id < splitCount; id++) {
      const feature = Math.floor(random() * width);
      nodes.push({ tree, id, feature, value: random(), mode: 'BRANCH_LEQ', yes: 2 * id + 1, no: 2 * id + 2 });
    }
    for (let id = splitCount; id < 2 * splitCount + 1; id++) {
      nodes.push({ tree, id, feature: 0, value: 0, mode: 'LEAF', yes: 0, no: 0 });
      leaves.push({ tree, id, weight: (random() - 0.5) / treeCount });
    }
  }
  const of = (list, key) => list.map((one) => one[key]);
  return modelOf(
    'TreeEnsembleRegressor',
    width,
    ...[ints('nodes_treeids', of(nodes, 'tree')), ints('nodes_nodeids', of(nodes, 'id'))],
    ...[ints('nodes_featureids', of(nodes, 'feature')), floats('nodes_values', of(nodes, 'value'))],
    ...[strings('nodes_modes', of(nodes, 'mode'))],
    ...[ints('nodes_truenodeids', of(nodes, 'yes')), ints('nodes_falsenodeids', of(nodes, 'no'))],
    ...[ints('target_treeids', of(leaves, 'tree')), ints('target_nodeids', of(leaves, 'id'))],
    ...[
      ints(
        'target_ids',
        leaves.map(() => 0),
      ),
      floats('target_weights', of(leaves, 'weight')),
      int('n_targets', 1),
    ],
  );
};

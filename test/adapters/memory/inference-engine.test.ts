/** The contract on the engine without a runtime, and what its tests' users steer it with. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { memoryArtifact, memoryInferenceEngine, type MemoryModel } from '../../../adapters/memory/inference-engine.js';
import { neverCancelled, type Tensor } from '../../../core/index.js';
import { inferenceEngineContract, type InferenceEngineHarness } from '../../contracts/inference-engine.js';

const regressor = (
  inputs: MemoryModel['inputs'],
  intercept: number,
  weights: MemoryModel['weights'],
  name = 'variable',
) =>
  memoryArtifact({
    inputs,
    outputs: [{ spec: { name, type: 'float32', shape: [null, 1] }, holds: 'scores', classes: [] }],
    intercepts: [intercept],
    weights,
  });

const matrix = (...shape: ReadonlyArray<number | null>) =>
  regressor([{ name: 'x', type: 'float32', shape: [null, ...shape] }], 1, { x: [[2], [3], [4]] });

const artifacts: InferenceEngineHarness['artifacts'] = {
  columns: regressor(
    [
      { name: 'weight', type: 'float32', shape: [null, 1] },
      { name: 'year', type: 'float32', shape: [null, 1] },
    ],
    1,
    { weight: [[2]], year: [[3]] },
  ),
  matrix: matrix(3),
  matrixOfFreeWidth: matrix(null),
  classifier: memoryArtifact({
    inputs: [{ name: 'x', type: 'float32', shape: [null, 2] }],
    outputs: [
      { spec: { name: 'label', type: 'int64', shape: [null] }, holds: 'label', classes: [] },
      { spec: { name: 'probabilities', type: 'float32', shape: [null, 2] }, holds: 'probabilities', classes: [] },
    ],
    intercepts: [0, 0],
    weights: {
      x: [
        [0, 1],
        [0, 1],
      ],
    },
  }),
  text: regressor([{ name: 'x', type: 'string', shape: [null, 1] }], -1, { x: { chess: [2], go: [3] } }, 'code'),
  threeDimensions: matrix(3, 3),
};

for (const { name, run } of inferenceEngineContract) {
  test(name, async (t) => {
    await run({ engine: memoryInferenceEngine(), artifacts });
    t.pass();
  });
}

const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const feeds = new Map<string, Tensor>([['x', { type: 'float32', values: new Float32Array(6), shape: [2, 3] }]]);

test('a run tells how many rows it has, and waits for who listens', async (t) => {
  const counts: Array<number> = [];
  const engine = memoryInferenceEngine({ onRun: async (rowCount) => void counts.push(rowCount) });
  const model = await engine.load(artifacts.matrix, call)();
  t.true(E.isRight(model) && E.isRight(await model.right.run(feeds)()));
  t.deepEqual(counts, [2]);
});

test('a run fails when who listens rejects', async (t) => {
  const engine = memoryInferenceEngine({ onRun: () => Promise.reject(new Error('the disk is on fire')) });
  const model = await engine.load(artifacts.matrix, call)();
  const result = E.isRight(model) ? await model.right.run(feeds)() : model;
  t.true(E.isLeft(result) && result.left.tag === 'InferenceFailed' && /on fire/.test(result.left.message));
});

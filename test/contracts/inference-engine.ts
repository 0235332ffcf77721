/** The promises of every inference engine. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import {
  type CallOptions,
  type Failure,
  type InferenceEngine,
  type LoadedModel,
  neverCancelled,
  type Tensor,
} from '../../core/index.js';
import type { Contract } from './contract.js';

/** An engine, and artifacts for it. `N` is a free dimension; everything not said to be another type is float32. */
export interface InferenceEngineHarness {
  readonly engine: InferenceEngine;
  readonly artifacts: {
    /** `weight` and `year`, each `[N, 1]`, give `variable` `[N, 1]`: 1 + 2 weight + 3 year. */
    readonly columns: Uint8Array;
    /** `x` `[N, 3]` gives `variable` `[N, 1]`: 1 + 2 x₀ + 3 x₁ + 4 x₂. */
    readonly matrix: Uint8Array;
    /** The same, as `[N, N]`: how wide it is shows when it runs. */
    readonly matrixOfFreeWidth: Uint8Array;
    /** `x` `[N, 2]` gives `label` (int64) `[N]` and `probabilities` `[N, 2]`: the softmax of 0 and x₀ + x₁. */
    readonly classifier: Uint8Array;
    /** `x` (text) `[N, 1]` gives `code` `[N, 1]`: 1 for `chess`, 2 for `go`, -1 for everything else. */
    readonly text: Uint8Array;
    /** `x` has three dimensions. */
    readonly threeDimensions: Uint8Array;
  };
}

const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const late: CallOptions = { ...call, deadlineMs: 0 };
const cancelled: CallOptions = { ...call, cancellation: { ...neverCancelled, aborted: true } };

const right = <A>(result: E.Either<Failure, A>): A => {
  assert.ok(E.isRight(result), `failed: ${JSON.stringify(result)}`);
  return result.right;
};

const refused = (result: E.Either<Failure, unknown>, tag: Failure['tag']): void => {
  assert.ok(E.isLeft(result), `expected ${tag}`);
  assert.equal(result.left.tag, tag, result.left.message);
  assert.match(result.left.message, /^[A-Z].*\.$/, 'a message is one sentence or more');
};

const numbers = (shape: ReadonlyArray<number>, ...values: ReadonlyArray<number>): Tensor => ({
  type: 'float32',
  values: Float32Array.from(values),
  shape,
});

const columnFeeds = new Map([
  ['weight', numbers([2, 1], 1, 2)],
  ['year', numbers([2, 1], 10, 20)],
]);

const matrixFeeds = (...row: ReadonlyArray<number>): ReadonlyMap<string, Tensor> =>
  new Map([['x', numbers([1, row.length], ...row)]]);

/** Loads, uses and releases a model. */
const withModel = async (
  engine: InferenceEngine,
  artifact: Uint8Array,
  use: (model: LoadedModel) => Promise<void>,
): Promise<void> => {
  const model = right(await engine.load(artifact, call)());
  try {
    await use(model);
  } finally {
    await model.release();
  }
};

export const inferenceEngineContract: Contract<InferenceEngineHarness> = [
  {
    name: 'an inspection tells names, types and shapes, with null for what is free',
    run: async ({ engine, artifacts }) => {
      const { inputs, outputs } = right(await engine.inspect(artifacts.columns, [], call)());
      assert.deepEqual(
        { inputs, outputs },
        {
          inputs: [
            { name: 'weight', type: 'float32', shape: [null, 1] },
            { name: 'year', type: 'float32', shape: [null, 1] },
          ],
          outputs: [{ name: 'variable', type: 'float32', shape: [null, 1] }],
        },
      );
      const classifier = right(await engine.inspect(artifacts.classifier, [], call)());
      assert.deepEqual(classifier.inputs, [{ name: 'x', type: 'float32', shape: [null, 2] }]);
      assert.deepEqual(classifier.outputs, [
        { name: 'label', type: 'int64', shape: [null] },
        { name: 'probabilities', type: 'float32', shape: [null, 2] },
      ]);
    },
  },
  {
    name: 'an inspection warms a matrix of free width up with the width that is hinted',
    run: async ({ engine, artifacts }) => {
      const inspection = right(await engine.inspect(artifacts.matrixOfFreeWidth, ['a', 'b', 'c'], call)());
      assert.deepEqual(inspection.inputs, [{ name: 'x', type: 'float32', shape: [null, null] }]);
      refused(await engine.inspect(artifacts.matrixOfFreeWidth, ['a', 'b', 'c', 'd'], call)(), 'ArtifactUnreadable');
    },
  },
  {
    name: 'an inspection refuses an input of three dimensions',
    run: async ({ engine, artifacts }) => {
      refused(await engine.inspect(artifacts.threeDimensions, [], call)(), 'ArtifactUnreadable');
    },
  },
  {
    name: 'bytes that are no model are refused by inspection and load: text, nothing, half a model',
    run: async ({ engine, artifacts }) => {
      const half = artifacts.columns.subarray(0, artifacts.columns.byteLength / 2);
      for (const bytes of [new Uint8Array(100).fill(65), new Uint8Array(0), half]) {
        refused(await engine.inspect(bytes, [], call)(), 'ArtifactUnreadable');
        refused(await engine.load(bytes, call)(), 'ArtifactUnreadable');
      }
    },
  },
  {
    name: 'a call that is too late or cancelled says so',
    run: async ({ engine, artifacts }) => {
      refused(await engine.inspect(artifacts.columns, [], late)(), 'DeadlineExceeded');
      refused(await engine.load(artifacts.columns, late)(), 'DeadlineExceeded');
      refused(await engine.inspect(artifacts.columns, [], cancelled)(), 'Cancelled');
      refused(await engine.load(artifacts.columns, cancelled)(), 'Cancelled');
    },
  },
  {
    name: 'a model takes one input per column',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.columns, async (model) => {
        const outputs = right(await model.run(columnFeeds)());
        assert.deepEqual([...outputs], [['variable', numbers([2, 1], 33, 65)]]);
      }),
  },
  {
    name: 'a model takes a matrix, row by row',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        const outputs = right(await model.run(new Map([['x', numbers([2, 3], 1, 2, 3, -1, 0, 0)]]))());
        assert.deepEqual([...outputs], [['variable', numbers([2, 1], 21, -1)]]);
      }),
  },
  {
    name: 'NaN goes in and comes out',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        const outputs = right(await model.run(matrixFeeds(1, Number.NaN, 3))());
        assert.deepEqual([...outputs], [['variable', numbers([1, 1], Number.NaN)]]);
      }),
  },
  {
    name: 'a model takes text',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.text, async (model) => {
        const values = ['go', 'chess', 'schach ♟', ''];
        const outputs = right(await model.run(new Map([['x', { type: 'string', values, shape: [4, 1] }]]))());
        assert.deepEqual(outputs.get('code'), numbers([4, 1], 2, 1, -1, -1));
      }),
  },
  {
    name: 'every output is answered, in its own type and shape',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.classifier, async (model) => {
        const outputs = right(await model.run(new Map([['x', numbers([2, 2], 1, 1, -3, 1)]]))());
        assert.deepEqual([...outputs.keys()].sort(), ['label', 'probabilities']);
        assert.deepEqual(outputs.get('label'), { type: 'int64', values: BigInt64Array.of(1n, 0n), shape: [2] });
        const probabilities = outputs.get('probabilities');
        assert.ok(probabilities?.type === 'float32');
        assert.deepEqual(probabilities.shape, [2, 2]);
        const second = 1 / (1 + Math.exp(-2));
        [1 - second, second, second, 1 - second].forEach((expected, i) => {
          assert.ok(Math.abs((probabilities.values[i] ?? Number.NaN) - expected) < 1e-6);
        });
      }),
  },
  {
    name: 'runs at the same time answer each for itself',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        const answers = await Promise.all([1, 2, 3, 4].map((a) => model.run(matrixFeeds(a, 0, 0))()));
        assert.deepEqual(
          answers.map((answer) => right(answer).get('variable')),
          [3, 5, 7, 9].map((expected) => numbers([1, 1], expected)),
        );
      }),
  },
  {
    name: 'feeds are neither changed nor kept, and an answer stays as it is',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        const values = Float32Array.of(1, 2, 3);
        const feeds = new Map<string, Tensor>([['x', { type: 'float32', values, shape: [1, 3] }]]);
        const first = right(await model.run(feeds)());
        assert.deepEqual(values, Float32Array.of(1, 2, 3));
        values.fill(0);
        const second = right(await model.run(feeds)());
        assert.deepEqual(first.get('variable'), numbers([1, 1], 21));
        assert.deepEqual(second.get('variable'), numbers([1, 1], 1));
      }),
  },
  {
    name: 'feeds that do not fit the model fail the run and not the model',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        refused(await model.run(new Map())(), 'InferenceFailed');
        refused(await model.run(matrixFeeds(1, 2, 3, 4))(), 'InferenceFailed');
        const wrongType: Tensor = { type: 'float64', values: Float64Array.of(1, 2, 3), shape: [1, 3] };
        refused(await model.run(new Map([['x', wrongType]]))(), 'InferenceFailed');
        right(await model.run(matrixFeeds(1, 2, 3))());
      }),
  },
  {
    name: 'a model is at least as big as its artifact',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        assert.ok(model.sizeBytes >= artifacts.matrix.byteLength);
      }),
  },
  {
    name: 'a release lets the runs under way end, and fails those that come after; a second one is harmless',
    run: async ({ engine, artifacts }) => {
      const model = right(await engine.load(artifacts.matrix, call)());
      const underWay = model.run(matrixFeeds(1, 2, 3))();
      const releases = [model.release(), model.release()];
      right(await underWay);
      await Promise.all(releases);
      refused(await model.run(matrixFeeds(1, 2, 3))(), 'InferenceFailed');
      await model.release();
    },
  },
  {
    name: 'the release of one model leaves another of the same artifact alone',
    run: ({ engine, artifacts }) =>
      withModel(engine, artifacts.matrix, async (model) => {
        await withModel(engine, artifacts.matrix, async () => undefined);
        right(await model.run(matrixFeeds(1, 2, 3))());
      }),
  },
];

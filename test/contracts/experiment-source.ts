/** The promises of every experiment source. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type CallOptions,
  type ExperimentSource,
  type Failure,
  type FailureTag,
  neverCancelled,
} from '../../core/index.js';
import type { Contract, ContractCase } from './contract.js';

/** Files by path below the folder that holds `{model_type}/`. */
export type ExperimentTree = Readonly<Record<string, string | Uint8Array>>;

export interface ExperimentSourceHarness {
  readonly makeSource: (
    files: ExperimentTree,
  ) => Promise<{ readonly source: ExperimentSource; readonly close: () => Promise<void> }>;
}

const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };
const onnx = Uint8Array.of(8, 7, 0, 255);
const wanted = { modelType: 'rating', name: 'best' };

const promise = (
  name: string,
  files: ExperimentTree,
  run: (source: ExperimentSource) => Promise<void>,
): ContractCase<ExperimentSourceHarness> => ({
  name,
  run: async ({ makeSource }) => {
    const { source, close } = await makeSource(files);
    try {
      await run(source);
    } finally {
      await close();
    }
  },
});

const done = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isLeft(result)) assert.fail(`failed: ${JSON.stringify(result.left)}`);
  return result.right;
};

/** The task fails with the tag, and its message says each of `said`. */
const refused = async (task: TaskEither<Failure, unknown>, tag: FailureTag, ...said: ReadonlyArray<RegExp>) => {
  const result = await task();
  assert.ok(E.isLeft(result), `was not refused with ${tag}`);
  assert.equal(result.left.tag, tag, result.left.message);
  for (const each of [/\.$/, ...said]) assert.match(result.left.message, each);
  return result.left;
};

const golden = { data: [{ age: 3 }], predictions: { variable: [1.5, null, 'x', true] } };

/** Files of `rating/best/v1`, with an artifact. */
const one = (files: ExperimentTree = {}): ExperimentTree =>
  Object.fromEntries(
    Object.entries({ 'pipeline.onnx': onnx, ...files }).map(([file, content]) => [`rating/best/v1/${file}`, content]),
  );

/** A JSON file that does not decode, and where and how the failure says so. */
const undecodable: ReadonlyArray<readonly [file: string, content: string, pointer: string | undefined, said: RegExp]> =
  [
    ['metadata.json', '{"name": 3}', '/name', /string/],
    ['metadata.json', '[]', '', /must be/],
    ['model_info.json', '{"feature_names": ["a", 1]}', '/feature_names/1', /string/],
    ['model_info.json', '{"fills": {"age": []}}', '/fills/age', /an array/],
    ['parameters.json', '3', '', /got 3/],
    ['train_metrics.json', 'null', '', /null/],
    ['tune_metrics.json', '"r2"', '', /"r2"/],
    ['test_metrics.json', '[1]', '', /an array/],
    ['golden.json', '{"data": []}', '/predictions', /required/],
    ['golden.json', '{"data": [], "predictions": {"variable": [{}]}}', '/predictions/variable/0', /an object/],
    ['test_metrics.json', '{"r2": 0.5', undefined, /not JSON/],
    ['test_metrics.json', '', undefined, /not JSON/],
    ['parameters.json', '{"a": nan}', undefined, /not JSON/],
  ];

export const experimentSourceContract: Contract<ExperimentSourceHarness> = [
  promise(
    'an experiment is read whole',
    one({
      'metadata.json': '{"name": "best", "description": "d", "timestamp": "t", "metadata": {"rows": 3}, "more": [1]}',
      'train_metrics.json': '{"r2": 0.9}',
      'tune_metrics.json': '{"r2": 0.8}',
      'test_metrics.json': '{"r2": 0.7, "rmse": 1e-3, "per_class": {"a": 1}}',
      'parameters.json': '{"alpha": 1, "solver": null}',
      'model_info.json': '{"feature_names": ["age"], "classes": ["a", 1], "fills": {"age": 0}, "more": {}}',
      'golden.json': JSON.stringify(golden),
      'profile.json': 'not read',
      'pipeline.pkl': 'not read',
      'golden.parquet': 'not read beside golden.json',
    }),
    async (source) => {
      const { artifact, ...rest } = await done(source.read(wanted, call));
      assert.deepEqual(Uint8Array.from(artifact), onnx);
      assert.deepEqual(rest, {
        ...wanted,
        version: 1,
        metadata: { name: 'best', description: 'd', timestamp: 't', metadata: { rows: 3 }, more: [1] },
        metrics: {
          train: { r2: 0.9 },
          tune: { r2: 0.8 },
          test: { r2: 0.7, rmse: 0.001, per_class: { a: 1 } },
        },
        parameters: { alpha: 1, solver: null },
        modelInfo: { feature_names: ['age'], classes: ['a', 1], fills: { age: 0 }, more: {} },
        golden,
      });
    },
  ),

  promise(
    'what is not UTF-8 is refused by the name of its file',
    one({ 'model_info.json': Uint8Array.from([0x7b, 0x22, 0xfc, 0x22, 0x3a, 0x31, 0x7d]) }),
    async (source) => {
      await refused(
        source.read(wanted, call),
        'InvalidInput',
        /model_info\.json of rating\/best v1 is not JSON .it is not UTF-8/,
      );
    },
  ),

  promise('an artifact alone is an experiment that says nothing else', one(), async (source) => {
    const { artifact, ...rest } = await done(source.read(wanted, call));
    assert.equal(artifact.length, 4);
    const nothing = { metadata: {}, metrics: { train: {}, tune: {}, test: {} }, parameters: {}, modelInfo: {} };
    assert.deepEqual(rest, { ...wanted, version: 1, ...nothing });
  }),

  promise(
    'bare NaN and Infinity, as Python writes them, are read as null',
    one({ 'test_metrics.json': '{"r2": NaN, "rmse": Infinity, "low": -Infinity, "mae": 1.5}' }),
    async (source) => {
      const { metrics } = await done(source.read(wanted, call));
      assert.deepEqual(metrics.test, { r2: null, rmse: null, low: null, mae: 1.5 });
    },
  ),

  promise(
    'a byte order mark and letters outside ASCII are read',
    one({ 'metadata.json': '\uFEFF{"description": "modèle 模型"}' }),
    async (source) => {
      const { metadata } = await done(source.read(wanted, call));
      assert.equal(metadata.description, 'modèle 模型');
    },
  ),

  promise(
    'the highest version is read by number when none is named, and any version by its name',
    {
      ...one({ 'metadata.json': '{"description": "one"}' }),
      'rating/best/v9/pipeline.onnx': onnx,
      'rating/best/v10/pipeline.onnx': onnx,
      'rating/best/v010/pipeline.onnx': onnx,
      'rating/best/v11.bak/pipeline.onnx': onnx,
      'rating/best/latest/pipeline.onnx': onnx,
      'rating/best-2/v99/pipeline.onnx': onnx,
      'rating/best/v50': 'a file',
    },
    async (source) => {
      assert.equal((await done(source.read(wanted, call))).version, 10);
      assert.equal((await done(source.read({ ...wanted, version: 9 }, call))).version, 9);
      assert.equal((await done(source.read({ ...wanted, version: 1 }, call))).metadata.description, 'one');
      const result = await source.read({ ...wanted, version: 50 }, call)();
      assert.ok(E.isLeft(result) && ['NotFound', 'InvalidInput'].includes(result.left.tag));
      assert.match(result.left.message, /v50/);
    },
  ),

  ...undecodable.map(([file, content, pointer, said]) =>
    promise(`${file} of ${JSON.stringify(content)} is refused by name`, one({ [file]: content }), async (source) => {
      const { problems } = await refused(
        source.read(wanted, call),
        'InvalidInput',
        new RegExp(file),
        /rating\/best v1/,
        said,
      );
      assert.equal(problems[0]?.pointer, pointer);
    }),
  ),

  promise(
    'golden rows that cannot be read are refused rather than left unchecked',
    one({ 'golden.parquet': 'PAR1' }),
    async (source) => {
      await refused(source.read(wanted, call), 'InvalidInput', /golden\.parquet/, /golden\.json/);
    },
  ),

  ...['pipeline.onnx', 'model_info.json', 'test_metrics.json', 'golden.json', 'golden.parquet'].map((file) =>
    promise(
      `a folder named ${file} is refused rather than taken for absent`,
      Object.fromEntries(
        Object.entries({ ...one({ [`${file}/part`]: 'x' }) }).filter(([path]) => path !== `rating/best/v1/${file}`),
      ),
      async (source) => {
        await refused(source.read(wanted, call), 'InvalidInput', new RegExp(file), /folder/, /file itself/);
      },
    ),
  ),

  promise(
    'a version with only a pickle is NotFound, and the failure says how to export it',
    { 'rating/best/v1/pipeline.pkl': 'x', 'rating/best/v1/metadata.json': '{}' },
    async (source) => {
      await refused(source.read(wanted, call), 'NotFound', /pipeline\.pkl/, /examples\/export_sklearn\.py/);
    },
  ),

  promise('a version without an artifact is NotFound', { 'rating/best/v1/metadata.json': '{}' }, async (source) => {
    await refused(source.read(wanted, call), 'NotFound', /no pipeline\.onnx/);
  }),

  promise(
    'an unknown experiment is NotFound, with the nearest',
    { ...one(), 'rating/other/v1/pipeline.onnx': onnx },
    async (source) => {
      await refused(
        source.read({ ...wanted, name: 'bets' }, call),
        'NotFound',
        /rating\/bets/,
        /Did you mean best\?/,
        /best, other/,
      );
    },
  ),

  promise(
    'an unknown model type is NotFound, with the nearest',
    { ...one(), 'hurdle/h/v1/pipeline.onnx': onnx },
    async (source) => {
      await refused(
        source.read({ ...wanted, modelType: 'ratings' }, call),
        'NotFound',
        /ratings/,
        /Did you mean rating\?/,
        /hurdle, rating/,
      );
    },
  ),

  promise(
    'an unknown version is NotFound, with the versions there are',
    { ...one(), 'rating/best/v2/pipeline.onnx': onnx },
    async (source) => {
      await refused(source.read({ ...wanted, version: 3 }, call), 'NotFound', /v3 of rating\/best/, /v1, v2/);
    },
  ),

  promise('in an empty place everything is NotFound, and nothing is listed', {}, async (source) => {
    await refused(source.read(wanted, call), 'NotFound', /nothing there/);
    assert.deepEqual(await done(source.list(call)), []);
  }),

  promise(
    'a list shows what could be registered, sorted by type, name and version, and passes over the rest',
    {
      'rating/b/v2/pipeline.onnx': onnx,
      'rating/b/v10/pipeline.onnx': onnx,
      'rating/b/v3/pipeline.pkl': 'x',
      'rating/a/v1/pipeline.onnx': onnx,
      'complexity/z/v7/pipeline.onnx': onnx,
      'complexity/pickled/v1/pipeline.pkl': 'x',
      'complexity/notes/readme.md': 'x',
      'rating/readme.md': 'x',
      'readme.md': 'x',
      'rating/b/old/pipeline.onnx': onnx,
      // Names that no registration takes.
      'Prices/a/v1/pipeline.onnx': onnx,
      'staging/a/v1/pipeline.onnx': onnx,
      'rating/two..dots/v1/pipeline.onnx': onnx,
    },
    async (source) => {
      assert.deepEqual(await done(source.list(call)), [
        { modelType: 'complexity', name: 'z', versions: [7] },
        { modelType: 'rating', name: 'a', versions: [1] },
        { modelType: 'rating', name: 'b', versions: [2, 10] },
      ]);
    },
  ),

  promise('names that lead out of the place are never followed', one(), async (source) => {
    for (const name of ['..', '../best', '.', 'a\\b', '']) {
      const result = await source.read({ ...wanted, name }, call)();
      assert.ok(E.isLeft(result) && ['NotFound', 'InvalidInput'].includes(result.left.tag), name);
    }
  }),

  promise('a deadline that has passed is DeadlineExceeded', one(), async (source) => {
    const late = { ...call, deadlineMs: 0 };
    await refused(source.read(wanted, late), 'DeadlineExceeded');
    await refused(source.list(late), 'DeadlineExceeded');
  }),

  promise('a call that was cancelled is Cancelled', one(), async (source) => {
    const cancelled = { ...call, cancellation: { ...neverCancelled, aborted: true } };
    await refused(source.read(wanted, cancelled), 'Cancelled');
    await refused(source.list(cancelled), 'Cancelled');
  }),
];

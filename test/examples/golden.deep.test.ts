/** The trained models of the example: ONNX Runtime predicts, through the whole scoring path, what scikit-learn predicted. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { artifactStoreExperimentSource } from '../../adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { nodeHost } from '../../adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import { createService, type Golden } from '../../core/index.js';
import { signatureOf } from '../../core/model/signature.js';
import { checkGolden } from '../../core/scoring/golden.js';
import { scoringModel } from '../../core/scoring/score.js';
import { leftOf, rightOf, unhurried } from '../support/scoring.js';

const root = fileURLToPath(new URL('../../../examples/games/models/experiments', import.meta.url));
const experiments = artifactStoreExperimentSource({ store: localFilesystemArtifactStore({ root }), root: '' });
const engine = onnxruntimeInferenceEngine();
const host = nodeHost();

const listed = rightOf(await experiments.list(unhurried)());

/** Everything is registered with one service, whose gates are off: what is tested is the predictions. */
const service = createService({
  host,
  store: memoryArtifactStore(),
  experiments,
  engine,
  cache: lruCacheModelCache({ limitBytes: 2 ** 30 }),
  sources: {},
  sink: memoryPredictionSink(),
});

type Columns = Readonly<Record<string, ReadonlyArray<unknown>>>;

/** The golden rows, which are columns, in each form of `data`. */
const forms: ReadonlyArray<readonly [form: string, data: (columns: Columns, rowCount: number) => unknown]> = [
  [
    'records',
    (columns, rowCount) =>
      Array.from({ length: rowCount }, (_, row) =>
        Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]])),
      ),
  ],
  ['columns', (columns) => columns],
  [
    'split',
    (columns, rowCount) => {
      const names = Object.keys(columns).toReversed();
      return {
        columns: names,
        data: Array.from({ length: rowCount }, (_, row) => names.map((name) => columns[name]?.[row])),
      };
    },
  ],
];

/** Within 1e-5·max(1, |b|); labels are the same. */
const isNear = (a: unknown, b: unknown): boolean =>
  typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b)) : a === b;

/** The golden values with one of them changed: a number by 1e-4 and more, a label to another. */
const withOneChanged = (golden: Golden, name: string, row: number): Golden => {
  const values = golden.predictions[name] ?? [];
  const changed = values.map((value, at) =>
    at !== row ? value : typeof value === 'number' ? value + 1e-4 * Math.max(1, Math.abs(value)) : 'another',
  );
  return { ...golden, predictions: { ...golden.predictions, [name]: changed } };
};

test('every experiment of the example is listed', async (t) => {
  const folders = await readdir(root, { recursive: true });
  const artifacts = folders.filter((path) => path.endsWith('pipeline.onnx'));
  t.is(listed.flatMap(({ versions }) => versions).length, artifacts.length);
  t.true(artifacts.length >= 6);
});

for (const { modelType, name, versions } of listed) {
  for (const version of versions) {
    const which = `${modelType}/${name} v${version}`;
    const reading = experiments.read({ modelType, name, version }, unhurried);

    test(`${which}: its 50 golden rows are predicted again, in all three forms`, async (t) => {
      const { golden } = rightOf(await reading());
      if (golden === undefined) return t.fail('there are no golden rows');
      const { registration } = rightOf(
        await service.register({
          model_type: modelType,
          experiment: name,
          experiment_version: version,
          name: name.replaceAll('_', '-'),
          skip_validation: true,
        })(),
      );
      t.is(registration.golden_rows_checked, 50);
      const columns = golden.data as Columns;
      t.deepEqual(
        Object.keys(columns).toSorted(),
        registration.signature.features.map((feature) => feature.name).toSorted(),
      );
      for (const [form, data] of forms) {
        const request = { model_type: modelType, model_name: registration.name, data: data(columns, 50) };
        const { predictions } = rightOf(await service.score(request)());
        t.is(predictions?.length, 50);
        t.deepEqual(
          Object.keys(predictions?.[0] ?? {}).toSorted(),
          ['row', ...Object.keys(golden.predictions)].toSorted(),
        );
        for (const [column, values] of Object.entries(golden.predictions)) {
          t.is(values.length, 50);
          for (const [row, wanted] of values.entries()) {
            const got = predictions?.[row]?.[column];
            t.true(isNear(got, wanted), `${form}, row ${row}, ${column}: ${got} is not ${wanted}`);
          }
        }
      }
    });

    test(`${which}: the check of golden rows agrees, and notices a single value that differs`, async (t) => {
      const { golden, artifact, modelInfo } = rightOf(await reading());
      if (golden === undefined) return t.fail('there are no golden rows');
      const { inputs, outputs } = rightOf(await engine.inspect(artifact, modelInfo.feature_names ?? [], unhurried)());
      const signature = rightOf(signatureOf(inputs, outputs, modelInfo));
      const loaded = rightOf(await engine.load(artifact, unhurried)());
      const model = scoringModel(loaded, signature, modelInfo.classes);
      t.is(rightOf(await checkGolden(host)(golden, model, signature, unhurried)()), 50);
      for (const column of Object.keys(golden.predictions)) {
        for (const row of [0, 23, 49]) {
          const changed = withOneChanged(golden, column, row);
          const failed = leftOf(await checkGolden(host)(changed, model, signature, unhurried)(), 'ArtifactUnreadable');
          t.deepEqual(
            failed.problems.map(({ pointer }) => pointer),
            [`/predictions/${column}/${row}`],
          );
        }
      }
      await loaded.release();
    });
  }
}

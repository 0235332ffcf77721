/** Every example model, and one of each element type, in the very runtime that BigQuery ML has, beside the current one. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { artifactStoreExperimentSource } from '../../adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import type { Experiment } from '../../core/index.js';
import { whyNoPushDown } from '../../core/model/push-down.js';
import { signatureOf } from '../../core/model/signature.js';
import { compareRuntimes } from '../../core/scoring/compare-runtimes.js';
import { predictionColumnsOf } from '../../core/scoring/predictions.js';
import { onnxFixture } from '../support/fixtures.js';
import { rightOf, unhurried } from '../support/scoring.js';

const root = fileURLToPath(new URL('../../../examples/games/models/experiments', import.meta.url));
const experiments = artifactStoreExperimentSource({ store: localFilesystemArtifactStore({ root }), root: '' });
const engine = onnxruntimeInferenceEngine();

type Compare = Pick<Experiment, 'artifact' | 'golden' | 'modelInfo'>;

const compared = async ({ artifact, golden, modelInfo }: Compare) => {
  const featureNames = modelInfo.feature_names ?? [];
  const { inputs, outputs, format } = rightOf(await engine.inspect(artifact, featureNames, unhurried)());
  const signature = rightOf(signatureOf(inputs, outputs, modelInfo));
  const experiment = { artifact, ...(golden === undefined ? {} : { golden }) };
  const found = O.toUndefined(rightOf(await compareRuntimes(engine)(experiment, signature, unhurried)()));
  const predictionColumns = predictionColumnsOf(signature, modelInfo.classes);
  const reasons = whyNoPushDown({ format, sizeBytes: artifact.length, signature, predictionColumns });
  return { ...found, qualifies: reasons.length === 0 };
};

test.before(async (t) => {
  t.timeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'runtime-'));
  await writeFile(join(folder, 'package.json'), '{}');
  const alias = 'onnxruntime-node-1.12@npm:onnxruntime-node@1.12.0';
  await promisify(execFile)('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', alias], { cwd: folder });
  process.env['NODE_PATH'] = join(folder, 'node_modules');
  (Module as unknown as { readonly _initPaths: () => void })._initPaths();
  process.once('exit', () => void rm(folder, { recursive: true, force: true }));
});

test('the example models predict the same, on golden rows and on sample rows', async (t) => {
  const models = rightOf(await experiments.list(unhurried)());
  t.is(models.length, 6);
  const qualifying: string[] = [];
  for (const { modelType, name } of models) {
    const { golden: rows, ...experiment } = rightOf(await experiments.read({ modelType, name }, unhurried)());
    if (rows === undefined) return t.fail(`${name} has no golden rows`);
    for (const golden of [rows, undefined]) {
      const found = await compared(golden === undefined ? experiment : { ...experiment, golden });
      t.deepEqual(found.reasons, [], name);
      const { rows_of, row_count, largest_difference } = found.comparison ?? {};
      t.log(`${modelType}/${name}: at most ${largest_difference} on ${row_count} ${rows_of} rows`);
      if (golden !== undefined && found.qualifies === true) qualifying.push(name);
    }
  }
  t.deepEqual(qualifying.sort(), [
    'best_hurdle_model',
    'best_rating_model',
    'linear_rating_model',
    'weak_rating_model',
  ]);
});

test('each element type, and a classifier, do, too', async (t) => {
  for (const name of ['columns', 'float64', 'int32', 'int64', 'bool', 'string', 'classifier']) {
    const modelInfo = name === 'classifier' ? { feature_names: ['a', 'b'] } : {};
    const found = await compared({ artifact: await onnxFixture(name), modelInfo });
    t.deepEqual(found.reasons, [], name);
    t.log(`${name}: at most ${found.comparison?.largest_difference}`);
  }
});

// What the batch benchmarks score: a Parquet file of `row_id` and numbers between 0 and 1, and models over them, in a folder that goes with
// the process.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { cli } from './games.mjs';

export const features = Array.from({ length: 30 }, (_, i) => `feature_${i + 1}`);

/** The same numbers between 0 and 1 each time (a linear congruential generator with the constants of Numerical Recipes). */
export const randomNumbers = (seed) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

export const makeFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Writes `rowCount` rows of doubles to `path`. Other engines' threads are theirs: this one is closed again. */
export const writeTable = async (path, rowCount) => {
  const instance = await DuckDBInstance.create(':memory:', { preserve_insertion_order: 'false', memory_limit: '2GiB' });
  const connection = await instance.connect();
  const columns = features.map((name) => `(hash(range, '${name}') % 1000000) / 1e6 AS ${name}`);
  await connection.run(
    `COPY (SELECT range AS row_id, ${columns} FROM range(${rowCount})) TO '${path}' (FORMAT parquet)`,
  );
  connection.disconnectSync();
  instance.closeSync();
};

/** Registers `artifact` in `folder` as the model `bench/NAME` over the features. */
export const registerModel = (folder, name, artifact) => {
  const experiment = join(folder, 'models/experiments/bench', name, 'v1');
  mkdirSync(experiment, { recursive: true });
  const write = (file, content) => writeFileSync(join(experiment, file), content);
  write('pipeline.onnx', artifact);
  write(
    'metadata.json',
    JSON.stringify({ name, description: '', timestamp: '2026-01-01T00:00:00.000Z', metadata: {} }),
  );
  write('model_info.json', JSON.stringify({ feature_names: features }));
  write('parameters.json', '{}');
  for (const split of ['train', 'tune', 'test']) write(`${split}_metrics.json`, '{}');
  const words = ['register', '--model-type', 'bench', '--experiment', name, '--name', name, '--local', folder];
  const { status, stderr } = spawnSync(process.execPath, [cli, ...words], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
};

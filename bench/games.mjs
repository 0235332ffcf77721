// What the benchmarks score: the example's rating model, registered in a folder that is removed afterwards.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));
export const cli = join(root, 'dist/apps/cli/main.js');
export const settings = join(root, 'examples/games/scorekeeper.json');
export const experiments = join(root, 'examples/games/models/experiments');

export const experimentFile = (experiment, file) => join(experiments, experiment, 'v1', file);

/** Registers the experiment and answers with the registry's folder. */
export const registered = (modelType, experiment) => {
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      cli,
      'register',
      '--model-type',
      modelType,
      '--experiment',
      experiment,
      '--name',
      'bench',
      '--local',
      folder,
    ].concat(['--experiments', experiments]),
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return folder;
};

/** `count` records of the golden rows of an experiment. */
export const goldenRecords = (experiment, count) => {
  const { data } = JSON.parse(readFileSync(experimentFile(experiment, 'golden.json'), 'utf8'));
  const names = Object.keys(data);
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(names.map((name) => [name, data[name][row % 47] ?? (name === 'decade' ? 2020 : null)])),
  );
};

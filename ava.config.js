/** AVA runs what ships: the compiled tests beside the compiled code; what takes long for its size is in `*.deep.test.js`, for `ava.deep.config.js`. */
import { availableParallelism } from 'node:os';

/** What takes longest begins first, so that the end does not wait for it alone. */
const longest = [
  'adapters/google-cloud-storage/artifact-store',
  'adapters/duckdb/data-source',
  'adapters/onnxruntime/inference-engine',
  'apps/cli/commands',
  'adapters/duckdb/prediction-sink',
];
const rank = (file) => {
  const at = longest.findIndex((name) => file.endsWith(`/${name}.test.js`));
  return at === -1 ? longest.length : at;
};

export default {
  files: ['dist/test/**/*.test.js', '!dist/test/**/*.deep.test.js', '!dist/test/{slow,slurm}/**'],
  workerThreads: false,
  // One more than there are processors, since many tests wait for processes and clocks.
  concurrency: availableParallelism() + 1,
  sortTestFiles: (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1),
  timeout: '120s',
};

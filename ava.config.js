/** AVA runs what ships: the compiled tests beside the compiled code. */
import { availableParallelism } from 'node:os';

/** What takes longest begins first, so that the end does not wait for it alone. */
const longest = [
  'reliability/storm',
  'adapters/google-cloud-storage/artifact-store',
  'adapters/duckdb/data-source',
  'adapters/onnxruntime/inference-engine',
  'apps/cli/commands',
  'adapters/google-cloud-storage/faults',
  'adapters/duckdb/prediction-sink',
];
const rank = (file) => {
  const at = longest.findIndex((name) => file.endsWith(`/${name}.test.js`));
  return at === -1 ? longest.length : at;
};

export default {
  files: ['dist/test/**/*.test.js', '!dist/test/{slow,slurm}/**'],
  workerThreads: false,
  // One more than there are processors, since many tests wait for processes and clocks.
  concurrency: availableParallelism() + 1,
  sortTestFiles: (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1),
  timeout: '120s',
};

/** Jobs on a real Slurm, which has to be installed: `npm run slurm`. */
export default {
  files: ['dist/test/slurm/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
};

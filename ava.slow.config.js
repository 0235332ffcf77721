/** The slow suite: long storms, large tables and faults by the thousand, one file at a time. */
export default {
  files: ['dist/test/slow/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
};

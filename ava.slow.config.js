/** The slow suite: storms, large tables and whole-process runs that `npm test` leaves out, one file at a time. */
export default {
  files: ['dist/test/slow/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
};

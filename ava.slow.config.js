/** The slow suite: storms, large tables and whole-process runs that `npm test` leaves out. */
export default {
  files: ['dist/test/slow/**/*.test.js'],
  workerThreads: false,
  timeout: '10m',
};

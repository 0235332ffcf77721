/** The deep tests: whole processes, and faults at every point. `npm test` leaves them out, and CI runs them at every commit. */
export default {
  files: ['dist/test/**/*.deep.test.js'],
  workerThreads: false,
  // Many of them start processes of their own.
  concurrency: 2,
  timeout: '10m',
};

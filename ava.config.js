/** AVA runs what ships: the compiled tests beside the compiled code. */
export default {
  files: ['dist/test/**/*.test.js', '!dist/test/slow/**'],
  workerThreads: false,
  timeout: '120s',
};

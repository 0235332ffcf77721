// A command's cold start against Node's own: `scorekeeper models` over an empty folder, and `node -e 0`, in time on the clock.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli } from './games.mjs';
import { median } from './measure.mjs';

const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Milliseconds on the clock of one process from its start to its end. */
const run = (...words) => {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - startedMs;
};
const ours = () => run(cli, 'models', '--local', folder);
const bare = () => run('-e', '0');

ours();
bare();
const pairs = Array.from({ length: 15 }, (_, pair) => {
  const first = pair % 2 === 0 ? ours() : undefined;
  const second = bare();
  return [first ?? ours(), second];
});
const ratios = pairs.map(([a, b]) => a / b);
console.log(
  `scorekeeper models, cold, against node -e 0: ${median(ratios).toFixed(1)} × its time (${Math.min(...ratios).toFixed(1)} to ` +
    `${Math.max(...ratios).toFixed(1)}, ${pairs.length} pairs); ours ${median(pairs.map(([a]) => a)).toFixed()} ms, ` +
    `node ${median(pairs.map(([, b]) => b)).toFixed()} ms, goal 6 ×`,
);

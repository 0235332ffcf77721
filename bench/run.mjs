// Runs the benchmarks that are named, or all that need nothing but Node, one after the other, each in a process of its own. Ratios only.
import { spawnSync } from 'node:child_process';

const named = process.argv.slice(2);
const all = ['http', 'parquet', 'memory', 'streams', 'cold', 'responsive', 'models', 'bigquery'];
for (const name of named.length > 0 ? named : all) {
  const { status } = spawnSync(process.execPath, [`bench/${name}.mjs`], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

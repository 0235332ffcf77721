// Runs every benchmark, one after the other, each in a process of its own. Ratios only: these are no absolute speeds.
import { spawnSync } from 'node:child_process';

for (const name of ['http', 'parquet', 'memory', 'streams']) {
  const { status } = spawnSync(process.execPath, [`bench/${name}.mjs`], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

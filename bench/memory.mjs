// Peak resident memory of `scorekeeper score`, Parquet to Parquet, for a long table against a short one: `node bench/memory.mjs [SHORT] [LONG]`.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './games.mjs';
import { inPairs } from './measure.mjs';
import { linearModel } from './onnx.mjs';
import { features, makeFolder, registerModel, writeTable } from './table.mjs';

const [short = 1_000_000, long = 20_000_000] = process.argv.slice(2).map(Number);
const folder = makeFolder();
registerModel(
  folder,
  'linear',
  linearModel(
    features.map((_, i) => i / 100),
    0.25,
  ),
);
// Told by the process itself as it exits.
const hook = join(folder, 'peak.mjs');
writeFileSync(hook, `process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS / 1024));`);

/** MiB. */
const peakOf = (path) => async () => {
  const words = ['score', 'bench/linear', '--local', folder, '--source', path, '--output', `${path}.out.parquet`];
  const { status, stderr } = spawnSync(process.execPath, ['--import', hook, cli, ...words], { encoding: 'utf8' });
  const peak = /^peak ([\d.]+)$/m.exec(stderr)?.[1];
  if (status !== 0 || peak === undefined) throw new Error(stderr);
  return Number(peak);
};

const paths = [];
for (const rowCount of [long, short]) {
  const path = join(folder, `${rowCount}.parquet`);
  await writeTable(path, rowCount);
  paths.push(path);
}
await inPairs(
  `Peak resident memory, ${long.toLocaleString('en')} rows against ${short.toLocaleString('en')}`,
  ...['MiB', 3, ...paths.map(peakOf)],
);

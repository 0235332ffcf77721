// Two processes against one, as commands: Parquet to Parquet by the clock and by the processors' time, with a linear model and with 200 trees.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './games.mjs';
import { inPairs } from './measure.mjs';
import { linearModel, treeModel } from './onnx.mjs';
import { features, makeFolder, randomNumbers, registerModel, writeTable } from './table.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 4_000_000);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
const folder = makeFolder();
const random = randomNumbers(1);
registerModel(
  folder,
  'linear',
  linearModel(
    features.map(() => random() - 0.5),
    0.25,
  ),
);
registerModel(folder, 'trees', treeModel(features.length, 200, 6, random));
const tables = { trees: Math.ceil(rowCount / 4), linear: rowCount };
for (const [name, rows] of Object.entries(tables)) await writeTable(join(folder, `${name}.parquet`), rows);

/** Runs the command; how many seconds passed, and how many the processors of all its processes worked. */
const score = (name, ...more) => {
  const output = `${name}.out.parquet`;
  rmSync(join(folder, `${output}.job`), { recursive: true, force: true });
  const words = [
    'score',
    `bench/${name}`,
    '--local',
    folder,
    '--source',
    `${name}.parquet`,
    '--output',
    output,
    ...more,
  ];
  const startedMs = performance.now();
  // The shell's own word for what its children, and theirs, took.
  const { status, stdout, stderr } = spawnSync('sh', ['-c', '"$@" && times', 'sh', process.execPath, cli, ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const clock = (performance.now() - startedMs) / 1000;
  const [last = ''] = stdout.trim().split('\n').slice(-1);
  const processor = [...last.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + 60 * Number(m) + Number(s),
    0,
  );
  return { 'rows/s': tables[name] / clock, 'rows/processor-s': tables[name] / processor };
};

for (const name of Object.keys(tables)) {
  for (const unit of ['rows/s', 'rows/processor-s']) {
    for (const count of ['1', '2']) {
      await inPairs(
        `${tables[name]} rows, ${name}, --processes ${count} against none`,
        ...[unit, pairs, async () => score(name, '--processes', count)[unit], async () => score(name)[unit]],
      );
    }
  }
}

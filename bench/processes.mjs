// One, two processes and none besides the command itself, Parquet to Parquet: by the clock and by the processors' time, with a linear model and
// with 200 trees; and a process for each core with the trees and more rows, against ONNX Runtime alone on all cores.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { onnxruntimeOnTensors } from './baselines/onnxruntime-tensors.mjs';
import { cli } from './games.mjs';
import { inPairs, median } from './measure.mjs';
import { linearModel, treeModel } from './onnx.mjs';
import { features, makeFolder, randomNumbers, registerModel, writeTable } from './table.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 4_000_000);
const rounds = Number(process.env.BENCH_PAIRS ?? 5);
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
const trees = treeModel(features.length, 200, 6, random);
registerModel(folder, 'trees', trees);
registerModel(folder, 'many-trees', trees);
/** Rows of each model's table. All cores are for one that takes long. */
const tables = { linear: rowCount, trees: Math.ceil(rowCount / 4), 'many-trees': rowCount };
for (const [name, rows] of Object.entries(tables)) await writeTable(join(folder, `${name}.parquet`), rows);

/** Runs the command; rows by the second of the clock, and of the processors for all its processes. */
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
  return { clock: tables[name] / clock, processor: tables[name] / processor };
};

const show = (values) =>
  `${median(values).toFixed(2)} × (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;

for (const name of ['linear', 'trees']) {
  const runs = Array.from({ length: rounds }, () => ({
    none: score(name),
    one: score(name, '--processes', '1'),
    two: score(name, '--processes', '2'),
  }));
  for (const count of ['one', 'two']) {
    const ratios = (of) => show(runs.map((run) => run[count][of] / run.none[of]));
    console.log(
      `${name}, ${tables[name]} rows, ${count} against none, ${rounds} rounds: ${ratios('clock')} rows/s, ${ratios('processor')} rows/processor-s`,
    );
  }
  const rate = Math.round(median(runs.map(({ none }) => none.clock)));
  console.log(`${name}, none: ${rate.toLocaleString('en')} rows/s`);
}

const cores = availableParallelism();
const onTensors = await onnxruntimeOnTensors(trees, features.length, tables['many-trees'], random, cores);
await inPairs(
  `Parquet to Parquet, 200 trees, ${tables['many-trees']} rows, a process for each of ${cores} cores, against ONNX Runtime on tensors in memory on as many`,
  'rows/s',
  rounds,
  async () => score('many-trees', '--processes', `${cores}`).clock,
  async () => {
    const startedMs = performance.now();
    await onTensors();
    return tables['many-trees'] / ((performance.now() - startedMs) / 1000);
  },
);

/** The command line's main paths, one after the other over one local registry, as a person would walk them; each once in a process of its own. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  emptyFolder,
  filesIn,
  games,
  onnxFixtures,
  type Ran,
  run,
  runHere,
  shown,
  start,
  writeExperiment,
} from './command-line.js';

const settings = ['--settings', join(games, 'scorekeeper.json')];
const experiments = ['--experiments', join(games, 'models', 'experiments')];
const reference = 'rating/production_rating_model';
const register = [
  'register',
  '--model-type',
  'rating',
  '--experiment',
  'best_rating_model',
  '--name',
  'production_rating_model',
];

const folder = await emptyFolder();
const golden: {
  readonly data: Record<string, ReadonlyArray<unknown>>;
  readonly predictions: { readonly prediction: ReadonlyArray<number> };
} = JSON.parse(await readFile(join(games, 'models/experiments/rating/best_rating_model/v1/golden.json'), 'utf8'));
/** The first rows, as objects. */
const rows = [0, 1, 2].map((i) =>
  Object.fromEntries(Object.entries(golden.data).map(([name, values]) => [name, values[i]])),
);

const close = (a: number, b: number | undefined): boolean =>
  b !== undefined && Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));

const lines = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

interface Document {
  readonly [field: string]: unknown;
}
const json = ({ stdout }: Ran): Document => JSON.parse(stdout);

test.serial('help begins with what it is for and examples', async (t) => {
  const all = await run(folder, []);
  t.is(all.code, 0);
  t.regex(all.stdout, /^Scorekeeper .*\n\nExamples\n {2}# .*\n {2}scorekeeper register --local /);
  for (const command of [
    'register',
    'models',
    'models show',
    'versions',
    'experiments',
    'score',
    'predict',
    'serve',
    'doctor',
  ]) {
    t.regex(all.stdout, new RegExp(`\n {2}scorekeeper ${command} `));
    const { stdout } = await runHere(folder, [...command.split(' '), '--help']);
    for (const line of [...all.stdout.split('\n'), ...stdout.split('\n')]) t.true(line.length <= 80, line);
    t.is(stdout.includes('<REF>'), stdout.includes('\nREF names one version of a model: '), 'it says what REF is');
    const options = /\nOptions\n([^]*?)(?:\n\n|$)/.exec(stdout)?.[1] ?? '';
    t.notRegex(options, /^ {2}--\S+(?: \S+)? {2,}[a-z]/m, 'each option has a phrase with a capital');
  }
  const one = await runHere(folder, ['score', '--help']);
  t.regex(
    one.stdout,
    /^Scores rows .*\n\nExamples\n[^]*\nUsage\n {2}scorekeeper score <REF> \[options\]\n\nOptions\n[^]*--source NAME\|FILE {2}/,
  );
});

test.serial('experiments lists what could be registered', async (t) => {
  const listed = await runHere(folder, ['experiments', ...experiments, '--json']);
  t.is(listed.code, 0);
  const names = (JSON.parse(listed.stdout) as ReadonlyArray<Document>).map(
    ({ model_type, name, versions }) => `${model_type}/${name} ${versions}`,
  );
  t.true(names.includes('rating/best_rating_model 1'));
  t.regex((await runHere(folder, ['experiments'])).stdout, /There are no experiments here/);
});

test.serial('a dry run checks and writes nothing', async (t) => {
  const before = await filesIn(folder);
  const { code, stdout } = await runHere(folder, [...register, ...experiments, '--alias', 'champion', '--dry-run']);
  t.is(code, 0);
  t.regex(stdout, /\n {2}alias champion would be set on version 1\n/);
  t.regex(stdout, /rating\/production_rating_model@1 would be registered. Nothing was written/);
  t.deepEqual(await filesIn(folder), before);
});

test.serial('a rejected experiment is told with every check, passed or not, and as one document', async (t) => {
  const weak = [
    ...register.with(register.indexOf('best_rating_model'), 'weak_rating_model'),
    ...experiments,
    '--max',
    'rmse=2',
  ];
  const told = await runHere(folder, weak);
  t.is(told.code, 24);
  t.is(told.stdout, '');
  t.regex(
    told.stderr,
    /: r2 is 0\.128508, and must be at least 0\.5\. Passed: rmse is \d\.\d+, and must be at most 2\. /,
  );
  const asked = await runHere(folder, [...weak, '--json']);
  t.is(asked.code, 24);
  t.is(asked.stderr, told.stderr);
  const { validation_report, ...problem } = json(asked);
  t.like(problem, { code: 'GateRejected', title: 'The metrics gate rejected the experiment' });
  t.like(validation_report, [
    { rule: 'min', metric: 'r2', threshold: 0.5, passed: false },
    { rule: 'max', metric: 'rmse', threshold: 2, passed: true },
  ]);
  const unknown = await runHere(folder, ['models', 'show', 'rating/none', '--json']);
  t.is(unknown.code, 20);
  t.deepEqual(Object.keys(json(unknown)), ['code', 'title', 'detail', 'errors']);
});

test.serial('register takes every flag, says where it looked, and registers nothing twice under one key', async (t) => {
  const flags = [
    '--description',
    'Production model for game ratings',
    '--min',
    'r2=0.6',
    '--max',
    'rmse=0.9',
    '--max',
    'mae=0.5',
  ];
  const more = [
    '--alias',
    'champion',
    '--metadata',
    'ticket=42',
    '--metadata',
    'url=a=b',
    '--registered-by',
    'tester',
    '--idempotency-key',
    'k',
  ];
  const first = await run(folder, [
    ...register,
    ...experiments,
    '--experiment-version',
    '1',
    ...flags,
    ...more,
    '--json',
  ]);
  t.is(first.code, 0, first.stderr);
  t.like(json(first), {
    version: 1,
    description: 'Production model for game ratings',
    validation_metrics: { min_r2: 0.6, max_rmse: 0.9, max_mae: 0.5 },
    metadata: { ticket: '42', url: 'a=b' },
    registered_by: 'tester',
  });
  t.regex(first.stderr, /^registry: local folder .*\nexperiments: local folder .*models\/experiments\n/);
  const again = await runHere(folder, [
    ...register,
    ...experiments,
    '--experiment-version',
    '1',
    ...flags,
    ...more,
    '--json',
  ]);
  t.is(again.stdout, first.stdout);
  t.regex(again.stderr, /was registered with this idempotency key before: nothing was written/);
});

test.serial('register tells which checks were made and the alias it set', async (t) => {
  const other = await emptyFolder();
  const elsewhere = [...register, ...experiments, '--local', other];
  const checked = await runHere(folder, [...elsewhere, '--alias', 'champion']);
  t.regex(
    checked.stdout,
    /@1\.\n {2}passed {2}r2 0\.799867 \(at least 0\.5\)\n[^]*\n {2}golden rows predicted again \(50\)\n {2}alias champion is set on version 1\n/,
  );
  t.regex((await runHere(folder, [...elsewhere, '--skip-validation'])).stdout, /\n {2}validation was skipped: /);
  await writeExperiment(join(other, 'models/experiments/price/flats'), join(onnxFixtures, 'columns.onnx'));
  const price = ['register', '--local', other, '--model-type', 'price', '--experiment', 'flats', '--name', 'm'];
  const ungated = await runHere(other, price);
  t.is(ungated.code, 0, ungated.stderr);
  t.regex(
    ungated.stdout,
    /\n {2}no metrics gate for type price: nothing was checked; configure model_types\.price\.gate/,
  );
  t.regex(ungated.stdout, /\n {2}no golden rows: /);
  const told = (await runHere(other, ['models', 'show', 'price/m'])).stdout;
  t.regex(told, /^gate +none$/m);
  t.regex(told, /^registered +\S+Z$/m);
});

test.serial('models, versions and models show tell it, to people and as JSON', async (t) => {
  const page = json(await runHere(folder, ['models', '--json']));
  t.deepEqual(Object.keys(page), ['rating']);
  t.like(page['rating'], [{ name: 'production_rating_model', version: 1, aliases: ['champion'] }]);
  t.deepEqual(json(await runHere(folder, ['versions', reference, '--json'])), page);
  t.deepEqual(json(await runHere(folder, ['models', '--model-type', 'hurdle', '--latest', '--json'])), {});
  t.is(
    (await runHere(folder, ['models', '--model-type', 'hurdle'])).stdout,
    'Nothing of the type "hurdle" is registered here.\n',
  );
  const shownRecord = json(await runHere(folder, ['models', 'show', `${reference}@champion`, '--json']));
  t.deepEqual(Object.keys(shownRecord).sort(), [
    'model_info',
    'original_experiment',
    'registration',
    'validation_metrics',
  ]);
  const table = await runHere(folder, ['models', '--local', folder]);
  t.regex(table.stdout, /^model +status +aliases .*\nrating\/production_rating_model@1 +registered +champion /);
  const told = (await runHere(folder, ['models', 'show', reference])).stdout;
  t.regex(told, /gate +r2 0\.799867 ≥ 0\.6 passed/);
  t.regex(told, /^registered +\S+Z by tester$/m);
});

test.serial('score writes a file and tells the report', async (t) => {
  const years = ['--start-year', '2020', '--end-year', '2025'];
  const { code, stdout, stderr } = await run(folder, [
    'score',
    reference,
    ...settings,
    ...years,
    '--output',
    './out/predictions.parquet',
  ]);
  t.is(code, 0, stderr);
  t.regex(stdout, /rows +5,952 scored of 5,952 read, 0 refused\n/);
  t.regex(stdout, new RegExp(`output +${join(folder, 'out', 'predictions.parquet')}\n`));
  t.is((stdout.match(/^ *\d\.\d{3} +\d\.\d{3} +[█-▏]+ +[\d,]+$/gm) ?? []).length, 10, 'ten lines of histogram');
  t.false(`${stdout}${stderr}`.includes('\u001B'), 'no colours and no progress off a terminal');
  t.is((await readFile(join(folder, 'out', 'predictions.parquet'))).subarray(0, 4).toString(), 'PAR1');
});

test.serial(
  'score takes a file as source, and without an output gives NDJSON on stdout and the report on stderr',
  async (t) => {
    await writeFile(
      join(folder, 'rows.ndjson'),
      rows.map((row, i) => JSON.stringify({ ...row, game_id: i + 7 })).join('\n'),
    );
    const { code, stdout, stderr } = await run(folder, [
      'score',
      `${reference}@champion`,
      ...settings,
      '--source',
      'rows.ndjson',
    ]);
    t.is(code, 0, stderr);
    const predictions = lines(stdout);
    t.deepEqual(
      predictions.map(({ row, game_id }) => [row, game_id]),
      [
        [0, 7],
        [1, 8],
        [2, 9],
      ],
    );
    for (const [i, { prediction }] of predictions.entries())
      t.true(close(Number(prediction), golden.predictions.prediction[i]));
    t.regex(stderr, /rows +3 scored of 3 read/);
    t.regex(stderr, /^output +stdout$/m);
  },
);

test.serial('an output elsewhere is its owner’s choice, and --json gives the answer', async (t) => {
  const elsewhere = await emptyFolder();
  const output = join(elsewhere, 'predictions.csv');
  const ran = await run(folder, ['score', `${reference}@1`, '--source', './rows.ndjson', '--output', output, '--json']);
  t.is(ran.code, 0, ran.stderr);
  t.like(json(ran), { output_location: output, predictions: null, performance_diagnostics: { total_scored: 3 } });
  t.is((await readFile(output, 'utf8')).trim().split('\n').length, 4);
});

test.serial('predict takes every form of rows, and tells what it left out', async (t) => {
  const columns = Object.fromEntries(Object.entries(golden.data).map(([name, values]) => [name, values.slice(0, 3)]));
  const split = { columns: Object.keys(columns), data: rows.map((row) => Object.values(row)) };
  const ndjson = rows.map((row) => JSON.stringify(row)).join('\n');
  for (const input of [JSON.stringify(rows), JSON.stringify(columns), JSON.stringify(split), ndjson]) {
    const predict = input === ndjson ? run : runHere;
    const { code, stdout, stderr } = await predict(folder, ['predict', reference], { input });
    t.is(code, 0, stderr);
    for (const [i, { prediction }] of lines(stdout).entries())
      t.true(close(Number(prediction), golden.predictions.prediction[i]));
    t.is(lines(stdout).length, 3);
  }
  const bad = { ...rows[1], min_players: 'two' };
  const skipped = await runHere(folder, ['predict', reference, '--on-error', 'skip'], {
    input: JSON.stringify([rows[0], bad]),
  });
  t.is(skipped.code, 0, skipped.stderr);
  t.is(lines(skipped.stdout).length, 1);
  t.regex(skipped.stderr, /refused row 1: column "min_players": expected float32, got the text "two"\n/);
  const failed = await runHere(folder, ['predict', reference], {
    input: JSON.stringify([{ ...bad, min_age: 'old' }]),
  });
  t.is(failed.code, 23);
  t.regex(failed.stderr, /row 0, column "min_players".*--on-error skip.*\n {2}row 0, column "min_age": .*\n$/);
  t.like(json(await runHere(folder, ['predict', reference, '--json'], { input: '[]' })), {
    predictions: [],
    performance_diagnostics: { total_scored: 0 },
  });
  t.regex((await runHere(folder, ['predict', reference], { input: '[]' })).stderr, /warning: The data has no rows/);
});

test.serial('doctor tries every part and tells where each setting comes from', async (t) => {
  const well = await run(folder, ['doctor', ...settings, '--json'], { env: { PORT: '9000' } });
  t.is(well.code, 0, well.stderr);
  const {
    ok,
    checks,
    settings: told,
  } = json(well) as { ok: boolean; checks: ReadonlyArray<Document>; settings: ReadonlyArray<Document> };
  t.true(ok);
  t.deepEqual(
    checks.map(({ name }) => name),
    ['node', 'store', 'outputs', 'runtime', 'tables', 'source games'],
  );
  t.like(
    told.find(({ name }) => name === 'port'),
    { value: 9000, origin: 'environment PORT' },
  );

  const broken = { sources: { gone: { kind: 'duckdb', files: { gone: 'gone.parquet' }, sql: 'select * from gone' } } };
  await writeFile(join(folder, 'broken.json'), JSON.stringify(broken));
  const ill = await runHere(folder, ['doctor', '--settings', 'broken.json']);
  t.is(ill.code, 20);
  t.regex(ill.stdout, /source gone +FAILED +gone\.parquet/);
  t.regex(ill.stderr, /NotFound: 1 of 6 checks failed: source gone\./);
});

test.serial('doctor makes no registry where there is none, and tells a file in the place of a folder', async (t) => {
  const home = await emptyFolder();
  const absent = await runHere(home, ['doctor', '--local', 'nosuch']);
  t.is(absent.code, 0, absent.stderr);
  t.regex(absent.stdout, /^store +ok +local folder .*\/nosuch is not there yet: the first registration makes it$/m);
  t.deepEqual(await readdir(home), []);
  await writeFile(join(home, 'notes.md'), '');
  const registry = await runHere(home, ['doctor', '--local', 'notes.md']);
  t.is(registry.code, 2);
  t.regex(registry.stdout, /^store +FAILED +--local names .*\/notes\.md, which is a file: /m);
  t.regex(registry.stdout, /^tables +ok /m);
  const outputs = await runHere(home, ['doctor'], { env: { SCOREKEEPER_OUTPUT_ROOT: 'notes.md' } });
  t.is(outputs.code, 2);
  t.regex(outputs.stdout, /^store +ok +local folder .* answers and can be written$/m);
  t.regex(outputs.stdout, /^outputs +FAILED +The output root .*\/notes\.md is a file, or below one: /m);
});

test.serial('doctor and score refuse a wrong key alike, and a file as source does without', async (t) => {
  const declared = { kind: 'duckdb', files: { rows: 'rows.ndjson' }, sql: 'select * from rows', keys: ['gameid'] };
  const wrong = { sources: { rows: declared }, model_types: { rating: { source: 'rows' } } };
  await writeFile(join(folder, 'wrong-key.json'), JSON.stringify(wrong));
  const said = /has no column "gameid" \(did you mean "game_id"\?\)/;
  const ill = await runHere(folder, ['doctor', '--settings', 'wrong-key.json']);
  t.is(ill.code, 2);
  t.regex(ill.stdout, said);
  const scored = await runHere(folder, [
    'score',
    reference,
    '--settings',
    'wrong-key.json',
    '--output',
    'wrong-key.csv',
  ]);
  t.is(scored.code, 2);
  t.regex(scored.stderr, said);
  t.false((await filesIn(folder)).includes('wrong-key.csv'));
  const bare = await runHere(folder, ['score', reference, '--settings', 'wrong-key.json', '--source', 'rows.ndjson']);
  t.is(bare.code, 0, bare.stderr);
  t.regex(bare.stderr, /The key "gameid" is no column of the source/);
});

test.serial('serve answers until SIGTERM and exits 0', async (t) => {
  const server = start(folder, ['serve', '--port', '0', ...settings]);
  const [, url] = await shown(server, /listening on (http:\S+)/);
  t.deepEqual(Object.keys((await (await fetch(`${url}/models`)).json()) as object), ['rating']);
  server.child.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test.serial('an interrupt cancels', async (t) => {
  const waiting = start(folder, ['predict', reference]);
  await shown(waiting, /registry:/);
  waiting.child.kill('SIGINT');
  const { code, stderr } = await waiting.ended;
  t.is(code, 130);
  t.regex(stderr, /Cancelled: /);
});

test.serial('.env in the working folder is read', async (t) => {
  const home = await emptyFolder();
  await writeFile(join(home, '.env'), `SCOREKEEPER_LOCAL_DIR=${folder}\nHOST=::\n`);
  const { stdout: doctor } = await run(home, ['doctor'], { env: { HOST: '::1' } });
  t.regex(doctor, /^local_dir .* \.env SCOREKEEPER_LOCAL_DIR$/m);
  t.regex(doctor, /^host +::1 +environment HOST$/m);
  const { stderr, stdout } = await run(home, ['models']);
  t.is(stderr, `registry: local folder ${folder}\n`);
  t.regex(stdout, /production_rating_model@1/);
});

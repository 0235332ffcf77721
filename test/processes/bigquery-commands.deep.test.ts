/** A BigQuery source from the settings file to the predictions, against the fake of the service. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeBigquery } from '../support/fake-bigquery/server.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { writeOlderRuntime } from '../support/older-runtime.js';
import { emptyFolder, games, run, runHere } from '../apps/cli/command-line.js';

const golden: {
  readonly data: Record<string, ReadonlyArray<string | number | null>>;
  readonly predictions: { readonly prediction: ReadonlyArray<number> };
} = JSON.parse(await readFile(join(games, 'models/experiments/rating/best_rating_model/v1/golden.json'), 'utf8'));

const sql = `SELECT * FROM \`games-project.games.features\`
WHERE year_published BETWEEN @start_year AND @end_year`;

const typeOf = (values: ReadonlyArray<string | number | null>): string =>
  values.some((value) => typeof value === 'string')
    ? 'STRING'
    : values.every((value) => value === null || Number.isInteger(value))
      ? 'INTEGER'
      : 'FLOAT';

const columns = [
  ...Object.entries(golden.data),
  ['scored_key', golden.predictions.prediction.map((_, i) => i)] as const,
];

test.serial('a model is scored on a query in the warehouse, which doctor tries and prices', async (t) => {
  const home = await emptyFolder();
  const fake = await startFakeBigquery();
  t.teardown(fake.close);
  fake.knows({
    sql,
    parameters: ['start_year', 'end_year'],
    bytes: 3 * 2 ** 30,
    tables: { 'games-project.games.features': 1000 },
    answer: () => ({
      fields: columns.map(([name, values]) => ({ name, type: typeOf(values) })),
      rows: golden.predictions.prediction.map((_, row) =>
        columns.map(([, values]) => (values[row] === null ? null : `${values[row]}`)),
      ),
    }),
  });
  await writeFile(join(home, 'features.sql'), `${sql};\n`);
  const source = {
    kind: 'bigquery',
    sql_file: 'features.sql',
    keys: ['scored_key'],
    project: 'games-project',
    labels: { team: 'games' },
    maximum_bytes_billed: 10 * 2 ** 30,
  };
  await writeFile(
    join(home, 'scorekeeper.json'),
    JSON.stringify({ sources: { features: source }, model_types: { rating: { source: 'features' } } }),
  );
  process.env['BIGQUERY_EMULATOR_HOST'] = fake.url.slice('http://'.length);
  const registered = await runHere(home, [
    'register',
    '--model-type',
    'rating',
    '--experiment',
    'best_rating_model',
    '--name',
    'games',
    '--experiments',
    join(games, 'models', 'experiments'),
  ]);
  t.is(registered.code, 0, registered.stderr);

  const doctor = await runHere(home, ['doctor']);
  t.is(doctor.code, 0, doctor.stdout);
  const [, found = ''] = /^source features +ok +(.*(?:\n {2,}.*)*)/m.exec(doctor.stdout) ?? [];
  t.regex(
    found.replaceAll(/\s+/g, ' '),
    /^\d+ columns\. BigQuery scans up to 3\.00 GiB for the source's query\. .* a fake of BigQuery, and never ran against Google's\./,
  );
  t.is(fake.counts().insert, undefined, 'nothing was paid for');

  const scored = await runHere(home, [
    'score',
    'rating/games',
    '--start-year',
    '1990',
    '--output',
    'predictions.ndjson',
  ]);
  t.is(scored.code, 0, scored.stderr);
  t.regex(scored.stderr + scored.stdout, /BigQuery scans up to 3\.00 GiB/);
  const rows = (await readFile(join(home, 'predictions.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line): { scored_key: number; prediction: number } => JSON.parse(line));
  t.deepEqual(
    rows.map((row) => row.scored_key),
    golden.predictions.prediction.map((_, i) => i),
  );
  golden.predictions.prediction.forEach((expected, i) => {
    t.true(Math.abs((rows[i]?.prediction ?? 0) - expected) <= 1e-5 * Math.max(1, Math.abs(expected)));
  });
  t.like(fake.jobs()[0]?.insert.configuration, { labels: { team: 'games' } });

  const jobsBefore = fake.jobs().length;
  for (const time of ['first', 'second']) {
    const shared = await runHere(home, ['score', 'rating/games', '--output', 'shared.ndjson', '--processes', '2']);
    t.is(shared.code, 0, shared.stderr);
    t.is(fake.jobs().length, jobsBefore + 1, `${time} time`);
  }
  t.deepEqual(
    (await readFile(join(home, 'shared.ndjson'), 'utf8'))
      .trim()
      .split('\n')
      .map((line): number => JSON.parse(line).prediction),
    rows.map((row) => row.prediction),
  );

  const table = 'bigquery://games-project.predictions.ratings';
  const loaded = await runHere(home, ['score', 'rating/games', '--output', table]);
  t.is(loaded.code, 0, loaded.stderr);
  t.regex(loaded.stdout, /^output +bigquery:\/\/games-project\.predictions\.ratings$/m);
  t.deepEqual(
    fake.rows('predictions.ratings')?.map((row) => [`${row['scored_key']}`, row['model_type'], row['model_version']]),
    rows.map((row) => [`${row.scored_key}`, 'rating', 1]),
  );
  const aside = await runHere(home, ['score', 'rating/games', '--output', table, '--processes', '2']);
  t.is(aside.code, 2);
  t.regex(aside.stderr, /Several processes write a file, and bigquery:\/\/games-project\.predictions has tables/);
  const nowhere = await runHere(home, ['score', 'rating/games', '--output', 'bigquery://games-project.ratings']);
  t.is(nowhere.code, 2);
  t.regex(
    nowhere.stderr,
    /--output is not valid: must name a table, such as bigquery:\/\/project\.dataset\.predictions/,
  );

  await writeFile(
    join(home, 'scorekeeper.json'),
    JSON.stringify({ sources: { features: { ...source, maximum_bytes_billed: 2 ** 30 } } }),
  );
  const dear = await runHere(home, ['doctor']);
  t.not(dear.code, 0);
  t.regex(dear.stdout.replaceAll(/\s+/g, ' '), /would scan 3\.00 GiB, and maximum_bytes_billed allows 1\.00 GiB/);
});

test.serial('a model that is registered in a bucket scores in BigQuery, and only when that is asked for', async (t) => {
  const home = await emptyFolder();
  const fake = await startFakeBigquery();
  const bucket = await startFakeGcs({ buckets: ['bgg-models'] });
  t.teardown(fake.close);
  t.teardown(bucket.close);
  process.env['BIGQUERY_EMULATOR_HOST'] = fake.url;
  process.env['STORAGE_EMULATOR_HOST'] = bucket.url;
  const rows = golden.predictions.prediction;
  const number = (name: string) => ({ name, type: 'FLOAT' });
  const texts = ['model_type', 'job_id'].map((name) => ({ name, type: 'STRING' }));
  const key = { name: 'scored_key', type: 'INTEGER' };
  fake.knows({
    sql: 'SELECT * FROM games',
    answer: () => ({ fields: columns.map(([name, values]) => ({ name, type: typeOf(values) })), rows: [] }),
  });
  fake.knows({
    sql: 'the outputs',
    matches: /^SELECT \*\nFROM ML\.PREDICT/,
    answer: () => ({ fields: [{ ...number('variable'), mode: 'REPEATED' }], rows: [] }),
  });
  fake.knows({
    sql: 'the predictions',
    matches: /^SELECT `scorekeeper_key_0` AS `scored_key`, `variable`\[OFFSET\(0\)\] AS `prediction`, "rating" AS/,
    answer: () => ({
      fields: [key, number('prediction'), ...texts],
      rows: rows.map((value, i) => [`${i}`, `${value}`, 'rating', 'job']),
    }),
  });
  fake.knows({
    sql: 'the predictions for a file',
    matches: /`variable`\[OFFSET\(0\)\] AS `prediction`\nFROM/,
    answer: () => ({ fields: [key, number('prediction')], rows: rows.map((value, i) => [`${i}`, `${value}`]) }),
  });
  const summary = { count: rows.length, mean: 6, std: 1, min: 4, max: 8, quantiles: [4, 5, 6, 7, 8] };
  fake.knows({
    sql: 'the summary',
    matches: /^SELECT COUNT\(\*\) AS row_count/,
    answer: () => ({
      fields: [
        { name: 'row_count', type: 'INTEGER' },
        { name: 's0', type: 'STRING' },
      ],
      rows: [[`${rows.length}`, JSON.stringify(summary)]],
    }),
  });
  const address = 'gs://bgg-models/prod/models/registered/rating/games/v1/pipeline.onnx';
  fake.imports(address, { inputs: {} });
  const features = { kind: 'bigquery', sql: 'SELECT * FROM games', keys: ['scored_key'], project: 'games-project' };
  await writeFile(
    join(home, 'scorekeeper.json'),
    JSON.stringify({
      bucket: 'bgg-models/prod',
      sources: { features: { ...features, model_dataset: 'games-project.models' } },
      model_types: { rating: { source: 'features' }, complexity: { source: 'features' } },
    }),
  );
  const register = (type: string) =>
    runHere(home, [
      ...['register', '--model-type', type, '--experiment', `best_${type}_model`, '--name', 'games'],
      ...['--experiments', join(games, 'models', 'experiments')],
    ]);
  for (const type of ['rating', 'complexity']) {
    const registered = await register(type);
    t.is(registered.code, 0, registered.stderr);
  }
  const shown = await runHere(home, ['models', 'show', 'rating/games']);
  t.regex(shown.stdout, /^BigQuery ML +qualifies; its own runtime was not there to compare with$/m);

  const table = 'bigquery://games-project.predictions.ratings';
  const score = (output: string, ...more: ReadonlyArray<string>) =>
    runHere(home, ['score', 'rating/games', '--on', 'bigquery', '--output', output, ...more]);
  const scored = await score(table);
  t.is(scored.code, 0, scored.stderr);
  t.regex(scored.stdout, new RegExp(`^rows +${rows.length} scored of ${rows.length} read, 0 refused$`, 'm'));
  t.regex(scored.stdout, /^output +bigquery:\/\/games-project\.predictions\.ratings$/m);
  t.is(fake.rows('predictions.ratings')?.length, rows.length);
  t.regex(
    fake.statements()[1] ?? '',
    /^CREATE MODEL IF NOT EXISTS `games-project\.models\.rating_games_v1_[0-9a-f]{12}` OPTIONS\(MODEL_TYPE = "ONNX", MODEL_PATH = "gs:/,
  );
  t.true(
    fake.statements().some((statement) => statement.includes('AS `max_players`')),
    'every input is fed',
  );

  const onThisMachine = join(home, 'predictions.ndjson');
  for (const file of [onThisMachine, 'gs://bgg-models/out/predictions.ndjson']) {
    const written = await score(file);
    t.is(written.code, 0, written.stderr);
    t.regex(written.stdout, new RegExp(`^output +.*${file}$`, 'm'));
  }
  t.deepEqual(
    (await readFile(onThisMachine, 'utf8'))
      .trim()
      .split('\n')
      .map((line): number => JSON.parse(line).prediction),
    rows.map(Math.fround),
  );

  const matrix = await runHere(home, ['score', 'complexity/games', '--on', 'bigquery', '--output', table]);
  t.is(matrix.code, 2);
  t.regex(
    matrix.stderr,
    /BigQuery ML cannot score with complexity\/games@1\. The input "\w+" has the shape \[N, \d+\]/,
  );
  for (const more of [['--processes', '2'], ['--tasks', '3'], ['--overwrite'], ['--on-error', 'skip']]) {
    t.is((await score(table, ...more)).code, 2, more.join(' '));
  }
  const here = await runHere(home, ['score', 'rating/games', '--on', 'bigquery']);
  t.is(here.code, 2);
  t.regex(here.stderr, /name a table there, bigquery:\/\/project\.dataset\.table, or a file/);
  t.is(fake.rows('predictions.ratings')?.length, rows.length);
});

test('where its runtime is installed, a registration says how far the two are apart', async (t) => {
  const home = await emptyFolder();
  await writeOlderRuntime(home, '');
  const env = { NODE_PATH: home };
  const registered = await run(
    home,
    [
      ...['register', '--local', 'registry', '--model-type', 'rating', '--experiment', 'best_rating_model'],
      ...['--name', 'games', '--experiments', join(games, 'models', 'experiments')],
    ],
    { env },
  );
  t.is(registered.code, 0, registered.stderr);
  const shown = await run(home, ['models', 'show', 'rating/games', '--local', 'registry']);
  t.regex(shown.stdout, /^BigQuery ML +qualifies; ONNX Runtime 1\.12\.0 differs by at most 0 on 50 golden rows$/m);
});

/** A BigQuery source from the settings file to the predictions, against the fake of the service. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeBigquery } from '../../support/fake-bigquery/server.js';
import { emptyFolder, games, runHere } from './command-line.js';

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

test('a model is scored on a query in the warehouse, which doctor tries and prices', async (t) => {
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

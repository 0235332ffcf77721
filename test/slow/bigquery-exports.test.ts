/** More rows in BigQuery than come page by page: the command line has them exported to the bucket, and processes read them there. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sql as query } from '../adapters/duckdb/files.js';
import { emptyFolder, games, runHere } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { startFakeBigquery } from '../support/fake-bigquery/server.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';

const experiment = join(games, 'models/experiments/rating/best_rating_model/v1/golden.json');
const golden: {
  readonly data: Record<string, ReadonlyArray<string | number | null>>;
  readonly predictions: { readonly prediction: ReadonlyArray<number> };
} = JSON.parse(await readFile(experiment, 'utf8'));
const { data, predictions } = golden;
const features = Object.entries(data);
const goldenCount = predictions.prediction.length;

/** Some more values than come page by page, the key's among them. */
const rowCount = Math.ceil(4_000_001 / (features.length + 1));

const typeOf = (values: ReadonlyArray<string | number | null>): string =>
  values.some((value) => typeof value === 'string') ? 'STRING' : 'FLOAT';

test('score --processes over 4,000,000 values and more: exported once, every row once, and nothing is left', async (t) => {
  const home = await emptyFolder();
  const storage = await startFakeGcs({ buckets: ['bgg'] });
  const bucket = inABucket(storage.url);
  const fake = await startFakeBigquery({ upload: bucket.put, fileRowLimit: Math.ceil(rowCount / 3) });
  t.teardown(storage.close);
  t.teardown(fake.close);
  Object.assign(process.env, { BIGQUERY_EMULATOR_HOST: fake.url, STORAGE_EMULATOR_HOST: storage.url });
  const cells = predictions.prediction.map((_, row) =>
    features.map(([, values]) => (values[row] === null ? null : `${values[row]}`)),
  );
  const table = {
    fields: [{ name: 'game', type: 'INTEGER' }, ...features.map(([name, values]) => ({ name, type: typeOf(values) }))],
    rows: Array.from({ length: rowCount }, (_, row) => [`${row}`, ...(cells[row % goldenCount] ?? [])]),
  };
  const sql = 'SELECT * FROM games';
  fake.knows({ sql, tables: { 'games-project.games.features': 1000 }, answer: () => table });
  const source = { kind: 'bigquery', sql, keys: ['game'], project: 'games-project' };
  const settings = { bucket: 'bgg/prod', sources: { games: source }, model_types: { rating: { source: 'games' } } };
  await writeFile(join(home, 'scorekeeper.json'), JSON.stringify(settings));
  const registered = await runHere(home, [
    ...['register', '--model-type', 'rating', '--experiment', 'best_rating_model', '--name', 'games'],
    ...['--experiments', join(games, 'models', 'experiments')],
  ]);
  t.is(registered.code, 0, registered.stderr);

  const output = 'gs://bgg/out/predictions.parquet';
  const scored = await runHere(home, ['score', 'rating/games', '--output', output, '--processes', '2']);
  t.is(scored.code, 0, scored.stderr);
  t.is(fake.jobs().length, 2, 'a query and an export');
  t.is(fake.counts().results, 1);
  const names = await bucket.namesBelow('gs://bgg/out/');
  t.deepEqual(
    names.filter((name) => name.endsWith('.parquet')),
    ['predictions.parquet'],
  );
  const path = await bucket.fetch(output, join(home, 'fetched.parquet'));
  const expected = join(home, 'expected.json');
  await writeFile(expected, JSON.stringify(predictions.prediction.map((prediction, row) => ({ row, prediction }))));
  t.deepEqual(
    await query(
      `SELECT count(*)::INTEGER, count(DISTINCT p.game)::INTEGER, count(*) FILTER (abs(p.prediction - e.prediction) > 1e-4)::INTEGER
      FROM '${path}' p JOIN '${expected}' e ON p.game % ${goldenCount} = e.row`,
    ),
    [[rowCount, rowCount, 0]],
  );
});

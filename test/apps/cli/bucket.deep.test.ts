/** A registry in a bucket: the same commands against the Cloud Storage client and the fake of its service. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { emptyFolder, games, run } from './command-line.js';

const register = [
  ...['register', '--model-type', 'rating', '--experiment', 'best_rating_model', '--name', 'production_rating_model'],
  ...['--experiments', join(games, 'models/experiments'), '--idempotency-key', 'once', '--alias', 'champion'],
];

test('registers into a bucket, lists it, and scores from it', async (t) => {
  const fake = await startFakeGcs({ buckets: ['bgg-models'] });
  t.teardown(fake.close);
  const cwd = await emptyFolder();
  const scorekeeper = (args: ReadonlyArray<string>, env = {}) =>
    run(cwd, args, { env: { STORAGE_EMULATOR_HOST: fake.url, GCS_BUCKET_NAME: 'bgg-models/prod', ...env } });

  const registered = await scorekeeper(register);
  t.is(registered.code, 0, registered.stderr);
  t.regex(registered.stderr, /registry: gs:\/\/bgg-models\/prod/);
  const again = await scorekeeper(register);
  t.is(again.code, 0, again.stderr);

  const models = await scorekeeper(['models', '--json']);
  t.like(JSON.parse(models.stdout), {
    rating: [{ name: 'production_rating_model', version: 1, aliases: ['champion'], golden_rows_checked: 50 }],
  });
  const scored = await scorekeeper([
    ...['score', 'rating/production_rating_model@champion', '--start-year', '2025', '--end-year', '2025', '--json'],
    ...['--settings', join(games, 'scorekeeper.json')],
  ]);
  t.is(scored.code, 0, scored.stderr);
  const { predictions, model_details } = JSON.parse(scored.stdout) as {
    predictions: ReadonlyArray<{ year_published: number; prediction: number }>;
    model_details: { version: number };
  };
  t.is(model_details.version, 1);
  t.true(predictions.length > 100);
  t.true(predictions.every(({ year_published, prediction }) => year_published === 2025 && prediction > 0));

  // Its artifact was fetched once, and is near now; a version that was registered twice says so.
  const [kept = ''] = await readdir(join(cwd, '.cache/scorekeeper/artifacts'));
  t.is(kept, JSON.parse(models.stdout).rating[0].artifact.sha256);
  t.is((await scorekeeper(['verify'])).code, 0);
  const twin = await scorekeeper(register.filter((word) => word !== '--idempotency-key' && word !== 'once'));
  t.regex(twin.stderr, /note: its artifact is byte for byte that of version 1;/);
  t.regex(twin.stdout, /_model@2\.[^]*alias champion is set on version 2/);

  const elsewhere = await scorekeeper(['models'], { GCS_BUCKET_NAME: 'other' });
  t.is(elsewhere.code, 20, elsewhere.stderr);
  t.regex(elsewhere.stderr, /other/);
});

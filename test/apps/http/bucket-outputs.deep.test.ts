/** `POST /score` with an output root in a bucket: predictions and refused rows are written there, below it and nowhere else. */
import test from 'ava';
import { compose } from '../../../apps/composition/compose.js';
import { loadSettings } from '../../../apps/settings.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { right } from '../../adapters/duckdb/files.js';
import { inABucket } from '../cli/in-a-bucket.js';
import { scoringFolder } from '../cli/job-scores.js';
import { serve } from './harness.js';

test('an output_location is below the root in the bucket, with refused rows beside it', async (t) => {
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(fake.close);
  process.env['STORAGE_EMULATOR_HOST'] = fake.url;
  const folder = await scoringFolder(10);
  const env = { SCOREKEEPER_LOCAL_DIR: folder, SCOREKEEPER_OUTPUT_ROOT: 'gs://games/predictions/' };
  const { service, close } = compose(await right(loadSettings({}, { env, workingDir: folder })));
  t.teardown(close);
  const { url } = await serve(t, service);
  const score = (body: object) =>
    fetch(`${url}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model_type: 'rating', model_name: 'm', ...body }),
    });
  const data = [
    { weight: 1, year: 2 },
    { weight: 'much', year: 3 },
  ];
  const scored = await score({ data, output_location: 'dt=2026-01-01/p.ndjson', on_error: 'skip' });
  const answer = (await scored.json()) as { readonly output_location: string; readonly rejects_location: string };
  t.is(scored.status, 200, JSON.stringify(answer));
  t.like(answer, {
    output_location: 'gs://games/predictions/dt=2026-01-01/p.ndjson',
    rejects_location: 'gs://games/predictions/dt=2026-01-01/p.rejects.ndjson',
    predictions: null,
    refused_total: 1,
  });
  const bucket = inABucket(fake.url);
  t.like(JSON.parse(await bucket.read(answer.output_location)), { row: 0, model_name: 'm' });
  t.like(JSON.parse(await bucket.read(answer.rejects_location)), { row: 1 });
  for (const output_location of ['../p.csv', 'gs://games/p.csv', '/p.csv', 'a?.csv']) {
    const refused = await score({ data, output_location });
    t.is(refused.status, 400, output_location);
    t.like(await refused.json(), { errors: [{ pointer: '/output_location' }] });
  }
  t.deepEqual(await bucket.namesBelow('gs://games/'), [
    'predictions/dt=2026-01-01/p.ndjson',
    'predictions/dt=2026-01-01/p.rejects.ndjson',
  ]);
});

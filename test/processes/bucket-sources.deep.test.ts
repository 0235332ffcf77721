/** Sources in buckets, from the command line, against a fake of Cloud Storage that counts what is asked for. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sql } from '../adapters/duckdb/files.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { run, runHere } from '../apps/cli/command-line.js';
import { inABucket } from '../apps/cli/in-a-bucket.js';
import { counts, differences, reference, scoringFolder } from '../apps/cli/job-scores.js';

/** Three shards. */
const rowCount = 300_000;
const [folder, fake] = await Promise.all([scoringFolder(rowCount), startFakeGcs({ buckets: ['games'] })]);
test.after.always(fake.close);
// For commands in this process.
process.env['STORAGE_EMULATOR_HOST'] = fake.url;
const env = { STORAGE_EMULATOR_HOST: fake.url, XDG_CACHE_HOME: join(folder, 'cache') };
const bucket = inABucket(fake.url);
const local = (name: string): string => join(folder, name);
const wide = 'gs://games/it is/wide.parquet';
const scorekeeper = (...args: ReadonlyArray<string>) => runHere(folder, args, { env });

/** Names in the cache of sources that are no entries of it. */
const leftovers = async (): Promise<ReadonlyArray<string>> =>
  (await readdir(local('cache/scorekeeper/sources'))).filter((name) => !/^[\da-f]{64}$/.test(name));

let sizeBytes = 0;

test.before(async () => {
  // Nine columns in ten are of no use to the model.
  const others = Array.from({ length: 18 }, (_, i) => `hash(id + ${i}) AS other_${i}`).join(', ');
  await sql(
    `COPY (SELECT *, ${others} FROM '${local('rows.parquet')}' ORDER BY id) TO '${local('wide.parquet')}' (ROW_GROUP_SIZE 20480)`,
    `COPY (SELECT id::VARCHAR AS id, 'from a bucket' AS kind FROM '${local('rows.parquet')}' WHERE id < 100 ORDER BY id) TO '${local('kinds.csv')}'`,
  );
  sizeBytes = (await bucket.put(local('wide.parquet'), wide)).sizeBytes;
  await bucket.put(local('kinds.csv'), 'gs://games/kinds.csv');
  const scored = await scorekeeper('score', reference, '--source', 'wide.parquet', '--output', 'expected.parquet');
  if (scored.code !== 0) throw new Error(scored.stderr);
});

test.serial('a Parquet file in a bucket is scored as the same file here, from a tenth of its bytes', async (t) => {
  fake.forget();
  const scored = await scorekeeper('score', reference, '--source', wide, '--output', 'one.parquet');
  t.is(scored.code, 0, scored.stderr);
  t.is(await differences(local('expected.parquet'), local('one.parquet')), 0);
  t.true(fake.mediaBytes() < sizeBytes / 8, `${fake.mediaBytes()} of ${sizeBytes} bytes`);
  t.deepEqual(await leftovers(), []);
});

test.serial(
  'workers on a job read the row groups of their shards, and the output is that of one process',
  async (t) => {
    fake.forget();
    const planned = await scorekeeper('job', 'plan', reference, '--source', wide, '--output', 'job.parquet');
    t.is(planned.code, 0, planned.stderr);
    t.is(fake.mediaBytes(), 65_536, 'a plan reads the end of the file');
    const job = planned.stdout.trim();
    const worked = await run(folder, ['job', 'work', job], { env });
    t.is(worked.code, 0, worked.stderr);
    t.true(fake.mediaBytes() < sizeBytes / 8 + 4 * 65_536, `${fake.mediaBytes()} of ${sizeBytes} bytes`);
    t.is((await scorekeeper('job', 'finish', job)).code, 0);
    t.deepEqual(await counts(local('job.parquet')), [rowCount, rowCount, 1, 0]);
    t.is(await differences(local('expected.parquet'), local('job.parquet')), 0);
    t.deepEqual(await leftovers(), []);
    // Another generation is another job.
    await bucket.put(local('wide.parquet'), wide);
    const again = await scorekeeper('job', 'plan', reference, '--source', wide, '--output', 'job.parquet', '--json');
    t.like(JSON.parse(again.stdout), { state: 'begun' });
    t.not(JSON.parse(again.stdout).path, job);
  },
);

test.serial('a declared source joins files of both places; doctor opens it and copies what is scored', async (t) => {
  const settings = {
    sources: {
      games: {
        kind: 'duckdb',
        files: { rows: 'rows.parquet', kinds: 'gs://games/kinds.csv' },
        sql_file: 'gs://games/join.sql',
        keys: ['id', 'kind'],
      },
    },
    model_types: { rating: { source: 'games' } },
  };
  await writeFile(local('scorekeeper.json'), JSON.stringify(settings));
  const query = 'SELECT r.id, weight, year, kind FROM rows r JOIN kinds k ON r.id = k.id::BIGINT ORDER BY r.id';
  await writeFile(local('join.sql'), query);
  await bucket.put(local('join.sql'), 'gs://games/join.sql');
  fake.forget();
  const doctor = await scorekeeper('doctor', '--json');
  t.is(doctor.code, 0, doctor.stdout);
  t.is(fake.counts().media, 2);
  const scored = await scorekeeper('score', reference, '--output', 'joined.csv');
  t.is(scored.code, 0, scored.stderr);
  t.is(fake.counts().media, 2);
  t.deepEqual(await sql(`SELECT count(*), min(kind) FROM '${local('joined.csv')}'`), [['100', 'from a bucket']]);
  t.deepEqual(await leftovers(), []);
  await writeFile(local('join.sql'), `SELECT * FROM (${query}) WHERE id < 10`);
  await bucket.put(local('join.sql'), 'gs://games/join.sql');
  t.is((await scorekeeper('score', reference, '--output', 'joined.csv')).code, 0);
  t.deepEqual(await sql(`SELECT count(*) FROM '${local('joined.csv')}'`), [['10']]);
  await bucket.remove('gs://games/kinds.csv');
  const gone = await scorekeeper('doctor', '--json');
  t.is(gone.code, 20);
  t.true(gone.stdout.includes('gs://games/kinds.csv: there is no such file in the bucket.'), gone.stdout);
});

/** A disk that is full: each command says so, leaves what was there as it was and nothing half-written, and goes on when there is room. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { smallDisk } from '../support/small-disk.js';
import { emptyFolder, filesIn, onnxFixtures, run, runHere, writeExperiment } from '../apps/cli/command-line.js';

const isFull = /: .*(?:disk is full|larger than this user may write)/i;
const model = ['register', '--experiments', 'experiments', '--model-type', 'rating', '--name', 'm', '--experiment'];
const cwd = await emptyFolder();

test.before(async () => {
  const artifact = await readFile(join(onnxFixtures, 'columns.onnx'));
  // The field doc_string of onnx.proto, of three megabytes.
  const text = Buffer.alloc(3_000_000, 'x');
  const large = Buffer.concat([artifact, Buffer.from([0x32, 0xc0, 0x8d, 0xb7, 0x01]), text]);
  await writeExperiment(join(cwd, 'experiments/rating/large'), large);
  await writeExperiment(join(cwd, 'experiments/rating/small'), artifact);
  const rows = Array.from({ length: 60_000 }, (_, i) => `${i},2000\n`);
  await writeFile(join(cwd, 'rows.csv'), `weight,year\n${rows.join('')}`);
  const registered = await runHere(cwd, [...model, 'small']);
  if (registered.code !== 0) throw new Error(registered.stderr);
});

for (const kind of ['csv', 'ndjson']) {
  test.serial(
    `a job whose output (${kind}) finds no room leaves the previous one, and nothing beside it`,
    async (t) => {
      const { folder, before } = await smallDisk(t);
      const output = join(folder, `out.${kind}`);
      await writeFile(output, 'before');
      const scored = await run(cwd, ['score', 'rating/m', '--source', 'rows.csv', '--output', output], { before });
      t.is(scored.code, 75, scored.stderr);
      t.regex(scored.stderr, isFull);
      t.true(scored.stderr.includes(`The output out.${kind}`), scored.stderr);
      t.notRegex(scored.stderr, /\.tmp/);
      t.deepEqual(await readdir(folder), [`out.${kind}`]);
      t.is(await readFile(output, 'utf8'), 'before');
    },
  );
}

test.serial('a registration that finds no room leaves no version, and works when there is', async (t) => {
  const { folder, before } = await smallDisk(t);
  const registry = ['--local', folder];
  t.is((await runHere(cwd, [...model, 'small', ...registry])).code, 0);
  const stored = await filesIn(folder);
  const refused = await run(cwd, [...model, 'large', ...registry], { before });
  t.is(refused.code, 75, refused.stderr);
  t.regex(refused.stderr, isFull);
  t.deepEqual(await filesIn(folder), stored);
  const next = await runHere(cwd, [...model, 'small', ...registry]);
  t.is(next.code, 0, next.stderr);
  t.regex(next.stdout, /rating\/m@2/);
  t.is((await runHere(cwd, ['verify', ...registry])).code, 0);
});

test.serial('an artifact that finds no room in the cache is used without being kept', async (t) => {
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(fake.close);
  const { folder, before } = await smallDisk(t);
  const registry = { STORAGE_EMULATOR_HOST: fake.url, GCS_BUCKET_NAME: 'games' };
  const registered = await run(cwd, [...model, 'large'], { env: registry });
  t.is(registered.code, 0, registered.stderr);
  const env = { ...registry, SCOREKEEPER_ARTIFACT_CACHE_DIR: folder };
  const predicted = await run(cwd, ['predict', 'rating/m'], { env, before, input: '[{"weight": 1, "year": 1}]' });
  t.is(predicted.code, 0, predicted.stderr);
  t.like(JSON.parse(predicted.stdout), { prediction: 6 });
  t.deepEqual(await readdir(folder), []);
});

/** A version's life on the command line: promoted, rolled back, archived, deleted, verified and copied, over one local registry. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { emptyFolder, filesIn, games, type Ran, runHere } from './command-line.js';

const model = 'rating/production_rating_model';
const folder = await emptyFolder();
const elsewhere = await emptyFolder();

const json = ({ stdout }: Ran) => JSON.parse(stdout);

const toFolder = [...['--name', 'production_rating_model'], ...['--experiments', join(games, 'models', 'experiments')]];

const settings = { env: { SCOREKEEPER_REGISTERED_BY: 'settings' } };

test.serial('two versions to begin with', async (t) => {
  for (const alias of [['--alias', 'champion'], []]) {
    const registered = await runHere(folder, [
      'register',
      ...['--model-type', 'rating', '--experiment', 'best_rating_model'],
      ...toFolder,
      ...alias,
    ]);
    t.is(registered.code, 0, registered.stderr);
  }
});

test.serial('promote and rollback move an alias, and history tells it', async (t) => {
  const promoted = await runHere(folder, ['promote', `${model}@2`, '--alias', 'champion', '--by', 'ana']);
  t.is(promoted.stdout, `The alias champion of ${model} is on version 2, and was on version 1.\n`);
  t.regex(promoted.stderr, /^registry: local folder /);

  const back = await runHere(folder, ['rollback', model, '--alias', 'champion', '--json'], settings);
  t.deepEqual(json(back), {
    model_type: 'rating',
    name: 'production_rating_model',
    alias: 'champion',
    version: 1,
    from: 2,
  });

  const nowhere = await runHere(folder, ['rollback', model, '--alias', 'champion']);
  t.is(nowhere.code, 22);
  t.regex(nowhere.stderr, /Conflict: The alias champion of .* was on no version before/);

  const told = await runHere(folder, ['history', model]);
  const rows = told.stdout.trim().split('\n');
  t.regex(rows[0] ?? '', /^when +alias +how +from +to +by$/);
  t.regex(rows[1] ?? '', /^\d{4}-.*Z +champion +promote +1 +unknown$/);
  t.regex(rows[2] ?? '', /champion +promote +1 +2 +ana$/);
  t.regex(rows[3] ?? '', /champion +rollback +2 +1 +settings$/);
  const { moves } = json(await runHere(folder, ['history', model, '--json']));
  t.is(moves.length, 3);
});

test.serial('archive needs a reason and a number, and is undone by restore', async (t) => {
  const unexplained = await runHere(folder, ['archive', `${model}@2`]);
  t.is(unexplained.code, 2);
  t.regex(unexplained.stderr, /archive needs --reason TEXT/);
  t.is((await runHere(folder, ['archive', `${model}@1`, '--reason', 'old'])).code, 22);

  const archived = await runHere(folder, ['archive', `${model}@2`, '--reason', 'duplicated rows', '--json']);
  t.deepEqual(json(archived), {
    model_type: 'rating',
    name: 'production_rating_model',
    version: 2,
    status: 'archived',
  });
  const again = await runHere(folder, ['archive', `${model}@2`, '--reason', 'another']);
  t.is(again.code, 0);
  t.regex(again.stderr, /\nwarning: It was archived before \(.*\), and that reason stays: "duplicated rows"\./);
  const shown = json(await runHere(folder, ['models', 'show', `${model}@2`, '--json']));
  t.like(shown.registration, { status: 'archived', archive_reason: 'duplicated rows' });
  t.is(json(await runHere(folder, ['models', 'show', model, '--json'])).registration.version, 1);
  const told = (await runHere(folder, ['models', 'show', `${model}@2`])).stdout;
  t.regex(told, /^status +archived \d{4}-\d\d-\d\dT[\d:.]+Z: duplicated rows$/m);
  const restored = await runHere(folder, ['restore', `${model}@2`]);
  t.is(restored.stdout, `${model}@2 is not archived.\n`);
});

test.serial('copy gives another registry its next version', async (t) => {
  const copied = await runHere(folder, ['copy', `${model}@champion`, '--to', elsewhere]);
  t.is(copied.code, 0, copied.stderr);
  t.regex(
    copied.stdout,
    /^Copied rating\/production_rating_model@1 from local folder .*\n {2}to .*_model@1 in local folder /,
  );
  const again = json(await runHere(folder, ['copy', model, '--to', elsewhere, '--json']));
  t.like(again, { version: 2 });
  t.is(again.copied_from.version, 2);
  const told = (await runHere(folder, ['models', 'show', `${model}@2`, '--local', elsewhere])).stdout;
  t.regex(told, /^copied from +version 2 in local folder /m);
});

test.serial('a pickle in a list is told from what can be scored', async (t) => {
  const place = await emptyFolder();
  const version = join(place, 'models/registered/rating/old/v1');
  await mkdir(version, { recursive: true });
  await writeFile(join(version, 'registration.json'), '{"name": "old", "version": 1, "status": "registered"}');
  await writeFile(join(version, 'pipeline.pkl'), 'a pickle');
  for (const asked of [['models'], ['versions', 'rating/old']])
    t.regex((await runHere(place, asked)).stdout, /^rating\/old@1 +registered \(pickle\)$/m);
});

test.serial('verify is content with what is whole, and tells what is damaged', async (t) => {
  const whole = await runHere(folder, ['verify']);
  t.is(whole.code, 0, whole.stderr);
  t.is(whole.stdout, '2 versions were verified.\n');

  const artifact = join(elsewhere, 'models/registered/rating/production_rating_model/v2/pipeline.onnx');
  const bytes = await readFile(artifact);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(artifact, bytes);
  const damaged = await runHere(folder, ['verify', '--local', elsewhere]);
  t.is(damaged.code, 25);
  t.regex(damaged.stdout, /^One version was verified\.\nrating\/production_rating_model@2: The artifact was changed/);
  t.regex(damaged.stderr, /ArtifactUnreadable: One problem was found/);
  const report = await runHere(folder, ['verify', `${model}@2`, '--local', elsewhere, '--json']);
  t.is(report.code, 25);
  t.like(json(report), { versions_verified: 0, finished: [] });
  t.is(json(report).problems[0].version, 2);
  t.is((await runHere(folder, ['verify', `${model}@champion`])).code, 2);
  t.is((await runHere(folder, ['copy', `${model}@2`, '--local', elsewhere, '--to', folder])).code, 25);
});

test.serial('delete wants to know which version, and takes its artifact for good', async (t) => {
  const unnamed = await runHere(folder, ['delete', model]);
  t.is(unnamed.code, 2);
  t.regex(unnamed.stderr, /names no version by its number: write which one to delete, as in .*_model@3/);

  const deleted = await runHere(folder, ['delete', `${model}@2`]);
  t.is(deleted.code, 0, deleted.stderr);
  t.regex(deleted.stdout, /_model@2 is deleted/);
  const left = (await filesIn(join(folder, 'models', 'registered'))).map((file) => file.split('/').slice(-2).join('/'));
  t.deepEqual(left, ['v1/pipeline.onnx', 'v1/registration.json', 'v2/registration.json']);
  const versions = await runHere(folder, ['versions', model]);
  t.regex(versions.stdout, /_model@2 +deleted/);
  t.is((await runHere(folder, ['restore', `${model}@2`])).code, 22);
});

test.serial('gc tells what it would remove, then removes it, and nothing that is in use', async (t) => {
  for (const bad of [['--older-than', '7'], ['--older-than=-1d'], ['--keep=-1'], ['--keep', 'all']]) {
    const refused = await runHere(folder, ['gc', ...bad]);
    t.is(refused.code, 2);
    t.regex(refused.stderr, /InvalidInput: --(older-than|keep) must be/);
  }
  const nothing = await runHere(folder, ['gc', '--older-than', '0s']);
  t.is(nothing.stdout, 'No artifacts were removed, 0 bytes.\n');

  const staging = join(folder, 'models/_registry/staging/of-a-dead-process');
  await mkdir(staging, { recursive: true });
  await writeFile(join(staging, 'pipeline.onnx'), 'x'.repeat(2000));
  await runHere(folder, ['register', '--model-type', 'rating', '--experiment', 'best_rating_model', ...toFolder]);
  await runHere(folder, ['archive', `${model}@3`, '--reason', 'too old']);
  const before = await filesIn(folder);
  const asked = ['gc', '--older-than', '0s', '--keep', '0'];
  const told = await runHere(folder, [...asked, '--dry-run']);
  t.regex(told.stdout, /^2 artifacts would be removed, 122,070 bytes\.\nwas +bytes +artifact\n/);
  t.deepEqual(await filesIn(folder), before);
  const report = json(await runHere(folder, [...asked, '--json'], settings));
  t.deepEqual(
    report.removed.map(({ kind, key }: { readonly kind: string; readonly key: string }) => [kind, key]),
    [
      ['staged', 'models/_registry/staging/of-a-dead-process/pipeline.onnx'],
      ['archived', `models/registered/${model}/v3/pipeline.onnx`],
    ],
  );
  const { registration } = json(await runHere(folder, ['models', 'show', `${model}@3`, '--json']));
  t.like(registration, { status: 'deleted', delete_reason: 'archived long ago (gc)' });
  t.is((await runHere(folder, ['verify'])).stdout, 'One version was verified.\n');
});

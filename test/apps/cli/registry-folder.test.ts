/** A registry's folder that is not there, or that is a file: what commands say, and what they make. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { emptyFolder, games, runHere } from './command-line.js';

const folder = await emptyFolder();
const typo = ['--local', './typo'];
const absent = `There is no folder ${join(folder, 'typo')}, so nothing is registered there: correct --local, or register a model, which makes the folder.`;

test.before(() => writeFile(join(folder, 'notes.md'), 'notes'));

test.afterEach((t) => t.false(existsSync(join(folder, 'typo')), 'reading makes nothing'));

test.serial('verify of a folder that is not there fails', async (t) => {
  const { code, stdout, stderr } = await runHere(folder, ['verify', ...typo, '--json']);
  t.is(code, 20);
  t.true(stderr.endsWith(`NotFound: ${absent}\n`), stderr);
  t.like(JSON.parse(stdout), { code: 'NotFound', detail: absent });
});

for (const [args, exit] of [
  [['models'], 0],
  [['experiments'], 0],
  [['models', 'show', 'rating/games'], 20],
  [['versions', 'rating/games'], 20],
] as const) {
  test.serial(`${args.join(' ')} of a folder that is not there says so`, async (t) => {
    const { code, stderr } = await runHere(folder, [...args, ...typo]);
    t.is(code, exit, stderr);
    t.true(stderr.includes(`\n${absent}\n`), stderr);
  });
}

test.serial('what names the folder is named', async (t) => {
  const env = { SCOREKEEPER_LOCAL_DIR: 'typo' };
  t.regex((await runHere(folder, ['models'], { env })).stderr, /: correct SCOREKEEPER_LOCAL_DIR, or /);
  await writeFile(join(folder, 'my settings.json'), '{"local_dir": "typo"}');
  const { stderr } = await runHere(folder, ['models', '--settings', 'my settings.json']);
  t.regex(stderr, /: correct local_dir of my settings\.json, or /);
});

for (const [given, is] of [
  ['notes.md', 'a file'],
  ['notes.md/models', 'below a file'],
] as const) {
  test.serial(`--local ${given}, which is ${is}, is told with its flag`, async (t) => {
    const { code, stderr } = await runHere(folder, ['models', '--local', given]);
    t.is(code, 2);
    const sentence = `--local names ${join(folder, given)}, which is ${is}: give it the folder of the registry`;
    t.true(stderr.includes(`InvalidInput: ${sentence}`), stderr);
  });
}

test.serial('a registration makes the folder, and says nothing of it', async (t) => {
  const { code, stderr } = await runHere(folder, [
    ...['register', '--local', 'new', '--experiments', join(games, 'models/experiments')],
    ...['--model-type', 'rating', '--experiment', 'best_rating_model', '--name', 'games'],
  ]);
  t.is(code, 0, stderr);
  t.notRegex(stderr, /There is no folder/);
  t.true(existsSync(join(folder, 'new', 'models')));
  t.is((await runHere(folder, ['verify', '--local', 'new'])).code, 0);
});

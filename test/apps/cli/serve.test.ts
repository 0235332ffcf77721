/** What keeps `serve` from starting, and what does not. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { emptyFolder, filesIn, run, shown, start } from './command-line.js';

const folder = await emptyFolder();

test.before(() => writeFile(join(folder, 'notes.md'), 'notes'));

// what is wrong, the environment, what stderr says
const mistakes: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, RegExp]> = [
  [
    'a file for the registry',
    { SCOREKEEPER_LOCAL_DIR: 'notes.md' },
    /SCOREKEEPER_LOCAL_DIR names .*\/notes\.md, which is a file: give it the folder of the registry/,
  ],
  [
    'a registry below a file',
    { SCOREKEEPER_LOCAL_DIR: 'notes.md/models' },
    /SCOREKEEPER_LOCAL_DIR names .*\/models, which is below a file/,
  ],
  [
    'a file for the outputs',
    { SCOREKEEPER_OUTPUT_ROOT: 'notes.md' },
    /output root .*\/notes\.md is a file, or below one/,
  ],
  ['outputs below a file', { SCOREKEEPER_OUTPUT_ROOT: 'notes.md/out' }, /let SCOREKEEPER_OUTPUT_ROOT .* name a folder/],
];
for (const [what, env, said] of mistakes) {
  test(`it does not start with ${what}`, async (t) => {
    const { code, stdout, stderr } = await run(folder, ['serve', '--port', '0'], { env });
    t.is(code, 2, stderr);
    t.regex(stderr, said);
    t.notRegex(stderr, /listening/);
    t.is(stdout, '');
    t.deepEqual(await filesIn(folder), [join(folder, 'notes.md')]);
  });
}

test('it does not start with a bucket that is not there', async (t) => {
  const fake = await startFakeGcs({ buckets: ['bgg-models'] });
  t.teardown(fake.close);
  const env = { STORAGE_EMULATOR_HOST: fake.url };
  const { code, stderr } = await run(folder, ['serve', '--port', '0', '--bucket', 'bgg-modles'], { env });
  t.is(code, 20, stderr);
  t.regex(stderr, /bgg-modles/);
});

test('it starts with a registry that does not answer, and says so', async (t) => {
  // A port that nobody listens on.
  const server = start(folder, ['serve', '--port', '0', '--bucket', 'bgg-models'], {
    STORAGE_EMULATOR_HOST: '127.0.0.1:9',
  });
  const [said = ''] = await shown(server, /warning: .*\n(?:.*\n)*listening on http:\S+/);
  t.regex(said, /^warning: The registry does not answer yet: .*gs:\/\/bgg-models/);
  server.child.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

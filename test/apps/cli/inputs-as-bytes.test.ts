/** Files of text that people wrote, as bytes: what is not UTF-8 is refused and named, and a byte order mark is of no word. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { emptyFolder, onnxFixtures, run, runHere, writeExperiment } from './command-line.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

test.serial('files of an experiment that are not UTF-8 are refused by name', async (t) => {
  const folder = await emptyFolder();
  const experiment = join(folder, 'models', 'experiments', 'games', 'codes');
  await writeExperiment(experiment, join(onnxFixtures, 'string.onnx'));
  const register = ['register', '--model-type', 'games', '--experiment', 'codes', '--name', 'codes', '--local', '.'];
  for (const [file, content] of [
    ['model_info.json', '{"fills":{"x":"caf\xe9"}}'],
    ['metadata.json', '{"description":"caf\xe9"}'],
  ] as const) {
    const path = join(experiment, 'v1', file);
    await writeFile(path, latin1(content));
    const { code, stderr } = await runHere(folder, register);
    t.is(code, 2, stderr);
    t.regex(stderr, new RegExp(`${file} of games/codes v1 is not JSON .it is not UTF-8.`));
    await rm(path);
  }
  t.is((await runHere(folder, register)).code, 0);
});

test.serial('settings and SQL that are not UTF-8 are refused by name', async (t) => {
  const folder = await emptyFolder();
  await writeFile(join(folder, 'scorekeeper.json'), latin1('{"registered_by":"caf\xe9"}'));
  const { code, stderr } = await runHere(folder, ['models']);
  t.is(code, 2);
  t.regex(stderr, /The settings file scorekeeper\.json is not UTF-8: encode it as UTF-8\./);
  const source = { kind: 'duckdb', files: { rows: 'rows.csv' }, sql_file: 'features.sql', keys: [] };
  await writeFile(join(folder, 'scorekeeper.json'), JSON.stringify({ sources: { rows: source } }));
  await writeFile(join(folder, 'rows.csv'), 'city\nOrléans\n');
  await writeFile(join(folder, 'features.sql'), latin1("SELECT * FROM rows WHERE city = 'Orl\xe9ans'"));
  t.regex((await runHere(folder, ['doctor'])).stdout, /features\.sql is not UTF-8/);
});

test('.env may begin with a byte order mark, and what is not UTF-8 is refused', async (t) => {
  const folder = await emptyFolder();
  await mkdir(join(folder, 'registry'));
  await writeFile(join(folder, '.env'), '\ufeffSCOREKEEPER_LOCAL_DIR=registry\n');
  t.regex((await run(folder, ['models'])).stderr, /registry: local folder .*\/registry$/m);
  await writeFile(join(folder, '.env'), latin1('SCOREKEEPER_LOCAL_DIR=caf\xe9\n'));
  const { code, stderr } = await run(folder, ['models']);
  t.is(code, 2);
  t.regex(stderr, /The file \.env is not UTF-8/);
});

test('a working folder that is gone is told as that', async (t) => {
  const folder = await emptyFolder();
  const { code, stderr } = await run(folder, ['models', '--local', folder], {
    before: ['sh', '-c', 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', 'sh'],
  });
  t.is(code, 20, stderr);
  t.regex(stderr, /^NotFound: The working folder is gone: change into one that is there\.$/m);
});

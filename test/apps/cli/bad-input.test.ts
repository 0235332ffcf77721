/** Bad input on the command line: each gets its exit code and a sentence that names what was wrong, and nothing is written. */
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { emptyFolder, filesIn, games, onnxFixtures, runHere, writeExperiment } from './command-line.js';

const folder = await emptyFolder();
const outside = await emptyFolder();
const experiments = join(folder, 'experiments', 'rating');
const model = ['register', '--experiments', 'experiments', '--model-type', 'rating', '--name', 'm', '--experiment'];
const reference = 'rating/m';

test.before(async () => {
  await writeExperiment(join(experiments, 'good'), join(onnxFixtures, 'columns.onnx'));
  await writeExperiment(join(experiments, 'text'), new TextEncoder().encode('This is no model.\n'));
  await writeExperiment(join(experiments, 'zipmap'), join(onnxFixtures, 'zipmap.onnx'), { feature_names: ['a', 'b'] });
  await writeExperiment(join(experiments, 'nameless'), join(onnxFixtures, 'matrix.onnx'));
  await writeFile(join(folder, 'rows.txt'), 'a\n1\n');
  await symlink(outside, join(folder, 'link'));
  const registered = await runHere(folder, [...model, 'good']);
  if (registered.code !== 0) throw new Error(registered.stderr);
});

const weak = [
  'register',
  '--experiments',
  join(games, 'models', 'experiments'),
  '--model-type',
  'rating',
  '--name',
  'm',
  '--experiment',
  'weak_rating_model',
];

// what is wrong, the command, its exit code, what stderr says, stdin
const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, number, RegExp, string?]> = [
  ['no such command', ['modles'], 2, /There is no command "modles"; did you mean models\?/],
  ['no such flag', ['models', '--bogus'], 2, /--bogus/],
  [
    'a flag without its value',
    ['models', '--local'],
    2,
    /^--local needs a value; one that begins with -- is written --local=VALUE\./,
  ],
  [
    'a flag with two values',
    ['models', '--limit', '1', '--limit', '2'],
    2,
    /--limit was given as "1" and as "2": give it once/,
  ],
  ['a port that is negative', ['serve', '--port', '-1'], 2, /: --port is not valid: must be an integer .* got "-1"/],
  ['no reference', ['score'], 2, /An argument is missing: scorekeeper score <REF> /],
  [
    'too many references',
    ['score', reference, reference],
    2,
    /is one argument too many: scorekeeper score <REF> takes no more\./,
  ],
  ['no reference before an option', ['score', '--local', '.'], 2, /^An argument is missing: scorekeeper score <REF> /],
  [
    'too many references beside an option',
    ['models', 'show', reference, '--local', '.', 'extra'],
    2,
    /^There is one argument too many: scorekeeper models show <REF> takes no more\./,
  ],
  [
    'needed flags are missing',
    ['register', '--model-type', 'rating'],
    2,
    /register needs --experiment NAME, --name NAME/,
  ],
  ['two registries', ['models', '--local', '.', '--bucket', 'bgg-models'], 2, /give one of them/],
  [
    'a bucket for a folder',
    ['models', '--local', 'gs://bgg-models'],
    2,
    /: --local is not valid: .*named with --bucket/,
  ],
  ['a copy to an address', ['copy', reference, '--to', 's3://b/x'], 2, /: --to is not valid: .*got "s3:\/\/b\/x"/],
  ['a copy to a bucket that is none', ['copy', reference, '--to', 'gs://B'], 2, /: --to is not valid: /],
  ['a copy to nowhere', ['copy', reference, '--to', ''], 2, /: --to is not valid: must be a folder/],
  [
    'a copy to the same registry',
    ['copy', reference, '--to', '.'],
    21,
    /: Version 1 of rating\/m is in local folder .* already: /,
  ],
  ['experiments at an address', ['experiments', '--experiments', 'http://x'], 2, /: --experiments is not valid: /],
  ['a missing settings file', ['models', '--settings', 'none.json'], 20, /There is no settings file none\.json/],
  ['no model reference', ['models', 'show', 'm'], 2, /"m" is not a model reference/],
  ['a name outside the grammar', ['models', 'show', 'rating/M'], 2, /The model name of "rating\/M" is not valid/],
  ['version and alias', ['models', 'show', `${reference}@1@champion`], 2, /is not a model reference/],
  ['a version for a list of them', ['versions', `${reference}@1`], 2, /names a version, and a model is asked for/],
  ['an unknown model type', ['models', 'show', 'ratin/m'], 20, /"ratin".*rating/],
  ['an unknown model', ['versions', 'rating/mm'], 20, /"mm".*Did you mean m\?/],
  ['an unknown version', ['predict', `${reference}@9`], 20, /no version 9/, '[]'],
  ['an unknown alias', ['score', `${reference}@chumpion`], 20, /no alias "chumpion"/],
  ['a limit that is no number', ['models', '--limit', 'ten'], 2, /: --limit must be an integer .* got "ten"/],
  ['an unknown experiment', [...model, 'goot'], 20, /There is no experiment rating\/goot.*Did you mean good\?/],
  ['no folder of experiments', ['experiments', '--experiments', 'none'], 20, /There is no folder none/],
  ['a bad model name', [...model.with(model.indexOf('m'), 'M'), 'good'], 2, /: --name must be .* got "M"/],
  ['a bad alias', [...model, 'good', '--alias', 'v2'], 2, /: --alias must be .* got "v2"/],
  ['a threshold without a value', [...model, 'good', '--min', 'r2'], 2, /--min takes name=value: "r2"/],
  [
    'a threshold that is no number',
    [...model, 'good', '--min', 'r2=high'],
    2,
    /: --min r2 must be a number, got "high"/,
  ],
  ['a gate that fails', weak, 24, /r2 is 0\.128508, and must be at least 0\.5/],
  [
    'a threshold that comes twice',
    [...model, 'good', '--min', 'r2=0.1', '--min', 'r2=0.2'],
    2,
    /"r2=0\.2" names r2 a second time/,
  ],
  [
    'an experiment version that is negative',
    [...model, 'good', '--experiment-version', '-1'],
    2,
    /: --experiment-version must be an integer .* got -1/,
  ],
  ['a metric that is missing', [...model, 'good', '--min', 'auc=0.5'], 24, /auc is missing/],
  [
    'an artifact that is text',
    [...model, 'text'],
    25,
    /: Experiment rating\/text v1 cannot be registered\. The artifact is text that begins with "This is no model\."/,
  ],
  ['a ZipMap output', [...model, 'zipmap'], 25, /zipmap/],
  ['a matrix without feature names', [...model, 'nameless'], 25, /feature_names/],
  ['an unknown source', ['score', reference, '--source', 'games'], 20, /no data source "games"/],
  [
    'a file that no source can be',
    ['score', reference, '--source', 'flats.xlsx'],
    2,
    /flats\.xlsx: a source file ends in \.parquet, \.csv, \.ndjson or \.jsonl/,
  ],
  ['the rows of a request', ['score', reference, '--source', 'inline'], 2, /predict reads them on stdin/],
  ['a source file that is not there', ['score', reference, '--source', 'none.parquet'], 20, /none\.parquet/],
  [
    'a source file of another kind',
    ['score', reference, '--source', 'rows.txt'],
    2,
    /rows\.txt: a source file ends in/,
  ],
  [
    'negative years the wrong way round',
    ['score', reference, '--start-year', '-500', '--end-year', '-501'],
    2,
    /The start year -500 is after the end year -501/,
  ],
  [
    'years the wrong way round',
    ['score', reference, '--start-year', '2025', '--end-year', '2020'],
    2,
    /The start year 2025 is after the end year 2020/,
  ],
  [
    'a year that is no number',
    ['score', reference, '--start-year', 'now'],
    2,
    /: --start-year must be an integer .* got "now"/,
  ],
  [
    'an output through a link',
    ['score', reference, '--source', 'rows.csv', '--output', 'link/p.csv'],
    2,
    /symbolic link/,
  ],
  [
    'an output of an unknown kind',
    ['score', reference, '--source', 'rows.csv', '--output', 'p.xlsx'],
    2,
    /no known extension/,
  ],
  ...['s3://b/p.csv', 'file:///tmp/p.csv'].map(
    (address) =>
      [
        `the output ${address}`,
        ['score', reference, '--source', 'rows.csv', '--output', address],
        2,
        new RegExp(
          `: --output must be a file of this machine, an address in a bucket .*, or a table .*: nothing is written to ${address}\\.`,
        ),
      ] as const,
  ),
  [
    'a source in a store of another kind',
    ['score', reference, '--source', 's3://b/rows.csv'],
    2,
    /: --source must be a source of the settings, a file of this machine, or an address in a bucket \(gs:\/\/bucket\/name\): nothing is read from s3:\/\/b\/rows\.csv\./,
  ],
  ['no rows', ['predict', reference], 2, /There are no rows on stdin/, ''],
  ['malformed JSON', ['predict', reference], 2, /neither JSON \(.*\) nor NDJSON/, '[{"a": 1]'],
  ['a malformed line', ['predict', reference], 2, /Line 2 on stdin is not JSON/, '{"age": 1}\n{"age": \n'],
  [
    'a whole request as rows',
    ['predict', reference],
    23,
    /The other columns there are "model_type", "data"\. Add the missing columns\.\n$/,
    '{"model_type": "rating", "data": [{}]}',
  ],
  ['a missing feature', ['predict', reference], 23, /lacks .* features?: .*Add the missing columns\.\n$/, '[{}]'],
  ['an unknown way with errors', ['predict', reference, '--on-error', 'ignore'], 2, /: --on-error must be /, '[]'],
];

for (const [what, args, code, sentence, input = ''] of cases) {
  test.serial(`${what}: exit ${code}`, async (t) => {
    const before = await filesIn(folder);
    const ran = await runHere(folder, args, { input });
    t.is(ran.code, code, ran.stderr);
    t.regex(ran.stderr, sentence);
    t.notRegex(ran.stderr, /\n {4}at /, 'no stack');
    t.is(ran.stdout, '');
    t.deepEqual([...(await filesIn(folder)), ...(await filesIn(outside))], before);
  });
}

test.serial('with --json a command line that is not understood is told as JSON, too', async (t) => {
  const folder = await emptyFolder();
  for (const words of [['models', '--nope'], ['score'], ['job'], ['frobnicate'], ['job', 'status']]) {
    const { code, stdout, stderr } = await runHere(folder, [...words, '--json']);
    t.is(code, 2);
    const told = JSON.parse(stdout) as { readonly code: string; readonly detail: string };
    t.is(told.code, 'InvalidInput');
    t.true(stderr.startsWith(`${told.detail}\n`), stderr);
  }
});

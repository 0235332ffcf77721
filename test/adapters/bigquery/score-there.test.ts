/** Scoring in BigQuery ML against a fake of the service: every statement that is sent, what comes of it, and what goes wrong. */
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import type { BigquerySourceOptions } from '../../../adapters/bigquery/data-source.js';
import type { CallOptions, Failure, Feature, PredictionColumn, ScoringThere } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import type { Field, Golden, Refusal } from '../../support/fake-bigquery/golden.js';
import type { FakeBigquery } from '../../support/fake-bigquery/server.js';
import { rightOf } from '../../support/scoring.js';
import { call, inAFake, opened, sourceIn } from './in-a-fake.js';

const feature = (name: string, type: Feature['type'], fill: Feature['fill'] = null): Feature => ({
  name,
  type,
  input: name,
  index: null,
  fill,
});

const column = (name: string, more: Partial<PredictionColumn> = {}): PredictionColumn => ({
  name,
  type: 'float32',
  output: 'variable',
  index: 0,
  width: 1,
  ...more,
});

const artifact = 'gs://bgg-models/models/registered/rating/games/v3/pipeline.onnx';
const model = 'games-project.predictions.rating_games_v3_0123456789ab';

const scoring: ScoringThere = {
  modelName: 'rating_games_v3_0123456789ab',
  artifact,
  features: [feature('weight', 'float32')],
  predictionColumns: [column('prediction')],
  keys: ['game_id'],
  provenance: {
    modelType: 'rating',
    modelName: 'games',
    modelVersion: 3,
    jobId: 'job-1',
    scoredAt: '2026-01-02T03:04:05.678Z',
  },
  output: 'bigquery://games-project.predictions.games',
};

const sql = 'SELECT * FROM games';
const sourceFields: ReadonlyArray<Field> = [
  { name: 'game_id', type: 'INTEGER' },
  { name: 'weight', type: 'FLOAT' },
];

const imported = `CREATE MODEL IF NOT EXISTS \`${model}\` OPTIONS(MODEL_TYPE = "ONNX", MODEL_PATH = "${artifact}")`;
const weight = 'CASE WHEN `weight` IS NULL THEN CAST("NaN" AS FLOAT64) ELSE CAST(`weight` AS FLOAT64) END AS `weight`';
const provenance =
  '"rating" AS `model_type`, "games" AS `model_name`, 3 AS `model_version`, "job-1" AS `job_id`, TIMESTAMP "2026-01-02T03:04:05.678Z" AS `scored_at`';
const rowsOf = (list: string, items: string, source = sql) =>
  `SELECT ${list}\nFROM ML.PREDICT(MODEL \`${model}\`, (\nSELECT ${items}\nFROM (\n${source}\n)))`;
const items = `\`game_id\` AS \`scorekeeper_key_0\`, ${weight}`;
const scored = rowsOf(`\`scorekeeper_key_0\` AS \`game_id\`, \`variable\` AS \`prediction\`, ${provenance}`, items);
const summarised = `SELECT COUNT(*) AS row_count, TO_JSON_STRING(STRUCT(COUNT(v0) AS count, AVG(v0) AS mean, STDDEV_POP(v0) AS std, MIN(v0) AS min, MAX(v0) AS max, APPROX_QUANTILES(v0, 1000) AS quantiles)) AS s0
FROM (
SELECT TRUE, IF(IS_NAN(\`prediction\`) OR IS_INF(\`prediction\`), NULL, CAST(\`prediction\` AS FLOAT64)) AS v0
FROM \`games-project.predictions.games\`
WHERE \`job_id\` = "job-1")`;

const output = (
  fields: ReadonlyArray<Field>,
  rows: ReadonlyArray<ReadonlyArray<unknown>> = [],
): NonNullable<Golden['answer']> => {
  return () => ({ fields, rows });
};
const number = (name: string): Field => ({ name, type: 'FLOAT' });
const integer = (name: string): Field => ({ name, type: 'INTEGER' });
const words = (name: string): Field => ({ name, type: 'STRING' });

const summary = JSON.stringify({ count: 2, mean: 5, std: 1, min: 4, max: 6, quantiles: [4, 5, 6] });

/** A fake that knows every statement of a scoring. */
const prepared = async (t: ExecutionContext, more: ReadonlyArray<Golden> = []): Promise<FakeBigquery> => {
  const fake = await inAFake(t, { location: 'EU' });
  fake.imports(artifact, { inputs: { weight: 'FLOAT64' } });
  const outputRows = [
    ['1', '4.0', 'rating', 'games', '3', 'job-1', '1767323045678000'],
    ['2', '6.0', 'rating', 'games', '3', 'job-1', '1767323045678000'],
  ];
  const outputFields = [
    integer('game_id'),
    number('prediction'),
    words('model_type'),
    words('model_name'),
    integer('model_version'),
    words('job_id'),
    { name: 'scored_at', type: 'TIMESTAMP' },
  ];
  const known: ReadonlyArray<Golden> = [
    { sql, answer: output(sourceFields), bytes: 1000 },
    { sql: rowsOf('*', items), answer: output([integer('scorekeeper_key_0'), number('weight'), number('variable')]) },
    { sql: scored, answer: output(outputFields, outputRows) },
    { sql: summarised, answer: output([integer('row_count'), words('s0')], [['3', summary]]) },
    ...more,
  ];
  for (const golden of known) fake.knows(golden);
  return fake;
};

interface Asked {
  readonly scoring?: Partial<ScoringThere>;
  readonly source?: Partial<BigquerySourceOptions>;
  readonly limits?: CallOptions;
}

const score = async (fake: FakeBigquery, { scoring: changed = {}, source = {}, limits = call }: Asked = {}) => {
  const found = await opened(sourceIn(fake, { keys: ['game_id'], ...source }), {}, limits);
  if (found.there === undefined) throw new Error('it cannot score there');
  try {
    return await found.there.score({ ...scoring, ...changed })();
  } finally {
    await found.close();
  }
};

const failed = async (fake: FakeBigquery, asked: Asked = {}): Promise<Failure> => {
  const result = await score(fake, asked);
  if (E.isRight(result)) throw new Error('it succeeded');
  return result.left;
};

test('a scoring is four statements, of which one is dry, all under ids, labels and a ceiling', async (t) => {
  const fake = await prepared(t);
  const source = { labels: { team: 'games' }, maximumBytesBilled: 5000 };
  const result = rightOf(await score(fake, { source }));
  t.is(result.rowCount, 3);
  t.deepEqual(result.summaries, {
    prediction: { count: 2, mean: 5, std: 1, min: 4, max: 6, quantiles: [4, 5, 6] },
  });
  t.deepEqual(fake.statements(), [sql, imported, rowsOf('*', items), scored, summarised]);
  t.like(fake.counts(), { dryRun: 2, insert: 3, model: 1 });
  t.deepEqual(
    fake.jobs().map(({ insert }) => insert),
    [
      { query: imported, useLegacySql: false },
      {
        query: scored,
        useLegacySql: false,
        destinationTable: { projectId: 'games-project', datasetId: 'predictions', tableId: 'games' },
        writeDisposition: 'WRITE_APPEND',
        createDisposition: 'CREATE_IF_NEEDED',
        maximumBytesBilled: '5000',
      },
      { query: summarised, useLegacySql: false, maximumBytesBilled: '5000' },
    ].map((query, i) => ({
      jobReference: { projectId: 'games-project', jobId: fake.jobs()[i]?.jobId, location: 'EU' },
      configuration: { labels: { team: 'games' }, query },
    })),
  );
  for (const { jobId } of fake.jobs()) t.regex(jobId, /^scorekeeper_[0-9a-f]{40}$/);
  t.like(fake.rows('predictions.games')?.[1], { game_id: '2', prediction: '6.0', model_version: '3', job_id: 'job-1' });
});

test('what was asked before is not done again for the same scoring, and a model that is there is found', async (t) => {
  const fake = await prepared(t);
  rightOf(await score(fake));
  rightOf(await score(fake));
  t.is(fake.jobs().length, 3);
  t.is(fake.rows('predictions.games')?.length, 2);
});

test('models may be kept in a dataset of their own, and one partition be replaced', async (t) => {
  const elsewhere = model.replace('games-project.predictions', 'models-project.models');
  const there = (statement: string) => statement.replaceAll(model, elsewhere);
  const fake = await prepared(t, [
    { sql: there(rowsOf('*', items)), answer: output([number('variable')]) },
    { sql: there(scored), answer: output([number('prediction')], [['1']]) },
  ]);
  const table = 'bigquery://games-project.predictions.games$20240101';
  const first = await failed(fake, { source: { modelDataset: 'models-project.models' }, scoring: { output: table } });
  t.regex(first.message, /^There is no table games-project:predictions\.games\$20240101/);
  rightOf(await score(fake));
  rightOf(
    await score(fake, {
      source: { modelDataset: 'models-project.models' },
      scoring: { output: table, provenance: { ...scoring.provenance } },
    }),
  );
  t.is(fake.rows('predictions.games$20240101')?.length, 1);
  t.true(fake.statements().includes(there(imported)));
});

test('inputs and outputs that are arrays, a classifier, and an input of another name', async (t) => {
  const expression = weight.replace(/ AS `weight`$/, '');
  const listed = `\`game_id\` AS \`scorekeeper_key_0\`, [${expression}] AS \`x\``;
  const fake = await prepared(t, [
    {
      sql: rowsOf('*', listed),
      answer: output([integer('label'), { name: 'probabilities', type: 'FLOAT', mode: 'REPEATED' }]),
    },
    {
      sql: rowsOf(
        `\`scorekeeper_key_0\` AS \`game_id\`, \`label\` AS \`prediction\`, \`probabilities\`[OFFSET(1)] AS \`probability\`, ${provenance}`,
        listed,
      ),
      answer: output([]),
    },
    {
      sql: 'summary',
      matches: /^SELECT COUNT\(\*\) AS row_count, TO_JSON_STRING\(.* AS s0, TO_JSON_STRING\(.* AS s1\n/,
      answer: output([integer('row_count'), words('s0'), words('s1')], [['2', summary, summary]]),
    },
  ]);
  fake.imports(artifact, { inputs: { x: 'ARRAY' } });
  const classifier = [
    column('prediction', { type: 'int64', output: 'label' }),
    column('probability', { output: 'probabilities', index: 1, width: 2 }),
  ];
  const features = [{ ...feature('weight', 'float32'), input: 'x', index: 0 }];
  const result = rightOf(await score(fake, { scoring: { features, predictionColumns: classifier } }));
  t.deepEqual(Object.keys(result.summaries), ['prediction', 'probability']);
});

const refused = (name: string, rest: string) => `ERROR(CONCAT("<<column \\"${name}\\": ", ${rest}, ">>"))`;
const noFill = (type: string) => `"a value is missing, and the feature (${type}) has no fill"`;
const not = (type: string) => `"expected ${type}, got the number ", CAST(\`v\` AS STRING)`;

/** How a value of each type is written for a feature of each. */
const values: ReadonlyArray<readonly [kind: string, type: Feature['type'], fill: Feature['fill'], sql: string]> = [
  ['FLOAT', 'float64', null, 'CASE WHEN `v` IS NULL THEN CAST("NaN" AS FLOAT64) ELSE CAST(`v` AS FLOAT64) END'],
  [
    'FLOAT',
    'float32',
    2.5,
    'CASE WHEN `v` IS NULL OR IS_NAN(CAST(`v` AS FLOAT64)) THEN 2.5 ELSE CAST(`v` AS FLOAT64) END',
  ],
  ['INTEGER', 'float32', 2, 'CASE WHEN `v` IS NULL THEN 2 ELSE CAST(`v` AS FLOAT64) END'],
  ['NUMERIC', 'float32', null, 'CASE WHEN `v` IS NULL THEN CAST("NaN" AS FLOAT64) ELSE CAST(`v` AS FLOAT64) END'],
  [
    'BOOLEAN',
    'float32',
    null,
    'CASE WHEN `v` IS NULL THEN CAST("NaN" AS FLOAT64) ELSE CAST(CAST(`v` AS INT64) AS FLOAT64) END',
  ],
  ['INTEGER', 'int64', null, `CASE WHEN \`v\` IS NULL THEN ${refused('v', noFill('int64'))} ELSE \`v\` END`],
  [
    'INTEGER',
    'int32',
    -1,
    `CASE WHEN \`v\` IS NULL THEN -1 WHEN \`v\` NOT BETWEEN -2147483648 AND 2147483647 THEN ${refused('v', not('int32'))} ELSE \`v\` END`,
  ],
  [
    'BIGNUMERIC',
    'int64',
    0,
    `CASE WHEN \`v\` IS NULL OR IS_NAN(CAST(\`v\` AS FLOAT64)) THEN 0 WHEN IS_NAN(CAST(\`v\` AS FLOAT64)) OR ABS(CAST(\`v\` AS FLOAT64)) > 9007199254740991 OR CAST(\`v\` AS FLOAT64) != TRUNC(CAST(\`v\` AS FLOAT64)) THEN ${refused('v', not('int64'))} ELSE CAST(CAST(\`v\` AS FLOAT64) AS INT64) END`,
  ],
  [
    'FLOAT',
    'int32',
    null,
    `CASE WHEN \`v\` IS NULL THEN ${refused('v', noFill('int32'))} WHEN IS_NAN(CAST(\`v\` AS FLOAT64)) OR CAST(\`v\` AS FLOAT64) NOT BETWEEN -2147483648 AND 2147483647 OR CAST(\`v\` AS FLOAT64) != TRUNC(CAST(\`v\` AS FLOAT64)) THEN ${refused('v', not('int32'))} ELSE CAST(CAST(\`v\` AS FLOAT64) AS INT64) END`,
  ],
  ['BOOLEAN', 'bool', null, `CASE WHEN \`v\` IS NULL THEN ${refused('v', noFill('bool'))} ELSE \`v\` END`],
  [
    'INTEGER',
    'bool',
    1,
    `CASE WHEN \`v\` IS NULL THEN true WHEN \`v\` NOT IN (0, 1) THEN ${refused('v', not('bool'))} ELSE \`v\` = 1 END`,
  ],
  ['STRING', 'string', 'say "hi"\n', 'CASE WHEN `v` IS NULL THEN "say \\"hi\\"\\n" ELSE `v` END'],
  ['STRING', 'string', null, `CASE WHEN \`v\` IS NULL THEN ${refused('v', noFill('string'))} ELSE \`v\` END`],
];
for (const [kind, type, fill, expression] of values) {
  test(`${kind} for ${type}${fill === null ? '' : ` with the fill ${JSON.stringify(fill)}`}`, async (t) => {
    const fake = await prepared(t, [{ sql, answer: output([integer('game_id'), { name: 'v', type: kind }]) }]);
    await score(fake, { scoring: { features: [feature('v', type, fill)] } });
    t.is(fake.statements()[2], rowsOf('*', `\`game_id\` AS \`scorekeeper_key_0\`, ${expression} AS \`v\``));
  });
}

const unfit: ReadonlyArray<readonly [kind: string, type: Feature['type']]> = [
  ['STRING', 'float32'],
  ['STRING', 'int64'],
  ['INTEGER', 'string'],
  ['BOOLEAN', 'int64'],
  ['DATE', 'string'],
  ['TIMESTAMP', 'float64'],
];
for (const [kind, type] of unfit) {
  test(`${kind} fits no ${type}`, async (t) => {
    const fake = await prepared(t, [{ sql, answer: output([integer('game_id'), { name: 'v', type: kind }]) }]);
    const failure = await failed(fake, { scoring: { features: [feature('v', type)] } });
    t.is(failure.tag, 'SignatureMismatch');
    t.regex(failure.message, /^The column "v" is of the type \w+, and the feature is \w+: cast it in the source's SQL/);
    t.is(fake.rows('predictions.games'), undefined);
  });
}

const keys: ReadonlyArray<readonly [kind: string, sql: string]> = [
  ['FLOAT', '`k`'],
  ['NUMERIC', 'CAST(`k` AS STRING)'],
  ['DATE', 'CAST(`k` AS STRING)'],
  ['TIME', "FORMAT_TIME('%H:%M:%E*S', `k`)"],
  ['DATETIME', "FORMAT_DATETIME('%E4Y-%m-%dT%H:%M:%E*S', `k`)"],
  ['TIMESTAMP', "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%E*SZ', `k`, 'UTC')"],
];
for (const [kind, expression] of keys) {
  test(`a key of the type ${kind}`, async (t) => {
    const fake = await prepared(t, [{ sql, answer: output([{ name: 'k', type: kind }, number('weight')]) }]);
    await score(fake, { scoring: { keys: ['k'] } });
    t.is(fake.statements()[2], rowsOf('*', `${expression} AS \`scorekeeper_key_0\`, ${weight}`));
  });
}

test('a key that is no single value is refused', async (t) => {
  const fake = await prepared(t, [{ sql, answer: output([{ name: 'k', type: 'JSON' }, number('weight')]) }]);
  const failure = await failed(fake, { scoring: { keys: ['k'] } });
  t.is(failure.tag, 'DataUnreadable');
});

const importRefusals: ReadonlyArray<readonly [Refusal, Failure['tag'], RegExp]> = [
  [
    { status: 400, reason: 'invalidQuery', message: 'Failed to load ONNX model: unsupported IR version 9' },
    'InvalidInput',
    /^The import of the model: Failed to load ONNX model: unsupported IR version 9\.$/,
  ],
  [
    {
      status: 403,
      reason: 'accessDenied',
      message: 'Access Denied: who@p.iam does not have storage.objects.get access to the Google Cloud Storage object.',
    },
    'PermissionDenied',
    /^This account may not read the model's artifact: give it the role roles\/storage\.objectViewer on the registry's bucket/,
  ],
  [
    {
      status: 403,
      reason: 'accessDenied',
      message: 'Access Denied: Dataset p:d: Permission bigquery.models.create denied on dataset p:d',
    },
    'PermissionDenied',
    /^This account may not write to the dataset p:d \(bigquery\.models\.create\): give it the role roles\/bigquery\.dataEditor/,
  ],
  [
    {
      status: 400,
      reason: 'invalid',
      message: 'Cannot read and write in different locations: source: US, destination: EU',
    },
    'InvalidInput',
    /^The model's artifact and the dataset of the models are in different locations: have the registry's bucket, the dataset of the models \(model_dataset\) and the source in one \(invalid: Cannot read/,
  ],
  [
    { status: 400, reason: 'invalid', message: 'Model size exceeds the limit' },
    'InvalidInput',
    /^BigQuery refused what the import of the model asks for \(invalid: Model size exceeds the limit\)\.$/,
  ],
];
for (const [refusal, tag, sentence] of importRefusals) {
  test(`a model that is not taken: ${refusal.message}`, async (t) => {
    const fake = await prepared(t);
    fake.imports(artifact, { refusal });
    const failure = await failed(fake);
    t.is(failure.tag, tag, failure.message);
    t.regex(failure.message, sentence);
    t.is(fake.rows('predictions.games'), undefined);
  });
}

test('a row that does not fit fails the scoring, and nothing is written', async (t) => {
  const fake = await prepared(t);
  fake.nextJob({});
  const message = 'Query error: <<column "v": expected int32, got the number 1.5>> at [3:8]';
  fake.nextJob({ polls: 1, failure: { status: 400, reason: 'invalidQuery', message } });
  const failure = await failed(fake);
  t.is(failure.tag, 'SignatureMismatch');
  t.is(
    failure.message,
    'The data does not fit the model: column "v": expected int32, got the number 1.5. Nothing was written. Correct the source\'s SQL, or give the feature a fill.',
  );
  t.is(fake.rows('predictions.games'), undefined);
});

test('an imported model with other outputs is refused before anything is scored', async (t) => {
  const fake = await prepared(t, [{ sql: rowsOf('*', items), answer: output([number('other')]) }]);
  t.regex((await failed(fake)).message, /^The imported model gives "other", and not "variable" of 1 columns/);
});

test('a summary that the ceiling refuses is a warning: the rows are written', async (t) => {
  const fake = await prepared(t, [
    { sql: summarised, answer: output([integer('row_count'), words('s0')], [['3', summary]]), bytes: 5001 },
  ]);
  const { rowCount, summaries, warnings } = rightOf(await score(fake, { source: { maximumBytesBilled: 5000 } }));
  t.is(rowCount, 2);
  t.deepEqual(summaries, {});
  t.is(warnings.length, 1);
  t.regex(
    warnings[0] ?? '',
    /^The rows are written; the distribution was not computed, because the query for it failed\. The query would be billed for more bytes/,
  );
  t.is(fake.rows('predictions.games')?.length, 2);
});

test('a summary that fails, where nothing else tells how many rows there are, says that the predictions are there', async (t) => {
  const fake = await prepared(t);
  fake.nextJob({});
  fake.nextJob({ outputRows: 0 });
  fake.knows({ sql: summarised, refusal: { status: 400, reason: 'quotaExceeded', message: 'Quota exceeded' } });
  const failure = await failed(fake);
  t.is(failure.tag, 'Unavailable');
  t.regex(
    failure.message,
    /The predictions are in bigquery:\/\/games-project\.predictions\.games all the same, with the job_id job-1\.$/,
  );
  t.is(fake.rows('predictions.games')?.length, 2);
});

for (const kind of ['reset', 'lost', 'cut', 'proxy'] as const) {
  for (const on of ['insert', 'get', 'model', 'dryRun', 'results'] as const) {
    test(`${kind} on ${on} is asked again, and every row is written once`, async (t) => {
      const fake = await prepared(t);
      fake.fault({ fault: { kind }, on, times: 2 });
      rightOf(await score(fake));
      t.is(fake.rows('predictions.games')?.length, 2);
    });
  }
}

test('a scoring that is cancelled is cancelled in BigQuery, too', async (t) => {
  const fake = await prepared(t);
  fake.nextJob({});
  fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const cancellation = cancellable();
  const result = score(fake, { limits: { ...call, cancellation } });
  while (fake.jobs().length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  cancellation.abort();
  const ended = await result;
  if (E.isRight(ended)) return t.fail('nobody waited');
  t.is(ended.left.tag, 'Cancelled');
  t.true(ended.left.ambiguous);
  t.regex(
    ended.left.message,
    / The rows may be in bigquery:.* all the same: look for the job_id .* before you score again\.$/,
  );
  t.is(fake.jobs()[1]?.failure?.reason, 'stopped');
  t.is(fake.rows('predictions.games'), undefined);
});

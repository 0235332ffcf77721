/** Prints, a line of JSON each, statements that score in BigQuery over rows of literals, and what scoring here makes of the same values. */
import type { ApiRows } from '../../adapters/bigquery/row-texts.js';
import { readerOf, toBatch } from '../../adapters/bigquery/columns.js';
import {
  createModel,
  everyOutput,
  type Prediction,
  predictions,
  tableRows,
} from '../../adapters/bigquery/predict-sql.js';
import { selected } from '../../adapters/bigquery/sql.js';
import { summaryOf } from '../../adapters/bigquery/summary-sql.js';
import { type Feature, type PredictionColumn, type RawRows, recordDistribution } from '../../core/index.js';
import { coerceFeatures } from '../../core/scoring/features.js';
import { nodeHost } from '../../adapters/node-host.js';

/** Values by type: as a literal, and as the REST API tells them. */
type Values = Readonly<Record<string, ReadonlyArray<readonly [literal: string, told: string | null]>>>;

const missing = ['NULL', null] as const;
const double = (name: string, told = name) => [`CAST("${name}" AS FLOAT64)`, told] as const;

const featureValues: Values = {
  INT64: [
    missing,
    ...[
      '0',
      '1',
      '-5',
      '2147483647',
      '2147483648',
      '-2147483648',
      '-2147483649',
      '9007199254740993',
      '9223372036854775807',
    ].map((digits) => [digits, digits] as const),
  ],
  FLOAT64: [
    missing,
    ...['0.0', '1.0', '1.5', '-3.0', 'NaN', '2147483648.0', '9007199254740991.0', '9007199254740992.0', '1e300'].map(
      (text) => double(text),
    ),
    double('inf', 'Infinity'),
    double('-inf', '-Infinity'),
  ],
  NUMERIC: [
    missing,
    ...['0', '1', '1.25', '-7', '12345678901234567890.5'].map((text) => [`NUMERIC "${text}"`, text] as const),
  ],
  BIGNUMERIC: [missing, ...['2', '0.1'].map((text) => [`BIGNUMERIC "${text}"`, text] as const)],
  BOOL: [missing, ['TRUE', 'true'], ['FALSE', 'false']],
  STRING: [missing, ['""', ''], ['"a"', 'a'], ['"ü\\n\\"q\\" \\\\"', 'ü\n"q" \\']],
};

const fills: Readonly<Record<Feature['type'], ReadonlyArray<Feature['fill']>>> = {
  float32: [null, 2.5, -1],
  float64: [null, 0],
  int32: [null, 7],
  int64: [null, -3],
  bool: [null, true, 0],
  string: [null, 'say "hi"\n\\ ü'],
};

const micros = (instant: string, more = 0): string => `${Date.parse(instant) * 1000 + more}`;

const keyValues: Values = {
  INT64: [['5', '5']],
  FLOAT64: [['1.5', '1.5']],
  BOOL: [['TRUE', 'true']],
  STRING: [['"a"', 'a']],
  NUMERIC: [
    ['NUMERIC "1.50"', '1.5'],
    ['NUMERIC "12345678901234567890.123456789"', '12345678901234567890.123456789'],
  ],
  DATE: [
    ['DATE "2020-01-02"', '2020-01-02'],
    ['DATE "0123-04-05"', '0123-04-05'],
  ],
  TIME: [
    ['TIME "03:04:05"', '03:04:05'],
    ['TIME "03:04:05.5"', '03:04:05.500000'],
    ['TIME "00:00:00.000001"', '00:00:00.000001'],
  ],
  DATETIME: [
    ['DATETIME "2020-01-02 03:04:05"', '2020-01-02T03:04:05'],
    ['DATETIME "0123-04-05 06:07:08"', '0123-04-05T06:07:08'],
    ['DATETIME "2020-01-02 03:04:05.12"', '2020-01-02T03:04:05.120000'],
  ],
  TIMESTAMP: [
    ['TIMESTAMP "2020-01-01 00:00:00+00"', micros('2020-01-01T00:00:00Z')],
    ['TIMESTAMP "2020-01-01 00:00:00.000001+00"', micros('2020-01-01T00:00:00Z', 1)],
    ['TIMESTAMP "1960-05-05 12:00:00.25+00"', micros('1960-05-05T12:00:00.250Z')],
    ['TIMESTAMP "0123-04-05 06:07:08+00"', micros('0123-04-05T06:07:08Z')],
  ],
};

const model = 'a-project.models.rating_games_v1_0123456789ab';
const feature = (type: Feature['type'], fill: Feature['fill'] = null): Feature => ({
  name: 'v',
  type,
  input: 'v',
  index: null,
  fill,
});
const variable: PredictionColumn = { name: 'prediction', type: 'float32', output: 'variable', index: 0, width: 1 };
const provenance = {
  modelType: 'rating',
  modelName: 'games',
  modelVersion: 1,
  jobId: 'job-1',
  scoredAt: '2026-01-02T03:04:05.678Z',
};

const predictionOf = (sql: string, keyKind: string, kind: string, of: Feature): Prediction => ({
  statement: { sql, parameters: {} },
  columns: [
    { name: 'k', kind: keyKind },
    { name: 'v', kind },
  ],
  model,
  arrayInputs: new Set(),
  features: [of],
  keys: ['k'],
  predictionColumns: [variable],
  provenance,
});

/** What the model is given. */
const fed = (prediction: Prediction): string => {
  const { sql } = everyOutput(prediction);
  return sql.slice(sql.indexOf('(\n') + 2, sql.lastIndexOf('))'));
};

const batchOf = (kind: string, role: 'feature' | 'key', told: string | null): Promise<RawRows> => {
  const reader = readerOf({ name: 'v', kind }, role);
  const rows: ApiRows = [{ f: [{ v: told }] }];
  return toBatch(reader === undefined ? [] : [reader], { rowCount: 1, pieces: [rows] });
};

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

for (const [kind, values] of Object.entries(featureValues)) {
  for (const [type, typeFills] of Object.entries(fills) as ReadonlyArray<[Feature['type'], typeof fills.bool]>) {
    for (const fill of typeFills) {
      for (const [literal, told] of values) {
        const of = feature(type, fill);
        const raw = await batchOf(kind, 'feature', told);
        const { batch, problems } = coerceFeatures([of], { ...raw, textual: false }, 1);
        const value = batch.columns.get('v')?.values[0];
        let sql: string;
        try {
          sql = fed(predictionOf(`SELECT 1 AS k, CAST(${literal} AS ${kind}) AS v -- end`, 'INT64', kind, of));
        } catch {
          // A whole column of this type is refused.
          continue;
        }
        const what = `${kind} ${literal} for ${type} with the fill ${JSON.stringify(fill)}`;
        print({
          what,
          sql,
          at: 1,
          type,
          ...(problems[0] === undefined ? { value: `${value}` } : { refused: problems[0].detail }),
        });
      }
    }
  }
}

for (const [kind, values] of Object.entries(keyValues)) {
  for (const [literal, told] of values) {
    const key = await batchOf(kind, 'key', told);
    const sql = fed(predictionOf(`SELECT ${literal} AS k, 1.0 AS v`, kind, 'FLOAT64', feature('float64')));
    const type = key.columns.get('v')?.type;
    print({ what: `the key ${literal}`, sql, at: 0, type, value: `${key.columns.get('v')?.values[0]}` });
  }
}

/** The model's place taken by a constant. */
const rows = 'SELECT 7 AS k, 1.5 AS v';
const whole = predictionOf(rows, 'INT64', 'FLOAT64', feature('float32'));
for (const [kind, output] of [
  ['ARRAY', '[2.5]'],
  ['FLOAT64', '2.5'],
] as const) {
  const outputs = [{ name: 'variable', kind }];
  const { sql } = tableRows(whole, outputs);
  print({ what: `the predictions of an ${kind}`, parses: sql });
  print({
    what: `the predictions of an ${kind} for a file`,
    parses: selected('`k`, `prediction`', predictions(whole, outputs)).sql,
  });
  const standIn = sql.replace(
    /ML\.PREDICT\(MODEL `[^`]+`, \(([^]*)\)\)$/,
    `(SELECT *, ${output} AS variable FROM ($1))`,
  );
  print({ what: `a prediction of an ${kind}`, sql: standIn, at: 1, type: 'float64', value: '2.5' });
  print({ what: 'a key beside it', sql: standIn, at: 0, type: 'int64', value: '7' });
  print({ what: 'the version beside it', sql: standIn, at: 4, type: 'int64', value: '1' });
}
print({ what: 'the import', parses: createModel(model, 'gs://a-bucket/models/pipeline.onnx') });

const scores = [1, 2, 2.5, Number.NaN, 4, Number.POSITIVE_INFINITY, -3];
const recorder = recordDistribution(nodeHost());
recorder.add(scores);
const summary = summaryOf('a-project.predictions.games', 'job-1', [variable]).sql;
print({ what: 'the summary', parses: summary });
const written = scores
  .map((score) => `SELECT CAST("${score}" AS FLOAT64) AS prediction, "job-1" AS job_id`)
  .concat('SELECT 99.0, "job-2"')
  .join(' UNION ALL ');
const { count, mean, std, min, max } = recorder.result();
print({
  what: 'the summary of some rows',
  // The reference implementation has no approximations.
  sql: summary
    .replace(/`a-project[^`]*`/, `(${written})`)
    .replace(/APPROX_QUANTILES\((\w+), 1000\)/, '[MIN($1), MAX($1)]'),
  at: 1,
  type: 'summary',
  value: { count, mean, std, min, max },
});

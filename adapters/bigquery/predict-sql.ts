/** The SQL by which BigQuery imports a model and scores a source's rows with it. */
import type { Feature, PredictingThere, PredictionColumn } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';
import { cureOf, type SourceColumn } from './columns.js';
import { textOfValue } from './exportable.js';
import { quoteName, type Statement } from './sql.js';

/** JSON's texts are literals of GoogleSQL, too. */
const quoteText = (text: string): string => JSON.stringify(text);

/** Once it is there, it stays: the same name is always the same model. */
export const createModel = (model: string, artifact: string): string =>
  `CREATE MODEL IF NOT EXISTS ${quoteName(model)} OPTIONS(MODEL_TYPE = "ONNX", MODEL_PATH = ${quoteText(artifact)})`;

/** How a message of ours is told from BigQuery's own, in which it stands. */
const refusal = /<<(.*?)>>/s;

/** What a statement of ours refused in a row, if that was why it failed. */
export const refusalIn = (message: string): string | undefined => refusal.exec(message)?.[1];

const refuse = (column: string, rest: string): string =>
  `ERROR(CONCAT(${quoteText(`<<column "${column}": `)}, ${rest}, ">>"))`;

/** What a column of the source becomes as a feature, by the table in docs/scoring.md. Raises `SignatureMismatch` when nothing of its type would fit. */
const featureOf = ({ name, type, fill }: Feature, { kind }: SourceColumn): string => {
  const column = quoteName(name);
  const isNumber = ['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC'].includes(kind);
  const isFloat = isNumber && kind !== 'INT64';
  const fits = isNumber
    ? type !== 'string'
    : kind === 'BOOL'
      ? /float|bool/.test(type)
      : kind === 'STRING' && type === 'string';
  if (!fits) {
    return raise(
      'SignatureMismatch',
      `The column "${name}" is of the type ${kind}, and the feature is ${type}: cast it in the source's SQL, as in CAST(${name} AS ${sqlTypes[type]}) AS ${name}.`,
    );
  }
  const number = isFloat ? `CAST(${column} AS FLOAT64)` : column;
  const isMissing = `${column} IS NULL${isFloat && fill !== null ? ` OR IS_NAN(${number})` : ''}`;
  const missing =
    fill !== null
      ? literalOf(type, fill)
      : type.startsWith('float')
        ? 'CAST("NaN" AS FLOAT64)'
        : refuse(name, quoteText(`a value is missing, and the feature (${type}) has no fill`));
  const unfit = unfitIn(type, kind, number);
  const cases = [
    `WHEN ${isMissing} THEN ${missing}`,
    ...(unfit === undefined
      ? []
      : [
          `WHEN ${unfit} THEN ${refuse(name, `${quoteText(`expected ${type}, got the number `)}, CAST(${column} AS STRING)`)}`,
        ]),
  ];
  return `CASE ${cases.join(' ')} ELSE ${valueOf(type, kind, number)} END`;
};

const sqlTypes = {
  float32: 'FLOAT64',
  float64: 'FLOAT64',
  int32: 'INT64',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'STRING',
} as const;

const literalOf = (type: Feature['type'], fill: string | number | boolean): string =>
  type === 'bool' ? `${Number(fill) === 1}` : typeof fill === 'string' ? quoteText(fill) : `${fill}`;

/** Which numbers do not fit. */
const unfitIn = (type: Feature['type'], kind: string, number: string): string | undefined => {
  const beyond = `${number} NOT BETWEEN -2147483648 AND 2147483647`;
  switch (type) {
    case 'int32':
      return kind === 'INT64' ? beyond : `IS_NAN(${number}) OR ${beyond} OR ${number} != TRUNC(${number})`;
    case 'int64':
      return kind === 'INT64'
        ? undefined
        : `IS_NAN(${number}) OR ABS(${number}) > 9007199254740991 OR ${number} != TRUNC(${number})`;
    case 'bool':
      return kind === 'BOOL' ? undefined : `${number} NOT IN (0, 1)`;
    default:
      return undefined;
  }
};

const valueOf = (type: Feature['type'], kind: string, number: string): string => {
  switch (type) {
    case 'float32':
    case 'float64':
      return kind === 'BOOL'
        ? `CAST(CAST(${number} AS INT64) AS FLOAT64)`
        : kind === 'INT64'
          ? `CAST(${number} AS FLOAT64)`
          : number;
    case 'int32':
    case 'int64':
      return kind === 'INT64' ? number : `CAST(${number} AS INT64)`;
    case 'bool':
      return kind === 'BOOL' ? number : `${number} = 1`;
    case 'string':
      return number;
  }
};

/** A key as it travels when rows are read: decimals, dates and times as text. Raises `DataUnreadable` for what is no single value. */
const keyOf = (column: SourceColumn): string => {
  const { name, kind } = column;
  const text = textOfValue(column);
  if (text !== undefined) return text;
  return ['INT64', 'FLOAT64', 'BOOL', 'STRING'].includes(kind)
    ? quoteName(name)
    : raise(
        'DataUnreadable',
        `The column "${name}" of the source's query is of the type ${kind}, and keys are single values: ${cureOf(kind)}.`,
      );
};

/** What the statements need to know of the source and of the imported model. */
export interface Prediction extends Pick<PredictingThere, 'features' | 'keys' | 'predictionColumns' | 'provenance'> {
  readonly statement: Statement;
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly model: string;
  /** Inputs of the model that take a value as an array of one. */
  readonly arrayInputs: ReadonlySet<string>;
}

const keyName = (at: number): string => quoteName(`scorekeeper_key_${at}`);

/** How many lines `predicted` puts before the source's SQL. */
export const linesBeforePredicted = 4;

/** The rows with the model's outputs, before anything is made of them. */
const predicted = ({ statement, columns, model, features, keys, arrayInputs }: Prediction, list: string): Statement => {
  const columnOf = (name: string): SourceColumn =>
    columns.find((column) => column.name === name) ??
    raise('InvalidInput', `There is no column "${name}" in the source's query.`);
  const items = [
    ...keys.map((name, at) => `${keyOf(columnOf(name))} AS ${keyName(at)}`),
    ...features.map((feature) => {
      const value = featureOf(feature, columnOf(feature.name));
      return `${arrayInputs.has(feature.input) ? `[${value}]` : value} AS ${quoteName(feature.input)}`;
    }),
  ];
  return {
    parameters: statement.parameters,
    sql: `SELECT ${list}\nFROM ML.PREDICT(MODEL ${quoteName(model)}, (\nSELECT ${items.join(', ')}\nFROM (\n${statement.sql}\n)))`,
  };
};

/** What a dry run tells the outputs' types of. */
export const everyOutput = (prediction: Prediction): Statement => predicted(prediction, '*');

const predictionItems = (
  { keys, predictionColumns }: Prediction,
  outputs: ReadonlyArray<SourceColumn>,
): ReadonlyArray<string> => [
  ...keys.map((name, at) => `${keyName(at)} AS ${quoteName(name)}`),
  ...predictionColumns.map((column) => `${predictionIn(column, outputs)} AS ${quoteName(column.name)}`),
];

/** Keys and predictions. Raises `InvalidInput` when the model has not the outputs that it was registered with. */
export const predictions = (prediction: Prediction, outputs: ReadonlyArray<SourceColumn>): Statement =>
  predicted(prediction, predictionItems(prediction, outputs).join(', '));

/** The rows of a table: these, and where they come from. Raises the same. */
export const tableRows = (prediction: Prediction, outputs: ReadonlyArray<SourceColumn>): Statement => {
  const { provenance } = prediction;
  return predicted(
    prediction,
    [
      ...predictionItems(prediction, outputs),
      `${quoteText(provenance.modelType)} AS \`model_type\``,
      `${quoteText(provenance.modelName)} AS \`model_name\``,
      `${provenance.modelVersion} AS \`model_version\``,
      `${quoteText(provenance.jobId)} AS \`job_id\``,
      `TIMESTAMP ${quoteText(provenance.scoredAt)} AS \`scored_at\``,
    ].join(', '),
  );
};

/** Raises `InvalidInput` when predictions come in another type than they were registered with. */
export const checkPredictionTypes = (
  predictionColumns: ReadonlyArray<PredictionColumn>,
  found: ReadonlyArray<SourceColumn>,
): void => {
  for (const { name, type } of predictionColumns) {
    const kind = found.find((column) => column.name === name)?.kind;
    if (kind === sqlTypes[type]) continue;
    raise(
      'InvalidInput',
      `The imported model gives "${name}" as ${kind}, and not as ${type} as it was registered: score without --on bigquery.`,
    );
  }
};

const predictionIn = ({ output, index, width }: PredictionColumn, outputs: ReadonlyArray<SourceColumn>): string => {
  const kind = outputs.find(({ name }) => name === output)?.kind;
  if (kind === 'ARRAY') return `${quoteName(output)}[OFFSET(${index})]`;
  return kind !== undefined && width === 1
    ? quoteName(output)
    : raise(
        'InvalidInput',
        `The imported model gives ${outputs.map(({ name }) => `"${name}"`).join(', ')}, and not "${output}" of ${width} columns as it was registered: score without --on bigquery.`,
      );
};

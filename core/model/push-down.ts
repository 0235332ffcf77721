/** Whether a model can be scored where the rows are, by BigQuery ML, and if not, why. */
import * as t from 'io-ts';
import type { PredictionColumn } from '../scoring/predictions.js';
import type { Signature, TensorSpec } from './signature.js';

/** What an ONNX file says of how it is written: its IR version, and the version of every set of operators, by domain. */
export const OnnxFormat = t.readonly(
  t.type({ ir_version: t.number, opsets: t.readonly(t.record(t.string, t.number)) }),
  'OnnxFormat',
);
export type OnnxFormat = t.TypeOf<typeof OnnxFormat>;

/** The version of ONNX Runtime that BigQuery ML has: https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-onnx */
export const bigqueryRuntime = '1.12.0';

/** What two runtimes made of the same rows. */
export const RuntimeComparison = t.readonly(
  t.type({
    /** The other runtime's version. */
    runtime: t.string,
    /** Whose rows: `golden` ones of the experiment, or `sample` ones that were made up. */
    rows_of: t.keyof({ golden: null, sample: null }),
    row_count: t.number,
    /** The largest |a − b| / max(1, |b|) of any value; null when they differ in what is no number, or one of them failed. */
    largest_difference: t.union([t.number, t.null]),
  }),
  'RuntimeComparison',
);
export type RuntimeComparison = t.TypeOf<typeof RuntimeComparison>;

/** What a registration says of it. */
export const PushDown = t.readonly(
  t.type({
    qualifies: t.boolean,
    /** Why not, each a sentence. */
    reasons: t.readonlyArray(t.string),
    /** Null when the artifact is no ONNX file. */
    format: t.union([OnnxFormat, t.null]),
    /** Null when BigQuery ML's runtime was not there to be compared with. */
    compared: t.union([RuntimeComparison, t.null]),
  }),
  'PushDown',
);
export type PushDown = t.TypeOf<typeof PushDown>;

/** What is known of a model without running it. */
export interface PushDownFacts {
  readonly format: OnnxFormat | undefined;
  readonly sizeBytes: number;
  readonly signature: Signature;
  readonly predictionColumns: ReadonlyArray<PredictionColumn>;
}

const mostBytes = 450_000_000;
const newestIr = 8;
const newestOpsets: Readonly<Record<string, number>> = { 'ai.onnx': 17, 'ai.onnx.ml': 3 };

/**
 * Why BigQuery ML cannot score with the model as Scorekeeper does, each a sentence; none when it can. The artifact has passed its inspection: it is
 * one file, and its inputs and outputs are tensors of element types that BigQuery ML has, too.
 */
export const whyNoPushDown = ({
  format,
  sizeBytes,
  signature: { inputs, outputs },
  predictionColumns,
}: PushDownFacts): ReadonlyArray<string> => {
  if (format === undefined) return ['The artifact is no ONNX file.'];
  return [
    ...(sizeBytes > mostBytes
      ? [`The artifact has ${count(sizeBytes)} bytes, and at most ${count(mostBytes)} are taken.`]
      : []),
    ...(format.ir_version > newestIr
      ? [
          `The artifact has the ONNX IR version ${format.ir_version}, and up to ${newestIr} is read: export it with an older onnx package, or set ir_version of the model to ${newestIr} before it is saved.`,
        ]
      : []),
    ...Object.entries(format.opsets).flatMap(([domain, version]) => whyNotOpset(domain, version)),
    ...inputs.flatMap(whyNotInput),
    ...whyNotNames('input', inputs),
    ...whyNotNames('output', outputs),
    ...whyNotNames('prediction column', predictionColumns),
    ...whyNotApart([...inputs, ...outputs].map(({ name }) => name)),
  ];
};

const count = (n: number): string => n.toLocaleString('en-US');

const whyNotOpset = (domain: string, version: number): ReadonlyArray<string> => {
  const newest = Object.hasOwn(newestOpsets, domain) ? newestOpsets[domain] : undefined;
  if (newest === undefined) {
    return [
      `The artifact has operators of ${domain}, and only those of ${Object.keys(newestOpsets).join(' and ')} are known there.`,
    ];
  }
  return version <= newest
    ? []
    : [
        `The artifact needs opset ${version} of ${domain}, and there is up to ${newest}: export it with a target_opset of ${newest} or less for ${domain}.`,
      ];
};

/** A row of a table has one value for each input. */
const whyNotInput = ({ name, shape }: TensorSpec): ReadonlyArray<string> =>
  shape.length === 2 && shape[1] === 1
    ? []
    : [
        `The input "${name}" has the shape [${['N', ...shape.slice(1).map((size) => size ?? 'free')].join(', ')}], and each must be [N, 1]: export the pipeline with one input for each column.`,
      ];

/** https://cloud.google.com/bigquery/docs/schemas#column_names */
const columnGrammar = /^(?!_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER)[A-Z_][A-Z0-9_]{0,299}$/i;

const whyNotNames = (what: string, named: ReadonlyArray<{ readonly name: string }>): ReadonlyArray<string> =>
  named
    .filter(({ name }) => !columnGrammar.test(name))
    .map(
      ({ name }) =>
        `The ${what} "${name}" cannot be the name of a column there: name it with letters, digits and _, beginning with a letter.`,
    );

/** Columns of one table differ in more than capitals. */
const whyNotApart = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lower = names.map((name) => name.toLowerCase());
  return names.flatMap((name, i) => {
    const first = lower.indexOf(lower[i] ?? '');
    return first === i
      ? []
      : [`"${names[first]}" and "${name}" are one name for columns there, where capitals do not count: rename one.`];
  });
};

/** What a registration says of a model that `whyNoPushDown` was asked about, and that perhaps was run in both runtimes. */
export const pushDownOf = (
  format: OnnxFormat | undefined,
  reasons: ReadonlyArray<string>,
  compared: RuntimeComparison | undefined,
): PushDown => ({ qualifies: reasons.length === 0, reasons, format: format ?? null, compared: compared ?? null });

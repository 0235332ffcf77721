/** Where a shard's rows go: a part of the output, which looks as the whole will, and one of refused rows. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { CallOptions } from '../ports/host.js';
import { textColumn, type Narrowing, narrowestType, narrowTypes } from '../scoring/json-column.js';
import { fileOutput, type Provenance } from '../scoring/outputs.js';
import type { PredictionColumn } from '../scoring/predictions.js';
import type { RawColumn, RowBatch } from '../scoring/row-batch.js';
import type { PredictionOutput } from '../scoring/scoring-job.js';
import type { RefusedRow } from '../scoring/score-request.js';
import type { JobFolder } from '../ports/job-folder.js';
import type { JobPlan, PartColumn } from './job-documents.js';

/** What every row of the job says of where it comes from. */
export const provenanceOf = ({ job_id, model, scored_at }: JobPlan): Provenance => ({
  modelType: model.model_type,
  modelName: model.name,
  modelVersion: model.version,
  jobId: job_id,
  scoredAt: scored_at,
});

export interface PartOutput extends PredictionOutput {
  readonly refused: ReadonlyArray<RefusedRow>;
  /** Those of the part, once a batch was written. */
  readonly columns: () => ReadonlyArray<PartColumn>;
  /** Answers whether there are refused rows. */
  readonly commit: TE.TaskEither<Failure, boolean>;
  readonly abort: () => Promise<void>;
}

/** A part called `name`. Keys of JSON values are text in it: only all the parts together tell the type that holds their values. */
export const partOutput = (
  { parts }: JobFolder,
  plan: JobPlan,
  predictionColumns: ReadonlyArray<PredictionColumn>,
  name: string,
  call: CallOptions,
): PartOutput => {
  const output = fileOutput(parts, name, predictionColumns, provenanceOf(plan), plan.parameters.on_error, call);
  const narrowings = new Map<string, Narrowing>();
  let columns: ReadonlyArray<PartColumn> = [];
  const asText = (column: RawColumn, key: string): RawColumn => {
    if (column.type !== 'json') return column;
    const narrowing = narrowings.get(key) ?? narrowestType();
    narrowings.set(key, narrowing);
    narrowing.add(column.values);
    return textColumn(column.values);
  };
  return {
    refused: output.refused,
    columns: () =>
      columns.map((column) => {
        const narrowing = narrowings.get(column.name);
        return narrowing === undefined ? column : { ...column, narrow_types: narrowing.types() };
      }),
    write: (rows, keys, predictions) => {
      const written = new Map([...keys].map(([key, column]) => [key, asText(column, key)] as const));
      columns = columnsOf(written, predictions);
      return output.write(rows, written, predictions);
    },
    refuse: output.refuse,
    commit: pipe(
      output.commit,
      TE.map(({ rejectsLocation }) => rejectsLocation !== null),
    ),
    abort: output.abort,
  };
};

const columnsOf = (keys: ReadonlyMap<string, RawColumn>, predictions: RowBatch): ReadonlyArray<PartColumn> => [
  ...(keys.size === 0 ? [{ name: 'row', type: 'int64' } as const] : []),
  ...[...keys, ...predictions.columns].flatMap(([name, { type }]) => (type === 'json' ? [] : [{ name, type }])),
];

/** The columns of all the parts: one of JSON values gets the narrowest type that holds them in every part. */
export const joinedColumns = (parts: ReadonlyArray<ReadonlyArray<PartColumn>>): ReadonlyArray<PartColumn> => {
  const [first = []] = parts;
  return first.map(({ name, type, narrow_types }, i) => {
    if (narrow_types === undefined) return { name, type };
    const narrow = narrowTypes.find((one) => parts.every((columns) => columns[i]?.narrow_types?.includes(one)));
    return { name, type: narrow ?? 'string' };
  });
};

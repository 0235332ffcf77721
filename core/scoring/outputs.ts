/** Where scored rows go: into the answer, whole or as they are made, or into a file with every row's provenance. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import type {
  ConstantValue,
  JoinSchema,
  PredictionSink,
  SinkColumn,
  SinkSchema,
  SinkWriter,
} from '../ports/prediction-sink.js';
import type { PredictionStream } from '../ports/prediction-stream.js';
import { integersOf } from './int64.js';
import type { PredictionColumn } from './predictions.js';
import type { BatchColumn, RawColumn, RawRows, RowBatch } from './row-batch.js';
import { jsonRows } from './json-rows.js';
import type { PredictionOutput } from './scoring-job.js';
import type { RefusedRow } from './score-request.js';

/** Each row's position in the data. */
const rowSpec = { name: 'row', type: 'int64' } as const;

/** Refused rows that an answer tells. */
export const refusedLimit = 100;

/** Adds those that an answer still has room for. */
const keepSome = (kept: RefusedRow[], more: ReadonlyArray<RefusedRow>): void => {
  for (const row of more.slice(0, refusedLimit - kept.length)) kept.push(row);
};

/** Collects predictions and the first refused rows for an answer. */
export const inlineOutput = (): PredictionOutput & {
  readonly predictions: ReadonlyArray<JsonObject>;
  readonly refused: ReadonlyArray<RefusedRow>;
} => {
  const predictions: JsonObject[] = [];
  const refused: RefusedRow[] = [];
  return {
    predictions,
    refused,
    write: (rows, keys, predicted) => {
      for (const row of jsonRows(rows, keys, predicted)) predictions.push(row);
      return TE.right(undefined);
    },
    refuse: (more) => {
      keepSome(refused, more);
      return TE.right(undefined);
    },
  };
};

export interface StreamOutput extends PredictionOutput {
  readonly refused: ReadonlyArray<RefusedRow>;
  /** To be run after the last row. */
  readonly finish: TE.TaskEither<Failure, void>;
}

/** Hands predictions on as they come, under `row`, the keys and their own names, and keeps the first refused rows. */
export const streamOutput = (
  into: PredictionStream,
  predictionColumns: ReadonlyArray<PredictionColumn>,
): StreamOutput => {
  const refused: RefusedRow[] = [];
  let isBegun = false;
  const begin = (keys: ReadonlyMap<string, RawColumn>): TE.TaskEither<Failure, void> => {
    if (isBegun) return TE.right(undefined);
    isBegun = true;
    return into.begin([rowSpec, ...keySpecs(keys), ...predictionColumns.map(({ name, type }) => ({ name, type }))]);
  };
  return {
    refused,
    write: (rows, keys, predictions) =>
      pipe(
        begin(keys),
        TE.chain(() =>
          predictions.rowCount === 0 ? TE.right(undefined) : into.write(withRows(rows, keys, predictions)),
        ),
      ),
    refuse: (more) => {
      keepSome(refused, more);
      return TE.right(undefined);
    },
    finish: () => begin(new Map())(),
  };
};

/** What every row of a file says of where it comes from. */
export interface Provenance {
  readonly modelType: string;
  readonly modelName: string;
  readonly modelVersion: number;
  readonly jobId: string;
  /** ISO 8601, UTC. */
  readonly scoredAt: string;
}

export interface FileOutput extends PredictionOutput {
  readonly refused: ReadonlyArray<RefusedRow>;
  /** Publishes everything and answers where it is. Without this, `abort` leaves nothing. */
  readonly commit: TE.TaskEither<Failure, { readonly location: string; readonly rejectsLocation: string | null }>;
  readonly abort: () => Promise<void>;
}

/** A file of predictions at `location`; with `skip`, refused rows go to `<name>.rejects.ndjson` beside it, which is there only if there are any. */
export const fileOutput = (
  sink: PredictionSink,
  location: string,
  predictionColumns: ReadonlyArray<PredictionColumn>,
  provenance: Provenance,
  onError: 'fail' | 'skip',
  call: CallOptions,
): FileOutput => {
  const refused: RefusedRow[] = [];
  let writer: SinkWriter | undefined;
  let rejects: SinkWriter | undefined;

  const openPredictions = (keys: ReadonlyMap<string, RawColumn>): TE.TaskEither<Failure, SinkWriter> => {
    if (writer !== undefined) return TE.right(writer);
    const schema: SinkSchema = {
      columns: [
        ...(keys.size === 0 ? [rowSpec] : keySpecs(keys)),
        ...predictionColumns.map(({ name, type }) => ({ name, type })),
      ],
      constants: constantsOf(provenance),
    };
    return pipe(
      sink.open(location, schema, call),
      TE.map((opened) => {
        writer = opened;
        return opened;
      }),
    );
  };
  const openRejects = (): TE.TaskEither<Failure, SinkWriter> => {
    if (rejects !== undefined) return TE.right(rejects);
    return pipe(
      sink.open(rejectsLocation(location), rejectsSchema(provenance), call),
      TE.map((opened) => {
        rejects = opened;
        return opened;
      }),
    );
  };

  return {
    refused,
    write: (rows, keys, predictions) =>
      pipe(
        openPredictions(keys),
        TE.chain((to) => to.write(withKeys(rows, keys, predictions))),
      ),
    refuse: (more) => {
      keepSome(refused, more);
      return pipe(
        openRejects(),
        TE.chain((to) => to.write(rejectRows(more))),
      );
    },
    commit: pipe(
      TE.Do,
      TE.bind('told', () => (onError === 'skip' ? openRejects() : TE.right<Failure, undefined>(undefined))),
      TE.bind('rejectsLocation', ({ told }) =>
        told === undefined || refused.length === 0 ? TE.right<Failure, null>(null) : locationOf(told.commit),
      ),
      TE.bind('location', () =>
        pipe(
          openPredictions(new Map()),
          TE.chain(({ commit }) => locationOf(commit)),
        ),
      ),
      // Not before: should the predictions fail, the refused rows of the previous ones stay beside them.
      TE.chainFirst(({ told }) => (told === undefined || refused.length > 0 ? TE.right(undefined) : told.clear)),
      TE.map(({ location: at, rejectsLocation }) => ({ location: at, rejectsLocation })),
    ),
    abort: async () => {
      await Promise.all([writer?.abort(), rejects?.abort()]);
    },
  };
};

const locationOf = (commit: SinkWriter['commit']): TE.TaskEither<Failure, string> =>
  pipe(
    commit,
    TE.map(({ location }) => location),
  );

/** `a/b.parquet` → `a/b.rejects.ndjson`. */
export const rejectsLocation = (location: string): string => `${location.replace(/\.[^./]+$/, '')}.rejects.ndjson`;

/** A refused row has a row here for each of its problems. */
export const rejectsSchema = ({ jobId }: Provenance): JoinSchema => ({
  columns: [rowSpec, { name: 'pointer', type: 'string' }, { name: 'detail', type: 'string' }],
  constants: [{ name: 'job_id', type: 'string', value: jobId }],
});

/** The names of `constantsOf`. */
export const provenanceColumns: ReadonlyArray<string> = [
  'model_type',
  'model_name',
  'model_version',
  'job_id',
  'scored_at',
];

/** What a file has besides keys and predictions. */
export const ownColumns: ReadonlyArray<string> = [rowSpec.name, ...provenanceColumns];

export const constantsOf = (from: Provenance): ReadonlyArray<{ readonly name: string } & ConstantValue> => [
  { name: 'model_type', type: 'string', value: from.modelType },
  { name: 'model_name', type: 'string', value: from.modelName },
  { name: 'model_version', type: 'int32', value: from.modelVersion },
  { name: 'job_id', type: 'string', value: from.jobId },
  { name: 'scored_at', type: 'timestamp', value: from.scoredAt },
];

const keySpecs = (keys: ReadonlyMap<string, RawColumn>): ReadonlyArray<SinkColumn> =>
  [...keys].map(([name, { type }]) => ({ name, type }));

const withRows = (
  rows: ReadonlyArray<number>,
  keys: ReadonlyMap<string, RawColumn>,
  { rowCount, columns }: RowBatch,
): RawRows => {
  const positions: RawColumn = { type: rowSpec.type, values: integersOf(rows) };
  return { rowCount, columns: new Map([[rowSpec.name, positions], ...keys, ...columns]) };
};

/** Keys before predictions; without keys, each row's position in the data, so that rows can still be told apart. */
const withKeys = (rows: ReadonlyArray<number>, keys: ReadonlyMap<string, RawColumn>, predictions: RowBatch): RawRows =>
  keys.size === 0
    ? withRows(rows, keys, predictions)
    : { rowCount: predictions.rowCount, columns: new Map([...keys, ...predictions.columns]) };

const rejectRows = (refused: ReadonlyArray<RefusedRow>): RowBatch => {
  const problems = refused.flatMap(({ row, errors }) => errors.map((error) => ({ row, ...error })));
  return {
    rowCount: problems.length,
    columns: new Map<string, BatchColumn>([
      ['row', { type: 'int64', values: integersOf(problems.map(({ row }) => row)) }],
      ['pointer', { type: 'string', values: problems.map(({ pointer }) => pointer) }],
      ['detail', { type: 'string', values: problems.map(({ detail }) => detail) }],
    ]),
  };
};

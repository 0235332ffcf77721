/** A scoring: rows from a source through a model to a sink or an answer, in one pass and bounded memory. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { type Failure, fail, type Problem, problemLimit } from '../failure.js';
import type { Feature } from '../model/signature.js';
import type { CallOptions, Host } from '../ports/host.js';
import { recordDistribution, type Distribution, type DistributionRecorder } from './distribution.js';
import { type CellProblem, coerceFeatures, keepRows, type RawBatch } from './features.js';
import type { Lost } from './float-columns.js';
import { addMisfits, misfitFailure, type Misfits, rowsToCount } from './misfits.js';
import type { RefusedRow, ScoringProgress } from './score-request.js';
import type { ScoringTally } from './scoring-tally.js';
import { sliceBlock } from './number-block.js';
import { startLaps } from './laps.js';
import { scoreBatch, type ScoringModel } from './score.js';
import type { PredictionColumn } from './predictions.js';
import { type RawColumn, type RowBatch, sliceColumn } from './row-batch.js';

/** Batches of raw columns, still to be read or there already; a `left` is the last element. */
export type RawStream = AsyncIterable<E.Either<Failure, RawBatch>> | Iterable<E.Either<Failure, RawBatch>>;

/** Where scored rows go: an answer, or a file. */
export interface PredictionOutput {
  /** `keys` and `predictions` have the same rows; `rows` are their positions in the data. */
  readonly write: (
    rows: ReadonlyArray<number>,
    keys: ReadonlyMap<string, RawColumn>,
    predictions: RowBatch,
  ) => TaskEither<Failure, void>;
  readonly refuse: (refused: ReadonlyArray<RefusedRow>) => TaskEither<Failure, void>;
}

export interface ScoringJob {
  readonly stream: RawStream;
  /** The position in the data of the stream's first row; 0 unless the stream is a part of the data. */
  readonly firstRow?: number;
  readonly model: ScoringModel;
  readonly features: ReadonlyArray<Feature>;
  /** Columns that are carried along. */
  readonly keys: ReadonlyArray<string>;
  readonly onError: 'fail' | 'skip';
  readonly pointerTo: (row: number, column: string) => string;
  readonly output: PredictionOutput;
  readonly onProgress: (progress: ScoringProgress) => void;
}

/** What a finished job counted. Durations in milliseconds. */
export interface ScoringTotals {
  readonly rowsRead: number;
  readonly rowsScored: number;
  readonly rowsRefused: number;
  readonly distributions: Readonly<Record<string, Distribution>>;
  readonly warnings: ReadonlyArray<string>;
  readonly readMs: number;
  readonly scoreMs: number;
  readonly writeMs: number;
  /** In turns of the event loop that were left to others; not in the three before. */
  readonly waitMs: number;
  /** The distributions and warnings in a form that can be added up with those of other rows. */
  readonly tally: () => ScoringTally;
}

/**
 * Runs the job to its end. Fails as the source, the model and the output do, and unless they are to be skipped with `SignatureMismatch` for
 * values that do not fit: from the first of them on nothing is scored, and what does not fit is counted: in all rows that are there already, and
 * in the first million or so of those that are still to be read.
 */
export const runScoringJob =
  (host: Host) =>
  (job: ScoringJob, call: CallOptions): TaskEither<Failure, ScoringTotals> =>
  async () => {
    const recorders = distributionRecorders(host, job.model.predictionColumns);
    const lost = new Map<string, Lost>();
    // Keys may be held by the output for as long as it likes.
    const featuresAlone = job.features.map(({ name }) => name).filter((name) => !job.keys.includes(name));
    const rowsToLookAt = Symbol.iterator in job.stream ? Number.POSITIVE_INFINITY : rowsToCount;
    let misfits: Misfits | undefined;
    let rowsRead = 0;
    let rowsRefused = 0;
    let readMs = 0;
    let scoreMs = 0;
    let writeMs = 0;
    const { host: timed, lap, waitMs } = startLaps(host);
    const score = scoreBatch(timed);
    for await (const pulled of job.stream) {
      if (E.isLeft(pulled)) return misfits === undefined ? pulled : E.left(misfitFailure(misfits, rowsRead));
      for (const part of cutBatch(pulled.right)) {
        if (rowsRead > 0) await timed.turn();
        readMs += lap();
        const fitted = fitBatch(job, part, (job.firstRow ?? 0) + rowsRead);
        if (misfits !== undefined || E.isLeft(fitted)) {
          misfits = addMisfits(misfits, E.isLeft(fitted) ? fitted.left : undefined);
          rowsRead += part.rowCount;
          const isOver = call.cancellation.aborted || host.nowMs() >= call.deadlineMs;
          if (misfits !== undefined && (isOver || rowsRead >= rowsToLookAt))
            return E.left(misfitFailure(misfits, rowsRead));
          continue;
        }
        const { raw, features, refused } = fitted.right;
        const predicted = await score(job.model, features, call)();
        if (E.isLeft(predicted)) return E.left(inRows(predicted.left, fitted.right.rows));
        recordPredictions(recorders, predicted.right);
        for (const [name, more] of fitted.right.lost) addLost(lost, name, more);
        scoreMs += lap();
        const written = await job.output.write(fitted.right.rows, keyColumns(raw, job.keys), predicted.right)();
        if (E.isLeft(written)) return written;
        const told = refused.length === 0 ? E.right(undefined) : await job.output.refuse(refused)();
        if (E.isLeft(told)) return told;
        writeMs += lap();
        rowsRead += part.rowCount;
        rowsRefused += refused.length;
        job.onProgress({ rowsScored: rowsRead - rowsRefused });
      }
      pulled.right.free?.(featuresAlone);
    }
    if (misfits !== undefined) return E.left(misfitFailure(misfits));
    readMs += lap();
    return E.right({
      rowsRead,
      rowsScored: rowsRead - rowsRefused,
      rowsRefused,
      distributions: distributionsOf(recorders),
      warnings: [...lost].flatMap(lossWarnings),
      readMs,
      scoreMs,
      writeMs,
      waitMs: waitMs(),
      tally: () => ({
        distributions: Object.fromEntries([...recorders].map(([name, recorder]) => [name, recorder.state()])),
        lost: Object.fromEntries(lost),
      }),
    });
  };

/** The model does not say on which row it failed. */
const inRows = (failed: Failure, rows: ReadonlyArray<number>): Failure =>
  failed.tag === 'InferenceFailed' && rows.length > 0
    ? { ...failed, message: `${failed.message} That was among the rows ${rows[0]} to ${rows.at(-1)}, counted from 0.` }
    : failed;

export const addLost = (to: Map<string, Lost>, name: string, more: Lost): void => {
  const { inexact, infinite } = to.get(name) ?? { inexact: 0, infinite: 0 };
  to.set(name, { inexact: inexact + more.inexact, infinite: infinite + more.infinite });
};

export const lossWarnings = ([name, { inexact, infinite }]: readonly [string, Lost]): ReadonlyArray<string> => {
  const are = (count: number, one: string, many: string): ReadonlyArray<string> =>
    count === 0 ? [] : [count === 1 ? `1 value of "${name}" is ${one}.` : `${count} values of "${name}" are ${many}.`];
  const beyond = 'beyond ±16,777,216, which float32 does not hold exactly';
  const taken = 'infinite, or too large for the feature and taken as infinite';
  return [...are(inexact, `an integer ${beyond}`, `integers ${beyond}`), ...are(infinite, taken, taken)];
};

/** Rows that are coerced between two turns of the event loop. */
export const mostRowsAtOnce = 4096;

const cutBatch = function* (batch: RawBatch): Iterable<RawBatch> {
  if (batch.rowCount <= mostRowsAtOnce) {
    yield batch;
    return;
  }
  for (let begin = 0; begin < batch.rowCount; begin += mostRowsAtOnce) {
    const end = Math.min(batch.rowCount, begin + mostRowsAtOnce);
    const columns = new Map<string, RawColumn>();
    for (const [name, column] of batch.columns) columns.set(name, sliceRaw(column, begin, end));
    const block = batch.block === undefined ? {} : { block: sliceBlock(batch.block, begin, end) };
    yield { ...batch, rowCount: end - begin, columns, ...block };
  }
};

const sliceRaw = (column: RawColumn, begin: number, end: number): RawColumn =>
  column.type === 'json' ? { type: 'json', values: column.values.slice(begin, end) } : sliceColumn(column, begin, end);

/** A batch without its refused rows. `rows` are the positions in the data of those that stayed. */
interface FittedBatch {
  readonly raw: RawBatch;
  readonly features: RowBatch;
  readonly rows: ReadonlyArray<number>;
  readonly refused: ReadonlyArray<RefusedRow>;
  readonly lost: ReadonlyMap<string, Lost>;
}

const fitBatch = (job: ScoringJob, raw: RawBatch, firstRow: number): E.Either<Misfits, FittedBatch> => {
  const positions = new Array<number>(raw.rowCount);
  for (let row = 0; row < positions.length; row++) positions[row] = firstRow + row;
  const coerced = coerceFeatures(job.features, raw, job.onError === 'skip' ? Number.POSITIVE_INFINITY : problemLimit);
  const { batch, problems, problemTotal, lost } = coerced;
  if (problemTotal === 0) return E.right({ raw, features: batch, rows: positions, refused: [], lost });
  const told = (problem: CellProblem): Problem => ({
    pointer: job.pointerTo(firstRow + problem.row, problem.column),
    detail: `row ${firstRow + problem.row}, column "${problem.column}": ${problem.detail}`,
  });
  if (job.onError === 'fail') return E.left({ problems: problems.map(told), total: problemTotal });
  const byRow = new Map<number, Problem[]>();
  for (const problem of problems) {
    const known = byRow.get(problem.row);
    if (known === undefined) byRow.set(problem.row, [told(problem)]);
    else known.push(told(problem));
  }
  const refusedRows = new Set(byRow.keys());
  const kept = keepRows(raw, refusedRows);
  const fitting = coerceFeatures(job.features, kept, 0);
  return E.right({
    raw: kept,
    features: fitting.batch,
    rows: positions.filter((_, row) => !refusedRows.has(row)),
    refused: [...byRow].map(([row, errors]) => ({ row: firstRow + row, errors })),
    lost: fitting.lost,
  });
};

export const keyColumns = (
  raw: Pick<RawBatch, 'columns'>,
  keys: ReadonlyArray<string>,
): ReadonlyMap<string, RawColumn> =>
  new Map(
    keys.flatMap((name) => {
      const column = raw.columns.get(name);
      return column === undefined ? [] : [[name, column] as const];
    }),
  );

/** One for each prediction column that holds numbers. */
export const distributionRecorders = (
  host: Host,
  predictionColumns: ReadonlyArray<PredictionColumn>,
): ReadonlyMap<string, DistributionRecorder> =>
  new Map(
    predictionColumns
      .filter(({ type }) => type !== 'string' && type !== 'bool')
      .map(({ name }) => [name, recordDistribution(host)]),
  );

export const recordPredictions = (
  recorders: ReadonlyMap<string, DistributionRecorder>,
  { columns }: RowBatch,
): void => {
  for (const [name, recorder] of recorders) {
    const column = columns.get(name);
    if (column !== undefined && column.type !== 'string') recorder.add(column.values, column.missing);
  }
};

export const distributionsOf = (
  recorders: ReadonlyMap<string, DistributionRecorder>,
): Readonly<Record<string, Distribution>> =>
  Object.fromEntries([...recorders].map(([name, recorder]) => [name, recorder.result()]));

/** All batches of the stream, when they hold at most `limit` rows together. Fails `TooLarge` before any row is scored. */
export const gatherBatches =
  (stream: RawStream, limit: number): TaskEither<Failure, RawStream> =>
  async () => {
    const batches: E.Either<Failure, RawBatch>[] = [];
    let rowCount = 0;
    for await (const pulled of stream) {
      if (E.isLeft(pulled)) return pulled;
      rowCount += pulled.right.rowCount;
      if (rowCount > limit) {
        return fail(
          'TooLarge',
          `There are more rows to score than the limit inline_rows, the most that an answer holds, which is ${limit}: name an output_location (--output) for the predictions, or ask for fewer rows.`,
        );
      }
      batches.push(pulled);
    }
    return E.right(batches);
  };

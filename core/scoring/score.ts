/** Scores batches of features in slices of a few milliseconds, between which the event loop turns. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { type Failure, fail } from '../failure.js';
import type { Signature } from '../model/signature.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { LoadedModel } from '../ports/inference-engine.js';
import { inputsOf, type ModelInputs, type Room } from './feeds.js';
import { allocatePredictions, copyPrediction, type PredictionColumn, predictionColumnsOf } from './predictions.js';
import type { RowBatch } from './row-batch.js';
import { runSlice, sliceRowsOf } from './runs.js';

/** A loaded model, what feeds it and what comes of it. */
export interface ScoringModel {
  readonly loaded: LoadedModel;
  readonly inputs: ModelInputs;
  readonly predictionColumns: ReadonlyArray<PredictionColumn>;
}

/** `classes` names the columns of a classifier's probabilities. */
export const scoringModel = (
  loaded: LoadedModel,
  signature: Signature,
  classes: ReadonlyArray<string | number> | undefined,
): ScoringModel => ({
  loaded,
  inputs: inputsOf(signature),
  predictionColumns: predictionColumnsOf(signature, classes),
});

/**
 * Predicts every row of a batch of features (as `coerceFeatures` makes them), in order. Between slices the event loop turns, and
 * the deadline and the cancellation are looked at. Batches that are scored one after the other may share a `room`. Fails `InferenceFailed`,
 * `DeadlineExceeded`, `Cancelled`.
 */
export const scoreBatch =
  (host: Host, room: Room = new Map()) =>
  (
    { loaded, inputs, predictionColumns }: ScoringModel,
    batch: RowBatch,
    call: CallOptions,
  ): TaskEither<Failure, RowBatch> =>
  async () => {
    const columns = allocatePredictions(predictionColumns, batch.rowCount);
    for (let begin = 0; begin < batch.rowCount; ) {
      const stopped = checkCall(host, call);
      if (E.isLeft(stopped)) return stopped;
      const end = Math.min(batch.rowCount, begin + sliceRowsOf(loaded));
      const ran = await runSlice(host, loaded, { inputs, batch, begin, end }, room);
      if (E.isLeft(ran)) return ran;
      const { outputs, rowCount, at } = ran.right;
      for (const column of predictionColumns) {
        const tensor = outputs.get(column.output);
        const into = columns.get(column.name);
        if (tensor === undefined || into === undefined || tensor.values.length !== rowCount * column.width) {
          return fail(
            'InferenceFailed',
            `The model gave ${tensor?.values.length ?? 'no'} values as "${column.output}" for ${rowCount} rows of ${column.width}: its output does not go row by row.`,
          );
        }
        copyPrediction(tensor, column, at, into, begin, end);
      }
      begin = end;
      if (begin < batch.rowCount) await host.turn();
    }
    return E.right({ rowCount: batch.rowCount, columns });
  };

/** Right while the caller still waits and there is time. */
const checkCall = (host: Host, { cancellation, deadlineMs }: CallOptions): E.Either<Failure, void> => {
  if (cancellation.aborted) return fail('Cancelled', 'The caller went away before the answer was ready.');
  if (host.nowMs() >= deadlineMs)
    return fail(
      'DeadlineExceeded',
      'The time allowed ran out before all rows were scored. Send fewer rows, or allow more time.',
    );
  return E.right(undefined);
};

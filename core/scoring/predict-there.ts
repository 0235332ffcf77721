/** Writes the predictions that a source makes of its own rows to a file, as those of any other scoring. */
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { PredictionSink } from '../ports/prediction-sink.js';
import type { PredictingThere, RowsThere } from '../ports/source-scoring.js';
import { afterFailure } from './after-failure.js';
import { startLaps } from './laps.js';
import { type FileOutput, fileOutput } from './outputs.js';
import type { PredictionColumn } from './predictions.js';
import type { BatchColumn, RawRows, RowBatch } from './row-batch.js';
import {
  distributionRecorders,
  distributionsOf,
  keyColumns,
  recordPredictions,
  type ScoringTotals,
} from './scoring-job.js';

/** What a scoring elsewhere counted, and how long it took to have the model there. */
export interface TotalsThere extends Omit<ScoringTotals, 'tally'> {
  readonly loadMs: number;
}

/** The file is at `location`, whole, or as it was before. Fails as the source and the sink do. */
export const predictThere = (
  ports: { readonly host: Host; readonly sink: PredictionSink },
  predict: RowsThere['predict'],
  predicting: PredictingThere,
  location: string,
  call: CallOptions,
): TE.TaskEither<Failure, TotalsThere> => {
  const { predictionColumns, provenance } = predicting;
  const output = fileOutput(ports.sink, location, predictionColumns, provenance, 'fail', call);
  return afterFailure(output.abort)(writeRows(ports.host, predict, predicting, output));
};

/** Waiting for rows is scoring: BigQuery predicts before it gives the first. */
const writeRows =
  (
    host: Host,
    predict: RowsThere['predict'],
    predicting: PredictingThere,
    output: FileOutput,
  ): TE.TaskEither<Failure, TotalsThere> =>
  async () => {
    const { predictionColumns, keys } = predicting;
    const recorders = distributionRecorders(host, predictionColumns);
    const { lap } = startLaps(host);
    const stream = await predict(predicting)();
    if (E.isLeft(stream)) return stream;
    const loadMs = lap();
    let rowCount = 0;
    let scoreMs = 0;
    let writeMs = 0;
    for await (const pulled of stream.right) {
      if (E.isLeft(pulled)) return pulled;
      const predictions = predictionsIn(pulled.right, predictionColumns);
      recordPredictions(recorders, predictions);
      scoreMs += lap();
      const written = await output.write([], keyColumns(pulled.right, keys), predictions)();
      if (E.isLeft(written)) return written;
      writeMs += lap();
      rowCount += predictions.rowCount;
    }
    scoreMs += lap();
    const committed = await output.commit();
    if (E.isLeft(committed)) return committed;
    writeMs += lap();
    const counts = { rowsRead: rowCount, rowsScored: rowCount, rowsRefused: 0 };
    const durations = { readMs: 0, scoreMs, writeMs, waitMs: 0 };
    return E.right({ ...counts, distributions: distributionsOf(recorders), warnings: [], ...durations, loadMs });
  };

const predictionsIn = (
  { rowCount, columns }: RawRows,
  predictionColumns: ReadonlyArray<PredictionColumn>,
): RowBatch => ({
  rowCount,
  columns: new Map(
    predictionColumns.flatMap(({ name }): ReadonlyArray<readonly [string, BatchColumn]> => {
      const column = columns.get(name);
      return column === undefined || column.type === 'json' ? [] : [[name, column]];
    }),
  ),
});

/** Has BigQuery ML predict a source's rows in a query without a destination, and reads what it gives page by page. */
import * as E from 'fp-ts/lib/Either.js';
import type { BatchStream, Failure, PredictingThere, PredictionColumn, RawColumn, RawRows } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';
import { importModel, misfitIn, preparing } from './imported-model.js';
import type { Opened } from './pages.js';
import { checkPredictionTypes, linesBeforePredicted, predictions } from './predict-sql.js';
import { dryRun } from './query-job.js';
import { read } from './read-rows.js';
import { linesBefore } from './sql.js';

export const predictThere = async (opened: Opened, predicting: PredictingThere): Promise<BatchStream> => {
  const { place, call, modelDataset } = opened;
  if (modelDataset === undefined) {
    return raise(
      'InvalidInput',
      'BigQuery keeps imported models in a dataset, and a file is in none: name one as model_dataset ("project.dataset") of the source, or a table as the output.',
    );
  }
  const { prediction, outputs } = await importModel(opened, predicting, modelDataset);
  const statement = predictions(prediction, outputs);
  const { columns } = await dryRun(place, statement, call, preparing);
  checkPredictionTypes(predicting.predictionColumns, columns);
  const predicted: Opened = {
    ...opened,
    place: { ...place, linesBefore: linesBefore + linesBeforePredicted },
    statement,
    columns,
    key: predicting.provenance.jobId,
  };
  const rows = read(
    predicted,
    columns.map(({ name }) => ({ name, role: 'key' })),
  );
  return inTheirTypes(rows, predicting.predictionColumns);
};

async function* inTheirTypes(
  rows: BatchStream,
  predictionColumns: ReadonlyArray<PredictionColumn>,
): AsyncGenerator<E.Either<Failure, RawRows>, void, undefined> {
  const types = new Map(predictionColumns.map(({ name, type }) => [name, type]));
  for await (const batch of rows) {
    if (E.isLeft(batch)) {
      yield E.left(misfitIn(batch.left.message) ?? batch.left);
      return;
    }
    const { rowCount, columns } = batch.right;
    yield E.right({
      rowCount,
      columns: new Map([...columns].map(([name, column]) => [name, inType(types.get(name), column)])),
    });
  }
}

/** BigQuery has one type for floats, and one for integers. */
const inType = (type: PredictionColumn['type'] | undefined, column: RawColumn): RawColumn => {
  if (type === 'float32' && column.type === 'float64')
    return { ...column, type, values: Float32Array.from(column.values) };
  if (type === 'int32' && column.type === 'int64')
    return { ...column, type, values: Int32Array.from(column.values, Number) };
  return column;
};

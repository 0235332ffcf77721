/** Predictions as a Parquet file of a moment: it is whole only at its end, and goes when it was taken. */
import { join } from 'node:path';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type CallOptions, type Failure, type PredictionStream, type SinkWriter } from '../../core/index.js';
import { toFailure } from './errors.js';
import { makeAside } from './make-folder.js';
import { duckdbPredictionSink } from './prediction-sink.js';
import { ownSpillFolder } from './spill-folder.js';

export interface ParquetStage {
  readonly into: PredictionStream;
  /** After the last batch: where the file is. */
  readonly finish: TE.TaskEither<Failure, { readonly path: string; readonly sizeBytes: number }>;
  /** Removes the file, or what there is of it. */
  readonly close: () => Promise<void>;
}

const fileName = 'predictions.parquet';

/** In a folder of its own in the system's temporary folder. Fails as the sink does. */
export const stageParquet = (call: CallOptions): ParquetStage => {
  const folder = ownSpillFolder();
  let writer: SinkWriter | undefined;
  const begun = (): SinkWriter => {
    if (writer === undefined) throw new Error('nothing was begun');
    return writer;
  };
  return {
    into: {
      begin: (columns) =>
        pipe(
          TE.tryCatch(() => makeAside(folder.path), toFailure('The answer')),
          TE.flatMap(() =>
            duckdbPredictionSink({ root: folder.path }).open(fileName, { columns, constants: [] }, call),
          ),
          TE.map((opened) => {
            writer = opened;
          }),
        ),
      write: (batch) => begun().write(batch),
    },
    finish: pipe(
      TE.fromIO(begun),
      TE.flatMap(({ commit }) => commit),
      TE.map(({ sizeBytes }) => ({ path: join(folder.path, fileName), sizeBytes })),
    ),
    close: async () => {
      await writer?.abort();
      await folder.remove();
    },
  };
};

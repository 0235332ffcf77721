/** The in-memory prediction sink keeps the port's promises. */
import test from 'ava';
import { type MemoryOutput, memoryPredictionSink } from '../../../adapters/memory/prediction-sink.js';
import { predictionSinkContract } from '../../contracts/prediction-sink.js';
import { type Cell, cellsOf, type Rows } from '../../contracts/sample-rows.js';

const rowsOf = ({ schema, batches }: MemoryOutput): Rows => {
  const cells = new Map<string, Cell[]>();
  for (const { name } of schema.columns) {
    cells.set(
      name,
      batches.flatMap((batch) => {
        const column = batch.columns.get(name);
        return column === undefined ? [] : cellsOf(column);
      }),
    );
  }
  const batchSizes = batches.map((batch) => batch.rowCount);
  const rowCount = batchSizes.reduce((sum, size) => sum + size, 0);
  for (const { name, value } of schema.constants) cells.set(name, Array<Cell>(rowCount).fill(value));
  const types = new Map(schema.columns.map(({ name, type }) => [name, type]));
  return { rowCount, batchSizes, types, cells };
};

for (const { name, run } of predictionSinkContract) {
  test(name, async (t) => {
    const sink = memoryPredictionSink();
    await run({
      sink,
      extension: '.parquet',
      readBack: async (location) => {
        const output = sink.outputs.get(location);
        return output === undefined ? undefined : rowsOf(output);
      },
      stored: async () => [...sink.outputs.keys()],
    });
    t.pass();
  });
}

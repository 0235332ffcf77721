/** What the in-memory sink holds, as the contracts compare it. */
import type { MemoryOutput } from '../../../adapters/memory/prediction-sink.js';
import { type Cell, cellsOf, type Rows } from '../../contracts/sample-rows.js';

/** All rows of an output. */
export const rowsOf = ({ schema, batches }: MemoryOutput): Rows => {
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

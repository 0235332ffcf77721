/** Reads rows that pass by to their end, for the tests of the adapters that bring them. */
import * as E from 'fp-ts/lib/Either.js';
import type { CallOptions, Failure, PassingRows, RawColumn } from '../../core/index.js';
import { rightOf, unhurried } from '../support/scoring.js';

/** What came of the wanted columns, cell by cell (missing is null), and the failure that ended it. */
export interface Passed {
  readonly columnNames: ReadonlyArray<string>;
  readonly rowCount: number;
  readonly cells: Readonly<Record<string, ReadonlyArray<unknown>>>;
  readonly types: Readonly<Record<string, RawColumn['type']>>;
  readonly failure?: Failure;
}

export const passed = async (
  rows: PassingRows,
  features: ReadonlyArray<string>,
  keys: ReadonlyArray<string> = [],
  call: CallOptions = unhurried,
): Promise<Passed> => {
  const opened = rightOf(await rows.open(call)());
  const cells: Record<string, unknown[]> = Object.fromEntries([...features, ...keys].map((name) => [name, []]));
  const types: Record<string, RawColumn['type']> = {};
  let rowCount = 0;
  const wanted = [
    ...features.map((name) => ({ name, role: 'feature' }) as const),
    ...keys.map((name) => ({ name, role: 'key' }) as const),
  ];
  try {
    for await (const batch of opened.read(wanted)) {
      const soFar = { columnNames: opened.columnNames, rowCount, cells, types };
      if (E.isLeft(batch)) return { ...soFar, failure: batch.left };
      rowCount += batch.right.rowCount;
      for (const [name, column] of batch.right.columns) {
        types[name] = column.type;
        for (let row = 0; row < batch.right.rowCount; row++) {
          const isMissing = column.type !== 'json' && column.missing?.[row] === 1;
          cells[name]?.push(isMissing ? null : (column.values[row] ?? null));
        }
      }
    }
    return { columnNames: opened.columnNames, rowCount, cells, types };
  } finally {
    await opened.close();
  }
};

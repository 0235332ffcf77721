/** The promises of the port PassingRows, for whoever reads rows from bytes that arrive. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import {
  type CallOptions,
  failure,
  type Failure,
  neverCancelled,
  type PassingRows,
  type RowBatch,
  type WantedColumn,
} from '../../core/index.js';
import { cancellable } from './cancellable.js';
import type { Contract } from './contract.js';
import { assertSameCells, collect, countedRows, sampleRows } from './sample-rows.js';

export interface Parts {
  /** Bytes in each. */
  readonly size: number;
  /** Comes after the last. */
  readonly failure?: Failure;
  /** To be called before each. */
  readonly onPull?: () => void;
}

export interface PassingRowsHarness {
  /** The rows, written in the adapter's format and arriving in parts. */
  readonly rowsOf: (table: RowBatch, parts: Parts) => Promise<PassingRows>;
  /** False where a table without rows has no columns either. */
  readonly namesColumnsOfEmptyTables: boolean;
  /** True where nothing can be read before everything has arrived. */
  readonly waitsForAll: boolean;
}

const unhurried: CallOptions = { deadlineMs: Date.now() + 3_600_000, cancellation: neverCancelled };
const large: Parts = { size: 100_000 };

const open = async (rows: PassingRows, call = unhurried) => {
  const opened = await rows.open(call)();
  if (E.isLeft(opened)) throw new assert.AssertionError({ message: `${opened.left.tag}: ${opened.left.message}` });
  return opened.right;
};

const wanted = (role: WantedColumn['role'], ...names: ReadonlyArray<string>): ReadonlyArray<WantedColumn> =>
  names.map((name) => ({ name, role }));

/** What the rows end with, whether they open or not. */
const endOf = async (rows: PassingRows, call = unhurried): Promise<Failure | undefined> => {
  const opened = await rows.open(call)();
  if (E.isLeft(opened)) return opened.left;
  let end: Failure | undefined;
  for await (const batch of opened.right.read(wanted('feature', 'row'))) {
    assert.equal(end, undefined, 'nothing comes after a failure');
    if (E.isLeft(batch)) end = batch.left;
  }
  await opened.right.close();
  return end;
};

export const passingRowsContract: Contract<PassingRowsHarness> = [
  {
    name: 'a column of every type comes with its values and its missing values, as feature and as key, however the bytes are cut',
    run: async ({ rowsOf }) => {
      const stored = sampleRows();
      const names = [...stored.columns.keys()];
      for (const size of [1, 37, 100_000]) {
        for (const role of ['feature', 'key'] as const) {
          const opened = await open(await rowsOf(stored, { size }));
          assert.deepEqual(opened.columnNames, names);
          const found = await collect(opened.read(wanted(role, ...names.toReversed())));
          assert.equal(found.rowCount, stored.rowCount);
          assert.deepEqual([...found.cells.keys()], names.toReversed());
          for (const [name, column] of stored.columns) assertSameCells(column, found.cells.get(name), name);
          await opened.close();
        }
      }
    },
  },
  {
    name: '200,000 rows come in order, in batches of 1 to 65,536',
    run: async ({ rowsOf }) => {
      const stored = countedRows(200_000);
      const opened = await open(await rowsOf(stored, large));
      const { batchSizes, cells } = await collect(opened.read(wanted('feature', 'row', 'label')));
      assert.ok(
        batchSizes.every((size) => size >= 1 && size <= 65_536),
        batchSizes.join(', '),
      );
      for (const name of ['row', 'label']) {
        const column = stored.columns.get(name);
        assert.ok(column);
        assertSameCells(column, cells.get(name), name);
      }
      await opened.close();
    },
  },
  {
    name: 'no wanted columns gives all the rows, without columns',
    run: async ({ rowsOf }) => {
      const opened = await open(await rowsOf(sampleRows(), large));
      const found = await collect(opened.read([]));
      assert.deepEqual([found.rowCount, found.cells.size], [8, 0]);
      await opened.close();
    },
  },
  {
    name: 'a table without rows gives one batch of none',
    run: async ({ rowsOf, namesColumnsOfEmptyTables }) => {
      const opened = await open(await rowsOf(countedRows(0), large));
      if (namesColumnsOfEmptyTables) assert.deepEqual(opened.columnNames, ['row', 'half', 'label']);
      assert.deepEqual((await collect(opened.read(wanted('feature', 'row')))).batchSizes, [0]);
      await opened.close();
    },
  },
  {
    name: 'rows are read as they are asked for, unless all have to be there',
    run: async ({ rowsOf, waitsForAll }) => {
      let pulls = 0;
      const onPull = (): void => void pulls++;
      const opened = await open(await rowsOf(countedRows(50_000), { size: 2_000, onPull }));
      const rows = opened.read(wanted('feature', 'row'))[Symbol.asyncIterator]();
      await rows.next();
      await rows.next();
      const early = pulls;
      while ((await rows.next()).done !== true);
      assert.ok(waitsForAll || early < pulls / 2, `${early} of ${pulls} parts for two batches`);
      await opened.close();
    },
  },
  {
    name: 'rows may be left early, and closed, twice',
    run: async ({ rowsOf }) => {
      const opened = await open(await rowsOf(countedRows(50_000), large));
      for await (const batch of opened.read(wanted('feature', 'row'))) {
        assert.ok(E.isRight(batch));
        break;
      }
      await opened.close();
      await opened.close();
      const unread = await open(await rowsOf(countedRows(50_000), large));
      await unread.close();
      await unread.close();
    },
  },
  {
    name: 'what the bytes end with is what the rows end with',
    run: async ({ rowsOf }) => {
      const gone = failure('Cancelled', 'The sender went away.');
      assert.deepEqual(await endOf(await rowsOf(countedRows(20_000), { size: 5_000, failure: gone })), gone);
    },
  },
  {
    name: 'a call that is cancelled already, or whose deadline is past, opens nothing',
    run: async ({ rowsOf }) => {
      const cancellation = cancellable();
      cancellation.abort();
      const cancelled = await (await rowsOf(sampleRows(), large)).open({ ...unhurried, cancellation })();
      assert.equal(E.isLeft(cancelled) && cancelled.left.tag, 'Cancelled');
      const late = await (await rowsOf(sampleRows(), large)).open({ ...unhurried, deadlineMs: Date.now() - 1 })();
      assert.equal(E.isLeft(late) && late.left.tag, 'DeadlineExceeded');
    },
  },
  {
    name: 'a cancellation meanwhile ends the rows with Cancelled',
    run: async ({ rowsOf }) => {
      const cancellation = cancellable();
      let pulls = 0;
      const onPull = (): void => {
        if (++pulls === 20) cancellation.abort();
      };
      const rows = await rowsOf(countedRows(50_000), { size: 2_000, onPull });
      assert.equal((await endOf(rows, { ...unhurried, cancellation }))?.tag, 'Cancelled');
    },
  },
];

/** The promises of the port DataSource, for sources that are read whole, without a query of their own. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import {
  type BatchColumn,
  type BatchStream,
  type CallOptions,
  type Column,
  type DataSource,
  type FailureTag,
  neverCancelled,
  type OpenedSource,
  type RawColumn,
  type RowBatch,
  type WantedColumn,
  type YearRange,
} from '../../core/index.js';
import { cancellable } from './cancellable.js';
import type { Contract } from './contract.js';
import { assertSameCells, type Cell, cellsOf, collect, countedRows, sampleRows } from './sample-rows.js';

export interface DataSourceHarness {
  /** Stores the rows as a table and makes a source over it. Ranges are compared with its column `year_published`. */
  readonly sourceOf: (table: RowBatch, keys: ReadonlyArray<string>) => Promise<DataSource>;
  /** False where a table without rows has no columns either. */
  readonly namesColumnsOfEmptyTables: boolean;
}

const unhurried: CallOptions = { deadlineMs: Date.now() + 3_600_000, cancellation: neverCancelled };

const open = async (source: DataSource, range: YearRange = {}, call = unhurried): Promise<OpenedSource> => {
  const opened = await source.open(range, call)();
  if (E.isLeft(opened)) throw new assert.AssertionError({ message: `${opened.left.tag}: ${opened.left.message}` });
  return opened.right;
};

const features = (...names: ReadonlyArray<string>): ReadonlyArray<WantedColumn> =>
  names.map((name) => ({ name, role: 'feature' }));

/** The tag of the failure that ends the stream, and how many batches came before it. */
const failureOf = async (stream: BatchStream): Promise<{ tag: FailureTag | undefined; batchCount: number }> => {
  let batchCount = 0;
  let tag: FailureTag | undefined;
  for await (const batch of stream) {
    assert.equal(tag, undefined, 'nothing comes after a failure');
    if (E.isLeft(batch)) tag = batch.left.tag;
    else batchCount += 1;
  }
  return { tag, batchCount };
};

const assertSameRows = async (opened: OpenedSource, stored: RowBatch, wanted: ReadonlyArray<WantedColumn>) => {
  const found = await collect(opened.read(wanted));
  assert.equal(found.rowCount, stored.rowCount);
  assert.deepEqual([...found.cells.keys()].sort(), wanted.map(({ name }) => name).sort());
  for (const { name, role } of wanted) {
    const column = stored.columns.get(name);
    assert.ok(column);
    const type = found.types.get(name);
    assertSameCells(type === 'json' && role === 'feature' ? asJson(column) : column, found.cells.get(name), name);
    assert.ok(type !== undefined && mayBecome(column.type, opened.textual).includes(type), `${name} became ${type}`);
  }
};

const mayBecome = (type: Column['type'], textual: boolean): ReadonlyArray<RawColumn['type']> => {
  if (textual) return ['string'];
  if (type === 'int32') return ['int32', 'int64', 'json'];
  if (type === 'float32') return ['float32', 'float64', 'json'];
  return [type, 'json'];
};

/** As a feature, an integer is what JSON's number makes of it; as a key it keeps all its digits. */
const asJson = (column: BatchColumn): BatchColumn =>
  column.type === 'int64' ? { ...column, type: 'float64', values: Float64Array.from(column.values, Number) } : column;

const yearsOf = async (harness: DataSourceHarness, range: YearRange): Promise<ReadonlyArray<Cell>> => {
  const opened = await open(await harness.sourceOf(sampleRows(), []), range);
  try {
    const found = await collect(opened.read(features('year_published')));
    const counted = await opened.countRows();
    assert.deepEqual(counted, E.right(found.rowCount));
    return (found.cells.get('year_published') ?? []).map((year) => (year === null ? null : Number(year)));
  } finally {
    await opened.close();
  }
};

export const dataSourceContract: Contract<DataSourceHarness> = [
  {
    name: 'a column of every type comes back with its values and its missing values, as feature and as key',
    run: async ({ sourceOf }) => {
      const stored = sampleRows();
      const opened = await open(await sourceOf(stored, ['game_id', 'name']));
      assert.deepEqual(opened.columnNames, [...stored.columns.keys()]);
      await assertSameRows(opened, stored, features(...stored.columns.keys()));
      await assertSameRows(
        opened,
        stored,
        Array.from(stored.columns.keys(), (name) => ({ name, role: 'key' })),
      );
      await opened.close();
    },
  },
  {
    name: 'numbers that are wanted together have the values that they have apart, and keep the others company',
    run: async ({ sourceOf }) => {
      const stored = sampleRows();
      const opened = await open(await sourceOf(stored, []));
      const together = [...stored.columns.keys()].filter((name) => name !== 'name').reverse();
      const wanted = features('name', ...together);
      const found = await collect(opened.read(wanted, together));
      assert.deepEqual([...found.cells.keys()].sort(), wanted.map(({ name }) => name).sort());
      assert.deepEqual(found.cells.get('name'), cellsOf(stored.columns.get('name') ?? assert.fail()));
      for (const name of together) {
        const column = stored.columns.get(name) ?? assert.fail();
        const asNumber = (cell: Cell): Cell => {
          if (cell === null) return null;
          const number = `${cell}` === 'true' ? 1 : `${cell}` === 'false' ? 0 : Number(cell);
          return column.type === 'float32' ? Math.fround(number) : number;
        };
        assert.deepEqual(found.cells.get(name)?.map(asNumber), cellsOf(column).map(asNumber), name);
      }
      await opened.close();
    },
  },
  {
    name: 'a column of text that is wanted together with numbers comes as it is',
    run: async ({ sourceOf }) => {
      const stored = sampleRows();
      const opened = await open(await sourceOf(stored, []));
      const found = await collect(opened.read(features('name', 'min_players'), ['min_players', 'name']));
      assert.deepEqual(found.cells.get('name'), cellsOf(stored.columns.get('name') ?? assert.fail()));
      await opened.close();
    },
  },
  {
    name: 'the keys are those it was made with',
    run: async ({ sourceOf }) => {
      assert.deepEqual((await sourceOf(sampleRows(), ['game_id', 'name'])).keys, ['game_id', 'name']);
    },
  },
  {
    name: 'the keys that it may do without are keys, and no columns',
    run: async ({ sourceOf }) => {
      const keys = ['game_id', 'no such key'];
      const opened = await open(await sourceOf(sampleRows(), keys));
      for (const key of opened.absentKeys ?? [])
        assert.ok(keys.includes(key) && !opened.columnNames.includes(key), key);
      await opened.close();
    },
  },
  {
    name: 'a batch has exactly the wanted columns, whatever their order',
    run: async ({ sourceOf }) => {
      const stored = sampleRows();
      const opened = await open(await sourceOf(stored, []));
      await assertSameRows(opened, stored, features('weight "mean"', 'game_id'));
      await assertSameRows(opened, stored, features('name'));
      await opened.close();
    },
  },
  {
    name: 'no wanted columns gives all the rows, without columns',
    run: async ({ sourceOf }) => {
      const opened = await open(await sourceOf(sampleRows(), []));
      const found = await collect(opened.read([]));
      assert.equal(found.rowCount, 8);
      assert.equal(found.cells.size, 0);
      await opened.close();
    },
  },
  {
    name: 'a wanted column that is not there is InvalidInput',
    run: async ({ sourceOf }) => {
      const opened = await open(await sourceOf(sampleRows(), []));
      assert.deepEqual(await failureOf(opened.read(features('name', 'nmae'))), { tag: 'InvalidInput', batchCount: 0 });
      await opened.close();
    },
  },
  {
    name: 'an empty table has columns, and one batch of no rows that shows their types',
    run: async ({ sourceOf, namesColumnsOfEmptyTables }) => {
      const opened = await open(await sourceOf(countedRows(0), []));
      const wanted = namesColumnsOfEmptyTables ? features('label', 'row') : [];
      if (namesColumnsOfEmptyTables) assert.deepEqual(opened.columnNames, ['row', 'half', 'label']);
      assert.deepEqual((await collect(opened.read(wanted))).batchSizes, [0]);
      assert.deepEqual(await opened.countRows(), E.right(0));
      await opened.close();
    },
  },
  {
    name: '200,000 rows come in order, in batches of 1 to 65,536',
    run: async ({ sourceOf }) => {
      const stored = countedRows(200_000);
      const opened = await open(await sourceOf(stored, []));
      const { batchSizes } = await collect(opened.read([]));
      assert.ok(
        batchSizes.every((size) => size >= 1 && size <= 65_536),
        batchSizes.join(', '),
      );
      await assertSameRows(opened, stored, features('row', 'half', 'label'));
      assert.deepEqual(await opened.countRows(), E.right(200_000));
      await opened.close();
    },
  },
  {
    name: 'a second reading begins again',
    run: async ({ sourceOf }) => {
      const stored = sampleRows();
      const opened = await open(await sourceOf(stored, []));
      await assertSameRows(opened, stored, features('name'));
      await assertSameRows(opened, stored, features('name', 'game_id'));
      await opened.close();
    },
  },
  {
    name: 'a reading may be left early, another begun, and the source closed, twice',
    run: async ({ sourceOf }) => {
      const stored = countedRows(200_000);
      const opened = await open(await sourceOf(stored, []));
      for (let time = 0; time < 2; time++) {
        for await (const batch of opened.read(features('row'))) {
          assert.ok(E.isRight(batch));
          break;
        }
      }
      await assertSameRows(opened, stored, features('row'));
      await opened.close();
      await opened.close();
    },
  },
  {
    name: 'a range includes both its years, and no row without a year',
    run: async (harness) => {
      assert.deepEqual(await yearsOf(harness, { startYear: 1992, endYear: 2000 }), [1992, 1995, 2000, 2000]);
      assert.deepEqual(await yearsOf(harness, { startYear: 2000, endYear: 2000 }), [2000, 2000]);
      assert.deepEqual(await yearsOf(harness, { startYear: 1, endYear: 2 }), []);
    },
  },
  {
    name: 'an absent side of a range is open, and still no row without a year matches',
    run: async (harness) => {
      assert.deepEqual(await yearsOf(harness, { startYear: 2000 }), [2000, 2000, 2020, 2021]);
      assert.deepEqual(await yearsOf(harness, { endYear: 1992 }), [1986, 1992]);
      assert.deepEqual(await yearsOf(harness, {}), [1986, 1992, 1995, 2000, 2000, 2020, 2021, null]);
    },
  },
  {
    name: 'a range over a table without years is InvalidInput',
    run: async ({ sourceOf }) => {
      const opened = await (await sourceOf(countedRows(3), [])).open({ endYear: 2000 }, unhurried)();
      assert.equal(E.isLeft(opened) && opened.left.tag, 'InvalidInput');
    },
  },
  {
    name: 'a call that is cancelled already, or whose deadline is past, opens nothing',
    run: async ({ sourceOf }) => {
      const source = await sourceOf(sampleRows(), []);
      const cancellation = cancellable();
      cancellation.abort();
      const cancelled = await source.open({}, { ...unhurried, cancellation })();
      assert.equal(E.isLeft(cancelled) && cancelled.left.tag, 'Cancelled');
      const late = await source.open({}, { ...unhurried, deadlineMs: Date.now() - 1 })();
      assert.equal(E.isLeft(late) && late.left.tag, 'DeadlineExceeded');
    },
  },
  {
    name: 'a cancellation between two batches ends the rows with Cancelled',
    run: async ({ sourceOf }) => {
      const cancellation = cancellable();
      const opened = await open(await sourceOf(countedRows(200_000), []), {}, { ...unhurried, cancellation });
      const rows = opened.read(features('row'))[Symbol.asyncIterator]();
      const first = await rows.next();
      assert.ok(first.done !== true && E.isRight(first.value));
      cancellation.abort();
      const second = await rows.next();
      assert.equal(second.done !== true && E.isLeft(second.value) && second.value.left.tag, 'Cancelled');
      assert.equal((await rows.next()).done, true);
      await opened.close();
    },
  },
  {
    name: 'a deadline that passes meanwhile ends the rows with DeadlineExceeded',
    run: async ({ sourceOf }) => {
      const source = await sourceOf(countedRows(200_000), []);
      const deadlineMs = Date.now() + 400;
      const opened = await source.open({}, { ...unhurried, deadlineMs })();
      // On a slow machine it may be over sooner: that it ends so is what counts.
      if (E.isLeft(opened)) return assert.equal(opened.left.tag, 'DeadlineExceeded');
      const late = async function* (): BatchStream {
        for await (const batch of opened.right.read(features('row'))) {
          yield batch;
          await new Promise((resolve) => setTimeout(resolve, deadlineMs + 20 - Date.now()));
        }
      };
      assert.equal((await failureOf(late())).tag, 'DeadlineExceeded');
      await opened.right.close();
    },
  },
];

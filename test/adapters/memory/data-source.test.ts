/** The in-memory data source keeps the port's promises. */
import test from 'ava';
import { memoryDataSource } from '../../../adapters/memory/data-source.js';
import { dataSourceContract } from '../../contracts/data-source.js';

for (const { name, run } of dataSourceContract) {
  test(name, async (t) => {
    const sourceOf = async (table: Parameters<typeof memoryDataSource>[0]['table'], keys: ReadonlyArray<string>) =>
      memoryDataSource({ table, keys });
    await run({ sourceOf, namesColumnsOfEmptyTables: true });
    t.pass();
  });
}

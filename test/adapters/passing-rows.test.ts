/** Everything that reads rows from bytes that arrive keeps the port's promises. */
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { arrowEncoder } from '../../adapters/arrow/encoder.js';
import { arrowRows } from '../../adapters/arrow/rows.js';
import { csvEncoder } from '../../adapters/csv/encoder.js';
import { csvRows } from '../../adapters/csv/rows.js';
import { ndjsonRows } from '../../adapters/duckdb/ndjson-rows.js';
import { parquetRows } from '../../adapters/duckdb/parquet-rows.js';
import { stageParquet } from '../../adapters/duckdb/parquet-stage.js';
import { failure, ndjsonEncoder, type PredictionEncoder, type RowBatch } from '../../core/index.js';
import { type PassingRowsHarness, passingRowsContract } from '../contracts/passing-rows.js';
import { bytesOf } from '../support/bytes.js';
import { rightOf, unhurried } from '../support/scoring.js';

const name = 'The rows';
const limit = 2 ** 26;
const tooLarge = failure('TooLarge', 'too large');
const schemaOf = ({ columns }: RowBatch) => Array.from(columns, ([column, { type }]) => ({ name: column, type }));

const encoded = (encoder: PredictionEncoder, table: RowBatch): Uint8Array => {
  const parts = [encoder.begin(schemaOf(table))];
  if (table.rowCount > 0) parts.push(encoder.encode(table));
  return Buffer.concat([...parts, encoder.end()].map((part) => Buffer.from(part)));
};

const harnesses: Readonly<Record<string, PassingRowsHarness>> = {
  NDJSON: {
    rowsOf: async (table, parts) =>
      ndjsonRows({
        bytes: bytesOf(encoded(ndjsonEncoder, table), parts),
        name,
        lineLimitBytes: limit,
        tooLong: () => tooLarge,
      }),
    namesColumnsOfEmptyTables: false,
    waitsForAll: false,
  },
  CSV: {
    rowsOf: async (table, parts) =>
      csvRows({
        bytes: bytesOf(encoded(csvEncoder, table), parts),
        name,
        recordLimitBytes: limit,
        tooLong: () => tooLarge,
      }),
    namesColumnsOfEmptyTables: true,
    waitsForAll: false,
  },
  Arrow: {
    rowsOf: async (table, parts) =>
      arrowRows({
        bytes: bytesOf(encoded(arrowEncoder(), table), parts),
        name,
        batchLimitBytes: limit,
        tooLarge: () => tooLarge,
      }),
    namesColumnsOfEmptyTables: true,
    // All of a table in one batch.
    waitsForAll: true,
  },
  Parquet: {
    rowsOf: async (table, parts) => {
      const stage = stageParquet(unhurried);
      rightOf(await stage.into.begin(schemaOf(table))());
      rightOf(await stage.into.write(table)());
      const content = await readFile(rightOf(await stage.finish()).path);
      await stage.close();
      return parquetRows({ bytes: bytesOf(content, parts), name, spoolLimitBytes: limit, tooLarge });
    },
    namesColumnsOfEmptyTables: true,
    waitsForAll: true,
  },
};

for (const [format, harness] of Object.entries(harnesses)) {
  for (const { name: promise, run } of passingRowsContract) {
    test(`${format}: ${promise}`, async (t) => {
      await run(harness);
      t.pass();
    });
  }
}

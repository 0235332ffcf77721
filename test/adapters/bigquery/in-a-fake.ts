/** A BigQuery source over the fake, and rows as the fake's tables. */
import type { ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { type BigquerySourceOptions, bigqueryDataSource } from '../../../adapters/bigquery/data-source.js';
import {
  type BatchStream,
  type CallOptions,
  type DataSource,
  type Failure,
  neverCancelled,
  type OpenedSource,
  type Opening,
  type RowBatch,
  type WantedColumn,
  type YearRange,
} from '../../../core/index.js';
import { type Cell, cellsOf } from '../../contracts/sample-rows.js';
import type { CannedTable } from '../../support/fake-bigquery/golden.js';
import { type FakeBigquery, type FakeBigqueryOptions, startFakeBigquery } from '../../support/fake-bigquery/server.js';

export const call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };

/** At once, so that a test waits for nothing. */
export const quickRetries = { limit: 3, firstPauseMs: 1, budget: 50 };

export const inAFake = async (t: ExecutionContext, options: FakeBigqueryOptions = {}): Promise<FakeBigquery> => {
  const fake = await startFakeBigquery(options);
  t.teardown(fake.close);
  return fake;
};

export const sourceIn = (fake: FakeBigquery, options: Partial<BigquerySourceOptions> = {}): DataSource =>
  bigqueryDataSource({
    project: 'games-project',
    apiEndpoint: fake.url,
    sql: 'SELECT * FROM games',
    keys: [],
    retries: quickRetries,
    ...options,
  });

export const opened = async (
  source: DataSource,
  range: YearRange = {},
  limits = call,
  opening?: Opening,
): Promise<OpenedSource> => {
  const found = await source.open(range, limits, opening)();
  if (E.isLeft(found)) throw new Error(`${found.left.tag}: ${found.left.message}`);
  return found.right;
};

/** The failure of opening, or else of reading all columns. */
export const failureOf = async (
  source: DataSource,
  range: YearRange = {},
  limits = call,
  opening?: Opening,
): Promise<Failure | undefined> => {
  const found = await source.open(range, limits, opening)();
  if (E.isLeft(found)) return found.left;
  const failed = await failureIn(found.right.read(asKeys(found.right.columnNames)));
  await found.right.close();
  return failed;
};

/** What the rows end with. */
export const failureIn = async (rows: BatchStream): Promise<Failure | undefined> => {
  for await (const batch of rows) {
    if (E.isLeft(batch)) return batch.left;
  }
  return undefined;
};

export const asKeys = (names: ReadonlyArray<string>): ReadonlyArray<WantedColumn> =>
  names.map((name) => ({ name, role: 'key' }));

const apiTypes = {
  float32: 'FLOAT',
  float64: 'FLOAT',
  int32: 'INTEGER',
  int64: 'INTEGER',
  bool: 'BOOLEAN',
  string: 'STRING',
} as const;

/** The rows as BigQuery would hold and tell them. */
export const cannedOf = ({ rowCount, columns }: RowBatch): CannedTable => {
  const cells = Array.from(columns.values(), cellsOf);
  return {
    fields: Array.from(columns, ([name, { type }]) => ({ name, type: apiTypes[type], mode: 'NULLABLE' })),
    rows: Array.from({ length: rowCount }, (_, row) => cells.map((column) => apiText(column[row] ?? null))),
  };
};

const apiText = (cell: Cell): string | null => (cell === null ? null : `${cell}`);

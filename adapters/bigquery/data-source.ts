/** Data source: one SELECT in BigQuery, whose results come page by page straight into columns. */
import { randomUUID } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchStream,
  type CallOptions,
  cancellationSource,
  type DataSource,
  type JsonObject,
  nearest,
  neverCancelled,
  type OpenedSource,
  type Opening,
  type WantedColumn,
  type YearRange,
} from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { orRaise, raise, toFailure } from '../google-cloud/errors.js';
import { type ColumnReader, cureOf, readerOf, type SourceColumn, toBatch } from './columns.js';
import { bigquery } from './errors.js';
import type { JobPlace, JobReference } from './jobs.js';
import {
  cancelQuery,
  dryRun,
  type Page,
  type QueryOptions,
  type QueryPlace,
  readPage,
  readTableState,
  startQuery,
} from './query-job.js';
import { scoreThere } from './score-there.js';
import { declaredStatement, quoteName, selected, type Statement } from './sql.js';
import { openWarehouse, type WarehouseOptions } from './warehouse.js';

export interface BigquerySourceOptions extends WarehouseOptions, QueryOptions, Pick<JobPlace, 'location'> {
  /** Exactly one SELECT, with the parameters `@start_year` and `@end_year` where it has years to compare. */
  readonly sql: string;
  /** The columns that are carried to the output. */
  readonly keys: ReadonlyArray<string>;
  /** `project.dataset`, where models that score in BigQuery are kept; by default that of the output. */
  readonly modelDataset?: string;
  /** Writes rows to a Parquet file, so that several processes can read them; without it one process can. */
  readonly stage?: StageBatches;
}

/** Writes the batches to the file `path`, as `OpenedSource.stage` says. `name` is what messages call them. */
export type StageBatches = (
  name: string,
  batches: BatchStream,
  path: string,
) => ReturnType<NonNullable<OpenedSource['stage']>>;

/**
 * Opening runs the statement dry, which costs nothing and tells its columns and how many bytes it scans; each reading is one query job, in
 * which BigQuery reads the wanted columns alone, and rows come in no promised order. The client library is loaded, and application default
 * credentials are looked for, when a source is first opened.
 *
 * Besides what the port says, `open` fails `InvalidInput` when the SQL is not one SELECT, or names another parameter or none for a side of the
 * range that is given; `NotFound` when a table is not there; `TooLarge` when more than `maximumBytesBilled` would be scanned. Every call may
 * fail `PermissionDenied`, with the role that is missing, and `Unavailable`, also for a quota that is used up.
 */
export const bigqueryDataSource = (options: BigquerySourceOptions): DataSource => {
  const warehouse = openWarehouse(options);

  /** The statement for the range, what is known of it without running it, and where it runs. */
  const prepare = async (range: YearRange, call: CallOptions) => {
    const statement = declaredStatement(options.sql, range);
    const place = { ...options, ask: warehouse.ask, project: await warehouse.project(call) };
    const found = await dryRun(place, statement, call);
    if (found.statementType !== 'SELECT') {
      const kind = found.statementType === '' ? 'another statement' : found.statementType;
      raise('InvalidInput', `The SQL of a source is exactly one SELECT; this one is ${kind}.`);
    }
    checkBytes(found.bytes, options.maximumBytesBilled);
    return { statement, found, place: found.location === undefined ? place : { ...place, location: found.location } };
  };

  const open = async (range: YearRange, call: CallOptions, { jobId, stagePath }: Opening): Promise<OpenedSource> => {
    const { statement, found, place } = await prepare(range, call);
    const source = openedSource({
      place,
      statement,
      key: jobId ?? randomUUID(),
      columns: found.columns,
      bytes: found.bytes,
      modelDataset: options.modelDataset,
      call,
      assertOngoing: () => warehouse.assertOngoing("a query's rows", call),
    });
    const { stage } = options;
    return stage === undefined || stagePath === undefined
      ? source
      : { ...source, stage: (wanted) => stage('BigQuery', source.read(wanted), stagePath) };
  };

  const snapshot = async (range: YearRange, call: CallOptions): Promise<JsonObject> => {
    const { statement, found, place } = await prepare(range, call);
    const tables: JsonObject[] = [];
    for (const table of found.tables) tables.push(await readTableState(place, table, call));
    return { kind: 'bigquery', project: place.project, sql: statement.sql, parameters: statement.parameters, tables };
  };

  return {
    keys: options.keys,
    open: (range, call, opening = {}) =>
      TE.tryCatch(() => open(range, call, opening), toFailure(bigquery)('the source', warehouse.place)),
    ...(options.stage === undefined
      ? {}
      : {
          snapshot: (range, call) =>
            TE.tryCatch(() => snapshot(range, call), toFailure(bigquery)('the source', warehouse.place)),
        }),
  };
};

const checkBytes = (bytes: number, most: number | undefined): void => {
  if (most === undefined || bytes <= most) return;
  raise(
    'TooLarge',
    `The source's query would scan ${bytesText(bytes)}, and maximum_bytes_billed allows ${bytesText(most)}: select fewer columns, filter on the column that the table is partitioned by, or raise it.`,
  );
};

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** As people read it: `1.5 GiB`. */
const bytesText = (bytes: number): string => {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? bytes : amount.toFixed(amount < 10 ? 2 : amount < 100 ? 1 : 0)} ${units[power]}`;
};

/** What an opened source holds. */
interface Opened {
  readonly place: QueryPlace;
  readonly statement: Statement;
  /** What the ids of its jobs are derived from. */
  readonly key: string;
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly bytes: number;
  readonly modelDataset: string | undefined;
  readonly call: CallOptions;
  /** Raises the failure of a call that is already over. */
  readonly assertOngoing: () => Promise<void>;
}

const openedSource = (opened: Opened): OpenedSource => {
  const endings = new Set<Promise<void>>();
  return {
    columnNames: opened.columns.map(({ name }) => name),
    textual: false,
    notes: Number.isNaN(opened.bytes)
      ? []
      : [`BigQuery scans up to ${bytesText(opened.bytes)} for the source's query.`],
    countRows: TE.tryCatch(
      () => countRows(opened, endings),
      toFailure(bigquery)('the count of rows', `project ${opened.place.project}`),
    ),
    scoreThere: (scoring) =>
      TE.tryCatch(
        () => scoreThere(opened, scoring, opened.call),
        toFailure(bigquery)('the scoring', `project ${opened.place.project}`),
      ),
    read: (wanted) => ({ [Symbol.asyncIterator]: () => read(opened, wanted, endings) }),
    close: async () => void (await Promise.all(endings)),
  };
};

const cancelTimeoutMs = 5_000;

/** The pages of a statement's rows, each fetched while the one before it is worked on. A query that nobody waits for any more is cancelled. */
async function* pagesOf(
  { place, key, call, assertOngoing }: Opened,
  statement: Statement,
  rowLimit: number,
  endings: Set<Promise<void>>,
): AsyncGenerator<Page, void, undefined> {
  const ending = cancellationSource();
  const forget = call.cancellation.onAbort(ending.cancel);
  const mine = { deadlineMs: call.deadlineMs, cancellation: ending.cancellation };
  let begun: JobReference | undefined;
  let isDone = false;
  try {
    const job = await startQuery(place, statement, key, mine, (asked) => {
      begun = asked;
    });
    const pageAfter = (token: string | undefined) => {
      const page = readPage(place, job, token, rowLimit, mine);
      // It may still be under way when nobody wants it any more.
      page.catch(() => undefined);
      return page;
    };
    let next: ReturnType<typeof pageAfter> | undefined = pageAfter(undefined);
    while (next !== undefined) {
      const page: Page = orRaise(await next);
      isDone = true;
      await assertOngoing();
      next = page.nextToken === undefined ? undefined : pageAfter(page.nextToken);
      yield page;
    }
  } finally {
    forget();
    ending.cancel();
    const last = { deadlineMs: nowMs() + cancelTimeoutMs, cancellation: neverCancelled };
    if (begun !== undefined && !isDone) endings.add(cancelQuery(place, begun, last));
  }
}

const countRows = async (opened: Opened, endings: Set<Promise<void>>): Promise<number> => {
  let count = Number.NaN;
  const reader = readerFor({ name: 'count', kind: 'INT64' }, 'feature');
  for await (const { rows } of pagesOf(opened, selected('COUNT(*)', opened.statement), 1, endings)) {
    count = Number((await toBatch([reader], rows)).columns.get('count')?.values[0]);
  }
  return count;
};

const batchRowLimit = 65_536;

/** Of a page: some 4 MB of JSON. */
const cellLimit = 200_000;

async function* read(
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
  endings: Set<Promise<void>>,
): AsyncGenerator<Batch, void, undefined> {
  try {
    const columns = wanted.map(({ name }) => columnNamed(opened.columns, name));
    const readers = columns.map((column, i) => readerFor(column, wanted[i]?.role ?? 'feature'));
    const list = columns.length === 0 ? 'TRUE' : columns.map(({ name }) => quoteName(name)).join(', ');
    const rowLimit = Math.max(1, Math.min(batchRowLimit, Math.floor(cellLimit / Math.max(1, columns.length))));
    let isBegun = false;
    for await (const page of pagesOf(opened, selected(list, opened.statement), rowLimit, endings)) {
      checkUnchanged(columns, page.columns);
      if (page.rows.rowCount === 0 && (isBegun || page.nextToken !== undefined)) continue;
      isBegun = true;
      yield E.right(await toBatch(readers, page.rows));
    }
  } catch (error) {
    yield E.left(toFailure(bigquery)("the source's rows", `project ${opened.place.project}`)(error));
  }
}

type Batch = BatchStream extends AsyncIterable<infer B> ? B : never;

const columnNamed = (columns: ReadonlyArray<SourceColumn>, name: string): SourceColumn => {
  const column = columns.find((one) => one.name === name);
  if (column !== undefined) return column;
  const near = nearest(
    name,
    columns.map((one) => one.name),
  );
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
  return raise('InvalidInput', `There is no column "${name}" in the source's query.${hint}`);
};

const readerFor = (column: SourceColumn, role: WantedColumn['role']): ColumnReader =>
  readerOf(column, role) ??
  raise(
    'DataUnreadable',
    `The column "${column.name}" of the source's query is of the type ${column.kind}, and features and keys are single values: ${cureOf(column.kind)}.`,
  );

/** A table may have been replaced since the dry run. */
const checkUnchanged = (expected: ReadonlyArray<SourceColumn>, found: ReadonlyArray<SourceColumn>): void => {
  expected.forEach(({ name, kind }, i) => {
    const now = found[i];
    if (now?.name === name && now.kind === kind) return;
    const became = now?.name === name ? `is of the type ${now.kind} now` : 'is not there any more';
    raise(
      'DataUnreadable',
      `The column "${name}" of the source's query was of the type ${kind} and ${became}: a table changed while it was opened. Try again.`,
    );
  });
};

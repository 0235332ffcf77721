/** Data source: one SELECT in BigQuery, whose results come page by page straight into columns. */
import { randomUUID } from 'node:crypto';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { CallOptions, DataSource, JsonObject, OpenedSource, Opening, YearRange } from '../../core/index.js';
import { raise, toFailure } from '../google-cloud/errors.js';
import { toBatch } from './columns.js';
import { bigquery } from './errors.js';
import type { JobPlace } from './jobs.js';
import { type Opened, pagesOf } from './pages.js';
import { predictThere } from './predict-there.js';
import { dryRun, type QueryOptions, readTableState } from './query-job.js';
import { read } from './read-rows.js';
import { scoreThere } from './score-there.js';
import { readerFor } from './selection.js';
import { declaredStatement, selected } from './sql.js';
import { stageRows, type StagingOptions } from './staging.js';
import { openWarehouse, type WarehouseOptions } from './warehouse.js';

export interface BigquerySourceOptions
  extends WarehouseOptions,
    QueryOptions,
    StagingOptions,
    Pick<JobPlace, 'location'> {
  /** Exactly one SELECT, with the parameters `@start_year` and `@end_year` where it has years to compare. */
  readonly sql: string;
  /** The columns that are carried to the output. */
  readonly keys: ReadonlyArray<string>;
  /** `project.dataset`, where models that score in BigQuery are kept; by default that of the output, where it is a table. */
  readonly modelDataset?: string;
}

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

  const open = async (range: YearRange, call: CallOptions, opening: Opening): Promise<OpenedSource> => {
    const { statement, found, place } = await prepare(range, call);
    const opened: Opened = {
      place,
      statement,
      key: opening.jobId ?? randomUUID(),
      columns: found.columns,
      bytes: found.bytes,
      modelDataset: options.modelDataset,
      call,
      assertOngoing: () => warehouse.assertOngoing("a query's rows", call),
      endings: new Set(),
    };
    const { stage } = options;
    const { stagePath } = opening;
    if (stage === undefined || stagePath === undefined) return openedSource(opened);
    return {
      ...openedSource(opened),
      stage: (wanted) => stageRows(opened, wanted, { ...opening, stagePath }, { ...options, stage }),
    };
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

const openedSource = (opened: Opened): OpenedSource => ({
  columnNames: opened.columns.map(({ name }) => name),
  textual: false,
  notes: Number.isNaN(opened.bytes) ? [] : [`BigQuery scans up to ${bytesText(opened.bytes)} for the source's query.`],
  countRows: TE.tryCatch(
    () => countRows(opened),
    toFailure(bigquery)('the count of rows', `project ${opened.place.project}`),
  ),
  there: {
    score: (scoring) => TE.tryCatch(() => scoreThere(opened, scoring), scoringFailed(opened)),
    predict: (predicting) => TE.tryCatch(() => predictThere(opened, predicting), scoringFailed(opened)),
  },
  read: (wanted) => read(opened, wanted),
  close: async () => void (await Promise.all(opened.endings)),
});

const scoringFailed = ({ place }: Opened) => toFailure(bigquery)('the scoring', `project ${place.project}`);

const countRows = async (opened: Opened): Promise<number> => {
  let count = Number.NaN;
  const reader = readerFor({ name: 'count', kind: 'INT64' }, 'feature');
  for await (const { rows } of pagesOf(opened, selected('COUNT(*)', opened.statement), 1)) {
    count = Number((await toBatch([reader], rows)).columns.get('count')?.values[0]);
  }
  return count;
};

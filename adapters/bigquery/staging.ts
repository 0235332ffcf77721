/** Where several processes find the rows of a query: one file that is written here, or what BigQuery exported to a bucket. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type {
  BatchStream,
  CallOptions,
  Failure,
  Opening,
  RawRows,
  StagedRows,
  WantedColumn,
} from '../../core/index.js';
import { orRaise, raise, toFailure } from '../google-cloud/errors.js';
import { bigquery } from './errors.js';
import { exportResult } from './extract-job.js';
import { type Opened, pagesOf } from './pages.js';
import type { Page } from './query-job.js';
import { asExportable, asTheyAre, batchesOf, checkUnchanged } from './selection.js';

/** What `OpenedSource.stage` gives. */
interface Staged {
  readonly rows: StagedRows;
  readonly rowGroups: ReadonlyArray<number>;
}

/** Writes the batches to the file `path`, as `OpenedSource.stage` says. `name` is what messages call them. */
export type StageBatches = (name: string, batches: BatchStream, path: string) => TaskEither<Failure, Staged>;

/** Tells of Parquet files in a bucket which state they are in, and how many rows their row groups have, in the order of the addresses. */
export type ReadExport = (
  addresses: ReadonlyArray<string>,
  call: CallOptions,
) => TaskEither<Failure, Pick<StagedRows, 'files'> & Pick<Staged, 'rowGroups'>>;

export interface StagingOptions {
  /** Writes rows to a Parquet file, so that several processes can read them; without it one process can. */
  readonly stage?: StageBatches;
  /** Where the rows may be staged in a bucket, they are exported there when there are many. Without it they are not. */
  readonly readExport?: ReadExport;
  /** How many values, rows times columns, come page by page where they could be exported; 4,000,000 unless given, some twenty pages. */
  readonly pagedValueLimit?: number;
}

const usualPagedValues = 4_000_000;

/** What messages call the rows. */
const name = 'BigQuery';

/** The rows that were wanted, staged. `place` says where they may be. Raises what the port says. */
export const stageRows = async (
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
  { stagePath, stagePrefix }: Required<Pick<Opening, 'stagePath'>> & Opening,
  { stage, readExport, pagedValueLimit = usualPagedValues }: StagingOptions & Required<Pick<StagingOptions, 'stage'>>,
): Promise<Staged> => {
  const { statement, columns } = opened;
  if (stagePrefix === undefined || readExport === undefined || wanted.length === 0) {
    return orRaise(await stage(name, read(opened, wanted), stagePath)());
  }
  const selection = asExportable(statement, columns, wanted);
  const isLarge = ({ rowTotal }: Page): boolean => rowTotal * wanted.length > pagedValueLimit;
  const pages = pagesOf(opened, selection.statement, selection.rowLimit, isLarge);
  try {
    const first = await pages.next();
    if (first.done === true) throw new Error('a result has a page');
    if (!isLarge(first.value)) {
      const rows = asStream(opened, batchesOf(selection, resumed(first.value, pages)));
      return orRaise(await stage(name, rows, stagePath)());
    }
    checkUnchanged(selection.columns, first.value.columns);
    return await exported(opened, first.value, stagePrefix, readExport);
  } finally {
    await pages.return();
  }
};

const exported = async (
  { place, key, call }: Opened,
  { job, rowTotal }: Page,
  prefix: string,
  readExport: ReadExport,
): Promise<Staged> => {
  const addresses = await exportResult(place, job, prefix, key, call);
  const { files, rowGroups } = orRaise(await readExport(addresses, call)());
  const rowCount = files.reduce((sum, { row_count }) => sum + row_count, 0);
  if (rowCount !== rowTotal) {
    raise('Unavailable', `BigQuery exported ${rowCount} of ${rowTotal} rows to ${prefix}*.parquet: try again.`);
  }
  return { rows: { name, files, textual: false, casts: {} }, rowGroups };
};

async function* resumed(first: Page, rest: AsyncIterable<Page>): AsyncGenerator<Page, void, undefined> {
  yield first;
  yield* rest;
}

/** The wanted columns, page by page. */
export const read = (opened: Opened, wanted: ReadonlyArray<WantedColumn>): BatchStream => ({
  [Symbol.asyncIterator]: () => asStream(opened, directly(opened, wanted)),
});

async function* directly(
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
): AsyncGenerator<RawRows, void, undefined> {
  const selection = asTheyAre(opened.statement, opened.columns, wanted);
  yield* batchesOf(selection, pagesOf(opened, selection.statement, selection.rowLimit));
}

/** What is raised ends it as a failure. */
async function* asStream(
  { place }: Opened,
  batches: AsyncIterable<RawRows>,
): AsyncGenerator<E.Either<Failure, RawRows>, void, undefined> {
  try {
    for await (const batch of batches) yield E.right(batch);
  } catch (error) {
    yield E.left(toFailure(bigquery)("the source's rows", `project ${place.project}`)(error));
  }
}

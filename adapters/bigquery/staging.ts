/** Where several processes find the rows of a query: one file that is written here, or what BigQuery exported to a bucket. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchStream,
  type CallOptions,
  failure,
  type Failure,
  type Staged,
  type StagedRows,
  type StagePlace,
  type WantedColumn,
} from '../../core/index.js';
import { exportResult } from './extract-job.js';
import { type Opened, pagesOf } from './pages.js';
import type { Page } from './query-job.js';
import { asStream, read, rowsFailed } from './read-rows.js';
import { asExportable, batchesOf, checkUnchanged } from './selection.js';

/** Writes the batches to the file `path`, as `OpenedSource.stage` says. `name` is what messages call them. */
export type StageBatches = (name: string, batches: BatchStream, path: string) => TE.TaskEither<Failure, Staged>;

/** Tells of Parquet files in a bucket which state they are in, and how many rows their row groups have, in the order of the addresses. */
export type ReadExport = (
  addresses: ReadonlyArray<string>,
  call: CallOptions,
) => TE.TaskEither<Failure, Pick<StagedRows, 'files'> & Pick<Staged, 'rowGroups'>>;

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

/** The rows that were wanted, staged where `place` says. Fails as `OpenedSource.read` does. */
export const stageRows = (
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
  place: StagePlace,
  options: StagingOptions & Required<Pick<StagingOptions, 'stage'>>,
): TE.TaskEither<Failure, Staged> =>
  pipe(
    TE.tryCatch(() => wayOf(opened, wanted, place, options), rowsFailed(opened)),
    TE.flatten,
  );

/** How the rows are staged, which depends on how many there are. */
const wayOf = async (
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
  { stagePath, stagePrefix }: StagePlace,
  { stage, readExport, pagedValueLimit = usualPagedValues }: Parameters<typeof stageRows>[3],
): Promise<TE.TaskEither<Failure, Staged>> => {
  if (stagePrefix === undefined || readExport === undefined || wanted.length === 0) {
    return stage(name, read(opened, wanted), stagePath);
  }
  const selection = asExportable(opened.statement, opened.columns, wanted);
  const isLarge = ({ rowTotal }: Page): boolean => rowTotal * wanted.length > pagedValueLimit;
  const pages = pagesOf(opened, selection.statement, selection.rowLimit, isLarge);
  const { value: first } = await pages.next();
  if (first === undefined) throw new Error('a result has a page');
  if (isLarge(first)) {
    await pages.return();
    checkUnchanged(selection.columns, first.columns);
    return exported(opened, first, stagePrefix, readExport);
  }
  const staged = stage(name, asStream(opened, batchesOf(selection, resumed(first, pages))), stagePath);
  return async () => {
    try {
      return await staged();
    } finally {
      await pages.return();
    }
  };
};

const exported = (
  opened: Opened,
  { job, rowTotal }: Page,
  prefix: string,
  readExport: ReadExport,
): TE.TaskEither<Failure, Staged> => {
  const { place, key, call } = opened;
  const countOf = ({ files }: Pick<StagedRows, 'files'>) => files.reduce((sum, { row_count }) => sum + row_count, 0);
  return pipe(
    TE.tryCatch(() => exportResult(place, job, prefix, key, call), rowsFailed(opened)),
    TE.flatMap((addresses) => readExport(addresses, call)),
    TE.filterOrElse(
      (found) => countOf(found) === rowTotal,
      (found) =>
        failure(
          'Unavailable',
          `BigQuery exported ${countOf(found)} of ${rowTotal} rows to ${prefix}*.parquet: try again.`,
        ),
    ),
    TE.map(({ files, rowGroups }) => ({ rows: { name, files, textual: false, casts: {} }, rowGroups })),
  );
};

async function* resumed(first: Page, rest: AsyncIterable<Page>): AsyncGenerator<Page, void, undefined> {
  yield first;
  yield* rest;
}

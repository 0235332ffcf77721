/** What is selected of a source's statement, and how its pages become batches. */
import { nearest, type RawRows, type WantedColumn } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';
import { type ColumnReader, cureOf, readerOf, type SourceColumn, toBatch } from './columns.js';
import { exportable } from './exportable.js';
import type { Page } from './query-job.js';
import { quoteName, selected, type Statement } from './sql.js';

/** Some columns of a statement. */
export interface Selection {
  readonly statement: Statement;
  /** As the query's result has them. */
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly readers: ReadonlyArray<ColumnReader>;
  /** Of a page. */
  readonly rowLimit: number;
}

/** The wanted columns as the source has them. Raises `InvalidInput` for one that is not there, `DataUnreadable` for one that is no single value. */
export const asTheyAre = (
  statement: Statement,
  columns: ReadonlyArray<SourceColumn>,
  wanted: ReadonlyArray<WantedColumn>,
): Selection => select(statement, columns, wanted, (column) => ({ sql: quoteName(column.name), column }));

/** The wanted columns, of which there is one, with the same values, in types that an export keeps. Raises the same. */
export const asExportable = (
  statement: Statement,
  columns: ReadonlyArray<SourceColumn>,
  wanted: ReadonlyArray<WantedColumn>,
): Selection => select(statement, columns, wanted, exportable);

const batchRowLimit = 65_536;

/** Of a page: some 4 MB of JSON. */
const cellLimit = 200_000;

const select = (
  statement: Statement,
  columns: ReadonlyArray<SourceColumn>,
  wanted: ReadonlyArray<WantedColumn>,
  itemOf: typeof exportable,
): Selection => {
  const items = wanted.map(({ name, role }) => {
    const item = itemOf(columnNamed(columns, name), role);
    return { ...item, reader: readerFor(item.column, role) };
  });
  const list = items.length === 0 ? 'TRUE' : items.map(({ sql }) => sql).join(', ');
  return {
    statement: selected(list, statement),
    columns: items.map(({ column }) => column),
    readers: items.map(({ reader }) => reader),
    rowLimit: Math.max(1, Math.min(batchRowLimit, Math.floor(cellLimit / Math.max(1, items.length)))),
  };
};

/** A batch for each page with rows, or one without. */
export async function* batchesOf(
  { columns, readers }: Selection,
  pages: AsyncIterable<Page>,
): AsyncGenerator<RawRows, void, undefined> {
  let isBegun = false;
  for await (const page of pages) {
    checkUnchanged(columns, page.columns);
    if (page.rows.rowCount === 0 && (isBegun || page.nextToken !== undefined)) continue;
    isBegun = true;
    yield await toBatch(readers, page.rows);
  }
}

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

export const readerFor = (column: SourceColumn, role: WantedColumn['role']): ColumnReader =>
  readerOf(column, role) ??
  raise(
    'DataUnreadable',
    `The column "${column.name}" of the source's query is of the type ${column.kind}, and features and keys are single values: ${cureOf(column.kind)}.`,
  );

/** Raises `DataUnreadable` when a table was replaced since the dry run, and has other columns. */
export const checkUnchanged = (expected: ReadonlyArray<SourceColumn>, found: ReadonlyArray<SourceColumn>): void => {
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

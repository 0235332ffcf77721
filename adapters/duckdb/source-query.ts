/** The one query of a source: a declared SELECT, or a whole file, for a range of years. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { YearRange } from '../../core/index.js';
import { type Library, quoteName } from './engine.js';
import { raise, raised, toQueryFailure } from './errors.js';
import type { SourceColumn } from './scalar.js';
import type { SourceFile } from './source-file.js';

/** A SELECT and the values of the parameters that it names. */
export interface SourceQuery {
  readonly sql: string;
  readonly values: Readonly<Record<string, number>>;
}

/** What a range of years is compared with in a file that is read whole. */
export const yearColumn = 'year_published';
const openYear = 2_147_483_647;
const parameters: Readonly<Record<string, keyof YearRange>> = { start_year: 'startYear', end_year: 'endYear' };

/**
 * The declared SQL with its parameters bound, and its columns. Raises `InvalidInput` when it does not parse or names what is not
 * there, is not exactly one SELECT, names another parameter, or names no parameter for a side of the range that is given.
 */
export const declaredQuery = async (
  library: Library,
  connection: DuckDBConnection,
  sql: string,
  range: YearRange,
): Promise<{ readonly query: SourceQuery; readonly columns: ReadonlyArray<SourceColumn> }> => {
  const query = await bindQuery(library, connection, sql, range).catch((error: unknown) => {
    throw raised(toQueryFailure(0)(error));
  });
  const columns = await describeColumns(library, connection, query).catch((error: unknown) => {
    throw raised(toQueryFailure(linesBeforeQuery)(error));
  });
  return { query, columns };
};

const bindQuery = async (
  { api }: Library,
  connection: DuckDBConnection,
  sql: string,
  range: YearRange,
): Promise<SourceQuery> => {
  if (/^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*$/.test(sql))
    return raise('InvalidInput', 'The SQL of a source is exactly one SELECT; this one is empty.');
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) {
    return raise(
      'InvalidInput',
      `The SQL of a source is exactly one SELECT; this one has ${statements.count} statements.`,
    );
  }
  const statement = await statements.prepare(0);
  const isSelect = statement.statementType === api.StatementType.SELECT;
  const names = Array.from({ length: statement.parameterCount }, (_, i) => statement.parameterName(i + 1));
  statement.destroySync();
  if (!isSelect)
    return raise('InvalidInput', 'The SQL of a source is exactly one SELECT; this one is another statement.');

  for (const [parameter, side] of Object.entries(parameters)) {
    if (range[side] === undefined || names.includes(parameter)) continue;
    raise('InvalidInput', `A range of years was given, and the SQL of this source does not name $${parameter}.`);
  }
  const values: Record<string, number> = {};
  for (const name of names) {
    if (!Object.hasOwn(parameters, name)) {
      raise('InvalidInput', `The SQL names the parameter $${name}; only $start_year and $end_year are bound.`);
    }
    values[name] = boundYear(name, range);
  }
  return { sql: await withoutEnd(connection, sql), values };
};

/** Without the semicolon at its end, and the comments behind that. */
const withoutEnd = async (connection: DuckDBConnection, sql: string): Promise<string> => {
  const bare = sql.replace(/;(?:\s|;|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*$/, '');
  // A text at the end may look like that.
  return connection.extractStatements(bare).then(
    () => bare,
    () => sql,
  );
};

/** The whole file, filtered on `year_published` when a range is given. Raises `InvalidInput` when it has no such column. */
export const fileQuery = async (
  library: Library,
  connection: DuckDBConnection,
  file: SourceFile,
  range: YearRange,
): Promise<SourceQuery> => {
  const whole = { sql: `SELECT * FROM ${quoteName(file.view)}`, values: {} };
  if (range.startYear === undefined && range.endYear === undefined) return whole;
  const year = (await describeColumns(library, connection, whole)).find((column) => column.name === yearColumn);
  if (year === undefined) {
    return raise('InvalidInput', `${file.name}: a range of years was given, and there is no column ${yearColumn}.`);
  }
  if (!numberKinds.test(year.kind) && !textKinds.test(year.kind)) {
    return raise(
      'InvalidInput',
      `${file.name}: a range of years was given, and the column ${yearColumn} is no number (${year.kind}): read the file through SQL, with year(${yearColumn}) for example.`,
    );
  }
  const value = textKinds.test(year.kind) ? `try_cast(${yearColumn} AS DOUBLE)` : yearColumn;
  return {
    sql: `${whole.sql} WHERE ${value} BETWEEN $start_year AND $end_year`,
    values: { start_year: boundYear('start_year', range), end_year: boundYear('end_year', range) },
  };
};

const textKinds = /^(?:VARCHAR|JSON)$/;
const numberKinds = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL)$/;

const boundYear = (parameter: string, range: YearRange): number =>
  parameter === 'start_year' ? (range.startYear ?? -openYear) : (range.endYear ?? openYear);

/** The names and types of the columns that the query has, without reading rows. */
export const describeColumns = async (
  { api }: Library,
  connection: DuckDBConnection,
  query: SourceQuery,
): Promise<ReadonlyArray<SourceColumn>> => {
  // The types are known once the parameters are bound, so a prepared statement does not tell them.
  const result = await connection.run(`${from('*', query)} LIMIT 0`, query.values);
  return result
    .columnNames()
    .map((name, i) => ({ name, kind: result.columnType(i).alias ?? api.DuckDBTypeId[result.columnTypeId(i)] ?? '' }));
};

const linesBeforeQuery = 1;

/** A SELECT of `list` from the query. Line breaks, since the SQL may end in a comment. */
export const from = (list: string, query: SourceQuery): string => `SELECT ${list} FROM (\n${query.sql}\n)`;

/** Joins the parts of an output, whose rows keep their order, to one file. */
import { isDeepStrictEqual } from 'node:util';
import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api';
import type { JoinSchema, OutputFormat } from '../../core/index.js';
import { type Engine, type EngineLimits, loadLibrary, openEngine, quoteName, quoteText } from './engine.js';
import { joinFiles } from './file-joiner.js';
import { constantSql, copyOptions, finiteSql, isConstantSql } from './output-sql.js';
import { engineTypes } from './chunk-writer.js';

/** A join that is under way. */
export interface PartJoin {
  /** Writes all the rows to the path, and counts them. */
  readonly copyOut: () => Promise<number>;
  readonly interrupt: () => void;
  readonly close: Engine['close'];
}

/** `parts` are absolute paths of Parquet files, or of NDJSON files. */
export const openPartJoin = async (
  schema: JoinSchema,
  parts: ReadonlyArray<string>,
  path: string,
  format: OutputFormat,
  limits: EngineLimits,
): Promise<PartJoin> => {
  const engine = await openEngine(await loadLibrary(), [...parts, path], limits);
  const connection = await engine.connect().catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  const list = [
    ...schema.columns.map(({ name, type }) => {
      const value = finiteSql(`${quoteName(name)}::${engineTypes[type]}`, type, format);
      return `${value} AS ${quoteName(name)}`;
    }),
    ...schema.constants.map((one) => constantSql(one, format)),
  ];
  const table = `FROM ${partsTable(schema, parts)}`;
  const from = `SELECT ${list.join(', ')} ${table}`;
  let isInterrupted = false;
  return {
    copyOut: async () => {
      const copyRows = async (options: string): Promise<number> =>
        numberIn(await connection.runAndReadAll(`COPY (${from}) TO ${quoteText(path)} (${options})`));
      if (format !== 'parquet') return copyRows(copyOptions[format]);
      const mostRows = parts.every(isParquet) ? await mostRowsOf(connection, parts) : 0;
      if (mostRows < leastRowsPerGroup || !(await areAlike(connection, from, `SELECT * ${table}`)))
        return copyRows(parquetOptions(mostRows));
      const { rowCount, haveConstants } = await groupsOf(connection, parts, schema);
      if (!haveConstants) return copyRows(parquetOptions(mostRows));
      await joinBytes(parts, path, () => isInterrupted);
      return rowCount;
    },
    interrupt: () => {
      isInterrupted = true;
      connection.interrupt();
    },
    close: async () => {
      connection.disconnectSync();
      await engine.close();
    },
  };
};

const numberIn = (result: DuckDBResultReader): number => Number(result.getRows()[0]?.[0]);

/** Whether two queries have the same columns; an enumeration is written as text. */
const areAlike = async (connection: DuckDBConnection, one: string, other: string): Promise<boolean> => {
  const columnsOf = async (query: string): Promise<ReadonlyArray<unknown>> => {
    const columns = await connection.runAndReadAll(`DESCRIBE ${query}`);
    return columns.getRows().map(([name, type]) => [name, `${type}`.replace(/^ENUM.*/, 'VARCHAR')]);
  };
  return isDeepStrictEqual(await columnsOf(one), await columnsOf(other));
};

const joinBytes = async (parts: ReadonlyArray<string>, path: string, isInterrupted: () => boolean): Promise<void> => {
  const joiner = await joinFiles(path, 'parquet');
  try {
    for (const part of parts) {
      // Whoever interrupted says why.
      if (isInterrupted()) throw new Error('the join was interrupted');
      await joiner.add(part);
    }
    await joiner.finish();
  } finally {
    await joiner.close();
  }
};

/** How many rows these Parquet files have, and whether the constants are in all of them, as the bounds of their groups say. */
const groupsOf = async (
  connection: DuckDBConnection,
  parts: ReadonlyArray<string>,
  { constants }: JoinSchema,
): Promise<{ readonly rowCount: number; readonly haveConstants: boolean }> => {
  const are = ['true', ...constants.map(isConstantSql)].join(' AND ');
  const what = `sum(row_group_num_rows) FILTER (column_id = 0), bool_and(${are})`;
  const told = await connection.runAndReadAll(`SELECT ${what} ${metadataOf(parts)}`);
  const [rowCount, haveConstants] = told.getRows()[0] ?? [];
  return { rowCount: Number(rowCount), haveConstants: haveConstants === true };
};

const metadataOf = (parts: ReadonlyArray<string>): string =>
  `FROM parquet_metadata([${parts.map(quoteText).join(', ')}])`;

/** The engine writes no smaller groups. */
const leastRowsPerGroup = 2_048;

/** The rows of the largest group of these Parquet files; 0 for none. */
export const mostRowsOf = async (connection: DuckDBConnection, parts: ReadonlyArray<string>): Promise<number> =>
  numberIn(await connection.runAndReadAll(`SELECT max(row_group_num_rows) ${metadataOf(parts)}`));

/** To Parquet in groups of as many rows as those of the parts, which are as small as the rows are wide: a group is held in memory. */
export const parquetOptions = (mostRows: number): string =>
  `${copyOptions.parquet}${mostRows === 0 ? '' : `, ROW_GROUP_SIZE ${Math.max(mostRows, leastRowsPerGroup)}`}`;

const isParquet = (part: string): boolean => part.endsWith('.parquet');

const partsTable = ({ columns }: JoinSchema, parts: ReadonlyArray<string>): string => {
  const files = `[${parts.map(quoteText).join(', ')}]`;
  if (parts.every(isParquet)) return `read_parquet(${files}, hive_partitioning=false)`;
  const types = columns.map(({ name, type }) => `${quoteText(name)}: ${quoteText(engineTypes[type])}`).join(', ');
  return `read_json(${files}, format='newline_delimited', columns={${types}}, hive_partitioning=false)`;
};

/** Joins the parts of an output, whose rows keep their order, to one file. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { JoinSchema, OutputFormat } from '../../core/index.js';
import { type Engine, type EngineLimits, loadLibrary, openEngine, quoteName, quoteText } from './engine.js';
import { leastRowsPerGroup } from './held-rows.js';
import { constantSql, copyOptions, finiteSql } from './output-sql.js';
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
  const connection = await engine.connect();
  const list = [
    ...schema.columns.map(({ name, type }) => {
      const value = finiteSql(`${quoteName(name)}::${engineTypes[type]}`, type, format);
      return `${value} AS ${quoteName(name)}`;
    }),
    ...schema.constants.map((one) => constantSql(one, format)),
  ];
  return {
    copyOut: async () => {
      const from = `SELECT ${list.join(', ')} FROM ${partsTable(schema, parts)}`;
      const options = format === 'parquet' ? await parquetOptions(connection, parts) : copyOptions[format];
      const copied = await connection.runAndReadAll(`COPY (${from}) TO ${quoteText(path)} (${options})`);
      return Number(copied.getRows()[0]?.[0]);
    },
    interrupt: () => connection.interrupt(),
    close: async () => {
      connection.disconnectSync();
      await engine.close();
    },
  };
};

/** Groups of as many rows as those of the parts, which are as small as the rows are wide: a group is held in memory. */
const parquetOptions = async (connection: DuckDBConnection, parts: ReadonlyArray<string>): Promise<string> => {
  const files = `[${parts.map(quoteText).join(', ')}]`;
  const groups = await connection.runAndReadAll(`SELECT max(row_group_num_rows) FROM parquet_metadata(${files})`);
  const most = Number(groups.getRows()[0]?.[0] ?? 0);
  return `${copyOptions.parquet}${most === 0 ? '' : `, ROW_GROUP_SIZE ${Math.max(most, leastRowsPerGroup)}`}`;
};

const partsTable = ({ columns }: JoinSchema, parts: ReadonlyArray<string>): string => {
  const files = `[${parts.map(quoteText).join(', ')}]`;
  if (parts.every((part) => part.endsWith('.parquet'))) return `read_parquet(${files}, hive_partitioning=false)`;
  const types = columns.map(({ name, type }) => `${quoteText(name)}: ${quoteText(engineTypes[type])}`).join(', ');
  return `read_json(${files}, format='newline_delimited', columns={${types}}, hive_partitioning=false)`;
};

/** How values stand in each format of an output, in SQL. */
import type { ConstantValue, OutputFormat, SinkColumn } from '../../core/index.js';
import { quoteName, quoteText } from './engine.js';

/** Without a temporary file of the engine's own: the guard lets it open the output's path only. */
export const copyOptions: Readonly<Record<OutputFormat, string>> = {
  parquet: 'FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false',
  csv: 'FORMAT csv, USE_TMP_FILE false',
  ndjson: 'FORMAT json, USE_TMP_FILE false',
};

/** A value of this type, which is null where the format has no way to write it. */
export const finiteSql = (value: string, type: SinkColumn['type'], format: OutputFormat): string =>
  (type === 'float32' || type === 'float64') && format !== 'parquet'
    ? `CASE WHEN isfinite(${value}) THEN ${value} END`
    : value;

/** A constant under its name. */
export const constantSql = (one: { readonly name: string } & ConstantValue, format: OutputFormat): string => {
  const as = ` AS ${quoteName(one.name)}`;
  switch (one.type) {
    case 'int32':
      return `${one.value}::INTEGER${as}`;
    case 'string': {
      // Written as text. An enumeration needs no dictionary to be found for it: half the time of the whole copy.
      const value = quoteText(one.value);
      return `${value}::ENUM(${value})${as}`;
    }
    case 'timestamp':
      return `${quoteText(one.value)}${format === 'parquet' ? '::TIMESTAMPTZ' : ''}${as}`;
  }
};

/** Whether what `parquet_metadata` tells of a column of a group is of another one, or that all its values are the constant. */
export const isConstantSql = (one: { readonly name: string } & ConstantValue): string => {
  const type = { int32: 'INTEGER', string: 'VARCHAR', timestamp: 'TIMESTAMPTZ' }[one.type];
  const value = `${quoteText(`${one.value}`)}::${type}`;
  const isValue = (bound: string): string => `try_cast(${bound} AS ${type}) = ${value}`;
  return `(path_in_schema <> ${quoteText(one.name)} OR coalesce(stats_null_count = 0 AND ${isValue('stats_min_value')} AND ${isValue('stats_max_value')}, false))`;
};

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

/** Whether a column of its name and type has its value. */
export const isConstantSql = (one: { readonly name: string } & ConstantValue): string => {
  const value = one.type === 'int32' ? `${one.value}` : quoteText(one.value);
  return `${quoteName(one.name)} = ${value}${one.type === 'timestamp' ? '::TIMESTAMPTZ' : ''}`;
};

/** Columns as they are selected where the rows may be exported: Parquet then has the values that the pages of the API have. */
import type { WantedColumn } from '../../core/index.js';
import type { SourceColumn } from './columns.js';
import { quoteName } from './sql.js';

/**
 * A value that Parquet would hold otherwise, as the text that the pages of the API have; undefined for every other. `%E4Y` pads years to four digits, which
 * `%Y` does not, and `%E*S` has as much of a fraction as there is: https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements
 */
export const textOfValue = ({ name, kind }: SourceColumn): string | undefined => {
  const quoted = quoteName(name);
  switch (kind) {
    case 'NUMERIC':
    case 'BIGNUMERIC':
    case 'DATE':
      return `CAST(${quoted} AS STRING)`;
    case 'TIME':
      return `FORMAT_TIME('%H:%M:%E*S', ${quoted})`;
    case 'DATETIME':
      return `FORMAT_DATETIME('%E4Y-%m-%dT%H:%M:%E*S', ${quoted})`;
    case 'TIMESTAMP':
      return `FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%E*SZ', ${quoted}, 'UTC')`;
    default:
      return undefined;
  }
};

/** An item of a SELECT list, and the column that it makes: INT64, FLOAT64, BOOL or STRING, where the source's is a single value. */
export const exportable = (
  column: SourceColumn,
  role: WantedColumn['role'],
): { readonly sql: string; readonly column: SourceColumn } => {
  const { name, kind } = column;
  const quoted = quoteName(name);
  const as = (made: string, sql: string) => ({ sql: `${sql} AS ${quoted}`, column: { name, kind: made } });
  if (kind.endsWith('NUMERIC') && role === 'feature') return as('FLOAT64', `CAST(${quoted} AS FLOAT64)`);
  const text = textOfValue(column);
  return text === undefined ? { sql: quoted, column } : as('STRING', text);
};

/** Columns as they are selected where the rows may be exported: Parquet then has the values that the pages of the API have. */
import type { WantedColumn } from '../../core/index.js';
import type { SourceColumn } from './columns.js';
import { quoteName } from './sql.js';

/**
 * An item of a SELECT list, and the column that it makes: INT64, FLOAT64, BOOL or STRING, where the source's is a single value. `%E4Y` pads years to four
 * digits, which `%Y` does not, and `%E*S` has as much of a fraction as there is:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements
 */
export const exportable = (
  column: SourceColumn,
  role: WantedColumn['role'],
): { readonly sql: string; readonly column: SourceColumn } => {
  const { name, kind } = column;
  const quoted = quoteName(name);
  const as = (made: string, sql: string) => ({ sql: `${sql} AS ${quoted}`, column: { name, kind: made } });
  switch (kind) {
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return role === 'key' ? as('STRING', `CAST(${quoted} AS STRING)`) : as('FLOAT64', `CAST(${quoted} AS FLOAT64)`);
    case 'DATE':
      return as('STRING', `CAST(${quoted} AS STRING)`);
    case 'TIME':
      return as('STRING', `FORMAT_TIME('%H:%M:%E*S', ${quoted})`);
    case 'DATETIME':
      return as('STRING', `FORMAT_DATETIME('%E4Y-%m-%dT%H:%M:%E*S', ${quoted})`);
    case 'TIMESTAMP':
      return as('STRING', `FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%E*SZ', ${quoted}, 'UTC')`);
    default:
      return { sql: quoted, column };
  }
};

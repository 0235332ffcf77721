/** How a column of the engine travels in a batch. */
import type { ColumnSpec, TensorType, WantedColumn } from '../../core/index.js';
import { quoteName } from './engine.js';

/** A column's name in the source and the engine's name of its type. */
export interface SourceColumn {
  readonly name: string;
  readonly kind: string;
}

/** A column to read: its name and type in a batch, and the SQL that gives it that type. */
export interface Scalar extends ColumnSpec {
  readonly sql: string;
}

/** None when the column's type is not scalar. */
export const scalarOf = (column: SourceColumn, role: WantedColumn['role']): Scalar | undefined => {
  const name = quoteName(column.name);
  const as = (type: TensorType, sql: string): Scalar => ({ name: column.name, type, sql });
  const text = `${name}::VARCHAR`;
  switch (column.kind) {
    case 'BOOLEAN':
      return as('bool', name);
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'UTINYINT':
    case 'USMALLINT':
      return as('int32', `${name}::INTEGER`);
    case 'UINTEGER':
    case 'BIGINT':
      return as('int64', `${name}::BIGINT`);
    case 'UBIGINT':
    case 'HUGEINT':
    case 'UHUGEINT':
    case 'DECIMAL':
      return role === 'key' ? as('string', text) : as('float64', `${name}::DOUBLE`);
    case 'FLOAT':
      return as('float32', name);
    case 'DOUBLE':
      return as('float64', name);
    case 'VARCHAR':
    case 'ENUM':
    case 'UUID':
    case 'DATE':
    case 'TIME':
    case 'TIME_NS':
    case 'TIME_TZ':
      return as('string', text);
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
      return as('string', `replace(${text}, ' ', 'T')`);
    case 'TIMESTAMP_TZ':
      return as('string', `replace(timezone('UTC', ${name})::VARCHAR, ' ', 'T') || 'Z'`);
    default:
      return undefined;
  }
};

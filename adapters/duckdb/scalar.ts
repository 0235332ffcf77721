/** How a column of the engine travels in a batch. */
import * as E from 'fp-ts/lib/Either.js';
import { parseJson, type SinkColumn, type TensorType, type WantedColumn } from '../../core/index.js';
import { quoteName } from './engine.js';

/** A column's name in the source and the engine's name of its type. */
export interface SourceColumn {
  readonly name: string;
  readonly kind: string;
}

/** A column to read: its name and type in a batch, the SQL that gives it that type, and of a `json` column what a value becomes. */
export interface Scalar extends SinkColumn {
  readonly sql: string;
  readonly cellOf?: (item: unknown) => unknown;
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
      // Exact, so that one that is out of range refuses its own row.
      return role === 'key' ? as('string', text) : { name: column.name, type: 'json', sql: name };
    case 'JSON':
      return { name: column.name, type: 'json', sql: text, cellOf: jsonValue(role) };
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

/** What a JSON text says; as a key, an integer comes with all its digits. */
const jsonValue =
  (role: WantedColumn['role']) =>
  (item: unknown): unknown => {
    const text = `${item}`;
    const parsed = parseJson(text);
    if (E.isLeft(parsed)) return item;
    const isRounded = Number.isInteger(parsed.right) && !Number.isSafeInteger(parsed.right);
    return role === 'key' && isRounded && /^-?\d+$/.test(text) ? BigInt(text) : parsed.right;
  };

/** From the rows of the REST API, `{ f: [{ v }] }` with every value as text, straight into columns. */
import { setImmediate } from 'node:timers/promises';
import type { BatchColumn, RawRows, WantedColumn } from '../../core/index.js';
import { fieldsOf, raise, textOf } from '../google-cloud/errors.js';
import type { ApiRows, RowPieces } from './row-texts.js';

/** A column's name in the source, and its type as GoogleSQL calls it; `ARRAY` of whatever it repeats. */
export interface SourceColumn {
  readonly name: string;
  readonly kind: string;
}

/** The API still uses the names of the older dialect. */
const kinds: Readonly<Record<string, string>> = {
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  RECORD: 'STRUCT',
};

/** The columns of a `TableSchema`; https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
export const columnsOf = (schema: unknown): ReadonlyArray<SourceColumn> => {
  const { fields } = fieldsOf(schema);
  return (Array.isArray(fields) ? fields : []).map(fieldsOf).map(({ name, type, mode }) => {
    const kind = textOf(type).toUpperCase();
    return { name: textOf(name), kind: mode === 'REPEATED' ? 'ARRAY' : (kinds[kind] ?? kind) };
  });
};

/** A column of a batch that is being filled. */
interface ColumnFiller {
  /** Takes the values at `index` of the rows; the first is the batch's row `at`. */
  readonly append: (rows: ApiRows, index: number, at: number) => void;
  readonly finish: () => BatchColumn;
}

/** A column to read. */
export interface ColumnReader {
  readonly name: string;
  readonly open: (rowCount: number) => ColumnFiller;
}

/** None when the column's type is not scalar. */
export const readerOf = ({ name, kind }: SourceColumn, role: WantedColumn['role']): ColumnReader | undefined => {
  const text = (textFrom: (given: string) => string): ColumnReader => ({
    name,
    open: (rowCount) => textFiller(rowCount, textFrom),
  });
  switch (kind) {
    case 'INT64':
      return { name, open: integerFiller };
    case 'FLOAT64':
      return { name, open: doubleFiller };
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return role === 'key' ? text((given) => given) : { name, open: doubleFiller };
    case 'BOOL':
      return { name, open: booleanFiller };
    case 'STRING':
    case 'DATE':
      return text((given) => given);
    case 'TIME':
    case 'DATETIME':
      return text(withoutTrailingZeros);
    case 'TIMESTAMP':
      return text(instantOf);
    default:
      return undefined;
  }
};

/** What to do with a column that is no single value. */
export const cureOf = (kind: string): string => {
  switch (kind) {
    case 'ARRAY':
      return 'make columns of its elements in SQL, as in tags[SAFE_OFFSET(0)] AS first_tag';
    case 'STRUCT':
      return 'make columns of its fields in SQL, as in box.width AS box_width';
    case 'JSON':
      return "make columns of its fields in SQL, as in FLOAT64(stats.weight) AS weight or JSON_VALUE(stats, '$.name') AS name";
    case 'BYTES':
      return 'make text of it in SQL, as in TO_HEX(digest) AS digest';
    case 'GEOGRAPHY':
      return 'make numbers or text of it in SQL, as in ST_X(place) AS longitude';
    case 'RANGE':
      return 'make columns of its ends in SQL, as in RANGE_START(season) AS season_start';
    default:
      return 'make a number or text of it in SQL';
  }
};

/** The rows as a batch; the readers' columns stand in the rows in their order. The event loop turns between two pieces. */
export const toBatch = async (
  readers: ReadonlyArray<ColumnReader>,
  { rowCount, pieces }: RowPieces,
): Promise<RawRows> => {
  const fillers = readers.map(({ name, open }) => ({ name, ...open(rowCount) }));
  let at = 0;
  for (const piece of pieces) {
    if (at > 0) await setImmediate();
    const rows: ApiRows = typeof piece === 'string' ? JSON.parse(piece) : piece;
    fillers.forEach(({ append }, index) => append(rows, index, at));
    at += rows.length;
  }
  return { rowCount, columns: new Map(fillers.map(({ name, finish }) => [name, finish()])) };
};

/** The value in a row: text, or null. */
const valueAt = (rows: ApiRows, row: number, index: number): string | null => {
  const value = rows[row]?.f?.[index]?.v;
  return typeof value === 'string' || value === null ? value : unreadable(value);
};

const unreadable = (value: unknown): never =>
  raise(
    'DataUnreadable',
    `BigQuery answered with a value that this version does not know (${`${JSON.stringify(value)}`.slice(0, 80)}): cast the column to a number or to text in SQL.`,
  );

/** Marks what is missing in a column of `rowCount` rows; nothing is allocated before the first. */
const missingIn = (rowCount: number) => {
  let missing: Uint8Array | undefined;
  return {
    mark: (row: number): void => {
      missing ??= new Uint8Array(rowCount);
      missing[row] = 1;
    },
    found: () => (missing === undefined ? {} : { missing }),
  };
};

/** Longer ones may be beyond 2^53. */
const safeDigits = 15;
const two32 = 2 ** 32;

const integerFiller = (rowCount: number): ColumnFiller => {
  const missing = missingIn(rowCount);
  const values = new BigInt64Array(rowCount);
  // A bigint for every value would cost as much as all the rest; Node's machines are little-endian.
  const halves = new Int32Array(values.buffer);
  return {
    append: (rows, index, at) => {
      for (let row = 0; row < rows.length; row++) {
        const text = valueAt(rows, row, index);
        if (text === null) {
          missing.mark(at + row);
          continue;
        }
        const value = Number(text);
        if (!Number.isInteger(value) || text === '') unreadable(text);
        if (text.length > safeDigits) values[at + row] = BigInt(text);
        else {
          halves[2 * (at + row)] = value;
          halves[2 * (at + row) + 1] = Math.floor(value / two32);
        }
      }
    },
    finish: () => ({ type: 'int64', values, ...missing.found() }),
  };
};

const doubleFiller = (rowCount: number): ColumnFiller => {
  const missing = missingIn(rowCount);
  const values = new Float64Array(rowCount);
  return {
    append: (rows, index, at) => {
      for (let row = 0; row < rows.length; row++) {
        const text = valueAt(rows, row, index);
        if (text === null) {
          missing.mark(at + row);
          continue;
        }
        const value = Number(text);
        if ((Number.isNaN(value) && text !== 'NaN') || text === '') unreadable(text);
        values[at + row] = value;
      }
    },
    finish: () => ({ type: 'float64', values, ...missing.found() }),
  };
};

const booleanFiller = (rowCount: number): ColumnFiller => {
  const missing = missingIn(rowCount);
  const values = new Uint8Array(rowCount);
  return {
    append: (rows, index, at) => {
      for (let row = 0; row < rows.length; row++) {
        const text = valueAt(rows, row, index);
        if (text === null) missing.mark(at + row);
        else if (text === 'true') values[at + row] = 1;
        else if (text !== 'false') unreadable(text);
      }
    },
    finish: () => ({ type: 'bool', values, ...missing.found() }),
  };
};

const textFiller = (rowCount: number, textFrom: (given: string) => string): ColumnFiller => {
  const missing = missingIn(rowCount);
  const values = new Array<string>(rowCount).fill('');
  return {
    append: (rows, index, at) => {
      for (let row = 0; row < rows.length; row++) {
        const text = valueAt(rows, row, index);
        if (text === null) missing.mark(at + row);
        else values[at + row] = textFrom(text);
      }
    },
    finish: () => ({ type: 'string', values, ...missing.found() }),
  };
};

/** `12:00:00.500000` is `12:00:00.5`, as the DuckDB sources write it. */
const withoutTrailingZeros = (text: string): string => text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');

/** Microseconds since the epoch as ISO 8601 in UTC, with as much of a fraction as there is. */
const instantOf = (micros: string): string => {
  if (!/^-?\d+$/.test(micros)) unreadable(micros);
  const all = BigInt(micros);
  const fraction = ((all % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((all - fraction) / 1000n)).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  const digits = `${fraction}`.padStart(6, '0').replace(/0+$/, '');
  return `${whole}${digits === '' ? '' : `.${digits}`}Z`;
};

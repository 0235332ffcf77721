/** Rows as JSON carries them, in three forms: records, columns, split. */
import * as E from 'fp-ts/lib/Either.js';
import { brief, pointerToken, show } from '../decode.js';
import { type Failure, failureOf } from '../failure.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { RawBatch } from './features.js';
import type { RawColumn } from './row-batch.js';
import { isTypedValues, type TypedValues, typedColumn } from './typed-values.js';

/** Decoded rows. */
export interface InlineRows {
  readonly rowCount: number;
  /** The wanted columns that are there. */
  readonly present: ReadonlySet<string>;
  /** Rows `begin` (included) to `end` (excluded), as those columns. */
  readonly rows: (begin: number, end: number) => RawBatch;
  /** The columns that were sent; of records, those of the first row. */
  readonly columnNames: ReadonlyArray<string>;
  /** Where a row's value of a column is in the data as it was sent. */
  readonly pointerTo: (row: number, column: string) => string;
}

/**
 * Reads `data`: records `[{"a": 1}, …]`, columns `{"a": [1, …]}` (also typed arrays) or split `{"columns": ["a"], "data": [[1], …]}`, in which
 * the `index` that pandas adds is passed over. Only the `wanted` columns that are there are taken; in records, a column is there when some row has it. Fails `InvalidInput` when it is none of the three.
 */
export const readRows = (data: unknown, wanted: Iterable<string>): E.Either<Failure, InlineRows> => {
  if (Array.isArray(data)) return readRecords(data, wanted);
  if (typeof data !== 'object' || data === null) return refused('', `must be rows, got ${show(data)}`);
  const object = data as JsonObject;
  const isSplit =
    Array.isArray(object['columns']) &&
    Array.isArray(object['data']) &&
    Object.keys(object).every((key) => key === 'columns' || key === 'data' || key === 'index');
  return isSplit
    ? readSplit(object['columns'] as ReadonlyArray<unknown>, object['data'] as ReadonlyArray<unknown>, wanted)
    : readColumns(object, wanted);
};

const refused = (pointer: string, detail: string): E.Either<Failure, never> =>
  E.left(
    failureOf(
      'InvalidInput',
      `data${pointer} ${detail}. Send records [{"a": 1}], columns {"a": [1]}, or split {"columns": ["a"], "data": [[1]]}.`,
      [{ pointer: `/data${pointer}`, detail }],
    ),
  );

type ColumnValues = ReadonlyArray<unknown> | TypedValues;

/** Rows of columns that are taken out of the data when they are asked for: that may be many times what was sent. */
const inlineRows = (
  rowCount: number,
  present: ReadonlySet<string>,
  valuesOf: (name: string, begin: number, end: number) => ColumnValues,
): Pick<InlineRows, 'rowCount' | 'present' | 'rows'> => ({
  rowCount,
  present,
  rows: (begin, end) => {
    const columns = new Map<string, RawColumn>();
    for (const name of present) {
      const values = valuesOf(name, begin, end);
      columns.set(name, isTypedValues(values) ? typedColumn(values) : { type: 'json', values });
    }
    return { rowCount: end - begin, columns, textual: false };
  },
});

const isNoRecord = (row: unknown): boolean => typeof row !== 'object' || row === null || Array.isArray(row);

const readRecords = (rows: ReadonlyArray<unknown>, wanted: Iterable<string>): E.Either<Failure, InlineRows> => {
  const bad = rows.findIndex(isNoRecord);
  if (bad >= 0) return refused(`/${bad}`, `must be an object, got ${show(rows[bad])}`);
  const records = rows as ReadonlyArray<JsonObject>;
  const valuesOf = (name: string, begin: number, end: number): ReadonlyArray<unknown> => {
    // JSON has no undefined, but every object a `constructor` that it did not bring.
    const isInherited = name in Object.prototype;
    const values = new Array<unknown>(end - begin);
    for (let row = begin; row < end; row++) {
      const record = records[row] as JsonObject;
      if (!isInherited || Object.hasOwn(record, name)) values[row - begin] = record[name];
    }
    return values;
  };
  return E.right({
    ...inlineRows(records.length, namesIn(records, wanted), valuesOf),
    columnNames: Object.keys(records[0] ?? {}),
    pointerTo: (row, column) => `/data/${row}/${pointerToken(column)}`,
  });
};

/** Those of the wanted names that some record has, in their order; all, when there are no records. */
const namesIn = (records: ReadonlyArray<JsonObject>, wanted: Iterable<string>): ReadonlySet<string> => {
  const early = new Set<string>();
  const missing = new Set<string>();
  const askedCount = Math.min(records.length, recordsToAsk);
  for (const name of wanted) {
    let isThere = records.length === 0;
    for (let row = 0; row < askedCount && !isThere; row++) isThere = Object.hasOwn(records[row] as JsonObject, name);
    (isThere ? early : missing).add(name);
  }
  if (missing.size === 0 || records.length === askedCount) return early;
  // The others are looked through once: there may be millions, with nothing in them.
  for (let row = askedCount; row < records.length && missing.size > 0; row++) {
    for (const name in records[row]) missing.delete(name);
  }
  return new Set([...wanted].filter((name) => !missing.has(name)));
};

/** So many records are asked for each name. */
const recordsToAsk = 1_000;

const isColumn = (values: unknown): values is ColumnValues => Array.isArray(values) || isTypedValues(values);

const readColumns = (data: JsonObject, wanted: Iterable<string>): E.Either<Failure, InlineRows> => {
  const entries = Object.entries(data);
  const [firstName, first] = entries[0] ?? ['', []];
  const rowCount = isColumn(first) ? first.length : 0;
  for (const [name, values] of entries) {
    if (!isColumn(values)) return refused(`/${pointerToken(name)}`, `must be an array of values, got ${show(values)}`);
    if (values.length !== rowCount)
      return refused(
        `/${pointerToken(name)}`,
        `has ${values.length} values where "${brief(firstName)}" has ${rowCount}`,
      );
  }
  const present = new Set<string>();
  for (const name of wanted) if (Object.hasOwn(data, name)) present.add(name);
  const valuesOf = (name: string, begin: number, end: number): ColumnValues => {
    const values = data[name] as ColumnValues;
    if (end - begin === rowCount) return values;
    return isTypedValues(values) ? values.subarray(begin, end) : values.slice(begin, end);
  };
  return E.right({
    ...inlineRows(rowCount, present, valuesOf),
    columnNames: Object.keys(data),
    pointerTo: (row, column) => `/data/${pointerToken(column)}/${row}`,
  });
};

const readSplit = (
  names: ReadonlyArray<unknown>,
  rows: ReadonlyArray<unknown>,
  wanted: Iterable<string>,
): E.Either<Failure, InlineRows> => {
  const places = new Map<string, number>();
  for (const [i, name] of names.entries()) {
    if (typeof name !== 'string') return refused(`/columns/${i}`, `must be a column's name, got ${show(name)}`);
    if (places.has(name)) return refused(`/columns/${i}`, `names "${brief(name)}" a second time`);
    places.set(name, i);
  }
  for (const [i, row] of rows.entries()) {
    if (!Array.isArray(row)) return refused(`/data/${i}`, `must be an array of values, got ${show(row)}`);
    if (row.length !== names.length)
      return refused(`/data/${i}`, `has ${row.length} values for ${names.length} columns`);
  }
  const present = new Set<string>();
  for (const name of wanted) if (places.has(name)) present.add(name);
  const valuesOf = (name: string, begin: number, end: number): ReadonlyArray<unknown> => {
    const at = places.get(name) ?? Number.NaN;
    return rows.slice(begin, end).map((row) => (row as ReadonlyArray<unknown>)[at]);
  };
  return E.right({
    ...inlineRows(rows.length, present, valuesOf),
    columnNames: [...places.keys()],
    pointerTo: (row, column) => {
      const place = places.get(column);
      return place === undefined ? '/data/columns' : `/data/data/${row}/${place}`;
    },
  });
};

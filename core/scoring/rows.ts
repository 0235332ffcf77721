/** Rows as JSON carries them, in three forms: records, columns, split. */
import * as E from 'fp-ts/lib/Either.js';
import { brief, pointerToken, show } from '../decode.js';
import { type Failure, failureOf } from '../failure.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { RawBatch, RawColumn } from './features.js';

/** Decoded rows. */
export interface InlineRows {
  readonly raw: RawBatch;
  /** The columns that were sent; of records, those of the first row. */
  readonly columnNames: ReadonlyArray<string>;
  /** Where a row's value of a column is in the data as it was sent. */
  readonly pointerTo: (row: number, column: string) => string;
}

/**
 * Reads `data`: records `[{"a": 1}, …]`, columns `{"a": [1, …]}` or split `{"columns": ["a"], "data": [[1], …]}`, in which
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

const rawBatch = (rowCount: number, columns: ReadonlyMap<string, RawColumn>): RawBatch => ({
  rowCount,
  columns,
  textual: false,
});

const isNoRecord = (row: unknown): boolean => typeof row !== 'object' || row === null || Array.isArray(row);

const readRecords = (rows: ReadonlyArray<unknown>, wanted: Iterable<string>): E.Either<Failure, InlineRows> => {
  const bad = rows.findIndex(isNoRecord);
  if (bad >= 0) return refused(`/${bad}`, `must be an object, got ${show(rows[bad])}`);
  const records = rows as ReadonlyArray<JsonObject>;
  const columns = new Map<string, RawColumn>();
  for (const name of wanted) {
    // JSON has no undefined, but every object a `constructor` that it did not bring.
    const isInherited = name in Object.prototype;
    let present = records.length === 0;
    const values = new Array<unknown>(records.length);
    for (let row = 0; row < records.length; row++) {
      const record = records[row] as JsonObject;
      if (isInherited && !Object.hasOwn(record, name)) continue;
      const value = record[name];
      values[row] = value;
      present ||= value !== undefined || Object.hasOwn(record, name);
    }
    if (present) columns.set(name, { type: 'json', values });
  }
  return E.right({
    raw: rawBatch(records.length, columns),
    columnNames: Object.keys(records[0] ?? {}),
    pointerTo: (row, column) => `/data/${row}/${pointerToken(column)}`,
  });
};

const readColumns = (data: JsonObject, wanted: Iterable<string>): E.Either<Failure, InlineRows> => {
  const entries = Object.entries(data);
  const [firstName, first] = entries[0] ?? ['', []];
  const rowCount = Array.isArray(first) ? first.length : 0;
  for (const [name, values] of entries) {
    if (!Array.isArray(values))
      return refused(`/${pointerToken(name)}`, `must be an array of values, got ${show(values)}`);
    if (values.length !== rowCount)
      return refused(
        `/${pointerToken(name)}`,
        `has ${values.length} values where "${brief(firstName)}" has ${rowCount}`,
      );
  }
  const columns = new Map<string, RawColumn>();
  for (const name of wanted) {
    if (Object.hasOwn(data, name)) columns.set(name, { type: 'json', values: data[name] as ReadonlyArray<unknown> });
  }
  return E.right({
    raw: rawBatch(rowCount, columns),
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
  const columns = new Map<string, RawColumn>();
  for (const name of wanted) {
    const at = places.get(name);
    if (at === undefined) continue;
    columns.set(name, { type: 'json', values: rows.map((row) => (row as ReadonlyArray<unknown>)[at]) });
  }
  return E.right({
    raw: rawBatch(rows.length, columns),
    columnNames: [...places.keys()],
    pointerTo: (row, column) => {
      const place = places.get(column);
      return place === undefined ? '/data/columns' : `/data/data/${row}/${place}`;
    },
  });
};

/** Keys and predictions as JSON holds them: cells, and rows as objects. */
import type { JsonObject } from '../model/sealed-document.js';
import type { RawColumn, RowBatch } from './row-batch.js';

/** A cell of a key or a prediction as JSON holds it: no NaN, no infinity, no bigint. */
export const jsonValueAt = (column: RawColumn, row: number): unknown => {
  if (column.type !== 'json' && column.missing?.[row] === 1) return null;
  const value = column.values[row];
  if (typeof value === 'bigint') return jsonInteger(value);
  if (column.type === 'bool') return value === 1;
  return typeof value === 'number' && !Number.isFinite(value) ? null : (value ?? null);
};

/** Beyond what every reader of JSON keeps exactly, its digits. */
const jsonInteger = (value: bigint): number | string =>
  Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;

/** Rows as objects: `row`, the keys, the predictions. */
export const jsonRows = (
  rows: ReadonlyArray<number>,
  keys: ReadonlyMap<string, RawColumn>,
  predictions: RowBatch,
): ReadonlyArray<JsonObject> =>
  rows.map((row, at) => {
    const object: Record<string, unknown> = { row };
    for (const [name, column] of keys) setOwn(object, name, jsonValueAt(column, at));
    for (const [name, column] of predictions.columns) setOwn(object, name, jsonValueAt(column, at));
    return object;
  });

/** To assign to `__proto__` would set the object's prototype, or nothing. */
const setOwn = (object: Record<string, unknown>, name: string, value: unknown): void => {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
};

/** Whole columns of numbers for float features: taken as they are, rounded as a tensor takes them, and what that loses counted. */
import type { Feature, TensorType } from '../model/signature.js';
import { numbersOf } from './int64.js';
import type { Column, RawColumn } from './row-batch.js';

/** What a float column could not hold of what it was given: integers that float32 rounds, and values that are infinite, or became so. */
export interface Lost {
  readonly inexact: number;
  readonly infinite: number;
}

/** Beyond this, float32 no longer holds every integer. */
const exactInFloat32 = 2 ** 24;

/** Numbers for a float feature without a fill: every one is accepted, so none needs a look of its own. */
export const coerceWhole = ({ type, fill }: Feature, source: RawColumn): Column | undefined => {
  if (fill !== null || (type !== 'float32' && type !== 'float64')) return undefined;
  if (source.type === 'json' || source.type === 'string') return undefined;
  const { missing } = source;
  const given: Column = source.type === 'int64' ? { type: 'float64', values: numbersOf(source.values) } : source;
  if (missing === undefined) return given;
  const column: Column =
    type === 'float32'
      ? { type, values: new Float32Array(given.values as ArrayLike<number>) }
      : { type, values: new Float64Array(given.values as ArrayLike<number>) };
  for (let row = 0; row < missing.length; row++) if (missing[row] === 1) column.values[row] = Number.NaN;
  return column;
};

/** A coerced column in the type of its feature. */
export const inType = (type: TensorType, column: Column): Column => {
  if (type === column.type) return column;
  const numbers = column.values as ArrayLike<number>;
  return type === 'float32'
    ? { type, values: new Float32Array(numbers) }
    : { type: 'float64', values: new Float64Array(numbers) };
};

/** A cell as JSON would give it: missing is undefined, a bool is a boolean. */
export const cellAt = (source: RawColumn, row: number): unknown => {
  if (source.type === 'json') return source.values[row];
  if (source.missing?.[row] === 1) return undefined;
  return source.type === 'bool' ? source.values[row] === 1 : source.values[row];
};

const nothingLost: Lost = { inexact: 0, infinite: 0 };

/** A little less than the limit may be rounded up to it. */
const nearLimit = (type: 'float32' | 'float64'): number => (type === 'float32' ? exactInFloat32 - 1 : Number.MAX_VALUE);

/** Whether something may be lost of the numbers of a block: `countLost` says what. */
export const isAnyLost = (features: ReadonlyArray<Feature>, numbers: Float64Array): boolean =>
  isAnyBeyond(numbers, nearLimit(features.some(({ type }) => type === 'float32') ? 'float32' : 'float64'));

/** After rounding: an integer beyond 2^24 in magnitude may stand for its neighbours as well. */
export const countLost = ({ type }: Feature, { values }: Column, source: RawColumn): Lost => {
  if (type !== 'float32' && type !== 'float64') return nothingLost;
  const near = nearLimit(type);
  const numbers = values as ArrayLike<number>;
  if (!isAnyBeyond(numbers, near)) return nothingLost;
  let inexact = 0;
  let infinite = 0;
  for (let row = 0; row < numbers.length; row++) {
    const given = numbers[row] ?? Number.NaN;
    if (!(Math.abs(given) >= near)) continue;
    const value = type === 'float32' ? Math.fround(given) : given;
    const magnitude = Math.abs(value);
    if (magnitude === Number.POSITIVE_INFINITY) infinite++;
    else if (type === 'float32' && magnitude >= exactInFloat32) {
      if (magnitude > exactInFloat32 || wasRounded(cellAt(source, row), value)) inexact++;
    }
  }
  return inexact === 0 && infinite === 0 ? nothingLost : { inexact, infinite };
};

/** Four at a time: of nearly every column this is all that is looked at. */
const isAnyBeyond = (numbers: ArrayLike<number>, limit: number): boolean => {
  const count = numbers.length;
  const at = (row: number): number => Math.abs(numbers[row] as number);
  let row = 0;
  for (; row + 3 < count; row += 4) {
    if (at(row) >= limit || at(row + 1) >= limit || at(row + 2) >= limit || at(row + 3) >= limit) return true;
  }
  for (; row < count; row++) if (at(row) >= limit) return true;
  return false;
};

/** At the limit itself the cell tells whether it was that number; a fill that stands for it was. */
const wasRounded = (cell: unknown, value: number): boolean => {
  const given = Number(cell ?? value);
  return Number.isFinite(given) && given !== value;
};

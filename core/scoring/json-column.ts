/** Columns of JSON values where a file wants one type: the narrowest that holds them all. */
import type { BatchColumn } from './row-batch.js';

export type NarrowType = 'int64' | 'float64' | 'bool' | 'string';

/** Sees all values of a column, in any number of parts. */
export interface Narrowing {
  readonly add: (values: ReadonlyArray<unknown>) => void;
  /** int64 when they are integers that a double or a bigint holds exactly (or there are none), float64, bool, else string. */
  readonly type: () => NarrowType;
  /** Every type that holds them all, the narrowest first. */
  readonly types: () => ReadonlyArray<NarrowType>;
}

export const narrowTypes: ReadonlyArray<NarrowType> = ['int64', 'float64', 'bool', 'string'];

/** Begins a column without values. */
export const narrowestType = (): Narrowing => {
  let integers = true;
  let numbers = true;
  let booleans = true;
  const holds = (type: NarrowType): boolean =>
    ({ int64: integers, float64: numbers, bool: booleans, string: true })[type];
  return {
    add: (values) => {
      for (const value of values) {
        if (value === undefined || value === null) continue;
        integers &&= isInteger(value);
        numbers &&= typeof value === 'number' || (typeof value === 'bigint' && isExact(value));
        booleans &&= typeof value === 'boolean';
      }
    },
    type: () => narrowTypes.find(holds) ?? 'string',
    types: () => narrowTypes.filter(holds),
  };
};

const isInteger = (value: unknown): boolean =>
  typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);

/** Whether a double holds it. */
const isExact = (value: bigint): boolean => BigInt(Number(value)) === value;

/** A value that is there, in a column of text: text as it is, anything else as JSON writes it, or would write a number that is not finite. */
export const jsonText = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return typeof value === 'bigint' || typeof value === 'number' ? `${value}` : (JSON.stringify(value) ?? '');
};

const isMissing = (value: unknown): boolean => value === undefined || value === null;

const missingIn = (values: ReadonlyArray<unknown>): Uint8Array =>
  Uint8Array.from(values, (value) => (isMissing(value) ? 1 : 0));

/** The values as a column of text, which `textOf` makes of those that are there. */
export const textColumn = (
  values: ReadonlyArray<unknown>,
  textOf = jsonText,
): Extract<BatchColumn, { readonly type: 'string' }> => ({
  type: 'string',
  values: values.map((value) => (isMissing(value) ? '' : textOf(value))),
  missing: missingIn(values),
});

/** The values, all of which `type` holds, as a column of it. */
export const narrowColumn = (values: ReadonlyArray<unknown>, type: NarrowType): BatchColumn => {
  const missing = missingIn(values);
  switch (type) {
    case 'int64':
      return {
        type,
        values: BigInt64Array.from(values, (value) => (typeof value === 'bigint' ? value : BigInt(Number(value ?? 0)))),
        missing,
      };
    case 'float64':
      return { type, values: Float64Array.from(values, Number), missing };
    case 'bool':
      return { type, values: Uint8Array.from(values, Number), missing };
    case 'string':
      return textColumn(values);
  }
};

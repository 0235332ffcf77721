/** The one coercion path: from columns of any entrance to the typed features of a signature, by the table in docs/scoring.md. */
import { show } from '../decode.js';
import type { Feature } from '../model/signature.js';
import { cellAt, coerceWhole, countLost, isAnyLost, type Lost } from './float-columns.js';
import { columnsOfBlock } from './number-block.js';
import {
  allocateColumn,
  columnAllocator,
  type Column,
  type RawColumn,
  type RawRows,
  type RowBatch,
} from './row-batch.js';

type JsonColumn = Extract<RawColumn, { readonly type: 'json' }>;

/** Columns as an entrance brings them. */
export interface RawBatch extends RawRows {
  /** True when `string` columns hold unparsed text, as CSV's do. */
  readonly textual: boolean;
}

/** A value that does not fit its feature. `row` counts from 0 within the batch. */
export interface CellProblem {
  readonly row: number;
  readonly column: string;
  readonly detail: string;
}

/**
 * Features ready for tensors: no missing masks, every value in its feature's type, except that a float feature's may still be in another type of
 * numbers: `inType` rounds them.
 */
export interface CoercedBatch {
  readonly batch: RowBatch;
  /** By row, then by feature; at most `problemsPerColumn` of each feature. */
  readonly problems: ReadonlyArray<CellProblem>;
  readonly problemTotal: number;
  /** By float feature, where there are any. */
  readonly lost: ReadonlyMap<string, Lost>;
}

/** Coerces every feature's column; each must be there. Cells that do not fit are problems, and hold nothing meant. */
export const coerceFeatures = (
  features: ReadonlyArray<Feature>,
  raw: RawBatch,
  problemsPerColumn: number,
): CoercedBatch => {
  const columns = new Map<string, Column>();
  const problems: CellProblem[] = [];
  const lost = new Map<string, Lost>();
  let problemTotal = 0;
  if (raw.block !== undefined) {
    const { block, ...others } = raw;
    if (!isAnyLost(features, block.values))
      return { batch: { rowCount: raw.rowCount, columns, block }, problems, problemTotal, lost };
    const apart = new Map<string, RawColumn>([...raw.columns, ...columnsOfBlock(block)]);
    return coerceFeatures(features, { ...others, columns: apart }, problemsPerColumn);
  }
  const allocate = columnAllocator(features, raw.rowCount);
  for (const feature of features) {
    const source = raw.columns.get(feature.name);
    if (source === undefined) throw new Error(`column ${feature.name} was not checked`);
    const whole = coerceWhole(feature, source);
    const column = whole ?? allocate(feature.type);
    columns.set(feature.name, column);
    if (whole === undefined) {
      let row = source.type === 'json' ? writePlain(feature, source, column) : 0;
      if (row < raw.rowCount) {
        const write = cellWriter(feature, column, raw.textual && source.type === 'string');
        let listed = 0;
        for (; row < raw.rowCount; row++) {
          const detail = write(cellAt(source, row), row);
          if (detail === undefined) continue;
          problemTotal++;
          if (listed++ < problemsPerColumn) problems.push({ row, column: feature.name, detail });
        }
      }
    }
    const { inexact, infinite } = countLost(feature, column, source);
    if (inexact > 0 || infinite > 0) lost.set(feature.name, { inexact, infinite });
  }
  if (problems.length > 1) problems.sort((a, b) => a.row - b.row);
  return { batch: { rowCount: raw.rowCount, columns }, problems, problemTotal, lost };
};

/** Writes JSON values as long as they are what nearly all are, and answers with the first row that the table has to be asked about. */
const writePlain = ({ fill }: Feature, { values }: JsonColumn, column: Column): number => {
  let row = 0;
  switch (column.type) {
    case 'float32':
    case 'float64':
      for (; row < values.length; row++) {
        const value = values[row];
        if (typeof value === 'number') column.values[row] = value;
        else if (value === null && fill === null) column.values[row] = Number.NaN;
        else break;
        if (fill !== null && Number.isNaN(value)) break;
      }
      return row;
    case 'string': {
      const texts = column.values as string[];
      for (; row < values.length; row++) {
        const value = values[row];
        if (typeof value !== 'string' || value.includes('\0')) break;
        texts[row] = value;
      }
      return row;
    }
    case 'int64':
      for (; row < values.length; row++) {
        const value = values[row];
        if (!Number.isSafeInteger(value)) break;
        column.values[row] = BigInt(value as number);
      }
      return row;
    default:
      return row;
  }
};

/** Writes one value into its place in the column, or says why it does not fit. */
type CellWriter = (value: unknown, row: number) => string | undefined;

const cellWriter = (feature: Feature, column: Column, textual: boolean): CellWriter => {
  const place = writeValue(feature, column);
  const { fill } = feature;
  const parse = textual ? textParser(column) : undefined;
  const missing =
    fill !== null
      ? place.bind(undefined, fill)
      : column.type === 'float32' || column.type === 'float64'
        ? place.bind(undefined, Number.NaN)
        : () => `a value is missing, and the feature (${feature.type}) has no fill`;
  return (value, row) => {
    const field = textual && value === '' ? undefined : value;
    const parsed = parse === undefined || field === undefined ? field : parse(field);
    const absent = parsed === undefined || parsed === null || (fill !== null && Number.isNaN(parsed));
    return absent ? missing(row) : place(parsed, row);
  };
};

const writeValue = (feature: Feature, column: Column): CellWriter => {
  const refused = (value: unknown, why = ''): string => `expected ${feature.type}, got ${tell(value)}${why}`;
  switch (column.type) {
    case 'float32':
    case 'float64':
      return (value, row) => {
        const number = typeof value === 'boolean' || typeof value === 'bigint' ? Number(value) : value;
        if (typeof number !== 'number') return refused(value);
        column.values[row] = number;
        return undefined;
      };
    case 'int32':
      return (value, row) => {
        const number = typeof value === 'bigint' ? Number(value) : value;
        if (!Number.isInteger(number) || (number as number) !== ((number as number) | 0))
          return refused(value, integerWhy(number));
        column.values[row] = number as number;
        return undefined;
      };
    case 'int64':
      return (value, row) => {
        if (typeof value === 'number' && !Number.isSafeInteger(value)) return refused(value, integerWhy(value));
        const integer = typeof value === 'number' || isDigits(value) ? BigInt(value) : value;
        if (typeof integer !== 'bigint') return refused(value);
        if (BigInt.asIntN(64, integer) !== integer) return refused(value, ', which 64 bits do not hold');
        column.values[row] = integer;
        return undefined;
      };
    case 'bool':
      return (value, row) => {
        const number = typeof value === 'boolean' || typeof value === 'bigint' ? Number(value) : value;
        if (number !== 0 && number !== 1) return refused(value);
        column.values[row] = number;
        return undefined;
      };
    case 'string': {
      const values = column.values as string[];
      return (value, row) => {
        if (typeof value !== 'string') {
          return refused(
            value,
            typeof value === 'number' || typeof value === 'bigint'
              ? ': a code that arrives as a number has lost its leading zeros upstream; send it as text'
              : '',
          );
        }
        if (value.includes('\0'))
          return 'expected string, got one with a zero character, where ONNX Runtime would end it';
        values[row] = value;
        return undefined;
      };
    }
  }
};

const integerWhy = (value: unknown): string => {
  if (typeof value !== 'number') return '';
  if (!Number.isInteger(value)) return Number.isFinite(value) ? ', a fraction' : '';
  return Number.isSafeInteger(value)
    ? ', which 32 bits do not hold'
    : ', an integer out of range (beyond 2^53, send digits as text where the feature is int64)';
};

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^[+-]?[0-9]{1,19}$/.test(value);

/** A number, as text says it. */
export const numberText = /^\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$/;

/** How a field of text is read for a numeric or bool feature; what does not parse stays text, and is refused as such. */
const textParser = (column: Column): ((value: unknown) => unknown) | undefined => {
  switch (column.type) {
    case 'string':
      return undefined;
    case 'bool':
      return (value) => {
        const number = typeof value === 'string' ? /^\s*([01])(?:\.0*)?\s*$/.exec(value)?.[1] : undefined;
        if (number !== undefined) return number === '1';
        return isNotANumber(value) ? undefined : (parseBoolean(value) ?? value);
      };
    case 'int64':
    case 'int32':
      return (value) => {
        const digits = typeof value === 'string' ? /^\s*([+-]?[0-9]{1,19})(?:\.0*)?\s*$/.exec(value)?.[1] : undefined;
        if (digits !== undefined) return BigInt(digits);
        return isNotANumber(value) ? undefined : value;
      };
    case 'float32':
    case 'float64':
      return (value) => {
        if (typeof value !== 'string') return value;
        if (numberText.test(value)) return Number(value);
        if (isNotANumber(value)) return undefined;
        const infinite = /^\s*([+-]?)inf(?:inity)?\s*$/i.exec(value);
        if (infinite === null) return parseBoolean(value) ?? value;
        return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      };
  }
};

const parseBoolean = (value: unknown): boolean | undefined => {
  const field = typeof value === 'string' ? value.trim().toLowerCase() : undefined;
  return field === 'true' ? true : field === 'false' ? false : undefined;
};

const isNotANumber = (value: unknown): boolean => typeof value === 'string' && value.trim().toLowerCase() === 'nan';

const tell = (value: unknown): string => {
  if (typeof value === 'string') return `the text ${show(value)}`;
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${value}`;
  return show(value);
};

/** The rows that have no problem, in order. */
export const keepRows = (batch: RawBatch, refused: ReadonlySet<number>): RawBatch => {
  const kept: number[] = [];
  for (let row = 0; row < batch.rowCount; row++) if (!refused.has(row)) kept.push(row);
  const columns = new Map<string, RawColumn>();
  for (const [name, column] of batch.columns) columns.set(name, pick(column, kept));
  return { ...batch, rowCount: kept.length, columns };
};

const pick = (column: RawColumn, rows: ReadonlyArray<number>): RawColumn => {
  if (column.type === 'json') return { type: 'json', values: rows.map((row) => column.values[row]) };
  const picked = allocateColumn(column.type, rows.length);
  const target = picked.values as { [row: number]: unknown };
  rows.forEach((row, at) => {
    target[at] = column.values[row];
  });
  const { missing } = column;
  return missing === undefined ? picked : { ...picked, missing: Uint8Array.from(rows, (row) => missing[row] ?? 0) };
};

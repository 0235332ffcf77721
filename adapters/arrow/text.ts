/** Dates, times and decimals as text, written as the table files' are. */
import { type Data, DataType, DateUnit, TimeUnit } from 'apache-arrow';

type ReadText = (row: number) => string;

/** How values of the type become text: ISO 8601, with a Z where there is a time zone, or all digits; none for other types. */
export const textReader = (type: DataType): ((data: Data) => ReadText) | undefined => {
  if (DataType.isDate(type)) {
    const perUnit = type.unit === DateUnit.DAY ? 86_400_000 : 1;
    return numbers((value) => isoOf(value * perUnit).slice(0, -14));
  }
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone === null || type.timezone === undefined || type.timezone === '' ? '' : 'Z';
    return bigints((value) => {
      const [seconds, fraction] = split(value, type.unit);
      return `${isoOf(Number(seconds) * 1_000).slice(0, -5)}${fraction}${zone}`;
    });
  }
  if (DataType.isTime(type)) {
    const read = (value: bigint): string => {
      const [seconds, fraction] = split(value, type.unit);
      return `${isoOf(Number(seconds) * 1_000).slice(11, 19)}${fraction}`;
    };
    return type.bitWidth === 64 ? bigints(read) : numbers((value) => read(BigInt(value)));
  }
  if (DataType.isDecimal(type)) {
    const words = type.bitWidth / 32;
    return ({ values, length }) => {
      if (values.length < words * length) throw new RangeError('a column of decimals has too few values');
      return (row) => decimalOf(values as Uint32Array, row * words, words, type.scale);
    };
  }
  return undefined;
};

const numbers =
  (read: (value: number) => string) =>
  ({ values, length }: Data): ReadText => {
    if (values.length < length) throw new RangeError('a column has too few values');
    return (row) => read(Number(values[row]));
  };

const bigints =
  (read: (value: bigint) => string) =>
  ({ values, length }: Data): ReadText => {
    if (values.length < length) throw new RangeError('a column has too few values');
    return (row) => read(BigInt(values[row]));
  };

/** `2020-01-02T03:04:05.678Z`; throws a RangeError beyond what a Date holds. */
const isoOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

const digitsOf = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
};

/** Whole seconds, and what is left as `.5`, or nothing. */
const split = (value: bigint, unit: TimeUnit): readonly [bigint, string] => {
  const digits = digitsOf[unit];
  const perSecond = 10n ** BigInt(digits);
  const rest = ((value % perSecond) + perSecond) % perSecond;
  const text = `${rest}`.padStart(digits, '0').replace(/0+$/, '');
  return [(value - rest) / perSecond, rest === 0n ? '' : `.${text}`];
};

/** From two's complement, the lowest word first. */
const decimalOf = (values: Uint32Array, at: number, words: number, scale: number): string => {
  let unscaled = 0n;
  for (let word = words - 1; word >= 0; word--) unscaled = (unscaled << 32n) | BigInt(values[at + word] ?? 0);
  unscaled = BigInt.asIntN(words * 32, unscaled);
  if (scale <= 0) return `${unscaled * 10n ** BigInt(-scale)}`;
  const digits = `${unscaled < 0n ? -unscaled : unscaled}`.padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
};

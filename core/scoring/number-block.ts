/** Columns of numbers that come together, row by row, as a model with one joint input takes them. */
import type { Feature } from '../model/signature.js';
import type { Column, NumberBlock } from './row-batch.js';

/** The features, where they may come as a block: numbers of one input, any of which may be missing, and none a key. */
export const togetherOf = (features: ReadonlyArray<Feature>, keys: ReadonlyArray<string>): ReadonlyArray<string> => {
  const fits = ({ name, type, fill, input, index }: Feature): boolean =>
    (type === 'float32' || type === 'float64') &&
    fill === null &&
    index !== null &&
    input === features[0]?.input &&
    !keys.includes(name);
  return features.every(fits) ? features.map(({ name }) => name) : [];
};

/** Rows `begin` (included) to `end` (excluded), without copying. */
export const sliceBlock = ({ names, values }: NumberBlock, begin: number, end: number): NumberBlock => ({
  names,
  values: values.subarray(begin * names.length, end * names.length),
});

/** Each column by itself. */
export const columnsOfBlock = ({ names, values }: NumberBlock): ReadonlyMap<string, Column> => {
  const width = names.length;
  const valuesOf = (at: number): Float64Array =>
    new Float64Array(values.length / width).map((_, row) => values[row * width + at] ?? Number.NaN);
  return new Map(names.map((name, at) => [name, { type: 'float64', values: valuesOf(at) }]));
};

/** The distribution of a prediction column: one streaming pass, constant memory. */
import * as t from 'io-ts';
import { type Host, type QuantileSketch, sketchAccuracy } from '../ports/host.js';

/** Quantiles and histogram are exact up to 10,000 values; beyond, within 1 % (relative), and `approximate` says so. */
export interface Distribution {
  /** Values that are numbers. */
  readonly count: number;
  /** Values that are not: NaN, infinite or missing, written as null. */
  readonly nulls: number;
  /** Null, as are the next four, when there are no numbers; as is the next, when it is beyond what a double holds. */
  readonly mean: number | null;
  /** Of the population: divided by `count`. */
  readonly std: number | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly median: number | null;
  /** The 10th to the 90th percentile: 9, each null when there are no numbers. */
  readonly deciles: ReadonlyArray<number | null>;
  /** 20 bins of equal width from min to max: 21 edges, each null when there are no numbers, and 20 counts. */
  readonly histogram: { readonly edges: ReadonlyArray<number | null>; readonly counts: ReadonlyArray<number> };
  readonly approximate: boolean;
}

/** What was recorded of some rows, to be added to what was recorded of others: some kilobytes, or up to a megabyte of values of every magnitude. */
export const DistributionState = t.readonly(
  t.type({
    count: t.number,
    nulls: t.number,
    /** Null, as is the next, when it is beyond what a double holds. */
    mean: t.union([t.number, t.null]),
    /** The sum of the squared deviations from the mean. */
    squares: t.union([t.number, t.null]),
    /** Null, as is the next, when there are no numbers. */
    min: t.union([t.number, t.null]),
    max: t.union([t.number, t.null]),
    /** The values of a quantile sketch, each with its count: `3.5 12,3.6 7`. In documents for people, numbers would stand on a line each. */
    sketch: t.string,
  }),
  'DistributionState',
);
export type DistributionState = t.TypeOf<typeof DistributionState>;

export interface DistributionRecorder {
  readonly add: (values: ArrayLike<number | bigint>, missing?: Uint8Array) => void;
  /** Adds what another recorder recorded; from then on the distribution is approximate. */
  readonly addState: (state: DistributionState) => void;
  readonly state: () => DistributionState;
  readonly result: () => Distribution;
}

/** What somebody else worked out of a column. */
export interface DistributionSummary {
  /** Values that are numbers. */
  readonly count: number;
  /** Null, as are the next three, when there are no numbers. */
  readonly mean: number | null;
  readonly std: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Values at equal steps of rank, from the smallest to the largest, at least three; null when there are no numbers. */
  readonly quantiles: ReadonlyArray<number> | null;
}

const exactLimit = 10_000;
const binCount = 20;
const decileCount = 9;

/** Of no numbers, in the shape of any other. */
const nothing: Distribution = {
  count: 0,
  nulls: 0,
  mean: null,
  std: null,
  min: null,
  max: null,
  median: null,
  deciles: new Array<null>(decileCount).fill(null),
  histogram: { edges: new Array<null>(binCount + 1).fill(null), counts: new Array<number>(binCount).fill(0) },
  approximate: false,
};

/** The distribution of a column of `rowCount` rows that was summarised elsewhere; quantiles and histogram are as fine as the summary's. */
export const distributionOf = (
  { count, mean, std, min, max, quantiles }: DistributionSummary,
  rowCount: number,
): Distribution => {
  const nulls = rowCount - count;
  if (mean === null || min === null || max === null || quantiles === null) return { ...nothing, nulls };
  const steps = quantiles.length - 1;
  const quantile = (q: number): number => quantiles[Math.round(q * steps)] ?? Number.NaN;
  const shareUpTo = (edge: number): number => quantiles.filter((value) => value <= edge).length / quantiles.length;
  const edges = edgesOf(min, max);
  const shape =
    min === max
      ? shapeOfOne(min, count)
      : {
          median: quantile(0.5),
          deciles: Array.from({ length: decileCount }, (_, i) => quantile((i + 1) / 10)),
          histogram: { edges, counts: binByShares(shareUpTo, edges, count) },
        };
  return { count, nulls, mean, std, min, max, ...shape, approximate: true };
};

/** Begins an empty distribution. Mean and deviation by Welford's method (Technometrics 4:3, 1962). */
export const recordDistribution = (host: Host): DistributionRecorder => {
  let count = 0;
  let nulls = 0;
  let mean = 0;
  let squares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let exact: number[] = [];
  let sketch: QuantileSketch | undefined;

  const keep = (value: number): void => {
    if (sketch === undefined && exact.length < exactLimit) exact.push(value);
    else sketched().add(value);
  };
  const sketched = (): QuantileSketch => {
    if (sketch !== undefined) return sketch;
    sketch = host.quantileSketch();
    for (const earlier of exact) sketch.add(earlier);
    exact = [];
    return sketch;
  };

  const shape = (): Shape => {
    const inOrder = Float64Array.from(exact).sort();
    const within = (value: number): number => Math.min(max, Math.max(min, value));
    const quantile = (q: number): number =>
      sketch === undefined ? interpolate(inOrder, q) : within(sketch.quantile(q));
    const edges = edgesOf(min, max);
    return {
      median: quantile(0.5),
      deciles: Array.from({ length: decileCount }, (_, i) => quantile((i + 1) / 10)),
      histogram: {
        edges,
        counts: sketch === undefined ? binExact(inOrder, edges) : binByShares(spreadIn(sketch, min, max), edges, count),
      },
    };
  };

  return {
    add: (values, missing) => {
      // Of this call alone: a number that outlives it is a new object whenever it changes.
      let [counted, average, deviations, least, most] = [count, mean, squares, min, max];
      for (let i = 0; i < values.length; i++) {
        const value = Number(values[i]);
        if (missing?.[i] === 1 || !Number.isFinite(value)) {
          nulls++;
          continue;
        }
        counted++;
        const delta = value - average;
        average += delta / counted;
        deviations += delta * (value - average);
        if (value < least) least = value;
        if (value > most) most = value;
        keep(value);
      }
      [count, mean, squares, min, max] = [counted, average, deviations, least, most];
    },
    // Two means and two sums of squares as one: Chan, Golub and LeVeque, The American Statistician 37:3, 1983.
    addState: (state) => {
      nulls += state.nulls;
      if (state.min === null || state.max === null) return;
      const both = count + state.count;
      const delta = (state.mean ?? Number.NaN) - mean;
      mean += (delta * state.count) / both;
      squares += (state.squares ?? Number.NaN) + (delta * delta * count * state.count) / both;
      count = both;
      min = Math.min(min, state.min);
      max = Math.max(max, state.max);
      for (const pair of state.sketch.split(',')) {
        const [value, times] = pair.split(' ');
        sketched().add(Number(value), Number(times));
      }
    },
    state: () => ({
      count,
      nulls,
      mean: finiteOrNull(mean),
      squares: finiteOrNull(squares),
      min: count === 0 ? null : min,
      max: count === 0 ? null : max,
      sketch: sketched()
        .values()
        .map((pair) => pair.join(' '))
        .join(),
    }),
    result: () => {
      if (count === 0) return { ...nothing, nulls };
      return {
        count,
        nulls,
        mean: finiteOrNull(mean),
        std: finiteOrNull(Math.sqrt(squares / count)),
        min,
        max,
        ...(min === max ? shapeOfOne(min, count) : shape()),
        approximate: sketch !== undefined,
      };
    },
  };
};

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

const edgesOf = (min: number, max: number): ReadonlyArray<number> => {
  const isWide = !Number.isFinite((max - min) * binCount);
  const edge = (i: number): number =>
    isWide ? min * (1 - i / binCount) + max * (i / binCount) : min + ((max - min) * i) / binCount;
  return Array.from({ length: binCount + 1 }, (_, i) => (i === binCount ? max : edge(i)));
};

type Shape = Pick<Distribution, 'median' | 'deciles' | 'histogram'>;

/** Of `count` times the same number, as of a single row. */
const shapeOfOne = (value: number, count: number): Shape => {
  const counts = new Array<number>(binCount).fill(0);
  counts[0] = count;
  return {
    median: value,
    deciles: new Array<number>(decileCount).fill(value),
    histogram: { edges: new Array<number>(binCount + 1).fill(value), counts },
  };
};

/** Linear between the two nearest ranks, as NumPy's default does. */
const interpolate = (inOrder: Float64Array, q: number): number => {
  const at = q * (inOrder.length - 1);
  const below = inOrder[Math.floor(at)] ?? Number.NaN;
  const above = inOrder[Math.ceil(at)] ?? Number.NaN;
  const share = at - Math.floor(at);
  // The two may be further apart than a double holds.
  return Number.isFinite(above - below) ? below + (above - below) * share : below * (1 - share) + above * share;
};

/** A bin holds its lower edge, and the last one its upper edge too, as NumPy's do. */
const binExact = (inOrder: Float64Array, edges: ReadonlyArray<number>): ReadonlyArray<number> => {
  const counts = new Array<number>(binCount).fill(0);
  let bin = 0;
  for (const value of inOrder) {
    while (bin < binCount - 1 && value >= (edges[bin + 1] ?? Number.POSITIVE_INFINITY)) bin++;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
};

/** Counts between edges, from the share of values up to each; they add up to `count`. */
const binByShares = (
  shareUpTo: (edge: number) => number,
  edges: ReadonlyArray<number>,
  count: number,
): ReadonlyArray<number> => {
  const ranks = edges.map((edge, i) => (i === 0 ? 0 : i === binCount ? count : Math.round(count * shareUpTo(edge))));
  return ranks.slice(1).map((rank, i) => Math.max(0, rank - (ranks[i] ?? 0)));
};

/** The share of values up to an edge, when each of the sketch's stands for values evenly spread over what it may be off by. */
const spreadIn = (sketch: QuantileSketch, min: number, max: number): ((edge: number) => number) => {
  const within = (value: number): number => Math.min(max, Math.max(min, value));
  const spans = sketch.values().map(([value, times]) => {
    const off = Math.abs(value) * sketchAccuracy;
    return { begin: within(value - off), end: within(value + off), times };
  });
  const total = spans.reduce((sum, { times }) => sum + times, 0);
  return (edge) => {
    let upTo = 0;
    for (const { begin, end, times } of spans) {
      if (edge >= end) upTo += times;
      else if (edge > begin) upTo += times * ((edge - begin) / (end - begin));
    }
    return upTo / total;
  };
};

/** Distributions of predictions: exact up to 10,000 values, close beyond, and never a number that was not predicted. */
import test from 'ava';
import fc from 'fast-check';
import { nodeHost } from '../../adapters/node-host.js';
import { decode, type Distribution, recordDistribution } from '../../core/index.js';
import { DistributionState, distributionOf as summarised } from '../../core/scoring/distribution.js';
import { rightOf } from '../support/scoring.js';

const host = nodeHost();

const distributionOf = (...batches: ReadonlyArray<ArrayLike<number | bigint>>): Distribution => {
  const recorder = recordDistribution(host);
  for (const values of batches) recorder.add(values);
  return recorder.result();
};

/** NumPy's default percentile: linear between the two nearest ranks. */
const quantileOf = (inOrder: ReadonlyArray<number>, q: number): number => {
  const at = q * (inOrder.length - 1);
  const below = inOrder[Math.floor(at)] ?? Number.NaN;
  const above = inOrder[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
};

const sorted = (values: Iterable<number>): ReadonlyArray<number> => [...values].sort((a, b) => a - b);
const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0);

/** `count` values between `from` and `to`, in an order that looks random and is the same each time. */
const scattered = (count: number, from: number, to: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => from + (to - from) * (((i * 7919) % count) / count) ** 2);

test('ten numbers have the deciles that numpy.percentile gives them', (t) => {
  const found = distributionOf([3, 1, 4, 1, 5, 9, 2, 6, 5, 3]);
  // numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], range(10, 100, 10))
  const deciles = [1, 1.8, 2.7, 3, 3.5, 4.4, 5, 5.2, 6.3];
  t.is(found.count, 10);
  t.is(found.nulls, 0);
  t.is(found.median, 3.5);
  for (const [i, decile] of deciles.entries())
    t.true(Math.abs((found.deciles[i] ?? Number.NaN) - decile) < 1e-12, `decile ${i + 1}`);
  t.is(found.min, 1);
  t.is(found.max, 9);
  t.true(Math.abs((found.mean ?? 0) - 3.9) < 1e-12);
  // numpy.std of the population
  t.true(Math.abs((found.std ?? 0) - 2.3430749027719964) < 1e-12);
  t.false(found.approximate);
});

test('no value at all: counts of zero, and nothing else', (t) => {
  t.deepEqual(distributionOf(), {
    count: 0,
    nulls: 0,
    mean: null,
    std: null,
    min: null,
    max: null,
    median: null,
    deciles: new Array<null>(9).fill(null),
    histogram: { edges: new Array<null>(21).fill(null), counts: new Array<number>(20).fill(0) },
    approximate: false,
  });
});

test('NaN, infinities and missing values are nulls and count for nothing else', (t) => {
  const recorder = recordDistribution(host);
  recorder.add(Float64Array.of(Number.NaN, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 4));
  recorder.add(Float32Array.of(1000, 3), Uint8Array.of(1, 0));
  const { count, nulls, min, max, mean, median } = recorder.result();
  t.deepEqual({ count, nulls, min, max, mean, median }, { count: 3, nulls: 4, min: 2, max: 4, mean: 3, median: 3 });
});

test('nothing but NaN: counted, and null everywhere', (t) => {
  const { count, nulls, mean, deciles } = distributionOf([Number.NaN, Number.NaN]);
  t.deepEqual(
    { count, nulls, mean, deciles },
    { count: 0, nulls: 2, mean: null, deciles: new Array<null>(9).fill(null) },
  );
});

test('one value is its own everything', (t) => {
  const found = distributionOf([-7.25]);
  t.deepEqual(
    { ...found, histogram: sum(found.histogram.counts) },
    {
      count: 1,
      nulls: 0,
      mean: -7.25,
      std: 0,
      min: -7.25,
      max: -7.25,
      median: -7.25,
      deciles: new Array<number>(9).fill(-7.25),
      histogram: 1,
      approximate: false,
    },
  );
});

for (const count of [3, 10_000, 20_001]) {
  test(`a constant column of ${count} values is that value without deviation, and in one bin`, (t) => {
    for (const value of [0.1, 0, -3]) {
      const found = distributionOf(new Float64Array(count).fill(value));
      t.is(found.mean, value);
      t.is(found.std, 0);
      t.deepEqual([found.min, found.median, found.max], [value, value, value]);
      t.deepEqual(found.deciles, new Array<number>(9).fill(value));
      t.deepEqual(found.histogram.edges, new Array<number>(21).fill(value));
      t.deepEqual(found.histogram.counts, [count, ...new Array<number>(19).fill(0)]);
    }
  });
}

test('int64 labels are counted as the numbers they are', (t) => {
  const { mean, min, max, count } = distributionOf(BigInt64Array.of(1n, 0n, 1n, 2n));
  t.deepEqual({ mean, min, max, count }, { mean: 1, min: 0, max: 2, count: 4 });
});

/** Without a negative zero, which stands on either side of the other one in order, and which JSON does not have. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map((value) => value + 0);
const numbers = fc.array(number, { minLength: 1, maxLength: 400 });

test('up to 10,000 values everything is exact, however they were cut into batches', (t) => {
  fc.assert(
    fc.property(numbers, fc.nat(400), (values, cut) => {
      const found = distributionOf(values.slice(0, cut), values.slice(cut));
      const inOrder = sorted(values);
      const mean = sum(values) / values.length;
      const scale = 1e-9 * Math.max(1, ...values.map(Math.abs));
      t.is(found.count, values.length);
      t.is(found.min, inOrder[0] ?? Number.NaN);
      t.is(found.max, inOrder.at(-1) ?? Number.NaN);
      t.is(found.median, quantileOf(inOrder, 0.5));
      t.deepEqual(
        found.deciles,
        Array.from({ length: 9 }, (_, i) => quantileOf(inOrder, (i + 1) / 10)),
      );
      t.true(Math.abs((found.mean ?? Number.NaN) - mean) <= scale);
      const std = Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / values.length);
      t.true(Math.abs((found.std ?? Number.NaN) - std) <= scale);
    }),
    { numRuns: 200 },
  );
});

test('a histogram has 21 rising edges from min to max, and its counts are what lies between them', (t) => {
  const grid = fc
    .array(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 300 })
    .map((steps) => steps.map((step) => step / 20));
  fc.assert(
    fc.property(fc.oneof(numbers, grid), (values) => {
      const { histogram, min, max } = distributionOf(values);
      const { edges, counts } = histogram;
      fc.pre(max !== min);
      t.is(edges.length, 21);
      t.is(counts.length, 20);
      t.true(edges[0] === min && edges[20] === max);
      t.true(edges.every((edge, i) => i === 0 || (edge ?? Number.NaN) >= (edges[i - 1] ?? Number.NaN)));
      const between = counts.map((_, i) => {
        const [from, to] = [edges[i] ?? Number.NaN, edges[i + 1] ?? Number.NaN];
        return values.filter((value) => value >= from && (i === 19 ? value <= to : value < to)).length;
      });
      t.deepEqual(counts, between);
    }),
    { numRuns: 500 },
  );
});

test('10,000 values are exact, and one more is approximate', (t) => {
  const values = scattered(10_001, 1, 100);
  t.false(distributionOf(values.subarray(0, 10_000)).approximate);
  t.true(distributionOf(values).approximate);
  t.true(distributionOf(values.subarray(0, 5000), values.subarray(5000)).approximate);
  t.is(distributionOf(values.subarray(0, 10_000)).median, quantileOf(sorted(values.subarray(0, 10_000)), 0.5));
});

test('nulls do not use up the 10,000 values that are exact', (t) => {
  t.false(distributionOf(scattered(10_000, 1, 2), new Float64Array(5000).fill(Number.NaN)).approximate);
});

test('beyond 10,000 the histogram of values that lie close together has no holes', (t) => {
  for (const begin of [100, -110, 0.5]) {
    const width = Math.abs(begin) / 10;
    const values = Float64Array.from({ length: 20_000 }, (_, i) => begin + (width * ((i * 7919) % 20_000)) / 20_000);
    const { counts } = distributionOf(values).histogram;
    t.true(
      counts.every((count) => count > 800 && count < 1_200),
      counts.join(),
    );
    t.is(
      counts.reduce((all, count) => all + count, 0),
      values.length,
    );
  }
});

for (const [what, values] of [
  ['positive values', scattered(30_000, 0.5, 4000)],
  ['negative values', scattered(30_000, -4000, -0.5)],
  ['values around zero', scattered(30_000, -50, 80)],
  ['ratings of 1 to 10', Float64Array.from({ length: 25_000 }, (_, i) => 1 + ((i * 7919) % 10))],
] as const) {
  test(`beyond 10,000 each quantile of ${what} is within 1 %, and the rest is exact`, (t) => {
    const found = distributionOf(values);
    const inOrder = sorted(values);
    t.true(found.approximate);
    t.is(found.count, values.length);
    t.is(found.min, inOrder[0] ?? Number.NaN);
    t.is(found.max, inOrder.at(-1) ?? Number.NaN);
    t.true(Math.abs((found.mean ?? Number.NaN) - sum(inOrder) / inOrder.length) < 1e-9 * 4000);
    for (const [i, told] of [...found.deciles, found.median].entries()) {
      const decile = told ?? Number.NaN;
      const rank = (i === 9 ? 0.5 : (i + 1) / 10) * (inOrder.length - 1);
      const near = [Math.floor(rank), Math.ceil(rank)].some((at) => {
        const exact = inOrder[at] ?? Number.NaN;
        return Math.abs(decile - exact) <= 0.01 * Math.abs(exact) + 1e-12;
      });
      t.true(near, `decile ${i + 1} is ${decile}`);
      t.true(decile >= (found.min ?? 0) && decile <= (found.max ?? 0));
    }
  });

  test(`beyond 10,000 the histogram of ${what} adds up, and no bin's edge is off by more than 1 %`, (t) => {
    const { histogram, count } = distributionOf(values);
    t.is(sum(histogram.counts), count);
    t.true(histogram.counts.every((bin) => bin >= 0));
    // What lies below each edge: at least what lies below it less 1 %, and at most what lies below it and 1 %.
    let below = 0;
    for (const [i, bin] of histogram.counts.slice(0, -1).entries()) {
      below += bin;
      const edge = histogram.edges[i + 1] ?? Number.NaN;
      const slack = 0.0101 * Math.abs(edge) + 1e-9;
      const least = values.filter((value) => value < edge - slack).length;
      const most = values.filter((value) => value <= edge + slack).length;
      t.true(
        below >= least - 1 && below <= most + 1,
        `${below} below edge ${i + 1} (${edge}), not ${least} to ${most}`,
      );
    }
  });
}

test('what parts recorded adds up to the distribution of the whole, in any order', (t) => {
  const whole = scattered(30_000, -40, 700);
  const parts = [whole.subarray(0, 12), whole.subarray(12, 20_000), whole.subarray(20_000), new Float64Array(0)];
  const states = parts.map((values) => {
    const recorder = recordDistribution(host);
    recorder.add(values);
    recorder.add([Number.NaN]);
    return JSON.parse(JSON.stringify(recorder.state()));
  });
  const expected = distributionOf(whole, [Number.NaN], [Number.NaN], [Number.NaN], [Number.NaN]);
  for (const inOrder of [states, states.toReversed()]) {
    const recorder = recordDistribution(host);
    for (const state of inOrder) recorder.addState(state);
    const { mean, std, ...found } = recorder.result();
    const { mean: meanOfAll, std: stdOfAll, ...rest } = expected;
    t.deepEqual(found, rest);
    t.true(Math.abs((mean ?? Number.NaN) - (meanOfAll ?? 0)) < 1e-9);
    t.true(Math.abs((std ?? Number.NaN) - (stdOfAll ?? 0)) < 1e-9);
  }
  t.is(recordDistribution(host).result().approximate, false);
});

for (const [what, values] of [
  ['scattered values', scattered(30_000, -50, 80)],
  ['ratings of 1 to 10', Float64Array.from({ length: 30_000 }, (_, i) => 1 + ((i * 7919) % 10))],
] as const) {
  test(`a summary of ${what} by thousandths is the distribution of the values, to a thousandth of their ranks`, (t) => {
    const inOrder = sorted(values);
    const { count, mean, std, min, max, histogram } = distributionOf(values);
    const quantiles = Array.from({ length: 1001 }, (_, i) => inOrder[Math.round((i / 1000) * (count - 1))] ?? 0);
    const found = summarised({ count, mean, std, min, max, quantiles }, count + 5);
    t.like(found, { count, nulls: 5, mean, std, min, max, approximate: true });
    t.deepEqual(found.histogram.edges, histogram.edges);
    t.is(sum(found.histogram.counts), count);
    for (const [i, decile] of [...found.deciles, found.median].entries()) {
      const share = i === 9 ? 0.5 : (i + 1) / 10;
      t.is(decile, quantiles[Math.round(share * 1000)] ?? null);
    }
    let below = 0;
    let exactly = 0;
    for (const [i, bin] of found.histogram.counts.slice(0, -1).entries()) {
      below += bin;
      exactly = inOrder.filter((value) => value <= (histogram.edges[i + 1] ?? 0)).length;
      t.true(Math.abs(below - exactly) <= count / 500, `${below} of ${exactly}`);
    }
  });
}

test('a summary of nothing, and one of a single value', (t) => {
  const none = { count: 0, mean: null, std: null, min: null, max: null, quantiles: null };
  t.like(summarised(none, 3), { count: 0, nulls: 3, mean: null, median: null, approximate: false });
  const same = { count: 4, mean: 2, std: 0, min: 2, max: 2, quantiles: [2, 2, 2] };
  t.like(summarised(same, 4), { median: 2, deciles: new Array(9).fill(2), nulls: 0 });
  t.is(summarised(same, 4).histogram.counts[0], 4);
});

test('numbers whose differences no double holds have a distribution, also in parts', (t) => {
  const values = [1e200, -1e200, 1.7e308, -1.7e308, 3];
  const whole = distributionOf(values);
  const recorder = recordDistribution(host);
  for (const part of [values.slice(0, 2), values.slice(2)]) {
    const recorded = recordDistribution(host);
    recorded.add(part);
    recorder.addState(rightOf(decode(DistributionState, 'the state')(JSON.parse(JSON.stringify(recorded.state())))));
  }
  for (const { count, min, max, std, histogram, deciles } of [whole, recorder.result()]) {
    t.is(count, 5);
    t.is(min, -1.7e308);
    t.is(max, 1.7e308);
    t.is(std, null);
    t.is(histogram.edges[10], 0);
    t.true([...histogram.edges, ...deciles].every(Number.isFinite));
    t.is(sum(histogram.counts), 5);
  }
  t.is(whole.median, 3);
});

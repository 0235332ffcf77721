// What the metrics cost a request: the processor's time for counting it and its scoring, and for telling all of them once.
import { createMetrics } from '../dist/apps/http/metrics.js';

const usage = () => ({ cache: { modelCount: 1, sizeBytes: 1, hits: 1, misses: 1 }, look_ups: [] });
const metrics = createMetrics({ usage });
const answers = [1, 2, 3].map((version) => ({
  model_details: { model_type: 'rating', name: 'production_rating_model', version },
  performance_diagnostics: { total_scored: 1 },
}));

const count = (i) => {
  const decodeMs = (i % 1000) / 500;
  metrics.countScoring(answers[i % answers.length], { decodeMs, runMs: 0.02, encodeMs: 0.03, totalMs: decodeMs + 1 });
  metrics.countRequest('/score', 200);
};

/** Microseconds of processor for each of `n` calls, the least of ten rounds. */
const cost = async (n, call) => {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < n; i++) await call(i);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / n);
  }
  return least;
};

const nothing = await cost(100_000, () => undefined);
const counting = (await cost(100_000, count)) - nothing;
const telling = await cost(20, () => metrics.text());
console.log(`metrics: ${counting.toFixed(1)} µs for a scoring, ${(telling / 1000).toFixed(1)} ms for GET /metrics`);

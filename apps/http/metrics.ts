/** What a serving process counts and measures, for Prometheus. */
import * as TE from 'fp-ts/lib/TaskEither.js';
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';
import type { Failure, ScoreAnswer, Service } from '../../core/index.js';

/** Metrics as data, to be summed up with those of other processes. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Where the time of one scoring over HTTP went, in milliseconds. What is left of `totalMs` was spent waiting. */
export interface ScoringTimes {
  readonly decodeMs: number;
  readonly runMs: number;
  readonly encodeMs: number;
  readonly totalMs: number;
}

export interface Metrics {
  /** A request was answered. Without a route nobody has its path; `cancelled` when nobody was there to answer. */
  readonly countRequest: (route: string | undefined, status: number | 'cancelled') => void;
  readonly countScoring: (answer: ScoreAnswer, times: ScoringTimes) => void;
  readonly figures: () => Promise<Figures>;
  /** Prometheus' text format, version 0.0.4. Fails `Unavailable` where another process has to be asked and does not answer. */
  readonly text: TE.TaskEither<Failure, string>;
  /** Stops measuring, and takes what is told here out of a registry that was given. What was counted can still be asked for. */
  readonly close: () => void;
}

export interface MetricsOptions {
  /** The caller's own, from prom-client: it gets these metrics beside its own, `/metrics` tells them all, and those of the process are left to the caller. */
  readonly registry?: Registry;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats */
export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE;

const ofVersion = ['model_type', 'model_name', 'model_version'] as const;
type VersionLabels = Readonly<Record<(typeof ofVersion)[number], string>>;

/** Versions that have series of their own: beyond it, those of the one that scored longest ago are forgotten. */
const mostVersions = 64;

/** From a single row of a small model to the longest request that the default limit allows. */
const scoringBuckets = [
  ...[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025],
  ...[0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
];

const delayBuckets = [0.001, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** How often the delay of the event loop is looked at. */
const delayEveryMs = 10;

/** Counts from now on, until it is closed. What the service holds is asked when somebody asks for the metrics. Throws when a registry that is given has one of these metrics. */
export const createMetrics = (service: Pick<Service, 'usage'>, { registry: given }: MetricsOptions = {}): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'scorekeeper_http_requests_total',
    help: 'Requests answered, by the pattern of their route and status.',
    labelNames: ['route', 'status'],
    registers,
  });
  const countScoring = scoringMetrics(registry);
  usageMetrics(registry, service);
  new Gauge({
    name: 'scorekeeper_workers',
    help: 'Processes that serve.',
    registers,
    collect() {
      this.set(1);
    },
  });
  const delay = new Histogram({
    name: 'scorekeeper_event_loop_delay_seconds',
    help: `How late a timer was that is due every ${delayEveryMs} ms: what a request waits for when it arrives.`,
    buckets: delayBuckets,
    registers,
  });
  const ours = registry.getMetricsAsArray();
  if (given === undefined) addTo(registry, processMetrics().getMetricsAsArray());
  else addTo(given, ours);
  const told = given ?? registry;
  const stopObserving = observeDelay(delay);
  return {
    countRequest: (route = 'none', status) => requests.inc({ route, status: `${status}` }),
    countScoring,
    figures: () => told.getMetricsAsJSON(),
    text: TE.fromTask(() => told.metrics()),
    close: () => {
      stopObserving();
      for (const { name } of ours) given?.removeSingleMetric(name);
    },
  };
};

/** The library's types make less of a registry's metrics than they are. */
const addTo = (registry: Registry, metrics: ReturnType<Registry['getMetricsAsArray']>): void => {
  for (const metric of metrics) registry.registerMetric(metric as unknown as Metric);
};

let ofProcess: Registry | undefined;

/** Once for all: what prom-client begins to observe of the process, it observes until the process ends. */
const processMetrics = (): Registry => {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
};

/** Of successful scorings, by version. */
const scoringMetrics = (registry: Registry): Metrics['countScoring'] => {
  const registers = [registry];
  const rows = new Counter({
    name: 'scorekeeper_rows_scored_total',
    help: 'Rows scored.',
    labelNames: ofVersion,
    registers,
  });
  const seconds = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ofVersion, buckets: scoringBuckets, registers });
  const decode = seconds('scorekeeper_score_decode_seconds', 'From bytes, or from the source, to rows.');
  const queue = seconds(
    'scorekeeper_score_queue_seconds',
    'Waiting: for the body, the registry, the load of a model, and the turns of other requests.',
  );
  const run = seconds('scorekeeper_score_run_seconds', "Fitting rows to the model's features, and running it.");
  const encode = seconds('scorekeeper_score_encode_seconds', 'From predictions to the answer, or to the output.');
  const total = seconds('scorekeeper_score_seconds', 'From the headers of the request to its answer.');

  const known = new Map<string, VersionLabels>();
  const labelsOf = ({ model_type, name, version }: ScoreAnswer['model_details']): VersionLabels => {
    const key = `${model_type}/${name}@${version}`;
    const labels = known.get(key) ?? { model_type, model_name: name, model_version: `${version}` };
    known.delete(key);
    known.set(key, labels);
    const [oldest] = known;
    if (known.size > mostVersions && oldest !== undefined) {
      known.delete(oldest[0]);
      for (const metric of [rows, decode, queue, run, encode, total]) metric.remove(oldest[1]);
    }
    return labels;
  };

  return (answer, { decodeMs, runMs, encodeMs, totalMs }) => {
    const labels = labelsOf(answer.model_details);
    rows.inc(labels, answer.performance_diagnostics.total_scored);
    decode.observe(labels, decodeMs / 1000);
    queue.observe(labels, Math.max(0, totalMs - decodeMs - runMs - encodeMs) / 1000);
    run.observe(labels, runMs / 1000);
    encode.observe(labels, encodeMs / 1000);
    total.observe(labels, totalMs / 1000);
  };
};

/** What the service holds and knows. */
const usageMetrics = (registry: Registry, { usage }: Pick<Service, 'usage'>): void => {
  const registers = [registry];
  new Gauge({
    name: 'scorekeeper_models_loaded',
    help: 'Models in memory.',
    registers,
    collect() {
      this.set(usage().cache.modelCount);
    },
  });
  new Gauge({
    name: 'scorekeeper_models_loaded_bytes',
    help: 'Memory that the loaded models are estimated to hold.',
    registers,
    collect() {
      this.set(usage().cache.sizeBytes);
    },
  });
  new Counter({
    name: 'scorekeeper_model_cache_hits_total',
    help: 'Scorings whose model was in memory, or being loaded.',
    registers,
    collect() {
      this.reset();
      this.inc(usage().cache.hits);
    },
  });
  new Counter({
    name: 'scorekeeper_model_cache_misses_total',
    help: 'Scorings that began the load of their model.',
    registers,
    collect() {
      this.reset();
      this.inc(usage().cache.misses);
    },
  });
  new Gauge({
    name: 'scorekeeper_registry_lookup_age_seconds',
    help: 'Since the registry last said what latest or an alias means; it grows while nobody asks, too.',
    labelNames: ['reference'],
    aggregator: 'max',
    registers,
    collect() {
      this.reset();
      for (const { reference, age_ms } of usage().look_ups) this.set({ reference }, age_ms / 1000);
    },
  });
  new Gauge({
    name: 'scorekeeper_registry_lookups_failing',
    help: 'References whose last look-up failed, so that an earlier answer serves.',
    registers,
    collect() {
      this.set(usage().look_ups.filter(({ failing }) => failing !== null).length);
    },
  });
};

/** Until what it answers is called. */
const observeDelay = (histogram: Histogram): (() => void) => {
  let dueMs = performance.now() + delayEveryMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    histogram.observe(Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + delayEveryMs;
  }, delayEveryMs).unref();
  return () => clearInterval(timer);
};

// What it takes to decode the same rows from each type of body, and to encode the same predictions in each type of answer: the processor's
// time of one scoring through the service, without a network, against JSON records in the same run.
import { readFileSync } from 'node:fs';
import { createService, ndjsonEncoder } from '../dist/core/index.js';
import { arrowEncoder } from '../dist/adapters/arrow/encoder.js';
import { arrowRows } from '../dist/adapters/arrow/rows.js';
import { artifactStoreExperimentSource } from '../dist/adapters/artifact-store/experiment-source.js';
import { csvEncoder } from '../dist/adapters/csv/encoder.js';
import { csvRows } from '../dist/adapters/csv/rows.js';
import { ndjsonRows } from '../dist/adapters/duckdb/ndjson-rows.js';
import { parquetRows } from '../dist/adapters/duckdb/parquet-rows.js';
import { stageParquet } from '../dist/adapters/duckdb/parquet-stage.js';
import { duckdbPredictionSink } from '../dist/adapters/duckdb/prediction-sink.js';
import { localFilesystemArtifactStore } from '../dist/adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../dist/adapters/lru-cache/model-cache.js';
import { nodeHost } from '../dist/adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../dist/adapters/onnxruntime/inference-engine.js';
import { goldenRecords, registered } from './games.mjs';
import { median } from './measure.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 20_000);
const rounds = 7;
const experiment = 'rating/linear_rating_model';
const store = localFilesystemArtifactStore({ root: registered('rating', 'linear_rating_model') });
const service = createService({
  host: nodeHost(),
  store,
  experiments: artifactStoreExperimentSource({ store, root: 'models/experiments' }),
  engine: onnxruntimeInferenceEngine(),
  cache: lruCacheModelCache({ limitBytes: 256 * 1024 ** 2 }),
  sources: {},
  sink: duckdbPredictionSink({ root: '.' }),
});

const right = async (task) => {
  const outcome = await task();
  if (outcome._tag === 'Left') throw new Error(outcome.left.message);
  return outcome.right;
};

/** The rows in each type of body. */
const records = goldenRecords(experiment, rowCount);
const names = Object.keys(records[0]);
const table = {
  rowCount,
  columns: new Map(
    names.map((name) => {
      const cells = records.map((record) => record[name]);
      const missing = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0));
      return cells.some((cell) => typeof cell === 'string')
        ? [name, { type: 'string', values: cells.map((cell) => cell ?? ''), missing }]
        : [name, { type: 'float64', values: Float64Array.from(cells, Number), missing }];
    }),
  ),
};
const schema = Array.from(table.columns, ([name, { type }]) => ({ name, type }));
const encoded = (encoder) =>
  Buffer.concat([encoder.begin(schema), encoder.encode(table), encoder.end()].map((part) => Buffer.from(part)));
const stage = stageParquet({
  deadlineMs: Number.POSITIVE_INFINITY,
  cancellation: { aborted: false, onAbort: () => () => undefined },
});
await right(stage.into.begin(schema));
await right(stage.into.write(table));
const parquet = readFileSync((await right(stage.finish)).path);
await stage.close();
const bodies = {
  records: Buffer.from(JSON.stringify(records)),
  columns: Buffer.from(
    JSON.stringify(Object.fromEntries(names.map((name) => [name, records.map((record) => record[name])]))),
  ),
  NDJSON: Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')),
  CSV: encoded(csvEncoder),
  Arrow: encoded(arrowEncoder()),
  Parquet: parquet,
};

/** In parts as the server takes them from a connection. */
const arriving = async function* (content) {
  for (let at = 0; at < content.length; at += 524_288) {
    yield { _tag: 'Right', right: content.subarray(at, at + 524_288) };
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const tooLong = () => {
  throw new Error('too long');
};
const limit = 2 ** 30;
const common = (content) => ({ bytes: arriving(content), name: 'x' });
const control = {
  records: (content) => ({ data: JSON.parse(content.toString()) }),
  columns: (content) => ({ data: JSON.parse(content.toString()) }),
  NDJSON: (content) => ({ rows: ndjsonRows({ ...common(content), lineLimitBytes: limit, tooLong }) }),
  CSV: (content) => ({ rows: csvRows({ ...common(content), recordLimitBytes: limit, tooLong }) }),
  Arrow: (content) => ({ rows: arrowRows({ ...common(content), batchLimitBytes: limit, tooLarge: tooLong }) }),
  Parquet: (content) => ({ rows: parquetRows({ ...common(content), spoolLimitBytes: limit, tooLarge: undefined }) }),
};

const done = { _tag: 'Right', right: undefined };
const nowhere = { begin: () => async () => done, write: () => async () => done };

const score = ({ data, rows }, into) =>
  right(
    service.score(
      { model_type: 'rating', model_name: 'bench', ...(data === undefined ? {} : { data }) },
      { into, ...(rows === undefined ? {} : { rows }) },
    ),
  );

/** Microseconds of the processor for a row. */
const cost = async (work) => {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rowCount;
};

const compare = async (title, ways) => {
  const costs = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, work] of Object.entries(ways)) {
      const each = await cost(work);
      if (round >= 0) costs[name].push(each);
    }
  }
  const [[firstName, first]] = Object.entries(costs);
  for (const [name, each] of Object.entries(costs)) {
    const ratios = each.map((value, i) => first[i] / value);
    console.log(
      `${title} ${name}: ${median(ratios).toFixed(2)} × the rows/s of ${firstName} ` +
        `(${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}, ${rounds} rounds); ${median(each).toFixed(2)} µs a row`,
    );
  }
};

await compare(
  `${rowCount} rows of ${names.length} features from`,
  Object.fromEntries(
    Object.entries(bodies).map(([name, content]) => [name, () => score(control[name](content), nowhere)]),
  ),
);

/** Predictions are a few bytes a row: what scoring the rows takes without an answer is taken off. */
const columns = control.columns(bodies.columns);
const into = (encoder) => {
  let bytes = 0;
  const take = (part) => {
    bytes += part.length;
    return done;
  };
  return {
    begin: (schema) => async () => take(encoder.begin(schema)),
    write: (batch) => async () => take(encoder.encode(batch)),
  };
};
await compare('the same rows from columns in memory, answered as', {
  'JSON records': async () =>
    JSON.stringify(
      await right(service.score({ model_type: 'rating', model_name: 'bench', ...columns }, { inlineRowLimit: limit })),
    ),
  NDJSON: () => score(columns, into(ndjsonEncoder)),
  CSV: () => score(columns, into(csvEncoder)),
  Arrow: () => score(columns, into(arrowEncoder())),
  nothing: () => score(columns, nowhere),
});
await service.close();

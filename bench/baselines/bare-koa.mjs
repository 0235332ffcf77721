// Baseline: the least that a Node service can do to score JSON records with ONNX Runtime. No validation, logging, limits or metrics.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import Koa from 'koa';

process.env.ORT_DISABLE_TELEMETRY = '1';
const { InferenceSession, Tensor } = await import('onnxruntime-node');

const session = await InferenceSession.create(await readFile(process.argv[2]), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});

const tensorOf = ({ name, type }, rows) => {
  const shape = [rows.length, 1];
  if (type === 'string')
    return new Tensor(
      'string',
      rows.map((row) => row[name]),
      shape,
    );
  if (type === 'int64')
    return new Tensor(
      'int64',
      BigInt64Array.from(rows, (row) => BigInt(row[name])),
      shape,
    );
  return new Tensor(
    'float32',
    Float32Array.from(rows, (row) => row[name] ?? Number.NaN),
    shape,
  );
};

const app = new Koa();
app.use(async (ctx) => {
  const { data } = await json(ctx.req);
  const feeds = Object.fromEntries(session.inputMetadata.map((input) => [input.name, tensorOf(input, data)]));
  const { variable } = await session.run(feeds);
  ctx.body = { predictions: Array.from(variable.data, (prediction) => ({ prediction })) };
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`http://127.0.0.1:${server.address().port}`);

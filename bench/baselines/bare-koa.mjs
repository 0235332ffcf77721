// Baseline: the least that a Node service can do to score JSON records or columns with ONNX Runtime. No validation, logging, limits or metrics.
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

const tensorOf = ({ name, type }, data) => {
  const [values, valueOf] = Array.isArray(data) ? [data, (row) => row[name]] : [data[name], (value) => value];
  const shape = [values.length, 1];
  if (type === 'string') return new Tensor('string', values.map(valueOf), shape);
  if (type === 'int64')
    return new Tensor(
      'int64',
      BigInt64Array.from(values, (value) => BigInt(valueOf(value))),
      shape,
    );
  return new Tensor(
    'float32',
    Float32Array.from(values, (value) => valueOf(value) ?? Number.NaN),
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

/** The ONNX Runtime that BigQuery ML has, where somebody installed it beside the current one: an artifact is run in it, in a process of its own. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deserialize, serialize } from 'node:v8';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { bigqueryRuntime, type CallOptions, type Failure, type Tensor } from '../../core/index.js';
import { type ChildLimits, runInChild } from './child-process.js';

/** `npm install onnxruntime-node-1.12@npm:onnxruntime-node@1.12.0`, wherever Node finds it from here. */
export const bigqueryRuntimePackage = 'onnxruntime-node-1.12';

const { resolve } = createRequire(import.meta.url);

const isInstalled = (): boolean => {
  try {
    const found: { name?: unknown; version?: unknown } = JSON.parse(
      readFileSync(resolve(`${bigqueryRuntimePackage}/package.json`), 'utf8'),
    );
    return found.name === 'onnxruntime-node' && found.version === bigqueryRuntime;
  } catch {
    return false;
  }
};

/** Two versions of the library are never in one process. */
export const runInBigqueryRuntime = (
  artifact: Uint8Array,
  feeds: ReadonlyMap<string, Tensor>,
  limits: ChildLimits,
  call: CallOptions,
): TE.TaskEither<Failure, O.Option<ReadonlyMap<string, Tensor>>> => {
  if (!isInstalled()) return TE.right(O.none);
  const packed = serialize(feeds);
  const length = new Uint8Array(Uint32Array.of(packed.byteLength).buffer);
  return pipe(
    runInChild<string>('bigquery-runtime-worker.js', limits, [length, packed, artifact], call),
    TE.map((outputs) => O.some(deserialize(Buffer.from(outputs, 'base64')) as ReadonlyMap<string, Tensor>)),
  );
};

/** The contract on ONNX Runtime, and what only a runtime in a child process can do wrong. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { cancellationOf } from '../../../adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../../../adapters/onnxruntime/inference-engine.js';
import { type Failure, neverCancelled, type Tensor } from '../../../core/index.js';
import { inferenceEngineContract } from '../../contracts/inference-engine.js';
import { onnxFixture } from '../../support/fixtures.js';

const artifacts = {
  columns: await onnxFixture('columns'),
  matrix: await onnxFixture('matrix'),
  matrixOfFreeWidth: await onnxFixture('matrix-free-width'),
  classifier: await onnxFixture('classifier'),
  text: await onnxFixture('string'),
  threeDimensions: await onnxFixture('three-dimensions'),
};
const engine = onnxruntimeInferenceEngine();
const call = { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled };

for (const { name, run } of inferenceEngineContract) {
  test(name, async (t) => {
    await run({ engine, artifacts });
    t.pass();
  });
}

const refused = (t: ExecutionContext, result: E.Either<Failure, unknown>, tag: Failure['tag'], says: RegExp): void => {
  if (E.isRight(result)) return t.fail(`expected ${tag}`);
  t.is(result.left.tag, tag, result.left.message);
  t.regex(result.left.message, says);
};

/** A row of each type, and what the fixture of that name makes of it. */
const types: ReadonlyArray<readonly [fixture: string, x: Tensor, y: Tensor]> = [
  [
    'int64',
    { type: 'int64', values: BigInt64Array.of(2n ** 60n), shape: [1, 1] },
    { type: 'int64', values: BigInt64Array.of(2n ** 60n + 1n), shape: [1, 1] },
  ],
  [
    'int32',
    { type: 'int32', values: Int32Array.of(-5), shape: [1, 1] },
    { type: 'int32', values: Int32Array.of(-4), shape: [1, 1] },
  ],
  [
    'float64',
    { type: 'float64', values: Float64Array.of(0.1), shape: [1, 1] },
    { type: 'float64', values: Float64Array.of(1.1), shape: [1, 1] },
  ],
  [
    'bool',
    { type: 'bool', values: Uint8Array.of(1, 0), shape: [2, 1] },
    { type: 'bool', values: Uint8Array.of(0, 1), shape: [2, 1] },
  ],
  [
    'rank-one',
    { type: 'float32', values: Float32Array.of(1, 2), shape: [2] },
    { type: 'float32', values: Float32Array.of(2, 3), shape: [2] },
  ],
];

for (const [fixture, x, y] of types) {
  test(`${fixture} goes in and comes out`, async (t) => {
    const artifact = await onnxFixture(fixture);
    const shape = x.shape.length === 1 ? [null] : [null, 1];
    const inspected = await engine.inspect(artifact, [], call)();
    if (E.isLeft(inspected)) return t.fail(inspected.left.message);
    t.deepEqual(inspected.right.inputs, [{ name: 'x', type: x.type, shape }]);
    t.deepEqual(inspected.right.outputs, [{ name: 'y', type: y.type, shape }]);
    t.deepEqual(await runOnce(artifact, x), E.right(new Map([['y', y]])));
  });
}

const runOnce = async (artifact: Uint8Array, x: Tensor): Promise<E.Either<Failure, ReadonlyMap<string, Tensor>>> => {
  const model = await engine.load(artifact, call)();
  if (E.isLeft(model)) return model;
  const outputs = await model.right.run(new Map([['x', x]]))();
  await model.right.release();
  return outputs;
};

test('text comes out, as an output and as a class', async (t) => {
  const same = await runOnce(artifacts.text, { type: 'string', values: ['é', ''], shape: [2, 1] });
  t.deepEqual(E.isRight(same) && same.right.get('same'), { type: 'string', values: ['é', ''], shape: [2, 1] });
  const x: Tensor = { type: 'float32', values: Float32Array.of(0, 9, 9, 0), shape: [2, 2] };
  const classes = await runOnce(await onnxFixture('classifier-three'), x);
  t.deepEqual(E.isRight(classes) && classes.right.get('label'), {
    type: 'string',
    values: ['high', 'mid'],
    shape: [2],
  });
});

test('an inspection finds the width that an output shows', async (t) => {
  const inspection = await engine.inspect(await onnxFixture('wide'), [], call)();
  t.deepEqual(E.isRight(inspection) && inspection.right.outputs, [
    { name: 'wide', type: 'float32', shape: [null, 3] },
    { name: 'total', type: 'float32', shape: [null, 1] },
    { name: 'best', type: 'int64', shape: [null] },
  ]);
});

test('what is not finite comes out as it is', async (t) => {
  const x: Tensor = { type: 'float32', values: Float32Array.of(-1, 0), shape: [2, 1] };
  const outputs = await runOnce(await onnxFixture('not-finite'), x);
  const values = (name: string) => (E.isRight(outputs) ? [...(outputs.right.get(name)?.values ?? [])] : []);
  t.deepEqual(values('log'), [Number.NaN, Number.NEGATIVE_INFINITY]);
  t.deepEqual(values('reciprocal'), [-1, Number.POSITIVE_INFINITY]);
});

test('a run of no rows answers with no rows', async (t) => {
  const outputs = await runOnce(artifacts.matrix, { type: 'float32', values: new Float32Array(0), shape: [0, 3] });
  t.deepEqual(E.isRight(outputs) && outputs.right.get('variable')?.shape, [0, 1]);
});

/** On Linux, the ids of the inspection workers that `process` has, or that were ordered with `mark`. */
const workers = async (mark: string | number): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = [];
  for (const id of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const read = (file: string): Promise<string> => readFile(`/proc/${id}/${file}`, 'utf8').catch(() => '');
    const command = await read('cmdline');
    if (!command.includes('inspection-worker')) continue;
    const marked =
      typeof mark === 'string' ? command.includes(mark) : (await read('status')).includes(`PPid:\t${mark}\n`);
    if (marked) found.push(Number(id));
  }
  return found;
};

/** The worker of this process that there is, or that there soon will be. */
const nextWorker = async (): Promise<number> => {
  for (;;) {
    const [worker] = await workers(process.pid);
    if (worker !== undefined) return worker;
    await setImmediate();
  }
};

/** Runs a module's text in a process of its own. */
const runScript = (text: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text, ...args], { env });

const engineUrl = new URL('../../../adapters/onnxruntime/inference-engine.js', import.meta.url).href;
const fixtureUrl = (name: string): string =>
  new URL(`../../../../test/support/onnx/${name}.onnx`, import.meta.url).href;

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip;

onLinux('a model that never returns is refused within the limit, and meanwhile this process goes on', async (t) => {
  const impatient = onnxruntimeInferenceEngine({ inspectionTimeoutMs: 700 });
  let turns = 0;
  const counter = setInterval(() => turns++, 1);
  const result = await impatient.inspect(await onnxFixture('hang'), [], call)();
  clearInterval(counter);
  refused(t, result, 'ArtifactUnreadable', /^The artifact did not finish its inspection within 0\.7 s\.$/);
  t.true(turns > 10);
  t.deepEqual(await workers(process.pid), []);
});

onLinux('a model that takes enormous memory is refused', async (t) => {
  const frugal = onnxruntimeInferenceEngine({ inspectionLimitBytes: 2 ** 29 });
  const result = await frugal.inspect(await onnxFixture('memory-hog'), [], call)();
  refused(t, result, 'ArtifactUnreadable', /^The artifact took more than 512 MiB of memory in its inspection\.$/);
  t.deepEqual(await workers(process.pid), []);
});

onLinux('a model that crashes the runtime is refused', async (t) => {
  const inspection = engine.inspect(await onnxFixture('hang'), [], call)();
  process.kill(await nextWorker(), 'SIGSEGV');
  refused(t, await inspection, 'ArtifactUnreadable', /^The artifact crashed the runtime \(SIGSEGV\)\.$/);
  t.deepEqual(await workers(process.pid), []);
});

onLinux('an inspection ends with its own deadline', async (t) => {
  const deadlineMs = performance.timeOrigin + performance.now() + 500;
  const result = await engine.inspect(await onnxFixture('hang'), [], { ...call, deadlineMs })();
  refused(t, result, 'DeadlineExceeded', /time allowed/);
  t.deepEqual(await workers(process.pid), []);
});

onLinux('an inspection ends when it is cancelled', async (t) => {
  const controller = new AbortController();
  const cancellation = cancellationOf(controller.signal);
  const inspection = engine.inspect(await onnxFixture('hang'), [], { ...call, cancellation })();
  await nextWorker();
  controller.abort();
  refused(t, await inspection, 'Cancelled', /cancelled/);
  t.deepEqual(await workers(process.pid), []);
});

onLinux('a worker that was left alone ends by itself', async (t) => {
  const timeoutMs = 1000 + process.pid / 1e8;
  const script = `
    import { readFile } from 'node:fs/promises';
    const [, engine, fixture, timeoutMs] = process.argv;
    const { onnxruntimeInferenceEngine } = await import(engine);
    const artifact = await readFile(new URL(fixture));
    const call = { deadlineMs: Infinity, cancellation: { aborted: false, onAbort: () => () => undefined } };
    void onnxruntimeInferenceEngine({ inspectionTimeoutMs: Number(timeoutMs) }).inspect(artifact, [], call)();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500);`;
  await t.throwsAsync(runScript(script, [engineUrl, fixtureUrl('hang'), String(timeoutMs)], process.env));
  while ((await workers(`"timeoutMs":${timeoutMs},`)).length > 0) await setTimeout(20);
  t.pass();
});

test.serial('a worker takes no debugger and no preloaded module from this process', async (t) => {
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = '--import=file:///nowhere.mjs';
  try {
    t.true(E.isRight(await engine.inspect(artifacts.columns, [], call)()));
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
});

test('a run that waits for another tells when it begins', async (t) => {
  const model = await engine.load(artifacts.matrix, call)();
  if (E.isLeft(model)) return t.fail(model.left.message);
  const happened: string[] = [];
  const x = { type: 'float32', values: new Float32Array(3), shape: [1, 3] } as const;
  const runs = ['first', 'second'].map(async (name) => {
    await model.right.run(new Map([['x', x]]), () => void happened.push(`${name} begins`))();
    happened.push(`${name} ends`);
  });
  await Promise.all(runs);
  t.deepEqual(happened, ['first begins', 'first ends', 'second begins', 'second ends']);
});

test('the runtime leaves nothing in the home or temporary folder and says nothing', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'scorekeeper-home-'));
  const script = `
    import { readFile } from 'node:fs/promises';
    const [, engine, fixture] = process.argv;
    const artifact = await readFile(new URL(fixture));
    const { inspect, load } = (await import(engine)).onnxruntimeInferenceEngine();
    const call = { deadlineMs: Infinity, cancellation: { aborted: false, onAbort: () => () => undefined } };
    const { right: inspection } = await inspect(artifact, [], call)();
    const { right: model } = await load(artifact, call)();
    const x = { type: 'float32', values: new Float32Array(3), shape: [1, 3] };
    const { right: outputs } = await model.run(new Map([['x', x]]))();
    console.log(inspection.inputs[0].name, outputs.get('variable').values[0]);`;
  try {
    // Not in `env`: CI, which also keeps the runtime from sending.
    const env = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, PATH: process.env['PATH'] };
    const { stdout, stderr } = await runScript(script, [engineUrl, fixtureUrl('matrix')], env);
    t.is(stdout, 'x 1\n');
    t.is(stderr, '');
    t.deepEqual(await readdir(home), []);
  } finally {
    await rm(home, { recursive: true });
  }
});

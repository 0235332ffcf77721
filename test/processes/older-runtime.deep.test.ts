/** A model in this runtime and in one that stands for BigQuery ML's: the same, otherwise, refused, crashed, or not there. */
import { mkdtemp, rm } from 'node:fs/promises';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import type { ModelInfo } from '../../core/index.js';
import { signatureOf } from '../../core/model/signature.js';
import { type Compared, compareRuntimes } from '../../core/scoring/compare-runtimes.js';
import { onnxFixture } from '../support/fixtures.js';
import { writeOlderRuntime } from '../support/older-runtime.js';
import { rightOf, unhurried } from '../support/scoring.js';

const engine = onnxruntimeInferenceEngine();

/** Where packages are looked for last, by this process and by those that it starts. */
const lookAlsoIn = (folder: string): void => {
  process.env['NODE_PATH'] = folder;
  (Module as unknown as { readonly _initPaths: () => void })._initPaths();
};

/** Has the package found as long as the test lasts. */
const installed = async (t: ExecutionContext, creates: string, version = '1.12.0'): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'runtime-'));
  await writeOlderRuntime(folder, creates, version);
  lookAlsoIn(folder);
  t.teardown(async () => {
    lookAlsoIn('');
    await rm(folder, { recursive: true });
  });
};

const compared = async (
  fixture: string,
  { golden, ...info }: ModelInfo & { readonly golden?: Record<string, ReadonlyArray<unknown>> } = {},
): Promise<Compared | undefined> => {
  const artifact = await onnxFixture(fixture);
  const { inputs, outputs } = rightOf(await engine.inspect(artifact, info.feature_names ?? [], unhurried)());
  const signature = rightOf(signatureOf(inputs, outputs, info));
  const experiment = { artifact, ...(golden === undefined ? {} : { golden: { data: golden, predictions: {} } }) };
  return O.toUndefined(rightOf(await compareRuntimes(engine)(experiment, signature, unhurried)()));
};

const shifts = `const run = session.run.bind(session);
  session.run = async (feeds) => {
    const results = await run(feeds);
    results.variable.data[1] += Number(process.env.SHIFT);
    return results;
  };`;

test.serial('where it is not installed, or another version is, nothing is compared', async (t) => {
  t.is(await compared('columns'), undefined);
  await installed(t, '', '1.13.0');
  t.is(await compared('columns'), undefined);
});

test.serial('golden rows, and else sample rows of every type, agree', async (t) => {
  await installed(t, '');
  t.deepEqual(await compared('columns', { golden: { weight: [1, null], year: [2000, 2001] } }), {
    comparison: { runtime: '1.12.0', rows_of: 'golden', row_count: 2, largest_difference: 0 },
    reasons: [],
  });
  for (const fixture of ['int64', 'string', 'bool']) {
    const found = await compared(fixture);
    t.deepEqual(found?.reasons, [], fixture);
    t.like(found?.comparison, { rows_of: 'sample', row_count: 8, largest_difference: 0 });
  }
});

test.serial('a prediction that is off by more than a hundred-thousandth is told with both numbers', async (t) => {
  await installed(t, shifts);
  const golden = { weight: [1, 2], year: [0, 0] };
  process.env['SHIFT'] = '0.00004';
  t.deepEqual((await compared('columns', { golden }))?.reasons, []);
  process.env['SHIFT'] = '0.25';
  const found = await compared('columns', { golden });
  t.is(found?.comparison.largest_difference, 0.25 / 5.25);
  t.deepEqual(found?.reasons, [
    'ONNX Runtime 1.12.0 predicts otherwise (1 value differs by more than 0.00001·max(1, |value|)): output "variable", row 1: 5.25 there, 5 here.',
  ]);
  process.env['SHIFT'] = 'NaN';
  const wild = await compared('columns', { golden });
  t.is(wild?.comparison.largest_difference, null);
  t.regex(wild?.reasons[0] ?? '', /row 1: NaN there, 5 here/);
});

test.serial('one that it refuses, and one that it crashes over', async (t) => {
  await installed(t, "throw new Error('No Op registered for Frobnicate');");
  t.deepEqual(await compared('columns'), {
    comparison: { runtime: '1.12.0', rows_of: 'sample', row_count: 8, largest_difference: null },
    reasons: ['ONNX Runtime 1.12.0 does not run it. It failed there (No Op registered for Frobnicate).'],
  });
  await installed(t, "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => undefined);");
  t.regex(
    (await compared('columns'))?.reasons[0] ?? '',
    /does not run it\. The artifact crashed the runtime \(SIGSEGV\)/,
  );
});

/** IR version and opsets, read from the file. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { onnxruntimeInferenceEngine } from '../../../adapters/onnxruntime/inference-engine.js';
import { readOnnxFormat } from '../../../adapters/onnxruntime/onnx-format.js';
import { onnxFixture } from '../../support/fixtures.js';
import { unhurried } from '../../support/scoring.js';

/** In a protobuf the last of a field's values counts, and of messages that are listed there is one more. */
const irVersion = (version: number): ReadonlyArray<number> => [0x08, version];
const opset = (domain: string, version: number): ReadonlyArray<number> => [
  0x42,
  domain.length + 4,
  0x0a,
  domain.length,
  ...new TextEncoder().encode(domain),
  0x10,
  version,
];

const known = { ir_version: 8, opsets: { 'ai.onnx': 17, 'ai.onnx.ml': 3 } };

test('an inspection tells it', async (t) => {
  const inspected = await onnxruntimeInferenceEngine().inspect(await onnxFixture('columns'), [], unhurried)();
  t.true(E.isRight(inspected) && inspected.right.format !== undefined);
  if (E.isRight(inspected)) t.deepEqual(inspected.right.format, known);
});

test('IR versions, domains, and those that are not said', async (t) => {
  const bytes = await onnxFixture('string');
  const read = (...more: ReadonlyArray<number>) => readOnnxFormat(Uint8Array.from([...bytes, ...more]));
  t.deepEqual(read(), known);
  t.deepEqual(read(...irVersion(13)), { ...known, ir_version: 13 });
  t.deepEqual(read(...opset('', 19)), { ...known, opsets: { ...known.opsets, 'ai.onnx': 19 } });
  t.deepEqual(read(...opset('com.microsoft', 1)).opsets, { ...known.opsets, 'com.microsoft': 1 });
  t.deepEqual(readOnnxFormat(Uint8Array.from([...irVersion(3), ...opset('', 9)])), {
    ir_version: 3,
    opsets: { 'ai.onnx': 9 },
  });
});

test('weights are passed over', (t) => {
  const weights = new Uint8Array(32 * 2 ** 20);
  // A graph (field 7) of that length, and behind it an opset.
  const length = [0, 7, 14, 21, 28].map((shift, i) => ((weights.length >>> shift) & 0x7f) | (i < 4 ? 0x80 : 0));
  const after = Uint8Array.from(opset('', 12));
  const file = new Uint8Array(8 + weights.length + after.length);
  file.set([...irVersion(7), 0x3a, ...length]);
  file.set(after, 8 + weights.length);
  const held = process.memoryUsage().arrayBuffers;
  t.deepEqual(readOnnxFormat(file), { ir_version: 7, opsets: { 'ai.onnx': 12 } });
  t.true(process.memoryUsage().arrayBuffers - held < 2 ** 20);
});

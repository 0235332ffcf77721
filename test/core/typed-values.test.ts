/** Typed arrays as columns of inline rows say what plain arrays of the same values say. */
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { TensorType } from '../../core/model/signature.js';
import { coerceFeatures } from '../../core/scoring/features.js';
import { inType } from '../../core/scoring/float-columns.js';
import { readRows } from '../../core/scoring/rows.js';
import { mostRowsAtOnce } from '../../core/scoring/scoring-job.js';
import { typedColumn } from '../../core/scoring/typed-values.js';
import { feature, inlineBatch, leftOf, rightOf, scoringService, sourceOf, sums } from '../support/scoring.js';

const shared = new Float64Array(new SharedArrayBuffer(24));
shared.set([1, Number.NaN, 0.1]);

/** With what no feature, or only some, take. */
const columns: ReadonlyArray<readonly [what: string, values: ArrayBufferView & Iterable<unknown>]> = [
  [
    'Float64Array',
    Float64Array.of(0, 1, -0.5, 0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e39, 2 ** 24 + 1, 2 ** 53, 2 ** 31),
  ],
  ['Float32Array', Float32Array.of(0, 1, 0.1, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 24 + 2)],
  ['Int32Array', Int32Array.of(0, 1, -1, 2 ** 24 + 1, 2 ** 31 - 1)],
  ['Uint32Array', Uint32Array.of(0, 1, 2 ** 32 - 1)],
  ['Int16Array', Int16Array.of(0, 1, -2)],
  ['Uint16Array', Uint16Array.of(0, 1, 65_535)],
  ['Int8Array', Int8Array.of(0, 1, -128)],
  ['Uint8Array', Uint8Array.of(0, 1, 255)],
  ['Uint8ClampedArray', Uint8ClampedArray.of(0, 1, 255)],
  ['BigInt64Array', BigInt64Array.of(0n, 1n, -(2n ** 63n), 2n ** 53n + 1n)],
  ['BigUint64Array', BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)],
  ['part of a Float64Array', Float64Array.of(7, 1, Number.NaN, 7).subarray(1, 3)],
  ['Float64Array in shared memory', shared],
  ['Float64Array of another realm', runInNewContext('Float64Array.of(1, NaN, 0.1)') as Float64Array],
];

for (const [what, values] of columns) {
  test(`${what}: every type of feature takes and refuses what it does of an array`, (t) => {
    for (const type of Object.keys(TensorType.keys) as TensorType[]) {
      for (const fill of [null, type === 'string' ? 'x' : type === 'bool' ? true : 7]) {
        const x = feature('x', type, fill);
        const [typed, plain] = [values, [...values]].map((given) => {
          const { batch, problems, lost } = coerceFeatures([x], inlineBatch({ x: given }, ['x']), 20);
          const column = batch.columns.get('x');
          const fits = column === undefined ? undefined : inType(type, column);
          return { problems, lost, values: problems.length === 0 ? fits : undefined };
        });
        t.deepEqual(typed, plain, type);
      }
    }
  });

  test(`${what}: as a key it is carried, or refused, as an array is`, async (t) => {
    for (const [at, value] of [...values].entries()) {
      const one = Reflect.apply(Reflect.get(values, 'slice') as (...range: number[]) => unknown, values, [at, at + 1]);
      const scored = [one, [value]].map(async (id) => {
        const games = sourceOf([], { keys: ['id'] });
        const settings = { sourceOfType: { games: 'games' } };
        const { service, ports } = await scoringService({ sources: { games }, settings });
        const data = { id, a: [1], b: [0] };
        const answer = await service.score({ ...sums, data })();
        await service.score({ ...sums, data, output_location: 'a.parquet' })();
        const { schema, batches } = ports.sink.outputs.get('a.parquet') ?? {};
        return answer._tag === 'Left' ? answer : [answer.right.predictions, schema?.columns, batches];
      });
      const [typed, plain] = await Promise.all(scored);
      t.deepEqual(typed, plain);
    }
  });
}

test('typed columns of many rows are scored as arrays are, and missing values are missing', async (t) => {
  const { service } = await scoringService();
  const rowCount = 2 * mostRowsAtOnce + 3;
  const a = Float64Array.from({ length: rowCount }, (_, row) => (row % 7 === 0 ? Number.NaN : row / 8));
  const b = Int16Array.from({ length: rowCount }, (_, row) => row);
  const typed = rightOf(await service.score({ ...sums, data: { a, b } })());
  const plain = rightOf(await service.score({ ...sums, data: { a: [...a], b: [...b] } })());
  const nulls = rightOf(
    await service.score({ ...sums, data: { a: Array.from(a, (x) => (Number.isNaN(x) ? null : x)), b: [...b] } })(),
  );
  t.deepEqual(typed.predictions, plain.predictions);
  t.deepEqual(typed.predictions, nulls.predictions);
  t.is(typed.predictions?.[0]?.['prediction'], null);
  t.is(typed.predictions?.[1]?.['prediction'], 1 + 2 / 8 + 3);
});

test('columns of different lengths are refused by number, and a view of bytes is no column', (t) => {
  const uneven = leftOf(readRows({ a: [1, 2], b: Float32Array.of(1) }, ['a', 'b']), 'InvalidInput');
  t.regex(uneven.message, /data\/b has 1 values where "a" has 2/);
  const view = leftOf(readRows({ a: new DataView(new ArrayBuffer(8)) }, ['a']), 'InvalidInput');
  t.regex(view.message, /data\/a must be an array of values, got an object/);
});

test('values in shared memory are copied: ONNX Runtime takes no tensor that is there', (t) => {
  t.deepEqual(typedColumn(shared), { type: 'json', values: [1, Number.NaN, 0.1] });
  const { type, values } = typedColumn(new Float64Array(shared));
  t.true(type === 'float64' && values.buffer instanceof ArrayBuffer);
});

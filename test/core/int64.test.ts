/** 64-bit integers word by word are what Number and BigInt make of them. */
import test from 'ava';
import fc from 'fast-check';
import { integersOf, numbersOf } from '../../core/scoring/int64.js';

const edges = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1];

test('safe integers become the bigints that they are', (t) => {
  t.deepEqual([...integersOf(edges)], edges.map(BigInt));
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger()), (numbers) => {
      t.deepEqual([...integersOf(numbers)], numbers.map(BigInt));
    }),
  );
});

test('64-bit integers become the nearest doubles, of a part of an array also', (t) => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1 }), (integers) => {
      t.deepEqual([...numbersOf(BigInt64Array.from(integers).subarray(1))], integers.slice(1).map(Number));
    }),
  );
});

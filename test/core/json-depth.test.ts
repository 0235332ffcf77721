/** How deep JSON nests is told as a walk through all of it would. */
import test from 'ava';
import fc from 'fast-check';
import { nestsDeeper } from '../../core/index.js';

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

const brackets = fc.constantFrom('', '[', ']', '[[[', '{"a":[', '}', '\\', '"');
const nested = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.oneof(fc.integer(), fc.constant(null), brackets),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(brackets, fc.constant('__proto__')), tie('value'), { maxKeys: 4 }),
  ),
})).value;

test('it is as deep as a walk finds it, whatever its texts hold', (t) => {
  fc.assert(
    fc.property(nested, fc.integer({ min: 0, max: 8 }), (made, limit) => {
      const text = JSON.stringify(made);
      const value: unknown = JSON.parse(text);
      t.is(nestsDeeper(text, value, limit), depthOf(value) > limit, text);
    }),
    { numRuns: 2_000 },
  );
});

test('what a repeated key drops does not count', (t) => {
  const text = '{"a":[[[]]],"a":[],"b":[[]]}';
  for (const [limit, isDeeper] of [
    [2, true],
    [3, false],
  ] as const)
    t.is(nestsDeeper(text, JSON.parse(text), limit), isDeeper);
});

test('rows and columns are not looked into', (t) => {
  const cell = { get: () => t.fail('a cell was looked at'), enumerable: true };
  const data = { a: Object.defineProperty([0, 0], 0, cell), b: Object.defineProperty([0, 0], 1, cell) };
  t.false(nestsDeeper('{"data":{"a":[1,2],"b":[3,4]}}', { data }, 3));
});

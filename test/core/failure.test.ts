/** Failures: how many problems they tell, and what they take for near. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { ambiguous, fail, failTask, failure, failureOf, nearest, problemLimit } from '../../core/index.js';

const problems = (count: number) => Array.from({ length: count }, (_, i) => ({ pointer: `/${i}`, detail: 'is wrong' }));

for (const [count, told] of [
  [0, 0],
  [1, 1],
  [problemLimit, problemLimit],
  [problemLimit + 1, problemLimit],
  [500, problemLimit],
] as const) {
  test(`of ${count} problems ${told} are told and all are counted`, (t) => {
    const made = failureOf('InvalidInput', 'm', problems(count));
    t.deepEqual(made.problems, problems(told));
    t.is(made.problemTotal, count);
  });
}

test('a total that was counted elsewhere is kept', (t) => {
  t.is(failureOf('InvalidInput', 'm', problems(2), 9).problemTotal, 9);
});

test('a failure is of a write that did not happen, until it is made ambiguous, and is otherwise the same', (t) => {
  const plain = failureOf('Unavailable', 'm', problems(1));
  t.false(plain.ambiguous);
  t.deepEqual(ambiguous(plain), { ...plain, ambiguous: true });
});

test('fail and failTask are the left of the same failure', async (t) => {
  t.deepEqual(fail('NotFound', 'm'), E.left(failure('NotFound', 'm')));
  t.deepEqual(await failTask('NotFound', 'm')(), fail('NotFound', 'm'));
});

const near: ReadonlyArray<readonly [wanted: string, candidates: ReadonlyArray<string>, found: string | undefined]> = [
  ['raiting', ['complexity', 'rating', 'hurdle'], 'rating'],
  ['RATING', ['rating'], 'rating'],
  ['nmae', ['name', 'model_type'], 'name'],
  ['modle', ['model'], 'model'],
  ['rating', ['rating', 'ratings'], 'rating'],
  ['ratin', ['ratina', 'rating'], 'ratina'],
  ['ab', ['abcd'], 'abcd'],
  ['ab', ['vwxyz'], undefined],
  ['rating', ['completely_else'], undefined],
  ['x', [], undefined],
];
for (const [wanted, candidates, found] of near) {
  test(`of ${candidates.join(', ') || 'nothing'} the nearest to ${wanted} is ${found ?? 'none'}`, (t) => {
    t.is(nearest(wanted, candidates), found);
  });
}

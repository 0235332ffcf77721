/** Tasks side by side: in order, a few at a time, ended by the first failure. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { failure } from '../../core/failure.js';
import { sideBySide } from '../../core/side-by-side.js';

test('results keep the order of the items, however the tasks end, and at most sixteen run at a time', async (t) => {
  let [running, most] = [0, 0];
  const work = (item: number) => async () => {
    most = Math.max(most, ++running);
    // Later ones end earlier.
    for (let turns = 100 - item; turns > 0; turns--) await Promise.resolve();
    running--;
    return E.right(item * 2);
  };
  const items = Array.from({ length: 100 }, (_, item) => item);
  t.deepEqual(await sideBySide(items, work)(), E.right(items.map((item) => item * 2)));
  t.is(most, 16);
  t.deepEqual(await sideBySide([], work)(), E.right([]));
});

test('after a failure no task is begun, those under way end, and the failure of the first item is told', async (t) => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = (item: number) => async () => {
    begun.push(item);
    // Of the two that fail, the later one does so earlier.
    for (let turns = item === 3 ? 50 : 10; turns > 0; turns--) await Promise.resolve();
    ended.push(item);
    return item === 3 || item === 5 ? E.left(failure('Unavailable', `${item}`)) : E.right(item);
  };
  const outcome = await sideBySide(
    Array.from({ length: 1000 }, (_, item) => item),
    work,
  )();
  t.is(E.isLeft(outcome) && outcome.left.message, '3');
  t.true(begun.length < 40, `${begun.length} were begun`);
  t.is(ended.length, begun.length);
});

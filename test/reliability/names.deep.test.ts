/** Keys and names to paths, one to one and never outside the root; `npm run slow` proves it of a million strings. */
import test from 'ava';
import { proveKeys, proveModels, proveOnDisk } from '../support/prove-names.js';

test('thirty thousand strings as keys have paths of their own below the root, or are refused', (t) => {
  const proved = proveKeys(3, 30_000);
  t.log(proved);
  t.true(proved.taken > 8000 && proved.refused > 8000);
});

test('ten thousand strings as types and names have keys of their own, capitals or not, or are refused', (t) => {
  const proved = proveModels(3, 10_000);
  t.log(proved);
  t.true(proved.taken > 2000 && proved.refused > 2000);
});

test('on this disk each key is one file at its place, and nothing is anywhere else', async (t) => {
  await proveOnDisk(3, 80);
  t.pass();
});

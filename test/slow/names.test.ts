/** A million random strings to paths, one to one and never outside the root. */
import test from 'ava';
import { proveKeys, proveModels, proveOnDisk } from '../support/prove-names.js';

const seed = 20_251;

test.serial('a million strings as keys have paths of their own below the root, or are refused', (t) => {
  const proved = proveKeys(seed, 1_000_000);
  t.log(proved);
  t.true(proved.taken > 200_000 && proved.refused > 200_000);
});

test.serial('a million strings as types and names have keys of their own, capitals or not, or are refused', (t) => {
  const proved = proveModels(seed, 1_000_000);
  t.log(proved);
  t.true(proved.taken > 200_000 && proved.refused > 200_000);
});

test.serial('on this disk each of 3,000 keys is one file at its place, and nothing is anywhere else', async (t) => {
  await proveOnDisk(seed, 3000);
  t.pass();
});

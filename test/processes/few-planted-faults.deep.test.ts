/** Faults that are planted in the compiled code are caught: a few of them; the whole list is in `planted-faults.test.ts`. */
import test from 'ava';
import { faultCatcher } from '../support/planted-faults/catching.js';
import { plantedFaults } from '../support/planted-faults/faults.js';

const names = [
  'the record is created before the artifact',
  'a commit that was refused is acknowledged without comparing what stands there',
  'a commit whose answer was lost is not read back',
];

test.serial('each of a few planted faults is caught by a test', async (t) => {
  t.timeout(300_000);
  const caughtBy = faultCatcher();
  const chosen = plantedFaults.filter(({ name }) => names.includes(name));
  t.is(chosen.length, names.length);
  for (const fault of chosen) t.not(await caughtBy(fault), undefined, fault.name);
});

test('there are at least ten faults to plant, each of its own', (t) => {
  t.true(plantedFaults.length >= 10);
  t.is(new Set(plantedFaults.map(({ name }) => name)).size, plantedFaults.length);
});

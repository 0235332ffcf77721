/** Every fault that is planted in the compiled code is caught by a test. */
import test from 'ava';
import { faultCatcher, inPairs } from '../support/planted-faults/catching.js';
import { plantedFaults } from '../support/planted-faults/faults.js';

test('every planted fault is caught by a test', async (t) => {
  t.timeout(1_200_000);
  const caughtBy = faultCatcher();
  const missed = await inPairs(plantedFaults, async (fault) => {
    const caught = await caughtBy(fault);
    t.log(`${fault.name}: ${caught === undefined ? 'NOT CAUGHT' : `${caught.check}: ${caught.test}`}`);
    return caught === undefined ? [fault.name] : [];
  });
  t.deepEqual(missed.flat(), []);
});

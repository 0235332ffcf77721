/** Twenty thousand interleavings of the calls of several processes on one registry. */
import test from 'ava';
import { interleavings } from '../support/interleavings.js';

const seed = 20_260_301;
const totalRuns = 20_000;

for (const { name, hold } of interleavings) {
  test.serial(name, async (t) => {
    t.timeout(900_000);
    const numRuns = Math.ceil(totalRuns / interleavings.length);
    await hold({ numRuns, seed });
    t.log(`${numRuns} interleavings of seed ${seed}`);
    t.pass();
  });
}

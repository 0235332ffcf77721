/** `npm run planted-faults`: a table of the faults that are planted and of what caught each; exits 1 when one was not caught. */
import { faultCatcher, inPairs } from './catching.js';
import { plantedFaults } from './faults.js';

const caughtBy = faultCatcher();
const rows = await inPairs(plantedFaults, async (fault) => {
  const caught = await caughtBy(fault).catch((error: unknown) => String(error));
  const by = typeof caught === 'string' ? caught : caught && `${caught.check}: ${caught.test}`;
  const isCaught = typeof caught === 'object';
  console.log(
    `${isCaught ? 'caught' : 'NOT CAUGHT'}  ${fault.name}\n    in ${fault.file}\n    by ${by ?? fault.checks.join(', ')}`,
  );
  return isCaught;
});
const missed = rows.filter((isCaught) => !isCaught).length;
console.log(`${rows.length} faults planted, ${rows.length - missed} caught, ${missed} not.`);
process.exitCode = missed > 0 ? 1 : 0;

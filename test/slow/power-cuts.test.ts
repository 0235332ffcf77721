/** Power cuts after every step of what a registry does in a local folder, and among processes that take turns by chance. */
import test from 'ava';
import { marks, promotes, registers } from '../support/deeds.js';
import { randomFrom } from '../support/fake-gcs/faults.js';
import { byChance, everything, onlySynced } from '../support/forgetful-fs/medium.js';
import { provePowerCuts, proveSleeps, runOn, whereSomethingWasTold } from '../support/power-cuts.js';
import { byChanceInTurn } from '../support/taking-turns.js';

const seed = 20_260_401;
const keyed = registers({ description: 'keyed', idempotency_key: 'k', alias: 'champion' });
const other = registers({ description: 'other' });

test.serial(
  'after every step of the life of a registry, with what is sure to be left, everything, and by chance',
  async (t) => {
    const run = await runOn((begin) =>
      begin()([
        registers({ description: 'first' }),
        keyed,
        promotes('champion', 1),
        promotes('champion', 2),
        promotes('champion', 1),
        marks('archived', 'prod', 2),
        registers({ name: 'other' }),
        marks('deleted', 'other', 1),
        keyed,
        other,
      ]),
    );
    const chance = byChance(randomFrom(seed));
    const count = await provePowerCuts(run, [onlySynced, everything, chance, chance, chance, chance]);
    t.log(`${count} power cuts in ${run.disk.steps.length} steps, seed ${seed}`);
    t.is(count, 6 * run.disk.steps.length);
  },
);

for (const [what, before, sleeper, others] of [
  ['registers while others do', [], other, [registers({ alias: 'champion' }), keyed]],
  ['registers after others', [other, keyed], other, [keyed, registers({ alias: 'champion' })]],
  ['registers under a key while others do', [], keyed, [other, keyed]],
  ['registers under a key after others', [other], keyed, [keyed, other]],
  ['promotes', [other, keyed], promotes('champion', 1), [promotes('champion', 1), other]],
  ['archives', [other, keyed], marks('archived', 'prod', 1), [marks('archived', 'prod', 1), other]],
  ['deletes', [registers({ name: 'old' })], marks('deleted', 'old', 1), [marks('deleted', 'old', 1), other]],
] as const) {
  test.serial(`wherever a process that ${what} sleeps before it syncs`, async (t) => {
    const count = await proveSleeps({ before, sleeper, others });
    t.log(`${count} power cuts`);
    t.true(count > 1);
  });
}

test.serial('wherever three processes are that take turns by chance', async (t) => {
  let count = 0;
  for (let nth = 0; nth < 40; nth++) {
    const random = randomFrom(seed + nth);
    const run = await runOn(async (begin) => {
      const turn = byChanceInTurn(random);
      await Promise.all([
        begin(turn)([keyed, promotes('stable', 1)]),
        begin(turn)([keyed, registers({ alias: 'candidate' })]),
        begin(turn)([other, promotes('stable', 1), other]),
      ]);
    });
    count += await provePowerCuts(run, [onlySynced, byChance(random)], whereSomethingWasTold(run));
  }
  t.log(`${count} power cuts, seeds ${seed} to ${seed + 39}`);
  t.true(count > 1000);
});

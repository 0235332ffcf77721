/** Power cuts in a local folder: whatever was under way, nothing that was acknowledged is lost. */
import test from 'ava';
import { marks, promotes, registers, verifies } from '../../support/deeds.js';
import { onlySynced } from '../../support/forgetful-fs/medium.js';
import { beforeEachSync, provePowerCuts, proveSleeps, runOn } from '../../support/power-cuts.js';

const keyed = registers({ description: 'keyed', idempotency_key: 'k', alias: 'champion' });

test('whenever the power is cut in the life of a registry, what was acknowledged is there, and the rest can be tried again', async (t) => {
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
      registers({ description: 'last' }),
    ]),
  );
  const count = await provePowerCuts(run, [onlySynced], beforeEachSync(run));
  t.log(`${count} power cuts`);
  t.true(count > 100);
});

for (const [what, before, sleeper, others] of [
  ['registers', [], registers({ description: 'late' }), [registers({ description: 'other' })]],
  ['registers under a key', [], keyed, [keyed]],
  ['registers under a key while another verifies', [registers({})], keyed, [verifies]],
  ['promotes', [registers({}), keyed], promotes('champion', 1), [promotes('champion', 1)]],
] as const) {
  test(`wherever a process that ${what} sleeps before it syncs, nothing that others were told meanwhile is lost`, async (t) => {
    const count = await proveSleeps({ before, sleeper, others });
    t.log(`${count} power cuts`);
    t.true(count > 1);
  });
}

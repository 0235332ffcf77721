/** Power cuts in a local folder: whatever was under way, nothing that was acknowledged is lost. */
import test from 'ava';
import { marks, promotes, registers } from '../../support/deeds.js';
import { onlySynced } from '../../support/forgetful-fs/medium.js';
import { beforeEachSync, provePowerCuts, runOn, whereSomethingWasTold } from '../../support/power-cuts.js';
import { asleepBefore } from '../../support/taking-turns.js';

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

test('wherever a process sleeps before it syncs, nothing that others were told meanwhile is lost', async (t) => {
  let count = 0;
  for (let nth = 1, isOver = false; !isOver; nth++) {
    const sleeper = asleepBefore('fsync', nth);
    let [asleep, awake] = [0, 0];
    const run = await runOn(async (begin, { steps }) => {
      const late = begin(sleeper.turn)([keyed]);
      isOver = await Promise.race([sleeper.asleep.then(() => false), late.then(() => true)]);
      asleep = steps.length;
      await begin()([registers({ description: 'other' }), keyed]);
      awake = steps.length;
      sleeper.wake();
      await late;
    });
    const isWorth = whereSomethingWasTold(run);
    count += await provePowerCuts(
      run,
      [onlySynced],
      (step) => step === awake || (step > asleep && step < awake && isWorth(step)),
    );
  }
  t.log(`${count} power cuts`);
  t.true(count > 100);
});

/** Ten thousand single bits flipped in what is stored: each is told and none is served. */
import test from 'ava';
import { proveFlips } from '../support/flip-bits.js';
import { rawStores } from '../support/raw-stores.js';

const seed = 20_252;

for (const [where, count] of [
  ['in memory', 8000],
  ['in a folder', 2000],
] as const) {
  test.serial(`${where}: of ${count} flipped bits each is told, and none is served`, async (t) => {
    t.timeout(1_200_000);
    t.log(`seed ${seed}`, await proveFlips(rawStores[where], { seed, count }));
    t.pass();
  });
}

test.serial('a bit flipped in a state that a later one stands for changes nothing', async (t) => {
  const kinds = ['superseded state'] as const;
  t.log(await proveFlips(rawStores['in a folder'], { seed, count: 100, kinds }));
  t.pass();
});

/** A local store under many processes, some of them killed. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { call, done, listAll, read } from '../contracts/artifact-store-harness.js';
import { assertNoIncrementLost, runWorkers, startWorker } from '../support/store-workers.js';

const open = async (t: ExecutionContext) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-store-'));
  t.teardown(() => rm(root, { recursive: true }));
  return { root, store: localFilesystemArtifactStore({ root }) };
};

test.serial('of eight processes that create the same thirty keys exactly one wins each', async (t) => {
  const { root, store } = await open(t);
  const won = await runWorkers({ root }, 'race', 30);
  t.deepEqual(won.flat().sort(), Array.from({ length: 30 }, (_, i) => `race/k${i}`).sort());
  for (const [number, keys] of won.entries()) {
    for (const key of keys) t.is(await read(store, key), `${number}`);
  }
  t.deepEqual(await readdir(join(root, '.scorekeeper-tmp')), []);
});

test.serial('a counter that eight processes raise loses no increment', async (t) => {
  const { root, store } = await open(t);
  await assertNoIncrementLost(t, store, { root }, 25);
  t.deepEqual(await readdir(join(root, '.scorekeeper-tmp')), []);
});

test.serial(
  'a process that is killed while it writes leaves nothing that is not whole, and loses nothing it was told',
  async (t) => {
    const { root, store } = await open(t);
    for (const number of [0, 1, 2, 3]) {
      const child = await startWorker({ root }, 'flood', number);
      const exited = once(child, 'exit');
      let acknowledged = -1;
      child.on('message', (i) => {
        acknowledged = Number(i);
      });
      child.send('go');
      await once(child, 'message');
      await new Promise((resolve) => setTimeout(resolve, 15 + number * 10));
      child.kill('SIGKILL');
      await exited;
      for (let i = 0; i <= acknowledged; i++) t.true(O.isSome(await done(store.head(`flood/${number}-${i}`, call))));
    }
    const { objects } = await listAll(store, 'flood');
    t.true(objects.length >= 4);
    for (const { key } of objects) {
      const found = await done(store.get(key, call));
      const bytes = O.isSome(found) ? found.value.bytes : new Uint8Array();
      t.is(Buffer.compare(bytes, new Uint8Array(4 * 2 ** 20).fill(bytes[0] ?? 0)), 0, key);
    }
  },
);

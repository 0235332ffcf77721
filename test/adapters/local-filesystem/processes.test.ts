/** A local store under many processes, some of them killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { call, create, done, listAll, read } from '../../contracts/artifact-store-harness.js';

const worker = fileURLToPath(new URL('../../support/store-worker.js', import.meta.url));
const processCount = 8;

const open = async (t: ExecutionContext) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-store-'));
  t.teardown(() => rm(root, { recursive: true }));
  return { root, store: localFilesystemArtifactStore({ root }) };
};

/** A process that is ready to begin. */
const start = async (root: string, task: string, number: number): Promise<ChildProcess> => {
  const child = fork(worker, [root, task, `${number}`], { execArgv: [] });
  await once(child, 'message');
  return child;
};

/** Lets eight processes begin at once, and gives what each answered. */
const runAll = async (root: string, task: string): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const children = await Promise.all(Array.from({ length: processCount }, (_, i) => start(root, task, i)));
  const answers = children.map(async (child): Promise<ReadonlyArray<string>> => {
    const [answer] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`The process ended with ${code}.`))),
    ]);
    return answer;
  });
  for (const child of children) child.send('go');
  return Promise.all(answers);
};

test.serial('of eight processes that create the same thirty keys exactly one wins each', async (t) => {
  const { root, store } = await open(t);
  const won = await runAll(root, 'race');
  t.deepEqual(won.flat().sort(), Array.from({ length: 30 }, (_, i) => `race/k${i}`).sort());
  for (const [number, keys] of won.entries()) {
    for (const key of keys) t.is(await read(store, key), `${number}`);
  }
  t.deepEqual(await readdir(join(root, '.scorekeeper-tmp')), []);
});

test.serial('a counter that eight processes raise loses no increment', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'counter', '0');
  const written = await runAll(root, 'count');
  const all = written.flat().map(Number);
  t.deepEqual(
    all.sort((a, b) => a - b),
    Array.from({ length: processCount * 25 }, (_, i) => i + 1),
  );
  t.is(await read(store, 'counter'), `${processCount * 25}`);
  t.deepEqual(await readdir(join(root, '.scorekeeper-tmp')), []);
});

test.serial(
  'a process that is killed while it writes leaves nothing that is not whole, and loses nothing it was told',
  async (t) => {
    const { root, store } = await open(t);
    for (const number of [0, 1, 2, 3]) {
      const child = await start(root, 'flood', number);
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

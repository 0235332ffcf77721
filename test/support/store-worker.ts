/** A process of its own that writes to a store: `store-worker.js {place as JSON} {task} {number} {times}`, told `go` by its parent. */
import { once } from 'node:events';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { absent, bytesOf, call, done, matches, textOf } from '../contracts/artifact-store-harness.js';
import type { StorePlace } from './store-workers.js';

const [place = '', task = '', number = '', times = ''] = process.argv.slice(2);

const storeAt = (at: StorePlace) =>
  'root' in at ? localFilesystemArtifactStore(at) : googleCloudStorageArtifactStore(at);

const store = storeAt(JSON.parse(place));

/** Creates `race/k0`, `race/k1`, …, and answers with those it won. */
const race = async (): Promise<ReadonlyArray<string>> => {
  const won: string[] = [];
  for (let i = 0; i < Number(times); i++) {
    const result = await store.put(`race/k${i}`, bytesOf(number), absent, call)();
    if (E.isRight(result)) won.push(`race/k${i}`);
    else if (result.left.tag !== 'AlreadyExists') throw new Error(result.left.message);
  }
  return won;
};

/** Adds one to the document `counter` so many times, and answers with the numbers it wrote. */
const count = async (): Promise<ReadonlyArray<string>> => {
  const written: string[] = [];
  while (written.length < Number(times)) {
    const found = await done(store.get('counter', call));
    if (O.isNone(found)) throw new Error('There is no counter.');
    const next = `${Number(textOf(found.value.bytes)) + 1}`;
    const result = await store.put('counter', bytesOf(next), matches(found.value.token), call)();
    if (E.isRight(result)) written.push(next);
    else if (result.left.tag !== 'Conflict') throw new Error(result.left.message);
  }
  return written;
};

/** Creates objects of 4 MiB, each of one byte value, until it is killed. */
const flood = async (): Promise<never> => {
  for (let i = 0; ; i++) {
    await done(store.put(`flood/${number}-${i}`, new Uint8Array(4 * 2 ** 20).fill(i % 256), absent, call));
    process.send?.(i);
  }
};

// What is loaded by the first call is loaded before they begin.
await done(store.head('counter', call));
process.send?.('ready');
await once(process, 'message');
const tasks: Readonly<Record<string, () => Promise<ReadonlyArray<string>>>> = { race, count, flood };
process.send?.((await tasks[task]?.()) ?? []);
process.disconnect();

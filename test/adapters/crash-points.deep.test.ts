/** A process dies around any one write of a registration, wherever the registry is: nothing is harmed, and the next writer commits within a second. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { nodeHost } from '../../adapters/node-host.js';
import type { ArtifactStore } from '../../core/index.js';
import { type FakeGcs, startFakeGcs } from '../support/fake-gcs/server.js';
import { registerAll, registryOver, request, right } from '../support/registry.js';
import { storeDyingAfterWrite, storeWithFault } from '../support/store-faults.js';
import { ours, survive, type Survived, unharmed, writeKeys } from '../support/survival.js';

const fake = await startFakeGcs();
test.after.always(() => fake.close());

const inBucket = (of: FakeGcs) => {
  const bucket = `b-${randomUUID()}`;
  of.makeBucket(bucket);
  return () => googleCloudStorageArtifactStore({ bucket, apiEndpoint: of.url });
};

/** A place that is empty, in which each process opens a store of its own. */
const places: Readonly<Record<string, (t: ExecutionContext) => Promise<() => ArtifactStore>>> = {
  'in memory': async () => {
    const store = memoryArtifactStore();
    return () => store;
  },
  'in a local folder': async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'scorekeeper-crash-'));
    t.teardown(() => rm(root, { recursive: true }));
    return () => localFilesystemArtifactStore({ root });
  },
  'in a bucket': async () => inBucket(fake),
};

const deaths: Readonly<Record<string, (store: ArtifactStore, nth: number) => ArtifactStore>> = {
  before: (store, nth) => storeWithFault(store, 'refused', nth, 'dead'),
  after: storeDyingAfterWrite,
  'after, without an acknowledgement of': (store, nth) => storeWithFault(store, 'unacknowledged', nth, 'dead'),
};

const boundMs = 1000;
const mostTries = 3;

/** The machine may be busy with others, but not each time. */
const inTime = async (crash: () => Promise<Survived>): Promise<ReadonlyArray<Survived>> => {
  const all: Survived[] = [];
  while (all.length < mostTries && !all.some(({ otherCommittedMs }) => otherCommittedMs < boundMs)) {
    all.push(await crash());
  }
  return all;
};

for (const [where, makePlace] of Object.entries(places)) {
  for (const [when, dying] of Object.entries(deaths)) {
    test.serial(
      `${where}, a process dies ${when} any write: nothing is harmed, and the next commits within a second`,
      async (t) => {
        const waitsMs: number[] = [];
        for (const [i, key] of writeKeys.entries()) {
          const all = await inTime(async () =>
            survive(await makePlace(t), (store) => dying(store, i + 1), 'other first', nodeHost()),
          );
          for (const survived of all) {
            t.true(unharmed(survived), `${key}: ${JSON.stringify(survived)}`);
            t.deepEqual(survived.statuses, ['registered', 'registered', 'registered'], key);
            t.is(survived.stale, 0, `${key}: nothing stays staged`);
          }
          const waitMs = Math.min(...all.map(({ otherCommittedMs }) => otherCommittedMs));
          t.true(waitMs < boundMs, `${key}: the next commits after ${waitMs} ms`);
          waitsMs.push(waitMs);
        }
        t.log(`the next commits after ${waitsMs.map((waitMs) => Math.round(waitMs)).join(', ')} ms`);
      },
    );
  }
}

test.serial(
  'in a bucket that takes one write a second of an object, the next commits within a second all the same',
  async (t) => {
    const slow = await startFakeGcs({ rate: 'one write a second' });
    t.teardown(() => slow.close());
    const all = await inTime(() =>
      survive(inBucket(slow), (store) => storeDyingAfterWrite(store, writeKeys.length), 'other first', nodeHost()),
    );
    t.true(all.every(unharmed));
    t.true(all.some(({ otherCommittedMs }) => otherCommittedMs < boundMs));
  },
);

for (const [kind, count] of [
  ['upload', 5],
  ['rewrite', 1],
  ['delete', 1],
] as const) {
  test.serial(
    `in a bucket whose service loses the answer to any one ${kind}, the registration succeeds at once`,
    async (t) => {
      for (let nth = 0; nth < count; nth++) {
        const open = inBucket(fake);
        const { service } = await registryOver(open());
        await registerAll(service, [{}]);
        fake.fault({ on: kind, fault: { kind: 'lost' }, after: nth });
        const { registration, warnings } = await right(service.register(request(ours)));
        t.is(registration.version, 2);
        t.deepEqual(warnings, []);
        const retried = await (await registryOver(open())).service.register(request(ours))();
        t.true(E.isRight(retried) && retried.right.outcome === 'existing');
      }
      t.is(fake.faultCounts()['lost'], count);
      fake.forget();
    },
  );
}

/** The storms that tests raise: over a local folder, and through a chaos proxy in front of a fake bucket. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecutionContext, registerCompletionHandler } from 'ava';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import type { ArtifactStore } from '../../../core/index.js';
import { startChaosProxy } from '../chaos-proxy.js';
import { startFakeGcs } from '../fake-gcs/server.js';
import { joinModules, makeSnapshot, startNode } from './fast-start.js';
import { checkHistory, type History, type Violations } from './history.js';
import { runStorm, type StormResult } from './storm.js';
import { stagedCount, storedVersions } from './stored.js';

// Once, Node's own cleaning up after hundreds of killed processes did not end. What is still open keeps the process, as in other tests.
registerCompletionHandler(() => process.once('beforeExit', () => process.exit()));

interface FormOptions {
  readonly seed: number;
  /** Registrations to be acknowledged. */
  readonly wanted: number;
  /** How many processes are killed at the most for each, however often it is time to: starting them is what a storm costs. */
  readonly mostKillsPerRegistration: number;
  readonly processCount: number;
}

/** Kills a process every 50 ms. Answers with the store, after proving that nothing in it is amiss. */
export const localStorm = async (t: ExecutionContext, options: FormOptions): Promise<ArtifactStore> => {
  const folder = await scratch(t);
  const snapshot = await makeSnapshot(await joinModules('test/support/storm/local-worker.ts', folder), folder);
  const root = join(folder, 'registry');
  const result = await runStorm({
    ...options,
    start: () => startNode([...snapshot, root]),
    spareCount: 8,
    killEveryMs: 50,
    expected: [],
  });
  const store = localFilesystemArtifactStore({ root });
  const temporary = (await readdir(join(root, '.scorekeeper-tmp'))).length;
  await prove(t, options, result, store, `${temporary} temporary files`);
  t.true(retried(result.history) > 0);
  return store;
};

/** About one request in eight. */
const chances = { '503': 0.03, '429': 0.02, reset: 0.02, lost: 0.02, cut: 0.015, flip: 0.04 };

/** As `localStorm`, with requests that go wrong, and a kill every half second: a process takes long to load the client. */
export const chaosStorm = async (t: ExecutionContext, options: FormOptions): Promise<ArtifactStore> => {
  const folder = await scratch(t);
  const script = await joinModules('test/support/storm/bucket-worker.ts', folder);
  const bucket = 'games';
  const fake = await startFakeGcs({ buckets: [bucket] });
  t.teardown(fake.close);
  const proxy = await startChaosProxy({ target: fake.url, seed: options.seed, chances });
  t.teardown(proxy.close);
  const result = await runStorm({
    ...options,
    start: () => startNode([script, proxy.url, bucket]),
    spareCount: 2,
    killEveryMs: 500,
    // What a service that stays in trouble for long may be told to be.
    expected: ['Unavailable'],
  });
  const store = googleCloudStorageArtifactStore({ bucket, apiEndpoint: fake.url });
  const faults = Object.entries(proxy.faultCounts()).map(([kind, count]) => `${count} ${kind}`);
  await prove(t, options, result, store, `${faults.join(', ')} in ${proxy.requestCount()} requests`);
  t.deepEqual(Object.keys(proxy.faultCounts()).sort(), Object.keys(chances).sort());
  return store;
};

const scratch = async (t: ExecutionContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-storm-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
};

/** Holds the history against the store, and tells of it in one line. */
const prove = async (
  t: ExecutionContext,
  { seed, wanted, processCount }: FormOptions,
  result: StormResult,
  store: ArtifactStore,
  more: string,
): Promise<void> => {
  const { history, acknowledged, kills, passedOver, durationMs } = result;
  const stored = await storedVersions(store);
  const violations = checkHistory(history, stored);
  const aborted = stored.filter(({ status }) => status === 'aborted').length;
  t.log(
    [
      `seed ${seed}, ${processCount} processes, ${kills} kills (one every ${(durationMs / kills).toFixed()} ms, ${passedOver} left out)`,
      `${acknowledged} registrations acknowledged in ${(durationMs / 1000).toFixed(1)} s, ${retried(history)} of them by a later try`,
      `${history.reads.length} reads; ${result.failed} operations failed, as they may`,
      `${stored.length} versions, ${aborted} of them aborted`,
      `left over ${await stagedCount(store)} staged artifacts`,
      more,
      Object.entries(violations)
        .map(([kind, found]) => `${found.length} ${kind}`)
        .join(', '),
    ].join('; '),
  );
  t.deepEqual(result.broken, []);
  t.deepEqual(firstOf(violations), { lost: [], duplicate: [], holes: [], torn: [], order: [] });
  t.true(acknowledged >= wanted);
  t.true(kills > 0);
};

/** How many registrations were acknowledged to a later try than the first. */
const retried = ({ tries }: History): number => {
  const began = new Set<string>();
  const later = new Set<string>();
  for (const { label, acknowledged } of tries) {
    if (acknowledged !== undefined && began.has(label)) later.add(label);
    if (acknowledged === undefined) began.add(label);
  }
  return later.size;
};

/** Enough to see what is wrong. */
const firstOf = (violations: Violations): Violations => {
  const { lost, duplicate, holes, torn, order } = violations;
  const some = (found: ReadonlyArray<string>) => found.slice(0, 10);
  return { lost: some(lost), duplicate: some(duplicate), holes: some(holes), torn: some(torn), order: some(order) };
};

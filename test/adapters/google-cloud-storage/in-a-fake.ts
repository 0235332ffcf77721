/** Stores in buckets of the fake, for tests. */
import type { ExecutionContext } from 'ava';
import {
  type GoogleCloudStorageOptions,
  googleCloudStorageArtifactStore,
} from '../../../adapters/google-cloud-storage/artifact-store.js';
import { type ArtifactStore, type CallOptions, neverCancelled } from '../../../core/index.js';
import { type FakeGcs, type FakeGcsOptions, startFakeGcs } from '../../support/fake-gcs/server.js';

export const bucket = 'games';

/**
 * A fake of the test's own, a store in its one bucket, and another with the usual patience, which a busy machine does not wear out.
 * Both have proven the service already.
 */
export const open = async (
  t: ExecutionContext,
  options: Partial<GoogleCloudStorageOptions> = {},
  fakeOptions: FakeGcsOptions = {},
): Promise<{ readonly fake: FakeGcs; readonly store: ArtifactStore; readonly patient: ArtifactStore }> => {
  const fake = await startFakeGcs({ buckets: [bucket], ...fakeOptions });
  t.teardown(() => fake.close());
  const store = googleCloudStorageArtifactStore({ bucket, apiEndpoint: fake.url, ...options });
  const patient = googleCloudStorageArtifactStore({ bucket, apiEndpoint: fake.url });
  for (const each of [patient, store])
    await each.put('none', new Uint8Array(), { kind: 'matches', token: '1' }, within(10_000))();
  fake.forget();
  return { fake, store, patient };
};

export const nowMs = (): number => performance.timeOrigin + performance.now();

/** A call that has so long. */
export const within = (durationMs: number): CallOptions => ({
  deadlineMs: nowMs() + durationMs,
  cancellation: neverCancelled,
});

/** No retries. */
export const never = { limit: 0, firstPauseMs: 0, budget: 0 };

/** Bytes that no two neighbouring megabytes have in common. */
export const manyBytes = (sizeBytes: number): Uint8Array => {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >>> 20)) % 251;
  return bytes;
};

/** Settles when the fake has no request open any more, and rejects when that takes more than ten seconds. */
export const untilQuiet = async (fake: FakeGcs): Promise<void> => {
  for (const deadlineMs = nowMs() + 10_000; fake.openRequests() > 0; ) {
    if (nowMs() > deadlineMs) throw new Error(`${fake.openRequests()} requests are still open`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Runs the store's contract in buckets of one fake, through the real client. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import {
  type GoogleCloudStorageOptions,
  googleCloudStorageArtifactStore,
} from '../../../adapters/google-cloud-storage/artifact-store.js';
import type { ArtifactStore } from '../../../core/index.js';
import { artifactStoreContract } from '../../contracts/artifact-store.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';

export const shared = await startFakeGcs();
test.after.always(() => shared.close());

/** Runs the contract in places that are new for each case, through two clients. */
export const keepsContract = (
  where: string,
  placeOf: () => GoogleCloudStorageOptions,
  close: (store: ArtifactStore) => Promise<void> = async () => undefined,
): void => {
  for (const { name, run } of artifactStoreContract) {
    test.serial(`${where}: ${name}`, async (t) => {
      await run({
        makeStore: async () => {
          const place = placeOf();
          const store = googleCloudStorageArtifactStore(place);
          return { store, another: googleCloudStorageArtifactStore(place), close: () => close(store) };
        },
      });
      t.pass();
    });
  }
};

/** In the shared fake. */
export const newBucket = (): string => {
  const name = `b-${randomUUID()}`;
  shared.makeBucket(name);
  return name;
};

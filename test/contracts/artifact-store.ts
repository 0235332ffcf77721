/** The promises of every artifact store. */
import type { Contract } from './contract.js';
import { bytePromises } from './artifact-store-bytes.js';
import { callPromises } from './artifact-store-calls.js';
import { documentPromises } from './artifact-store-documents.js';
import { endingPromises } from './artifact-store-endings.js';
import type { ArtifactStoreHarness } from './artifact-store-harness.js';
import { listPromises } from './artifact-store-listing.js';
import { objectPromises } from './artifact-store-objects.js';
import { racePromises } from './artifact-store-races.js';

export type { ArtifactStoreHarness, StoreUnderTest } from './artifact-store-harness.js';

export const artifactStoreContract: Contract<ArtifactStoreHarness> = [
  ...objectPromises,
  ...documentPromises,
  ...listPromises,
  ...callPromises,
  ...bytePromises,
  ...endingPromises,
  ...racePromises,
];

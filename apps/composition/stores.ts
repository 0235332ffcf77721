/** Opens stores: of artifacts, in a folder or in a bucket, and of files in buckets. */
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { googleCloudStorageBucketFiles } from '../../adapters/google-cloud-storage/bucket-files.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import {
  type BucketFileCache,
  localFilesystemBucketFileCache,
} from '../../adapters/local-filesystem/bucket-file-cache.js';
import type { ArtifactStore, BucketFiles } from '../../core/index.js';
import type { Registry } from '../places.js';
import type { Settings } from '../settings.js';

/** The store there. In a bucket, credentials are looked for at the first call; `STORAGE_EMULATOR_HOST` replaces Google's address. */
export const openStore = (place: Registry): ArtifactStore =>
  place.kind === 'local'
    ? localFilesystemArtifactStore({ root: place.root })
    : googleCloudStorageArtifactStore({ bucket: place.bucket, prefix: place.prefix, ...emulatedStorage() });

/** Files in every bucket that this account may use. */
export const openBucketFiles = (): BucketFiles => googleCloudStorageBucketFiles(emulatedStorage());

/** Copies of them on this machine. */
export const openCopies = ({ sourceCacheDir: folder, limits }: Settings): BucketFileCache =>
  localFilesystemBucketFileCache({ files: openBucketFiles(), folder, limitBytes: limits.source_cache_bytes });

/** Who speaks for Cloud Storage, when it is not Google. */
const emulatedStorage = (): { readonly apiEndpoint?: string } => {
  const apiEndpoint = emulatorOf('STORAGE_EMULATOR_HOST');
  return apiEndpoint === undefined ? {} : { apiEndpoint };
};

/** Who speaks for BigQuery, when it is not Google. */
export const emulatedWarehouse = (): { readonly apiEndpoint?: string } => {
  const apiEndpoint = emulatorOf('BIGQUERY_EMULATOR_HOST');
  return apiEndpoint === undefined ? {} : { apiEndpoint };
};

/** The service that this variable puts in the place of Google's, as an address. */
export const emulatorOf = (
  variable:
    | 'STORAGE_EMULATOR_HOST'
    | 'BIGQUERY_EMULATOR_HOST'
    | 'CLOUD_RUN_EMULATOR_HOST'
    | 'CLOUD_RESOURCE_MANAGER_EMULATOR_HOST',
): string | undefined => {
  const endpoint = process.env[variable] ?? '';
  if (endpoint === '') return undefined;
  return /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`;
};

/** Opens the artifact store of a place: a folder, or a bucket. */
import { resolve } from 'node:path';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import type { ArtifactStore } from '../../core/index.js';
import { isBucketAddress, type Registry } from '../settings.js';

/** The store there. In a bucket, credentials are looked for at the first call; `STORAGE_EMULATOR_HOST` replaces Google's address. */
export const openStore = (place: Registry): ArtifactStore => {
  if (place.kind === 'local') return localFilesystemArtifactStore({ root: place.root });
  const endpoint = process.env['STORAGE_EMULATOR_HOST'];
  return googleCloudStorageArtifactStore({
    bucket: place.bucket,
    prefix: place.prefix,
    ...(endpoint === undefined || endpoint === '' ? {} : { apiEndpoint: withProtocol(endpoint) }),
  });
};

const withProtocol = (endpoint: string): string => (/^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`);

/** The place that a person names: `gs://bucket/prefix`, or a folder. */
export const placeOf = (address: string): Registry => {
  if (!isBucketAddress(address)) {
    const root = resolve(address);
    return { kind: 'local', root, location: `local folder ${root}` };
  }
  const [bucket = '', ...rest] = address.slice('gs://'.length).split('/');
  const prefix = rest.filter((segment) => segment !== '').join('/');
  return { kind: 'gcs', bucket, prefix, location: `gs://${[bucket, prefix].filter((part) => part !== '').join('/')}` };
};

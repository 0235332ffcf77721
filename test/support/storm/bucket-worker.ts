/** The entry of a storm's process over the bucket `argv[3]` of the service at `argv[2]`. */
// The store would load it with its first call, and this process would say that it is ready before it is.
import '@google-cloud/storage';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { work } from './work.js';

const [, , apiEndpoint = '', bucket = ''] = process.argv;
void work(
  googleCloudStorageArtifactStore({
    bucket,
    apiEndpoint,
    // For a service that is near, and fails one request in ten.
    retries: { limit: 8, firstPauseMs: 20, budget: 1_000_000 },
  }),
);

/** A process that asks the bucket `argv[3]` at `argv[2]` for an object, has little patience, and tells how it went. */
import { createRequire } from 'node:module';
import * as E from 'fp-ts/lib/Either.js';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { within } from './in-a-fake.js';

const [, , apiEndpoint = '', bucket = ''] = process.argv;
/** The client's HTTP library is CommonJS, so what is loaded can be seen. */
const isLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('teeny-request'));

const store = googleCloudStorageArtifactStore({ bucket, apiEndpoint });
const loadedBefore = isLoaded();
const result = await store.get('a', within(1500))();
const tag = E.isLeft(result) ? result.left.tag : 'none';
process.stdout.write(JSON.stringify({ loadedBefore, loadedAfter: isLoaded(), tag }));

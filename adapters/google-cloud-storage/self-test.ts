/** Proves on the actual service, before the first write, that it honours preconditions: an emulator that does not would lose versions. */
import type { Bucket } from '@google-cloud/storage';
import type { Attempt } from '../google-cloud/bounded.js';
import { raise } from '../google-cloud/errors.js';
import { objectPath, request } from './client.js';
import { isConditionNotMet } from './errors.js';
import { upload } from './transfer.js';

/** Of a name that is no key, so that no list shows it. It stays: the next process needs no more than to be refused. */
const probe = '.scorekeeper-self-test';

/** Fails `InvalidInput` with what does not hold. Three requests, and one more in a place where it was never run. */
export const selfTest = async (bucket: Bucket, prefix: string, attempt: Attempt): Promise<void> => {
  const name = prefix === '' ? probe : `${prefix}/${probe}`;
  const bytes = new TextEncoder().encode(
    'Scorekeeper creates this object once, to see that it cannot be created again.\n',
  );
  const path = `${objectPath(name)}/rewriteTo/b/${bucket.name}${objectPath(name)}`;
  const create = () => upload(bucket, name, bytes, '0', attempt);
  if (!(await isRefused(create)) && !(await isRefused(create))) unfit('it creates an object that is there already');
  const [replaces, copies] = await Promise.all([
    isRefused(() => upload(bucket, name, bytes, '1', attempt)),
    isRefused(() => request(bucket, { method: 'POST', path, query: { ifGenerationMatch: '0' } })),
  ]);
  if (!replaces) unfit('it replaces an object that is in another generation');
  if (!copies) unfit('it copies over an object that is there already');
};

const isRefused = async (write: () => Promise<unknown>): Promise<boolean> => {
  try {
    await write();
    return false;
  } catch (error) {
    if (isConditionNotMet(error)) return true;
    throw error;
  }
};

const unfit = (why: string): never =>
  raise(
    'InvalidInput',
    `The service behind the bucket cannot hold a registry: ${why}, whatever the precondition. Use Google Cloud Storage itself, or a service that honours ifGenerationMatch.`,
  );

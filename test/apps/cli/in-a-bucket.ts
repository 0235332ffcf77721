/** What commands wrote to a bucket of the fake, brought here to be looked at. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as O from 'fp-ts/lib/Option.js';
import { googleCloudStorageBucketFiles } from '../../../adapters/google-cloud-storage/bucket-files.js';
import { call, right } from '../../adapters/duckdb/files.js';

export const inABucket = (apiEndpoint: string) => {
  const files = googleCloudStorageBucketFiles({ apiEndpoint });
  return {
    /** Those of everything below the address, without what they have in common, sorted. */
    namesBelow: async (prefix: string): Promise<ReadonlyArray<string>> =>
      (await right(files.list(prefix, call))).map(({ address }) => address.slice(prefix.length)),
    /** Writes the file at the address to the path. */
    fetch: async (address: string, path: string): Promise<string> => {
      const found = O.toUndefined(await right(files.head(address, call)));
      if (found === undefined) throw new Error(`there is no ${address}`);
      await mkdir(dirname(path), { recursive: true });
      await right(files.download(found, path, 'whole', call));
      return path;
    },
    /** The text at the address. */
    read: async (address: string): Promise<string> => {
      const path = `/o/${encodeURIComponent(address.replace(/^gs:\/\/[^/]+\//, ''))}`;
      return (await globalThis.fetch(`${apiEndpoint}/storage/v1/b/${address.split('/')[2]}${path}?alt=media`)).text();
    },
    put: (path: string, address: string) => right(files.upload(path, address, call)),
    remove: (address: string) => right(files.remove(address, call)),
  };
};

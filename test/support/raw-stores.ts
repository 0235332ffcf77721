/** Stores seen from behind: what others put there without asking the adapter, and every byte that is there. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { type ArtifactStore, checkKey } from '../../core/index.js';
import { startFakeGcs } from './fake-gcs/server.js';
import { call, contentOf, right } from './registry.js';

export interface RawStore {
  /** The store, as each process has one of its own. */
  readonly open: () => ArtifactStore;
  /** Puts bytes under a name, whatever is there; any name that the place can hold. */
  readonly plant: (name: string, bytes: Uint8Array) => Promise<void>;
  readonly canHold: (name: string) => boolean;
  /** Everything that is there by name, bytes as Latin-1. */
  readonly everything: () => Promise<Readonly<Record<string, string>>>;
  /** How many requests the place was sent by the stores. */
  readonly requestCount: () => number;
  readonly close: () => Promise<void>;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const inMemory = async (): Promise<RawStore> => {
  const store = memoryArtifactStore();
  return {
    open: () => store,
    plant: async (name, bytes) => {
      await right(store.delete(name, call));
      await right(store.put(name, bytes, { kind: 'absent' }, call));
    },
    canHold: (name) => E.isRight(checkKey(name)),
    everything: async () => {
      const found: Record<string, string> = {};
      for (const name of Object.keys(await contentOf(store))) {
        const object = O.toUndefined(await right(store.get(name, call)));
        if (object !== undefined) found[name] = latin1(object.bytes);
      }
      return found;
    },
    requestCount: () => 0,
    close: async () => undefined,
  };
};

const inFolder = async (): Promise<RawStore> => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-raw-'));
  return {
    open: () => localFilesystemArtifactStore({ root }),
    plant: async (name, bytes) => {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), bytes);
    },
    canHold: (name) => !name.endsWith('/') && !name.includes('//'),
    everything: async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const files = await Promise.all(
        paths.map(async (path) => [path.slice(root.length + 1), latin1(await readFile(path))] as const),
      );
      return Object.fromEntries(files);
    },
    requestCount: () => 0,
    close: () => rm(root, { recursive: true }),
  };
};

const bucket = 'games';

const inBucket = async (): Promise<RawStore> => {
  const fake = await startFakeGcs({ buckets: [bucket] });
  const objects = `${fake.url}/storage/v1/b/${bucket}/o`;
  const namesAfter = async (pageToken?: string): Promise<ReadonlyArray<string>> => {
    const answer = await fetch(pageToken === undefined ? objects : `${objects}?pageToken=${pageToken}`);
    const page: { items?: ReadonlyArray<{ name: string }>; nextPageToken?: string } = JSON.parse(await answer.text());
    const names = (page.items ?? []).map(({ name }) => name);
    return page.nextPageToken === undefined ? names : [...names, ...(await namesAfter(page.nextPageToken))];
  };
  return {
    open: () => googleCloudStorageArtifactStore({ bucket, apiEndpoint: fake.url }),
    plant: async (name, bytes) => {
      const url = `${fake.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`;
      const { status } = await fetch(url, { method: 'POST', body: Buffer.from(bytes) });
      if (status !== 200) throw new Error(`the fake refused ${name} with ${status}`);
    },
    canHold: () => true,
    everything: async () => {
      const found: Record<string, string> = {};
      for (const name of await namesAfter()) {
        const answer = await fetch(`${objects}/${encodeURIComponent(name)}?alt=media`);
        found[name] = latin1(new Uint8Array(await answer.arrayBuffer()));
      }
      return found;
    },
    requestCount: () => Object.values(fake.counts()).reduce((sum, count) => sum + count, 0),
    close: fake.close,
  };
};

/** By the words for where they are. */
export const rawStores = {
  'in memory': inMemory,
  'in a folder': inFolder,
  'in a bucket': inBucket,
} as const satisfies Readonly<Record<string, () => Promise<RawStore>>>;

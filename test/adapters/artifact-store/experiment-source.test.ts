/** The contract over a store in memory, in a local folder, and in small pages. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { artifactStoreExperimentSource } from '../../../adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../../adapters/memory/artifact-store.js';
import type { ArtifactStore } from '../../../core/index.js';
import { absent, bytesOf, call, done } from '../../contracts/artifact-store-harness.js';
import {
  experimentSourceContract,
  type ExperimentSourceHarness,
  type ExperimentTree,
} from '../../contracts/experiment-source.js';

const filled = async (files: ExperimentTree, root: string): Promise<ArtifactStore> => {
  const store = memoryArtifactStore();
  for (const [path, content] of Object.entries(files)) {
    const bytes = typeof content === 'string' ? bytesOf(content) : content;
    await done(store.put(`${root}${path}`, bytes, absent, call));
  }
  return store;
};

const harnesses: Readonly<Record<string, ExperimentSourceHarness>> = {
  'in memory, below a folder': {
    makeSource: async (files) => ({
      source: artifactStoreExperimentSource({
        store: await filled(files, 'models/experiments/'),
        root: 'models/experiments',
      }),
      close: async () => undefined,
    }),
  },
  'in memory, at the root, one entry a page': {
    makeSource: async (files) => {
      const store = await filled(files, '');
      const paging: ArtifactStore = {
        ...store,
        list: (folder, page, options) => store.list(folder, { ...page, limit: 1 }, options),
      };
      return { source: artifactStoreExperimentSource({ store: paging, root: '' }), close: async () => undefined };
    },
  },
  'in a local folder, as training leaves it': {
    makeSource: async (files) => {
      const root = await mkdtemp(join(tmpdir(), 'scorekeeper-experiments-'));
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), content);
      }
      const store = localFilesystemArtifactStore({ root });
      return { source: artifactStoreExperimentSource({ store, root: '' }), close: () => rm(root, { recursive: true }) };
    },
  },
};

for (const [where, harness] of Object.entries(harnesses)) {
  for (const { name, run } of experimentSourceContract) {
    test(`${where}: ${name}`, async (t) => {
      await run(harness);
      t.pass();
    });
  }
}

test('it says where it is', (t) => {
  const store = memoryArtifactStore({ location: 'gs://bucket/prod' });
  t.is(
    artifactStoreExperimentSource({ store, root: 'models/experiments' }).location,
    'gs://bucket/prod/models/experiments',
  );
  t.is(artifactStoreExperimentSource({ store, root: '' }).location, 'gs://bucket/prod');
});

test('a folder that experiments were never written to, not even made, lists as empty', async (t) => {
  const store = localFilesystemArtifactStore({ root: join(tmpdir(), 'scorekeeper-never-made') });
  t.deepEqual(await done(artifactStoreExperimentSource({ store, root: '' }).list(call)), []);
});

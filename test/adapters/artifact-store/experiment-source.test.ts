/** The contract over a store in memory, in a local folder, and in small pages. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { artifactStoreExperimentSource } from '../../../adapters/artifact-store/experiment-source.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { memoryArtifactStore } from '../../../adapters/memory/artifact-store.js';
import { type ArtifactStore, failTask } from '../../../core/index.js';
import { absent, bytesOf, call, done, refused } from '../../contracts/artifact-store-harness.js';
import {
  experimentSourceContract,
  type ExperimentSourceHarness,
  type ExperimentTree,
} from '../../contracts/experiment-source.js';
import { makePipe } from '../../support/make-pipe.js';

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

test('of a thousand versions a few are looked at at a time, and those with an artifact are listed in order', async (t) => {
  const tree: Record<string, string> = {};
  for (let i = 0; i < 20; i++) {
    for (let version = 1; version <= 50; version++) {
      const file = version % 10 === 0 ? 'test_metrics.json' : 'pipeline.onnx';
      tree[`rating/e${i}/v${version}/${file}`] = '{}';
    }
  }
  const store = await filled(tree, '');
  let underWay = 0;
  let most = 0;
  const watched: ArtifactStore = {
    ...store,
    head: (key, options) => async () => {
      most = Math.max(most, ++underWay);
      await new Promise(setImmediate);
      underWay--;
      return store.head(key, options)();
    },
  };
  const listed = await done(artifactStoreExperimentSource({ store: watched, root: '' }).list(call));
  t.is(listed.length, 20);
  const some = Array.from({ length: 50 }, (_, i) => i + 1).filter((version) => version % 10 !== 0);
  for (const { versions } of listed) t.deepEqual(versions, some);
  t.is(most, 16);
});

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

/** Experiments in a folder that goes with the test; each has an artifact. */
const trained = async (t: ExecutionContext, ...versions: ReadonlyArray<string>) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-experiments-'));
  t.teardown(() => rm(root, { recursive: true }));
  for (const version of versions) {
    await mkdir(join(root, version), { recursive: true });
    await writeFile(join(root, version, 'pipeline.onnx'), 'x');
  }
  return {
    root,
    source: artifactStoreExperimentSource({ store: localFilesystemArtifactStore({ root }), root: '' }),
  };
};

const best = { modelType: 'rating', name: 'best' };
const inTime = () => ({ ...call, deadlineMs: Date.now() + 5_000 });

const files = [
  ...['pipeline.onnx', 'metadata.json', 'train_metrics.json', 'tune_metrics.json', 'test_metrics.json'],
  ...['parameters.json', 'model_info.json', 'golden.json', 'golden.parquet'],
];

for (const file of files) {
  test(`a symbolic link in the place of ${file} is refused, whatever it names`, async (t) => {
    const { root, source } = await trained(t, 'rating/best/v1');
    const place = join(root, 'rating/best/v1', file);
    await writeFile(join(root, 'elsewhere'), '{}');
    for (const target of ['elsewhere', 'nowhere']) {
      await rm(place, { force: true });
      await symlink(join(root, target), place);
      const { message } = await refused(source.read(best, call), 'InvalidInput');
      t.true(message.startsWith(`rating/best/v1/${file} is a symbolic link`), message);
      t.regex(message, /Put the file or folder itself there/);
      t.false(message.includes(root));
    }
  });
}

const onPosix = process.platform === 'win32' ? test.skip : test;

for (const file of files) {
  onPosix(`a pipe in the place of ${file} is refused at once`, async (t) => {
    const { root, source } = await trained(t, 'rating/best/v1');
    await rm(join(root, 'rating/best/v1', file), { force: true });
    makePipe(join(root, 'rating/best/v1', file));
    const { message } = await refused(source.read(best, inTime()), 'InvalidInput');
    t.true(message.startsWith(`rating/best/v1/${file} is not a regular file`), message);
    t.regex(message, /put the file itself there/);
  });
}

test('a link in the place of a pickle is not taken for an unfinished training run', async (t) => {
  const { root, source } = await trained(t, 'rating/best/v1');
  await rename(join(root, 'rating/best/v1/pipeline.onnx'), join(root, 'pickle'));
  await symlink(join(root, 'pickle'), join(root, 'rating/best/v1/pipeline.pkl'));
  t.regex((await refused(source.read(best, call), 'InvalidInput')).message, /pipeline\.pkl is a symbolic link/);
});

test('a version, experiment or model type that is a link is refused, not replaced by the version before it', async (t) => {
  const { root, source } = await trained(t, 'rating/best/v1', 'elsewhere/best/v1');
  await symlink(join(root, 'elsewhere/best/v1'), join(root, 'rating/best/v2'));
  await symlink(join(root, 'elsewhere/best'), join(root, 'rating/linked'));
  await symlink(join(root, 'elsewhere'), join(root, 'linked'));
  for (const [wanted, place] of [
    [best, 'rating/best/v2'],
    [{ ...best, version: 2 }, 'rating/best/v2'],
    [{ ...best, name: 'linked' }, 'rating/linked'],
    [{ ...best, modelType: 'linked' }, 'linked'],
  ] as const) {
    const { message } = await refused(source.read(wanted, call), 'InvalidInput');
    t.true(message.startsWith(`${place} is a symbolic link`), message);
  }
  t.is((await done(source.read({ ...best, version: 1 }, call))).version, 1);
});

test('a version that cannot be read is left out of the list, which shows the others', async (t) => {
  const { root, source } = await trained(t, 'rating/a/v1', 'rating/a/v2', 'rating/b/v1');
  for (const version of ['rating/a/v2', 'rating/b/v1']) {
    await rename(join(root, version, 'pipeline.onnx'), join(root, version, 'real.onnx'));
    await symlink(join(root, version, 'real.onnx'), join(root, version, 'pipeline.onnx'));
  }
  t.deepEqual(await done(source.list(call)), [{ modelType: 'rating', name: 'a', versions: [1] }]);
  await rm(join(root, 'rating/a'), { recursive: true });
  const { message } = await refused(source.list(call), 'InvalidInput');
  t.regex(message, /^rating\/b\/v1\/pipeline\.onnx is a symbolic link/);
});

test('a store that fails while experiments are listed is not taken for one that holds none', async (t) => {
  const { root } = await trained(t, 'rating/a/v1', 'rating/b/v1');
  const store = localFilesystemArtifactStore({ root });
  const failing: ArtifactStore = {
    ...store,
    head: (key, options) =>
      key.startsWith('rating/b') ? failTask('Unavailable', 'The store is away.') : store.head(key, options),
  };
  await refused(artifactStoreExperimentSource({ store: failing, root: '' }).list(call), 'Unavailable');
  t.pass();
});

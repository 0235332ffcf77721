/** The contract in a folder, and what befalls a folder: damage, left-overs, and places where nothing can be kept. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { localFilesystemArtifactCache } from '../../../adapters/local-filesystem/artifact-cache.js';
import { artifactCacheContract } from '../../contracts/artifact-cache.js';
import { contentOf, host, left, makeRegistry, registerAll, right, scoreOne, tamper } from '../../support/registry.js';
import { recordedStore } from '../../support/store-faults.js';

const makeFolder = async (t: ExecutionContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-cache-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
};

for (const { name, run } of artifactCacheContract) {
  test(name, async (t) => {
    const folder = await makeFolder(t);
    await run({
      cacheOf: async (limitBytes) => {
        const options = { folder: join(folder, 'deep', 'below'), limitBytes };
        const [cache, another] = [localFilesystemArtifactCache(options), localFilesystemArtifactCache(options)];
        return { cache, another, close: async () => undefined };
      },
    });
    t.pass();
  });
}

test('the folder is for this user alone, and holds nothing but artifacts', async (t) => {
  const folder = join(await makeFolder(t), 'artifacts');
  const cache = localFilesystemArtifactCache({ folder, limitBytes: 1000 });
  await cache.keep('a'.repeat(64), new Uint8Array(10))();
  t.deepEqual(await readdir(folder), ['a'.repeat(64)]);
  if (process.platform !== 'win32') t.is((await stat(folder)).mode & 0o077, 0);
});

test('what a process that died left behind is removed, and what another is writing is not', async (t) => {
  const folder = await makeFolder(t);
  const leftOver = join(folder, `${'b'.repeat(64)}.left-over`);
  await writeFile(leftOver, 'x'.repeat(900));
  await utimes(leftOver, 1, 1);
  await writeFile(join(folder, `${'c'.repeat(64)}.begun`), 'x'.repeat(900));
  const cache = localFilesystemArtifactCache({ folder, limitBytes: 1000 });
  await cache.keep('a'.repeat(64), new Uint8Array(200))();
  t.deepEqual((await readdir(folder)).sort(), ['a'.repeat(64), `${'c'.repeat(64)}.begun`]);
});

test('where nothing can be kept, nothing is there, and nothing fails', async (t) => {
  const file = join(await makeFolder(t), 'file');
  await writeFile(file, 'x');
  const cache = localFilesystemArtifactCache({ folder: join(file, 'below'), limitBytes: 1000 });
  await cache.keep('a'.repeat(64), new Uint8Array(10))();
  t.deepEqual(await cache.get('a'.repeat(64))(), O.none);
});

/** A registry with one version, and a service of another process that keeps artifacts in `folder`. */
const withCache = async (folder: string) => {
  const { store, service, withPorts } = await makeRegistry();
  const [version] = await registerAll(service, [{}]);
  const recorded = recordedStore(store);
  const fetches = () => recorded.calls.filter(({ key }) => key.endsWith('pipeline.onnx')).length;
  const artifactCache = localFilesystemArtifactCache({ folder, limitBytes: 1_000_000 });
  return {
    store,
    fetches,
    sha256: version?.artifact.sha256 ?? '',
    start: () => withPorts({ store: recorded.store, artifactCache }),
  };
};

test('an artifact is fetched from the store once by a machine, whichever process loads it', async (t) => {
  const folder = await makeFolder(t);
  const { start, fetches, sha256 } = await withCache(folder);
  for (let i = 0; i < 3; i++) await right(scoreOne(start()));
  t.is(fetches(), 1);
  t.deepEqual(await readdir(folder), [sha256]);
});

test('an artifact that was damaged on disk is never loaded: it is fetched again, and replaced', async (t) => {
  const folder = await makeFolder(t);
  const { start, fetches, sha256 } = await withCache(folder);
  const expected = (await right(scoreOne(start()))).predictions;
  for (const damage of ['', 'other bytes', '{"inputs": []}']) {
    await writeFile(join(folder, sha256), damage);
    t.deepEqual((await right(scoreOne(start()))).predictions, expected);
    t.is(host.sha256(await readFile(join(folder, sha256))), sha256);
  }
  t.is(fetches(), 4);
});

test('an artifact that is damaged in the store is not kept', async (t) => {
  const folder = join(await makeFolder(t), 'artifacts');
  await mkdir(folder);
  const { start, store } = await withCache(folder);
  const [key = ''] = Object.keys(await contentOf(store, 'models/registered')).filter((name) => name.endsWith('.onnx'));
  await tamper(store, key, (text) => text.replace('"intercepts":[1]', '"intercepts":[2]'));
  t.is((await left(scoreOne(start()))).tag, 'ArtifactUnreadable');
  t.deepEqual(await readdir(folder), []);
});

/** Proves of many random strings that keys and names are mapped to paths one to one, and to none outside the root. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix, win32 } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import {
  generationsFolder,
  nameOfGenerationsFolder,
  pathOfGeneration,
} from '../../adapters/local-filesystem/generations.js';
import { checkKey, ModelName, ModelType, versionOfFolder } from '../../core/index.js';
import { layout } from '../../core/registry/layout.js';
import { absent, bytesOf, call, done, listAll, read, refused, tokenNow } from '../contracts/artifact-store-harness.js';
import { randomFrom } from './fake-gcs/faults.js';
import { nastyKey, nastyName } from './nasty-strings.js';

export interface NamesProved {
  readonly seed: number;
  readonly strings: number;
  readonly taken: number;
  readonly refused: number;
  /** Paths or keys that were held apart. */
  readonly distinct: number;
}

const root = '/srv/registry';

/** The key of `path`, as whoever looks at the folder would read it. */
const keyAt = (path: string): string => posix.relative(root, path);

/** Everything that a local store may write for a key: its own path is the key again, and nothing private is any key's. */
const assertOwnPaths = (key: string): ReadonlyArray<string> => {
  const path = posix.join(root, key);
  assert.equal(keyAt(path), key, 'the path tells the key');
  assert.ok(path.startsWith(`${root}/`) && path === posix.normalize(path), 'it is below the root');
  assert.equal(
    win32.relative('C:\\registry', win32.join('C:\\registry', key)),
    key.replaceAll('/', '\\'),
    'on Windows too',
  );
  assert.equal(pathOfGeneration(path, 1), path);
  const folder = generationsFolder(path);
  assert.equal(posix.join(posix.dirname(folder), nameOfGenerationsFolder(posix.basename(folder)) ?? ''), path);
  const later = [2, 3, 10].map((generation) => pathOfGeneration(path, generation));
  for (const hidden of [folder, ...later, `${root}/.scorekeeper-tmp/${key}`]) {
    assert.ok(hidden.startsWith(`${root}/`) && E.isLeft(checkKey(keyAt(hidden))), `${hidden} is no key's path`);
  }
  return [path, folder, ...later];
};

/** Of `count` random strings, those that `checkKey` takes have paths of their own below the root. */
export const proveKeys = (seed: number, count: number): NamesProved => {
  const random = randomFrom(seed);
  const keys = new Set<string>();
  const paths = new Set<string>();
  let taken = 0;
  for (let i = 0; i < count; i++) {
    const key = nastyKey(random);
    if (E.isLeft(checkKey(key))) continue;
    taken += 1;
    if (keys.has(key)) continue;
    keys.add(key);
    const own = assertOwnPaths(key);
    for (const path of own) assert.ok(!paths.has(path), `${path} belongs to ${key} and to another`);
    for (const path of own) paths.add(path);
  }
  return { seed, strings: count, taken, refused: count - taken, distinct: paths.size };
};

/** Of `count` random strings, those that name models have keys of their own, whatever a disk makes of capitals; none is another's folder. */
export const proveModels = (seed: number, count: number): NamesProved => {
  const random = randomFrom(seed);
  const owners = new Map<string, string>();
  const folders = new Set<string>();
  const own = (key: string, owner: string): void => {
    assert.ok(E.isRight(checkKey(key)), `${key} is a key`);
    const onDisk = key.toLowerCase();
    assert.equal(owners.get(onDisk) ?? owner, owner, `${key} is one's alone`);
    owners.set(onDisk, owner);
    for (let slash = onDisk.indexOf('/'); slash >= 0; slash = onDisk.indexOf('/', slash + 1)) {
      folders.add(onDisk.slice(0, slash));
    }
  };
  const types: string[] = [];
  let taken = 0;
  for (let i = 0; i < count; i++) {
    // A digest or an id of ours is a name that somebody may choose.
    const digest = createHash('sha256')
      .update(`${i % 100}`)
      .digest('hex');
    own(layout.idempotencyKey(digest), `key ${i % 100}`);
    own(layout.staged(digest.slice(0, 36)), `staged ${i % 100}`);
    const text = random() < 0.02 ? `${digest}.json` : random() < 0.02 ? digest.slice(0, 36) : nastyName(random);
    if (ModelType.is(text)) types.push(text);
    if (ModelType.is(text) || ModelName.is(text)) taken += 1;
    const modelType = types[Math.floor(random() * types.length)];
    if (modelType === undefined || !ModelName.is(text)) continue;
    const model = { modelType, name: text };
    const version = 1 + Math.floor(random() ** 8 * 999_999_999);
    const owner = `${modelType} ${text}`;
    own(layout.modelState(model), owner);
    own(layout.artifact(model, version), `${owner} ${version}`);
    own(layout.registration(model, version), `${owner} ${version}`);
    own(layout.intent(model, version), `${owner} ${version}`);
    const [, , type, name, folder = ''] = layout.registration(model, version).split('/');
    assert.deepEqual([type, name, versionOfFolder(folder)], [modelType, text, version], 'the key tells the version');
  }
  for (const key of owners.keys()) assert.ok(!folders.has(key), `${key} is the folder of another key`);
  return { seed, strings: count, taken, refused: count - taken, distinct: owners.size };
};

/** Some keys that exist side by side on every disk: none differs from another in capitals alone, none is another's folder. */
const sampleOf = (random: () => number, wanted: number) => {
  const taken = new Map<string, string>();
  const folders = new Set<string>();
  const refusedOnes: string[] = [];
  while (taken.size < wanted || refusedOnes.length < wanted) {
    const key = nastyKey(random);
    if (E.isLeft(checkKey(key))) {
      if (refusedOnes.length < wanted) refusedOnes.push(key);
      continue;
    }
    const onDisk = key.toLowerCase();
    const above = onDisk
      .split('/')
      .map((_, i, segments) => segments.slice(0, i).join('/'))
      .slice(1);
    if (taken.has(onDisk) || folders.has(onDisk) || above.some((folder) => taken.has(folder))) continue;
    if (taken.size < wanted) taken.set(onDisk, key);
    for (const folder of above) folders.add(folder);
  }
  return { keys: [...taken.values()], refusedOnes };
};

const filesBelow = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
};

/** Writes, reads and lists `count` taken keys, and as many refused ones, in a folder on this disk: each is one file at its key, and nothing else is anywhere. */
export const proveOnDisk = async (seed: number, count: number): Promise<void> => {
  const { keys, refusedOnes } = sampleOf(randomFrom(seed), count);
  const above = await mkdtemp(join(tmpdir(), 'scorekeeper-names-'));
  try {
    await mkdir(join(above, 'beside'));
    await writeFile(join(above, 'beside/secret'), 'secret');
    const folder = join(above, 'in/the/root');
    const store = localFilesystemArtifactStore({ root: folder });
    for (const key of keys) await done(store.put(key, bytesOf(key), absent, call));
    for (const key of refusedOnes) {
      await refused(store.put(key, bytesOf('x'), absent, call), 'InvalidInput');
      await refused(store.copyIfAbsent(keys[0] ?? '', key, call), 'InvalidInput');
      await refused(store.get(key, call), 'InvalidInput');
      await refused(store.delete(key, call), 'InvalidInput');
    }
    assert.deepEqual(await filesBelow(folder), [...keys].sort());
    assert.deepEqual(await filesBelow(above), ['beside/secret', ...keys.map((key) => `in/the/root/${key}`)].sort());
    for (const key of keys) {
      assert.equal(await read(store, key), key);
      assert.notEqual(await tokenNow(store, key), undefined);
    }
    assert.deepEqual((await keysBelow(store, '')).toSorted(), keys.toSorted());
  } finally {
    await rm(above, { recursive: true });
  }
};

const keysBelow = async (
  store: ReturnType<typeof localFilesystemArtifactStore>,
  folder: string,
): Promise<ReadonlyArray<string>> => {
  const { objects, folders } = await listAll(store, folder);
  const below = await Promise.all(folders.map((name) => keysBelow(store, folder === '' ? name : `${folder}/${name}`)));
  return [...objects.map(({ key }) => key), ...below.flat()];
};

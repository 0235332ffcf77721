/** The contract in a local folder, and what only a folder promises. */
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { raised, toFailure } from '../../../adapters/local-filesystem/errors.js';
import { type ArtifactStore, type CallOptions, failure } from '../../../core/index.js';
import { asNobody } from '../../support/as-nobody.js';
import { makePipe } from '../../support/make-pipe.js';
import { artifactStoreContract } from '../../contracts/artifact-store.js';
import {
  absent,
  bytesOf,
  call,
  create,
  done,
  listAll,
  matches,
  read,
  refused,
  swap,
  tokenNow,
} from '../../contracts/artifact-store-harness.js';

const makeRoot = () => mkdtemp(join(tmpdir(), 'scorekeeper-store-'));

// What a call that was cut short left running may still be removing its temporary file.
const removeRoot = (root: string) => rm(root, { recursive: true, maxRetries: 10, retryDelay: 20 });

for (const { name, run } of artifactStoreContract) {
  test(name, async (t) => {
    await run({
      makeStore: async () => {
        const root = await makeRoot();
        return {
          store: localFilesystemArtifactStore({ root }),
          another: localFilesystemArtifactStore({ root }),
          close: () => removeRoot(root),
        };
      },
    });
    t.pass();
  });
}

/** A store in a folder that goes with the test. */
const open = async (t: ExecutionContext) => {
  const root = await makeRoot();
  t.teardown(() => removeRoot(root));
  return { root, store: localFilesystemArtifactStore({ root }) };
};

/** Everything below the folder, folders with a slash, but for the temporary folder, which must be empty. */
const layoutOf = async (root: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1) + (entry.isDirectory() ? '/' : ''))
    .filter((path) => path !== '.scorekeeper-tmp/')
    .sort();
};

test('objects are plain files at their keys, and nothing else is left', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'models/registered/rating/best/v1/pipeline.onnx', 'bytes');
  await done(store.copyIfAbsent('models/registered/rating/best/v1/pipeline.onnx', 'models/copy', call));
  await refused(store.put('models/copy', bytesOf('x'), absent, call), 'AlreadyExists');
  t.deepEqual(await layoutOf(root), [
    'models/',
    'models/copy',
    'models/registered/',
    'models/registered/rating/',
    'models/registered/rating/best/',
    'models/registered/rating/best/v1/',
    'models/registered/rating/best/v1/pipeline.onnx',
  ]);
  t.is(await readFile(join(root, 'models/copy'), 'utf8'), 'bytes');
});

test('the later states of a document are numbered files beside it, and stay', async (t) => {
  const { root, store } = await open(t);
  await swap(
    store,
    'a/model.json',
    'third',
    await swap(store, 'a/model.json', 'second', await create(store, 'a/model.json', 'first')),
  );
  const states = ['a/', 'a/.model.json.generations/', 'a/.model.json.generations/2', 'a/.model.json.generations/3'];
  t.deepEqual(await layoutOf(root), [...states, 'a/model.json']);
  await done(store.delete('a/model.json', call));
  t.deepEqual(await layoutOf(root), [...states, 'a/.model.json.generations/4/']);
});

test('the folders that a deletion empties go too', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'models/staging/1/pipeline.onnx', 'x');
  await create(store, 'models/other', 'x');
  await done(store.delete('models/staging/1/pipeline.onnx', call));
  t.deepEqual(await layoutOf(root), ['models/', 'models/other']);
});

test('a store that is only read makes nothing, not even its root', async (t) => {
  const { root } = await open(t);
  const store = localFilesystemArtifactStore({ root: join(root, 'new') });
  t.is(await tokenNow(store, 'a/b'), undefined);
  await done(store.delete('a/b', call));
  await refused(store.put('a/b', bytesOf('x'), matches('1-1-1-1'), call), 'Conflict');
  t.deepEqual(await layoutOf(root), []);
  await create(store, 'a/b', 'x');
  t.is(await read(store, 'a/b'), 'x');
});

test('a copied folder is the same store', async (t) => {
  const { root, store } = await open(t);
  await swap(store, 'a/model.json', 'second', await create(store, 'a/model.json', 'first'));
  await cp(join(root, 'a'), join(root, 'elsewhere/a'), { recursive: true });
  const copied = localFilesystemArtifactStore({ root: join(root, 'elsewhere') });
  t.is(await read(copied, 'a/model.json'), 'second');
  await swap(copied, 'a/model.json', 'third', (await tokenNow(copied, 'a/model.json')) ?? '');
  t.is(await read(copied, 'a/model.json'), 'third');
  t.is(await read(store, 'a/model.json'), 'second');
});

test('what cannot be a key is not listed', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a', 'x');
  for (const name of ['.DS_Store', 'with space', 'naïve', 'dot.', 'con.txt', '.generations'])
    await writeFile(join(root, name), '');
  for (const name of ['.git', 'new folder', '..generations']) await mkdir(join(root, name));
  t.deepEqual(
    (await listAll(store, '')).objects.map(({ key }) => key),
    ['a'],
  );
  t.deepEqual((await listAll(store, '')).folders, []);
});

for (const [what, link, target] of [
  ['a file', 'file', 'outside/secret'],
  ['a folder', 'folder', 'outside'],
  ['nothing', 'dangling', 'outside/none'],
] as const) {
  test(`a symbolic link to ${what} is refused, and nothing behind it is touched`, async (t) => {
    const { root } = await open(t);
    const inside = join(root, 'inside');
    const store = localFilesystemArtifactStore({ root: inside });
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'outside/secret'), 'secret');
    await create(store, 'source', 'x');
    await symlink(join(root, target), join(inside, link));
    for (const key of [link, `${link}/secret`, `${link}/new/deeper`]) {
      await refused(store.head(key, call), 'InvalidInput');
      await refused(store.get(key, call), 'InvalidInput');
      await refused(store.put(key, bytesOf('x'), absent, call), 'InvalidInput');
      await refused(store.put(key, bytesOf('x'), matches('1-1-1-1'), call), 'InvalidInput');
      await refused(store.copyIfAbsent(key, 'copy', call), 'InvalidInput');
      await refused(store.copyIfAbsent('source', key, call), 'InvalidInput');
      await refused(store.delete(key, call), 'InvalidInput');
      await refused(store.list(key, { limit: 10 }, call), 'InvalidInput');
    }
    t.deepEqual(
      (await listAll(store, '')).objects.map(({ key }) => key),
      ['source'],
    );
    t.deepEqual((await listAll(store, '')).folders, []);
    t.deepEqual(await readdir(join(root, 'outside')), ['secret']);
  });
}

/** Every call of the port, on `key`. */
const everyCall = (store: ArtifactStore, key: string, options: CallOptions) => [
  store.head(key, options),
  store.get(key, options),
  store.put(key, bytesOf('x'), absent, options),
  store.put(key, bytesOf('x'), matches('1-1-1-1'), options),
  store.copyIfAbsent(key, 'copy', options),
  store.copyIfAbsent('source', key, options),
  store.delete(key, options),
];

const onPosix = process.platform === 'win32' ? test.skip : test;

onPosix('a pipe is refused by name, and nobody waits for it', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'source', 'x');
  await mkdir(join(root, 'a'));
  makePipe(join(root, 'a/pipe'));
  const inTime = { ...call, deadlineMs: Date.now() + 10_000 };
  for (const task of everyCall(store, 'a/pipe', inTime)) {
    t.regex(
      (await refused(task, 'InvalidInput')).message,
      /^a\/pipe is not a regular file .*put the file itself there\.$/,
    );
  }
  t.deepEqual((await listAll(store, 'a')).objects, []);
});

onPosix('a later state that is no file is refused, without the path of the root', async (t) => {
  const { root, store } = await open(t);
  await swap(store, 'a/model.json', 'second', await create(store, 'a/model.json', 'first'));
  const third = join(root, 'a/.model.json.generations/3');
  await symlink(join(root, 'a/model.json'), third);
  const { message } = await refused(store.get('a/model.json', call), 'InvalidInput');
  t.is(message, 'State 3 of model.json is not a regular file: put the file itself there.');
  await rm(third);
  makePipe(third);
  await refused(store.get('a/model.json', call), 'InvalidInput');
});

test('the private folder of a document is followed through no link, and is no file', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a/model.json', 'first');
  const folder = join(root, 'a/.model.json.generations');
  await mkdir(join(root, 'elsewhere'));
  await writeFile(join(root, 'elsewhere/2'), 'planted');
  await symlink(join(root, 'elsewhere'), folder);
  t.regex((await refused(store.get('a/model.json', call), 'InvalidInput')).message, /symbolic link/);
  await rm(folder);
  await writeFile(folder, '');
  t.regex((await refused(store.get('a/model.json', call), 'InvalidInput')).message, /is a file, not a folder/);
});

test('a root that is a file, or below one, is no empty store', async (t) => {
  const { root } = await open(t);
  await writeFile(join(root, 'scorekeeper.json'), '{}');
  for (const [name, said] of [
    ['scorekeeper.json', 'scorekeeper.json is a file, not a folder: name a folder.'],
    ['scorekeeper.json/below', 'A file stands above below: name a folder.'],
  ] as const) {
    const store = localFilesystemArtifactStore({ root: join(root, name) });
    for (const task of [...everyCall(store, 'a/b', call), store.list('', { limit: 1 }, call)]) {
      t.is((await refused(task, 'InvalidInput')).message, said);
    }
  }
  t.is(await readFile(join(root, 'scorekeeper.json'), 'utf8'), '{}');
});

test('a file in place of the folder that was there is no mistake of who asks', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a/b', 'x');
  await rename(root, `${root}-away`);
  t.teardown(() => rm(`${root}-away`, { recursive: true }));
  await writeFile(root, '');
  for (const task of [...everyCall(store, 'a/b', call), store.list('', { limit: 1 }, call)]) {
    t.regex(
      (await refused(task, 'Unavailable')).message,
      / is a file, not a folder, where the folder of the store was: /,
    );
  }
});

test('a root that is a link to nothing is no empty store', async (t) => {
  const { root } = await open(t);
  await symlink(join(root, 'unmounted'), join(root, 'models'));
  const store = localFilesystemArtifactStore({ root: join(root, 'models') });
  for (const task of [...everyCall(store, 'a/b', call), store.list('', { limit: 1 }, call)]) {
    t.regex((await refused(task, 'Unavailable')).message, /^models is a symbolic link to nothing: /);
  }
});

test('a folder on the way that was replaced by a file is refused by name', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'models/registered/a', 'x');
  await create(store, 'source', 'x');
  await rm(join(root, 'models'), { recursive: true });
  await writeFile(join(root, 'models'), '');
  for (const task of [
    ...everyCall(store, 'models/registered/a', call),
    ...['models', 'models/registered'].map((folder) => store.list(folder, { limit: 1 }, call)),
  ]) {
    t.regex((await refused(task, 'InvalidInput')).message, /^models is a file, not a folder: /);
  }
});

test('the root itself may be a symbolic link', async (t) => {
  const { root, store } = await open(t);
  await symlink(root, `${root}-link`);
  t.teardown(() => rm(`${root}-link`));
  await create(localFilesystemArtifactStore({ root: `${root}-link` }), 'a/b', 'x');
  t.is(await read(store, 'a/b'), 'x');
});

test('an object cannot be the folder of another, nor a folder an object', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a/b', 'x');
  const below = await refused(store.put('a/b/c', bytesOf('x'), absent, call), 'InvalidInput');
  t.regex(below.message, /no key can be the folder of another/);
  await refused(store.put('a', bytesOf('x'), absent, call), 'InvalidInput');
  await refused(store.copyIfAbsent('a/b', 'a', call), 'InvalidInput');
  await refused(store.copyIfAbsent('a', 'd', call), 'NotFound');
  t.deepEqual(await layoutOf(root), ['a/', 'a/b']);
});

// Nobody may write what the mode forbids, except root: so root becomes nobody. Serial, for that is so for the whole process.
test.serial('a store that may not be written can be read, and says what is missing', async (t) => {
  const { root, store } = await open(t);
  await swap(store, 'a/model.json', 'second', await create(store, 'a/model.json', 'first'));
  await create(store, 'a/object', 'x');
  const folders = ['', 'a', 'a/.model.json.generations', '.scorekeeper-tmp'].map((folder) => join(root, folder));
  await Promise.all(folders.map((folder) => chmod(folder, 0o555)));
  await asNobody(async () => {
    t.is(await read(store, 'a/model.json'), 'second');
    const token = (await tokenNow(store, 'a/model.json')) ?? '';
    for (const write of [
      store.put('a/new', bytesOf('x'), absent, call),
      store.put('b/new', bytesOf('x'), absent, call),
      store.put('a/model.json', bytesOf('x'), matches(token), call),
      store.copyIfAbsent('a/object', 'a/copy', call),
      store.delete('a/object', call),
      store.delete('a/model.json', call),
    ]) {
      const { message } = await refused(write, 'PermissionDenied');
      t.regex(message, /give this user access to it \(\S+: EACCES\)/);
    }
    await refused(store.put('a/object', bytesOf('x'), absent, call), 'AlreadyExists');
  });
  await Promise.all(folders.map((folder) => chmod(folder, 0o755)));
  t.is(await read(store, 'a/object'), 'x');
});

test.serial('what may not be read is PermissionDenied', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a/object', 'x');
  await chmod(root, 0o755);
  await chmod(join(root, 'a/object'), 0);
  await asNobody(async () => {
    await refused(store.get('a/object', call), 'PermissionDenied');
    t.not(await done(store.head('a/object', call)), O.none);
  });
});

test.serial('an object that another user owns can be copied', async (t) => {
  const { root, store } = await open(t);
  await create(store, 'a', 'x');
  for (const path of [root, join(root, '.scorekeeper-tmp')]) await chmod(path, 0o777);
  await asNobody(async () => {
    await done(store.copyIfAbsent('a', 'copy', call));
    t.is(await read(store, 'copy'), 'x');
  });
});

for (const [code, tag, sentence] of [
  ['ENOSPC', 'Unavailable', /disk is full/],
  ['EROFS', 'PermissionDenied', /read-only/],
  ['ENAMETOOLONG', 'InvalidInput', /too long/],
  ['ELOOP', 'InvalidInput', /symbolic link/],
  ['EIO', 'Unavailable', /failed/],
] as const) {
  test(`${code} is ${tag}, and is told as a sentence with the place`, (t) => {
    const error = Object.assign(new Error(`${code}: it went wrong, open '/srv/a'`), { code });
    const { message, ...rest } = toFailure('models/a')(error);
    t.is(rest.tag, tag);
    t.regex(message, sentence);
    t.regex(message, new RegExp(`\\(models/a: ${code}\\)\\.$`));
  });
}

test('a bug is thrown, and an expected outcome is given back', (t) => {
  t.throws(() => toFailure('here')(new TypeError('x is undefined')), { message: 'x is undefined' });
  const expected = failure('NotFound', 'There is none.');
  t.is(toFailure('here')(raised(expected)), expected);
});

test('a folder that is gone is not taken for an empty one', async (t) => {
  const root = join(await makeRoot(), 'registry');
  const store = localFilesystemArtifactStore({ root });
  t.deepEqual(await listAll(store, ''), { objects: [], folders: [] });
  await create(store, 'a/b', 'x');
  await rm(root, { recursive: true });
  for (const looked of [store.head('a/b', call), store.get('a/b', call), store.list('', { limit: 10 }, call)]) {
    const failed = await refused(looked, 'Unavailable');
    t.is(failed.message, 'The folder of the store is not there any more: put it back, or mount its volume.');
  }
  t.deepEqual(await listAll(localFilesystemArtifactStore({ root }), ''), { objects: [], folders: [] });
  await mkdir(root);
  t.deepEqual(await listAll(store, ''), { objects: [], folders: [] });
  await removeRoot(join(root, '..'));
});

/** The forgetful file system forgets what was not synced and nothing else, and answers as the machine's own does. */
import type { FileHandle } from 'node:fs/promises';
import * as real from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { codeOf } from '../../adapters/local-filesystem/errors.js';
import { artifactStoreContract } from '../contracts/artifact-store.js';
import { randomFrom } from '../support/fake-gcs/faults.js';
import { storeOnDisk } from '../support/forgetful-fs/adapter.js';
import { type Disk, makeDisk } from '../support/forgetful-fs/calls.js';
import { byChance, everything, onlySynced, type Survival, survivorOf } from '../support/forgetful-fs/medium.js';
import * as forgetful from '../support/forgetful-fs/promises.js';

const { withMounted } = forgetful;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a test does with either file system. */
interface FileSystem extends Pick<typeof forgetful, 'rm'> {
  readonly open: (path: string, flags: string) => Promise<Pick<FileHandle, 'close'> & ForText>;
  readonly lstat: (path: string) => Promise<Kind>;
  readonly readdir: (
    path: string,
    options: { readonly withFileTypes: true },
  ) => Promise<ReadonlyArray<Kind & { readonly name: string }>>;
  readonly mkdir: (path: string) => Promise<unknown>;
  readonly rmdir: (path: string) => Promise<unknown>;
  readonly unlink: (path: string) => Promise<unknown>;
  readonly link: (from: string, to: string) => Promise<unknown>;
}
interface Kind {
  readonly isFile: () => boolean;
}
interface ForText {
  readonly readFile: () => Promise<Buffer>;
  readonly writeFile: (bytes: Uint8Array) => Promise<void>;
}

const create = async (path: string, text: string, { open }: Pick<FileSystem, 'open'> = forgetful): Promise<void> => {
  const handle = await open(path, 'wx');
  await handle.writeFile(bytesOf(text));
  await handle.close();
};

const read = async (path: string, { open }: Pick<FileSystem, 'open'> = forgetful): Promise<string> => {
  const handle = await open(path, 'r');
  try {
    return (await handle.readFile()).toString();
  } finally {
    await handle.close();
  }
};

const sync = async (path: string): Promise<void> => {
  const handle = await forgetful.open(path, 'r');
  await handle.sync();
  await handle.close();
};

/** Every file below the folder with its text, and every folder that holds nothing. */
const treeOf = async (path: string): Promise<Readonly<Record<string, string>>> => {
  const tree: Record<string, string> = {};
  for (const entry of await forgetful.readdir(path, { withFileTypes: true })) {
    if (entry.isFile()) tree[entry.name] = await read(`${path}/${entry.name}`);
    else {
      const below = Object.entries(await treeOf(`${path}/${entry.name}`));
      if (below.length === 0) tree[`${entry.name}/`] = '';
      for (const [name, text] of below) tree[`${entry.name}/${name}`] = text;
    }
  }
  return tree;
};

/** What a power cut leaves of a disk on which `work` was done. */
const afterCut = async (survival: Survival, work: (path: string) => Promise<void>) => {
  const disk: Disk = makeDisk();
  await withMounted(disk, work);
  return withMounted(makeDisk(survivorOf(disk.medium, survival)), treeOf);
};

for (const [what, work, left, seen] of [
  [
    'a name that was not synced, though its file was',
    async (path) => {
      await create(`${path}/a`, 'text');
      await sync(`${path}/a`);
    },
    {},
    { a: 'text' },
  ],
  [
    'what was written to a file that was not synced, though its name was',
    async (path) => {
      await create(`${path}/a`, 'text');
      await sync(path);
    },
    { a: '' },
    { a: 'text' },
  ],
  [
    'a folder that was not synced into the one above, with all that was synced in it',
    async (path) => {
      await forgetful.mkdir(`${path}/f`);
      await create(`${path}/f/a`, 'text');
      await sync(`${path}/f/a`);
      await sync(`${path}/f`);
    },
    {},
    { 'f/a': 'text' },
  ],
  [
    'that a name was removed',
    async (path) => {
      await create(`${path}/a`, 'text');
      await sync(`${path}/a`);
      await sync(path);
      await forgetful.unlink(`${path}/a`);
    },
    { a: 'text' },
    {},
  ],
  [
    'a second name that was not synced, and not the first',
    async (path) => {
      await create(`${path}/a`, 'text');
      await sync(`${path}/a`);
      await sync(path);
      await forgetful.link(`${path}/a`, `${path}/b`);
    },
    { a: 'text' },
    { a: 'text', b: 'text' },
  ],
  [
    'nothing that was synced',
    async (path) => {
      await forgetful.mkdir(`${path}/f`);
      await create(`${path}/f/a`, 'text');
      for (const each of [`${path}/f/a`, `${path}/f`, path]) await sync(each);
    },
    { 'f/a': 'text' },
    { 'f/a': 'text' },
  ],
] as ReadonlyArray<
  readonly [string, (path: string) => Promise<void>, Record<string, string>, Record<string, string>]
>) {
  test(`a power cut forgets ${what}`, async (t) => {
    t.deepEqual(await afterCut(onlySynced, work), left);
    t.deepEqual(await afterCut(everything, work), seen);
  });
}

test('by chance a power cut leaves some of what was not synced, in any order, and parts of files', async (t) => {
  const left = new Set<string>();
  for (let seed = 1; seed <= 1000; seed++) {
    const tree = await afterCut(byChance(randomFrom(seed)), async (path) => {
      for (const name of ['a', 'b']) await create(`${path}/${name}`, 'text');
      await sync(`${path}/a`);
    });
    left.add(JSON.stringify(tree));
    if (tree['a'] !== undefined) t.is(tree['a'], 'text', 'what was synced is whole');
  }
  t.deepEqual(
    [...left].sort(),
    [{}, { a: 'text' }, ...['', 't', 'te', 'tex', 'text'].flatMap((b) => [{ a: 'text', b }, { b }])]
      .map((tree) => JSON.stringify(tree))
      .sort(),
  );
});

test('what is left after a power cut is durable', async (t) => {
  const first = makeDisk();
  await withMounted(first, (path) => create(`${path}/a`, 'text'));
  const second = makeDisk(survivorOf(first.medium, everything));
  await withMounted(makeDisk(survivorOf(second.medium, onlySynced)), async (path) => {
    t.deepEqual(await treeOf(path), { a: 'text' });
    await create(`${path}/b`, 'a number of its own');
    t.is(await read(`${path}/a`), 'text');
  });
});

const path = fc.constantFrom('a', 'b', 'a/b', 'a/c', 'a/b/c', 'none/x');
const call = fc.oneof(
  fc.record({
    name: fc.constantFrom('mkdir', 'create', 'rmdir', 'unlink', 'rm', 'read', 'readdir', 'lstat'),
    at: path,
  }),
  fc.record({ name: fc.constant('link'), at: path, to: path }),
);

/** What a call answers: its value in plain words, or the code of its error. */
const outcome = async (
  system: FileSystem,
  root: string,
  { name, at, to = '' }: { readonly name: string; readonly at: string; readonly to?: string },
): Promise<unknown> => {
  const target = join(root, at);
  const kindOf = (entry: Kind) => (entry.isFile() ? 'file' : 'folder');
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    mkdir: () => system.mkdir(target),
    create: () => create(target, at, system),
    rmdir: () => system.rmdir(target),
    unlink: () => system.unlink(target),
    rm: () => system.rm(target),
    read: () => read(target, system),
    readdir: async () =>
      (await system.readdir(target, { withFileTypes: true })).map((entry) => `${entry.name} ${kindOf(entry)}`).sort(),
    lstat: async () => kindOf(await system.lstat(target)),
    link: () => system.link(target, join(root, to)),
  };
  try {
    return (await calls[name]?.()) ?? 'done';
  } catch (error) {
    const code = codeOf(error) ?? error;
    // POSIX has the first, Linux the second.
    return name === 'unlink' && code === 'EPERM' ? 'EISDIR' : code;
  }
};

const realSystem: FileSystem = {
  ...real,
  rm: (target) => real.rm(target, { force: true }),
};

test('whatever is called, it answers as the file system of this machine, error codes included', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 10, maxLength: 30 }), async (calls) => {
      const root = await real.mkdtemp(join(tmpdir(), 'scorekeeper-forgetful-'));
      try {
        await withMounted(makeDisk(), async (forgetfulRoot) => {
          for (const each of calls) {
            const wanted = await outcome(realSystem, root, each);
            t.deepEqual(await outcome(forgetful, forgetfulRoot, each), wanted, JSON.stringify(each));
          }
        });
      } finally {
        await real.rm(root, { recursive: true });
      }
    }),
    { numRuns: 150, seed: 20_260_103 },
  );
});

// As on the machine's own file system. That the adapter is on this one is seen in its steps.
for (const { name, run } of artifactStoreContract) {
  test(`the local adapter on a forgetful disk: ${name}`, async (t) => {
    const disk = makeDisk();
    await withMounted(disk, (at) =>
      run({
        makeStore: async () => ({ store: storeOnDisk(at), another: storeOnDisk(at), close: async () => undefined }),
      }),
    );
    t.pass();
  });
}

test('the local adapter is on the forgetful disk', async (t) => {
  const disk = makeDisk();
  await withMounted(disk, async (at) => {
    const store = storeOnDisk(at);
    await store.put(
      'a',
      bytesOf('x'),
      { kind: 'absent' },
      { deadlineMs: Infinity, cancellation: { aborted: false, onAbort: () => () => undefined } },
    )();
  });
  t.deepEqual([...new Set(disk.steps.map(({ kind }) => kind))].sort(), ['named', 'synced', 'written']);
});

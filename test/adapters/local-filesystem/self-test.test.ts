/** A folder on a file system that cannot hold a registry is refused before anything is written; what killed processes left is removed. */
import { existsSync } from 'node:fs';
import fs, { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { absent, bytesOf, call, create, read, refused } from '../../contracts/artifact-store-harness.js';

const real = { ...fs };

/** The file system with other functions, until the test is over. */
const patched = (t: ExecutionContext, functions: Partial<typeof fs>): void => {
  Object.assign(fs, functions);
  syncBuiltinESMExports();
  t.teardown(() => {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  });
};

const open = async (t: ExecutionContext) => {
  const root = await mkdtemp(join(tmpdir(), 'scorekeeper-store-'));
  t.teardown(() => rm(root, { recursive: true }));
  return { root, store: localFilesystemArtifactStore({ root }) };
};

const refusal = (code: string) => Object.assign(new Error(code), { code });

const unfit: ReadonlyArray<readonly [why: string, functions: Partial<typeof fs>, told: RegExp]> = [
  ['has no hard links', { link: () => Promise.reject(refusal('EPERM')) }, /it has no hard links \(EPERM\)/],
  [
    'lets a link replace what is there',
    {
      link: async (from, to) => {
        await real.rm(to, { force: true });
        await real.link(from, to);
      },
    },
    /a hard link replaces what has its name already/,
  ],
  [
    'copies instead of linking',
    { link: (from, to) => real.copyFile(from, to, 1) },
    /is not the file that it was made of/,
  ],
  ['deletes nothing', { unlink: async () => undefined }, /a file that was deleted is still there/],
];

for (const [why, functions, told] of unfit) {
  test.serial(`a file system that ${why} is refused, and nothing is written`, async (t) => {
    const { root, store } = await open(t);
    patched(t, functions);
    const { message } = await refused(store.put('a/b', bytesOf('x'), absent, call), 'InvalidInput');
    t.regex(message, told);
    t.regex(message, /Use a folder on a local disk, or a bucket\.$/);
    t.false(existsSync(join(root, 'a')));
  });
}

test.serial('a file system that is mended is tried again', async (t) => {
  const { store } = await open(t);
  Object.assign(fs, { link: () => Promise.reject(refusal('ENOTSUP')) });
  syncBuiltinESMExports();
  await refused(store.put('a/b', bytesOf('x'), absent, call), 'InvalidInput');
  Object.assign(fs, real);
  syncBuiltinESMExports();
  await create(store, 'a/b', 'x');
  t.is(await read(store, 'a/b'), 'x');
});

test.serial('the first write removes what was left behind more than a day ago, and nothing younger', async (t) => {
  const { root, store } = await open(t);
  const folder = join(root, '.scorekeeper-tmp');
  await mkdir(folder);
  for (const name of ['old', 'young']) await writeFile(join(folder, name), name);
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(join(folder, 'old'), twoDaysAgo, twoDaysAgo);
  await create(store, 'a', 'x');
  t.deepEqual(await readdir(folder), ['young']);
});

test.serial('what thousands of killed processes left is removed little by little, and holds nobody up', async (t) => {
  const { root } = await open(t);
  const folder = join(root, '.scorekeeper-tmp');
  await mkdir(folder);
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  for (let i = 0; i < 200; i++) {
    await writeFile(join(folder, `${i}`), '');
    if (i % 2 === 0) await utimes(join(folder, `${i}`), twoDaysAgo, twoDaysAgo);
  }
  let looks = 0;
  const lstat = ((...args: Parameters<typeof real.lstat>) => {
    if (`${args[0]}`.startsWith(folder)) looks += 1;
    return real.lstat(...args);
  }) as typeof real.lstat;
  patched(t, { lstat });
  const selfTests: number[] = [];
  while ((await readdir(folder)).length > 100 && selfTests.length < 1000) {
    looks = 0;
    await create(localFilesystemArtifactStore({ root }), `a${selfTests.length}`, 'x');
    selfTests.push(looks);
  }
  t.true(Math.max(...selfTests) < 100, `${Math.max(...selfTests)} files were looked at`);
  t.deepEqual(
    (await readdir(folder)).filter((name) => Number(name) % 2 === 0),
    [],
  );
});

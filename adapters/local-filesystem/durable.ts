/** Files and folders that survive a power cut: written, synced, then named. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, unless } from './errors.js';

/** Makes the folder and those above it, and syncs each into the one above. */
export const ensureFolder = async (folder: string): Promise<void> => {
  try {
    await makeFolder(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    await ensureFolder(dirname(folder));
    await makeFolder(folder);
  }
};

const makeFolder = async (folder: string): Promise<void> => {
  const made = await unless(
    ['EEXIST'],
    mkdir(folder).then(() => true),
  );
  if (made !== undefined) await syncFolder(dirname(folder));
};

/** Makes the names in a folder durable. */
export const syncFolder = async (folder: string): Promise<void> => {
  // Windows and some network file systems cannot sync a folder; there the names are as durable as the system makes them.
  const refusals = process.platform === 'win32' ? ['EPERM', 'EISDIR', 'EACCES'] : ['EINVAL', 'ENOTSUP'];
  const handle = await unless(refusals, open(folder, 'r'));
  if (handle === undefined) return;
  try {
    await unless(refusals, handle.sync());
  } finally {
    await handle.close();
  }
};

/** Where files are written before they have a name, in the same file system. */
export const temporaryFolder = (root: string): string => join(root, '.scorekeeper-tmp');

/** Lends `use` the path of a synced file with these bytes, in a private folder below the root, and removes it afterwards. */
export const withTemporary = async <A>(
  root: string,
  bytes: Uint8Array,
  use: (path: string) => Promise<A>,
): Promise<A> => {
  const folder = temporaryFolder(root);
  await ensureFolder(folder);
  const path = join(folder, randomUUID());
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(bytes);
      // The kernel's clock may stand still for milliseconds and inodes are used again at once: random digits below the
      // second keep the tokens of an object and of its successor apart.
      const seconds = Date.now() / 1000;
      await handle.utimes(seconds, seconds - Math.random());
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await use(path);
  } finally {
    // What cannot be removed is left over, and no reason to call a finished write failed.
    await rm(path, { force: true }).catch(() => undefined);
  }
};

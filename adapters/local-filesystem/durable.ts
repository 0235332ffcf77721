/** Files and folders that survive a power cut: written, synced, then named. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unless } from './errors.js';

/**
 * Makes the folder and those above it durable, and first makes those that are missing. One that is there may be another process's, which has yet
 * to sync its name. Those above it are durable: below one that is not, no folder is made.
 */
export const ensureFolder = async (folder: string): Promise<void> => {
  if ((await unless(['ENOENT'], stat(folder))) !== undefined) {
    await syncForOthers(dirname(folder));
    return;
  }
  if (dirname(folder) !== folder) await ensureFolder(dirname(folder));
  await unless(['EEXIST'], mkdir(folder));
  await syncFolder(dirname(folder));
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

/** Makes the names in a folder durable, or that it is gone, when its last name was removed meanwhile. */
export const syncNearest = async (folder: string): Promise<void> => {
  const synced = await unless(
    ['ENOENT'],
    syncFolder(folder).then(() => true),
  );
  if (synced === undefined) await syncNearest(dirname(folder));
};

/**
 * Makes durable what another process named in the folder and may not have come to sync, before anything is built on it. Where this user cannot
 * open the folder, as the one that the root stands in, that is left to the other.
 */
export const syncForOthers = async (folder: string): Promise<void> => {
  await unless(['EACCES', 'EPERM'], syncNearest(folder));
};

/** Where files are written before they have a name, in the same file system. */
export const temporaryFolder = (root: string): string => join(root, '.scorekeeper-tmp');

/** Lends `use` the path of a synced file with these bytes, in a private folder below the root, and removes it afterwards. */
export const withTemporary = async <A>(
  root: string,
  bytes: Uint8Array,
  use: (path: string) => Promise<A>,
): Promise<A> => {
  const path = join(temporaryFolder(root), randomUUID());
  try {
    const handle = await openNew(path);
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

/** The folder needs not be durable, for nobody looks for the file. */
const openNew = async (path: string): Promise<FileHandle> => {
  const handle = await unless(['ENOENT'], open(path, 'wx'));
  if (handle !== undefined) return handle;
  await ensureFolder(dirname(path));
  return open(path, 'wx');
};

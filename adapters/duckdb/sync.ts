/** What is written stays, also when the power fails. */
import { open } from 'node:fs/promises';

/** Makes a file's bytes durable; its size. */
export const syncFile = (path: string): Promise<number> => sync(path, 'r+');

/** Makes a folder's names durable. */
export const syncFolder = async (path: string): Promise<void> => {
  // Windows cannot sync a folder.
  if (process.platform !== 'win32') await sync(path, 'r');
};

const sync = async (path: string, flags: 'r' | 'r+'): Promise<number> => {
  const handle = await open(path, flags);
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
};

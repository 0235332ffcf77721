/** Makes folders, and says why not. */
import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { raised, toFailure } from './errors.js';

/** Makes the folder and those above it that are not there, for others to read as the system is told, unless `mode` says more. Throws the system's own error. */
export const makeFolder = async (path: string, mode = 0o777): Promise<void> => {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (error) {
    // Node says ENOENT where the system says why, as of a file system that is read-only.
    await mkdir(await firstMissing(path));
    throw error;
  }
};

const firstMissing = async (path: string): Promise<string> => {
  const above = dirname(path);
  return await access(above).then(
    () => path,
    () => firstMissing(above),
  );
};

/** A folder in the system's temporary folder, not for others to read. */
export const makeAside = (path: string): Promise<void> =>
  makeFolder(path, 0o700).catch((error: unknown) => {
    throw raised(toFailure("A folder in the system's temporary folder (TMPDIR)")(error));
  });

/** Makes folders, and says why not. */
import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

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

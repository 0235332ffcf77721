/** Makes folders, and says why not. */
import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the folder and those above it that are not there. Throws the system's own error. */
export const makeFolder = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { recursive: true });
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

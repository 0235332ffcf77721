/** An artifact cache in a folder of this machine: one file per artifact, named by its SHA-256. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as O from 'fp-ts/lib/Option.js';
import { type ArtifactCache, checkLimits } from '../../core/index.js';

export interface ArtifactCacheOptions {
  /** Made by the first artifact that is kept, for this user alone. */
  readonly folder: string;
  readonly limitBytes: number;
}

/** The cache; several processes may share the folder. */
export const localFilesystemArtifactCache = ({ folder, limitBytes }: ArtifactCacheOptions): ArtifactCache => {
  checkLimits({ limitBytes });
  return {
    get: (sha256) => async () => {
      const path = join(folder, sha256);
      try {
        const { buffer, byteOffset, byteLength } = await readFile(path);
        const now = new Date();
        await utimes(path, now, now).catch(() => undefined);
        return O.some(new Uint8Array(buffer, byteOffset, byteLength));
      } catch {
        return O.none;
      }
    },

    keep: (sha256, bytes) => async () => {
      if (bytes.length > limitBytes) return;
      const temporary = join(folder, `${sha256}.${randomUUID()}`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(temporary, bytes, { flag: 'wx' });
        await rename(temporary, join(folder, sha256));
        await makeRoom(folder, limitBytes);
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
};

/** No process takes so long to write one. */
const leftoverAgeMs = 3_600_000;

/** Removes what was used longest ago until the rest is within the limit, and what processes that died had begun to write. */
const makeRoom = async (folder: string, limitBytes: number): Promise<void> => {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      // Another process may have removed it.
      const stats = await stat(path).catch(() => undefined);
      return stats?.isFile()
        ? [{ path, isWhole: !name.includes('.'), sizeBytes: stats.size, usedMs: stats.mtimeMs }]
        : [];
    }),
  );
  const newestFirst = files.flat().sort((a, b) => b.usedMs - a.usedMs);
  let totalBytes = 0;
  for (const { path, isWhole, sizeBytes, usedMs } of newestFirst) {
    totalBytes += isWhole ? sizeBytes : 0;
    const isUnwanted = isWhole ? totalBytes > limitBytes : Date.now() - usedMs > leftoverAgeMs;
    if (isUnwanted) await rm(path, { force: true });
  }
};

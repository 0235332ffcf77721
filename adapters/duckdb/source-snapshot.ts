/** What tells that a source's files are those that they were: cheaper than reading them. */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { JsonObject } from '../../core/index.js';
import type { SourceFile } from './source-file.js';

/** Parquet keeps there where everything is and what it is like; whatever is appended to another file stands there. */
const tailBytes = 65_536;

/** View, path, time of the last change, and what `stateOf` says. */
export const snapshotFile = async ({ view, path }: SourceFile): Promise<JsonObject> => {
  const { mtimeNs } = await stat(path, { bigint: true });
  return { view, path, modified_ns: `${mtimeNs}`, state: await stateOf(path) };
};

/** Size, and digest of the last 64 KiB: that of a copy is the same. */
export const stateOf = async (path: string): Promise<string> => {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return `${size} ${createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex')}`;
  } finally {
    await handle.close();
  }
};

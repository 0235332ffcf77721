/** What tells that a source's files are those that they were: cheaper than reading them. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { JsonObject } from '../../core/index.js';
import type { SourceFile } from './source-file.js';

/** Parquet keeps there where everything is and what it is like; whatever is appended to another file stands there. */
const tailBytes = 65_536;

/** Path, size, time of the last change, and the digest of the last 64 KiB. */
export const snapshotFile = async ({ view, path }: SourceFile): Promise<JsonObject> => {
  const handle = await open(path);
  try {
    const { size, mtimeNs } = await handle.stat({ bigint: true });
    const length = Math.min(Number(size), tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, Number(size) - length);
    const tail = createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
    return { view, path, size_bytes: Number(size), modified_ns: `${mtimeNs}`, tail_sha256: tail };
  } finally {
    await handle.close();
  }
};

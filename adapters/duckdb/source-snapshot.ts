/** What tells that a source's files are those that they were: cheaper than reading them. */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { CallOptions, JsonObject, YearRange } from '../../core/index.js';
import { findInBucket, isInBucket } from './bucket-source.js';
import { assertOngoing } from './interruptible.js';
import { findSourceFile, type SourceFile } from './source-file.js';
import type { FilePlaces } from './source-files.js';

/** Parquet keeps there where everything is and what it is like; whatever is appended to another file stands there. */
const tailBytes = 65_536;

/** All that decides which rows a range has. */
export const snapshotSource = async (
  { files, sql, copies, baseDir = '.', baseDirName }: FilePlaces & { readonly sql?: string },
  range: YearRange,
  call: CallOptions,
): Promise<JsonObject> => {
  assertOngoing('The source', call);
  const found = Object.entries(files).map(async ([view, path]): Promise<JsonObject> => {
    if (!isInBucket(path)) return snapshotFile(await findSourceFile(baseDir, view, path, baseDirName));
    const { generation } = await findInBucket(copies, path, call);
    return { view, path, generation };
  });
  return { files: await Promise.all(found), sql: sql ?? null, ...range };
};

/** View, path, time of the last change, and what `stateOf` says. */
const snapshotFile = async ({ view, path }: SourceFile): Promise<JsonObject> => {
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

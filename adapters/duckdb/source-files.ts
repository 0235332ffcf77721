/** The files of a source, wherever they are: found, and let go of. */
import type { CallOptions, OpenedSource } from '../../core/index.js';
import { type BucketCopies, copyParts, copyWhole, findInBucket, isInBucket } from './bucket-source.js';
import { findSourceFile, formatOf, type SourceFile } from './source-file.js';
import { whileUnchanged } from './unchanged-files.js';

/** Where files are, as a source is told. */
export interface FilePlaces {
  /**
   * Paths, or addresses in buckets (`gs://…`), by the name that the SQL calls them: `.parquet`, `.csv` (RFC 4180 with a header), `.ndjson` or
   * `.jsonl`. The SQL may read these and nothing else.
   */
  readonly files: Readonly<Record<string, string>>;
  /** Where relative paths begin; the working folder unless given. */
  readonly baseDir?: string;
  /** What messages call that folder, as in "the folder of the settings file": where it is on this machine is nobody's business. */
  readonly baseDirName?: string;
  /** Where files in buckets come from; without it they are refused. */
  readonly copies?: BucketCopies;
}

/** Each of the files, as it is now. Of a Parquet file in a bucket that no SQL reads there are no columns yet. */
export const findFiles = (
  { files, sql, copies, baseDir = '.', baseDirName }: FilePlaces & { readonly sql?: string },
  call: CallOptions,
): ReadonlyArray<Promise<SourceFile>> =>
  Object.entries(files).map(async ([view, path]) => {
    if (!isInBucket(path)) return findSourceFile(baseDir, view, path, baseDirName);
    // SQL may read any column.
    if (sql !== undefined || formatOf(path) !== 'parquet') return copyWhole(copies, view, path, call);
    return copyParts(copies, view, await findInBucket(copies, path, call), call);
  });

/** A source that lets go of its files when it is closed, or when it cannot be opened. */
export const withFiles = async (
  found: ReadonlyArray<Promise<SourceFile>>,
  use: (files: ReadonlyArray<SourceFile>) => Promise<OpenedSource>,
): Promise<OpenedSource> => {
  const outcomes = await Promise.allSettled(found);
  const files = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(files.map(async (file) => file.close?.()));
  };
  try {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    const opened = whileUnchanged(files, await use(files));
    const closeAll = async (): Promise<void> => {
      try {
        await opened.close();
      } finally {
        await close();
      }
    };
    return { ...opened, close: closeAll };
  } catch (error) {
    await close();
    throw error;
  }
};

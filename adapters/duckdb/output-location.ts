/** Where outputs may stand: below a root, by relative names, through no symbolic link. */
import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { raise } from './errors.js';

export type OutputFormat = 'parquet' | 'csv' | 'ndjson';

const formats: Readonly<Record<string, OutputFormat>> = {
  parquet: 'parquet',
  csv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** Raises `InvalidInput` when the location escapes, cannot be a file, or has another extension. Touches nothing. */
export const resolveOutput = async (
  root: string,
  location: string,
): Promise<{ readonly path: string; readonly format: OutputFormat }> => {
  const refuse = (why: string) => raise('InvalidInput', `The output location "${location}" ${why}.`);
  const segments = location.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment))) {
    return refuse('is not a relative path below the output root: names joined by "/", without ".." and "\\"');
  }
  const format = formats[/\.([a-z]+)$/i.exec(location)?.[1]?.toLowerCase() ?? ''];
  if (format === undefined) return refuse('has no known extension: .parquet, .csv, .ndjson or .jsonl');

  let path = resolve(root);
  for (const [i, segment] of segments.entries()) {
    path = join(path, segment);
    const isLast = i === segments.length - 1;
    const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (there?.isSymbolicLink())
      return refuse(`leads through the symbolic link "${segments.slice(0, i + 1).join('/')}"`);
    if (there !== undefined && there.isDirectory() === isLast) {
      return refuse(isLast ? 'is a folder' : `leads through the file "${segments.slice(0, i + 1).join('/')}"`);
    }
  }
  return { path, format };
};

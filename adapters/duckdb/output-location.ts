/** Where outputs may stand: below a root, by relative names, through no symbolic link. */
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { brief } from '../../core/index.js';
import { raise } from './errors.js';

export type OutputFormat = 'parquet' | 'csv' | 'ndjson';

const formats: Readonly<Record<string, OutputFormat>> = {
  parquet: 'parquet',
  csv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** Below `root`, and neither in place of nor inside a protected path; all absolute. */
export interface OutputPlace {
  readonly root: string;
  readonly protectedPaths: ReadonlyArray<string>;
}

/** What some file system would not take as a name, or a terminal not show as it is. */
const unfitName = /^\.|[\\:\p{C}]|^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/iu;

/** Raises `InvalidInput` when the location escapes, cannot be a file, is protected, or has another extension. Touches nothing. */
export const resolveOutput = async (
  { root, protectedPaths }: OutputPlace,
  location: string,
): Promise<{ readonly path: string; readonly format: OutputFormat }> => {
  const refuse = (why: string) => raise('InvalidInput', `The output location "${brief(location)}" ${why}.`);
  const segments = location.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || /[\\\0]/.test(segment))) {
    return refuse('is not a relative path below the output root: names joined by "/", without ".." and "\\"');
  }
  if (segments.some((segment) => unfitName.test(segment))) {
    return refuse('has a name that begins with a dot, holds a colon or a control character, or is a device');
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
  const real = await realPathOf(path);
  for (const kept of await Promise.all(protectedPaths.map(realPathOf))) {
    if (real === kept || real.startsWith(`${kept}${sep}`)) {
      return refuse('would replace a file of a source, or stand among the registry’s own; choose another');
    }
  }
  return { path, format };
};

/** The path without symbolic links, as far as it is there. */
const realPathOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch {
    return dirname(path) === path ? path : join(await realPathOf(dirname(path)), basename(path));
  }
};

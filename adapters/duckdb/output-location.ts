/** Where outputs may stand: below a root, by relative names, through no symbolic link. */
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { checkOutputLocation, type OutputFormat, protectedPlace, refuseOutput } from '../../core/index.js';
import { orRaise } from './errors.js';

/** Below `root`, and neither in place of nor inside a protected path; all absolute. */
export interface OutputPlace {
  readonly root: string;
  readonly protectedPaths: ReadonlyArray<string>;
}

/** Raises `InvalidInput` when the location escapes, cannot be a file, is protected, or has another extension. Touches nothing. */
export const resolveOutput = async (
  { root, protectedPaths }: OutputPlace,
  location: string,
): Promise<{ readonly path: string; readonly format: OutputFormat }> => {
  const { segments, format } = orRaise(checkOutputLocation(location));
  const refuse = (why: string): never => orRaise(refuseOutput(location, why));
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
      return refuse(protectedPlace);
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

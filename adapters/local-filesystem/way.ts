/** What must stand between the root and a key: folders, then a file or nothing. Whatever else is there is refused by name. */
import type { BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, raise, unless } from './errors.js';
import { generationsFolder, statsOf } from './generations.js';

/** The folder of a store, and whether it was ever seen to be one. */
interface Root {
  readonly path: string;
  readonly wasThere: boolean;
}

/**
 * Refuses with `InvalidInput` when something on the way to the object or folder `key` is not what its place demands. A root that was a folder before,
 * and is none now, is `Unavailable`.
 */
export const checkWay = async (root: Root, key: string, end: 'object' | 'folder'): Promise<void> => {
  const segments = key === '' ? [] : key.split('/');
  const steps = segments.map((_, i) => segments.slice(0, i + 1).join('/'));
  const refusals = await Promise.all([
    ...steps.map(async (step) => {
      const stats = await found(join(root.path, step));
      return end === 'object' && step === key ? whyNoObject(step, stats) : whyNoFolder(step, stats);
    }),
    ...(end === 'object'
      ? [found(generationsFolder(join(root.path, key))).then((stats) => whyNoFolder(generationsFolder(key), stats))]
      : []),
    checkRoot(root),
  ]);
  const first = refusals.find((why) => why !== undefined);
  if (first !== undefined) raise('InvalidInput', first);
};

/** Why an object is not read, when something that is no file stands in its place. */
export const notAFile = (what: string): string =>
  `${what} is not a regular file (a pipe, a socket or a device): put the file itself there.`;

const whyNoObject = (key: string, stats: BigIntStats | undefined): string | undefined => {
  if (stats?.isSymbolicLink()) return linked(key);
  return stats === undefined || stats.isFile() || stats.isDirectory() ? undefined : notAFile(key);
};

const whyNoFolder = (key: string, stats: BigIntStats | undefined): string | undefined => {
  if (stats?.isSymbolicLink()) return linked(key);
  return stats === undefined || stats.isDirectory()
    ? undefined
    : `${key} is a file, not a folder: no key can be the folder of another. Move the file away.`;
};

const linked = (key: string): string =>
  `${key} is a symbolic link: the store does not follow them. Put the file or folder itself there.`;

/** Below a file nothing is found; the file is what is refused. */
const found = (path: string): Promise<BigIntStats | undefined> => unless(['ENOTDIR'], statsOf(path));

/** A root that is not there yet is an empty store; one that can never become a folder is none. */
const checkRoot = async ({ path: root, wasThere }: Root): Promise<undefined> => {
  const name = basename(root);
  const refuse = (what: string): never =>
    wasThere
      ? raise('Unavailable', `${what}, where the folder of the store was: put it back, or mount its volume.`)
      : raise('InvalidInput', `${what}: name a folder.`);
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return refuse(`A file stands above ${name}`);
    if (codeOf(error) !== 'ENOENT') throw error;
    if (!(await unless(['ENOENT'], lstat(root)))?.isSymbolicLink()) return;
    return raise('Unavailable', `${name} is a symbolic link to nothing: make or mount the folder that it names.`);
  }
  refuse(`${name} is a file, not a folder`);
};

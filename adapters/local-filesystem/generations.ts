/**
 * The states of one key on disk. The first is a plain file at the key. Each later one is a file named by its number in a
 * private folder beside it, `.{name}.generations/2`, `3`, …, and the highest is the state. None is ever removed, so a number
 * is won once. A deletion after the first state is itself one: an empty folder under the next number.
 */
import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ObjectHead, StoreToken } from '../../core/index.js';
import { raise, unless } from './errors.js';

/** The file that holds an object's bytes, and its generation. */
export interface StateFile {
  readonly path: string;
  readonly generation: number;
  readonly stats: BigIntStats;
}

/** `generation` is 0 when nothing was ever there; without `file` there is no object. */
export interface State {
  readonly generation: number;
  readonly file?: StateFile;
}

const prefix = '.';
const suffix = '.generations';

/** The private folder of the later states of the object at `path`. */
export const generationsFolder = (path: string): string => join(dirname(path), `${prefix}${basename(path)}${suffix}`);

/** The name of the object whose private folder `entry` is, or undefined when it is no such folder. */
export const nameOfGenerationsFolder = (entry: string): string | undefined =>
  entry.startsWith(prefix) && entry.endsWith(suffix) ? entry.slice(prefix.length, -suffix.length) : undefined;

/** Where a generation of the object at `path` is. */
export const pathOfGeneration = (path: string, generation: number): string =>
  generation === 1 ? path : join(generationsFolder(path), `${generation}`);

/** The newest state of the object at `path`. */
export const newestState = async (path: string): Promise<State> => {
  const generation = await highestGeneration(path);
  const newest = pathOfGeneration(path, generation);
  const stats = await statsOf(newest);
  if (stats?.isFile()) return { generation, file: { path: newest, generation, stats } };
  if (stats !== undefined && !stats.isDirectory()) {
    return raise(
      'InvalidInput',
      `State ${generation} of ${basename(path)} is not a regular file: put the file itself there.`,
    );
  }
  return { generation: generation === 1 ? 0 : generation };
};

/** Gallops, then halves: numbers have no holes, so this takes a few looks however long the history is. */
const highestGeneration = async (path: string): Promise<number> => {
  const isThere = async (generation: number) => (await statsOf(pathOfGeneration(path, generation))) !== undefined;
  let known = 1;
  let absent = 2;
  while (await isThere(absent)) {
    known = absent;
    absent *= 2;
  }
  while (absent - known > 1) {
    const middle = Math.floor((known + absent) / 2);
    if (await isThere(middle)) known = middle;
    else absent = middle;
  }
  return known;
};

/** What stands at `path`, not following a link; undefined when nothing does. */
export const statsOf = (path: string): Promise<BigIntStats | undefined> =>
  unless(['ENOENT'], lstat(path, { bigint: true }));

/** Stable while the state stands, and another for every other state of the key (see `withTemporary` for the time). */
export const tokenOf = (generation: number, { ino, size, mtimeNs }: BigIntStats): StoreToken =>
  `${generation}-${ino}-${size}-${mtimeNs}`;

export const headOf = ({ generation, stats }: StateFile): ObjectHead => ({
  token: tokenOf(generation, stats),
  sizeBytes: Number(stats.size),
  modifiedMs: Number(stats.mtimeMs),
});

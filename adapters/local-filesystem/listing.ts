/** One level of the store's folder, as keys. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { checkKey, type Listing } from '../../core/index.js';
import { unless } from './errors.js';
import { headOf, nameOfGenerationsFolder, newestState } from './generations.js';

/**
 * The entries of `folder` whose names come after `after`, at most `limit`. What cannot be a key is passed over: hidden files,
 * symbolic links, names outside the grammar.
 */
export const listFolder = async (
  root: string,
  folder: string,
  limit: number,
  after: string | undefined,
): Promise<Listing> => {
  const path = join(root, folder);
  const keyOf = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const entries = (await unless(['ENOENT'], readdir(path, { withFileTypes: true }))) ?? [];
  const kinds = new Map(entries.flatMap(entryOf).filter(([name]) => E.isRight(checkKey(keyOf(name)))));
  const left = [...kinds.keys()].filter((name) => after === undefined || name > after).sort();
  const page = left.slice(0, limit);
  const last = page.at(-1);
  const objects = await Promise.all(
    page.map(async (name) => {
      if (kinds.get(name) === 'folder') return [];
      const { file } = await newestState(join(path, name));
      return file === undefined ? [] : [{ key: keyOf(name), ...headOf(file) }];
    }),
  );
  return {
    objects: objects.flat(),
    folders: page.filter((name) => kinds.get(name) === 'folder'),
    ...(left.length > limit && last !== undefined ? { nextPageToken: last } : {}),
  };
};

/** A document whose first state was deleted has no file of its name, only a private folder. */
const entryOf = (entry: Dirent): ReadonlyArray<readonly [name: string, kind: 'object' | 'folder']> => {
  if (entry.isFile()) return [[entry.name, 'object']];
  if (!entry.isDirectory()) return [];
  const document = nameOfGenerationsFolder(entry.name);
  return document === undefined ? [[entry.name, 'folder']] : [[document, 'object']];
};

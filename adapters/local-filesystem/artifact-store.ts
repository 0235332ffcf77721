/** An artifact store in a folder: objects are files at their keys, safe against any number of processes and a power cut. */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as O from 'fp-ts/lib/Option.js';
import {
  type ArtifactStore,
  checkFolder,
  checkKey,
  type StoredObject,
  type StoreToken,
  type WriteCondition,
} from '../../core/index.js';
import { bounded, type Commit } from './bounded.js';
import { withTemporary } from './durable.js';
import { codeOf, orRaise, raise, unless } from './errors.js';
import { headOf, newestState, statsOf, tokenOf } from './generations.js';
import { listFolder } from './listing.js';
import { demandedState, publish, remove, type Target } from './writes.js';

const absent: WriteCondition = { kind: 'absent' };

/**
 * The store whose keys are paths below the folder `root`, which is made by the first write. The file system must have hard
 * links. Symbolic links below the root are refused; the root itself may be one.
 */
export const localFilesystemArtifactStore = (options: { readonly root: string }): ArtifactStore => {
  const root = resolve(options.root);
  const location = `local folder ${root}`;

  const pathOf = async (key: string): Promise<string> => {
    await refuseLinks(root, orRaise(checkKey(key)));
    return join(root, key);
  };

  const targetOf = async (key: string, condition: WriteCondition): Promise<Target> => ({
    path: await pathOf(key),
    what: key,
    condition,
  });

  const create = (target: Target, bytes: Uint8Array, commit: Commit): Promise<StoreToken> =>
    withTemporary(root, bytes, (temporary) => publish(temporary, target, commit));

  return {
    location,

    head: (key, call) =>
      bounded(key, call, async () => {
        const { file } = await newestState(await pathOf(key));
        return file === undefined ? O.none : O.some(headOf(file));
      }),

    get: (key, call) => bounded(key, call, async () => readNewest(await pathOf(key))),

    put: (key, bytes, condition, call) =>
      bounded(key, call, async (commit) => {
        const target = await targetOf(key, condition);
        // Asked before the bytes are written, which may be many, and again when they are linked.
        await demandedState(target);
        return create(target, bytes, commit);
      }),

    copyIfAbsent: (from, to, call) =>
      bounded(to, call, async (commit) => {
        const target = await targetOf(to, absent);
        const { file } = await newestState(await pathOf(from));
        if (file === undefined) return raise('NotFound', `There is no ${from} to copy.`);
        try {
          // Both names share the bytes, which never change.
          return await publish(file.path, target, commit);
        } catch (error) {
          if (!['EXDEV', 'EPERM', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
          return create(target, await readFile(file.path), commit);
        }
      }),

    list: (folder, { limit, pageToken }, call) =>
      bounded(folder === '' ? 'the root' : folder, call, async () => {
        if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
          return raise('InvalidInput', `A page holds 1 to 1000 entries, not ${limit}.`);
        }
        await refuseLinks(root, orRaise(checkFolder(folder)));
        return listFolder(root, folder, limit, pageToken);
      }),

    delete: (key, call) => bounded(key, call, async (commit) => remove(root, await pathOf(key), commit)),
  };
};

const refuseLinks = async (root: string, key: string): Promise<void> => {
  const segments = key.split('/');
  const paths = segments.map((_, i) => join(root, ...segments.slice(0, i + 1)));
  const stats = await Promise.all(paths.map(statsOf));
  const at = stats.findIndex((stat) => stat?.isSymbolicLink());
  if (key !== '' && at >= 0) {
    raise(
      'InvalidInput',
      `${segments.slice(0, at + 1).join('/')} is a symbolic link: the store does not follow them. Put the files themselves there.`,
    );
  }
};

/** The flag is not there on Windows, and refuses a link that took the file's place since it was looked at. */
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

const readNewest = async (path: string): Promise<O.Option<StoredObject>> => {
  const { file } = await newestState(path);
  const handle = file && (await unless(['ENOENT'], open(file.path, readOnly)));
  if (file === undefined || handle === undefined) return O.none;
  try {
    const stats = await handle.stat({ bigint: true });
    // A plain array: a Buffer's `slice` would alias where others expect a copy.
    const { buffer, byteOffset, byteLength } = await handle.readFile();
    return O.some({ bytes: new Uint8Array(buffer, byteOffset, byteLength), token: tokenOf(file.generation, stats) });
  } finally {
    await handle.close();
  }
};

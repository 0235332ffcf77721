/** An artifact store in a folder: objects are files at their keys, safe against any number of processes and a power cut. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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
import { syncForOthers, withTemporary } from './durable.js';
import { codeOf, orRaise, raise, unless } from './errors.js';
import { headOf, newestState, tokenOf } from './generations.js';
import { listFolder } from './listing.js';
import { selfTest } from './self-test.js';
import { checkWay, notAFile } from './way.js';
import { demandedState, publish, remove, type Target } from './writes.js';

const absent: WriteCondition = { kind: 'absent' };

/**
 * The store whose keys are paths below the folder `root`, which is made by the first write. The file system must have hard
 * links, which is proven before the first write. Symbolic links below the root are refused, and so is whatever else stands where a file or a folder is needed; the
 * root itself may be a link to a folder. Reading fails `Unavailable` when the root was there before and is gone, unless it may go, or when a
 * file is in its place.
 */
export const localFilesystemArtifactStore = (options: {
  readonly root: string;
  /** True where somebody may remove the whole folder, as a job's is when it is over: then it is empty. */
  readonly mayGo?: boolean;
}): ArtifactStore => {
  const root = resolve(options.root);
  const location = `local folder ${root}`;

  let wasThere = false;

  const pathOf = async (key: string): Promise<string> => {
    await checkWay({ path: root, wasThere }, orRaise(checkKey(key)), 'object');
    return join(root, key);
  };

  const targetOf = async (key: string, condition: WriteCondition): Promise<Target> => ({
    path: await pathOf(key),
    what: key,
    condition,
  });

  /** What was found; where it is nothing, the folder must still be there if it ever was: else its volume went, and nothing is known. */
  const orGone = async <A>(found: A, isNothing: (found: A) => boolean): Promise<A> => {
    if (!isNothing(found) || (await unless(['ENOENT'], stat(root))) !== undefined) wasThere = true;
    else if (wasThere && options.mayGo !== true)
      return raise('Unavailable', 'The folder of the store is not there any more: put it back, or mount its volume.');
    return found;
  };

  let proof: Promise<void> | undefined;

  /** Once for this store, and again after it failed. */
  const proven = async (): Promise<void> => {
    proof ??= selfTest(root);
    try {
      await proof;
      wasThere = true;
    } catch (error) {
      proof = undefined;
      throw error;
    }
  };

  const create = (target: Target, bytes: Uint8Array, commit: Commit): Promise<StoreToken> =>
    withTemporary(root, bytes, (temporary) => publish(temporary, target, commit));

  return {
    location,

    head: (key, call) =>
      bounded(key, call, async () => {
        const { file } = await newestState(await pathOf(key));
        if (file === undefined) return orGone(O.none, O.isNone);
        // The next version's number stands on it.
        await syncForOthers(dirname(file.path));
        return O.some(headOf(file));
      }),

    get: (key, call) => bounded(key, call, async () => orGone(await readNewest(await pathOf(key), key), O.isNone)),

    getIfChanged: (key, token, call) =>
      bounded(key, call, async () => {
        const path = await pathOf(key);
        const { file } = await newestState(path);
        if (file !== undefined && headOf(file).token === token) return 'unchanged';
        return orGone(await readNewest(path, key), O.isNone);
      }),

    put: (key, bytes, condition, call) =>
      bounded(key, call, async (commit) => {
        const target = await targetOf(key, condition);
        // Asked before the bytes are written, which may be many, and again when they are linked.
        await demandedState(target);
        await proven();
        return create(target, bytes, commit);
      }),

    copyIfAbsent: (from, to, call) =>
      bounded(to, call, async (commit) => {
        const target = await targetOf(to, absent);
        const source = await pathOf(from);
        const { file } = await newestState(source);
        if (file === undefined) return raise('NotFound', `There is no ${from} to copy.`);
        await proven();
        try {
          // Both names share the bytes, which never change.
          return await publish(file.path, target, commit);
        } catch (error) {
          if (!['EXDEV', 'EPERM', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
          const found = await readNewest(source, from);
          if (O.isNone(found)) return raise('NotFound', `${from} was deleted while it was copied.`);
          return create(target, found.value.bytes, commit);
        }
      }),

    list: (folder, { limit, pageToken }, call) =>
      bounded(folder === '' ? 'the root' : folder, call, async () => {
        if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
          return raise('InvalidInput', `A page holds 1 to 1000 entries, not ${limit}.`);
        }
        await checkWay({ path: root, wasThere }, orRaise(checkFolder(folder)), 'folder');
        return orGone(
          await listFolder(root, folder, limit, pageToken),
          ({ objects, folders }) => objects.length + folders.length === 0,
        );
      }),

    delete: (key, call) => bounded(key, call, async (commit) => remove(root, await pathOf(key), commit)),
  };
};

/** Against what took the file's place since it was looked at: a link is refused, a pipe never blocks. Windows has neither flag. */
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const readNewest = async (path: string, what: string): Promise<O.Option<StoredObject>> => {
  const { file } = await newestState(path);
  const handle = file && (await unless(['ENOENT'], open(file.path, readOnly)));
  if (file === undefined || handle === undefined) return O.none;
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) return raise('InvalidInput', notAFile(what));
    // A plain array: a Buffer's `slice` would alias where others expect a copy.
    const { buffer, byteOffset, byteLength } = await handle.readFile();
    return O.some({ bytes: new Uint8Array(buffer, byteOffset, byteLength), token: tokenOf(file.generation, stats) });
  } finally {
    await handle.close();
  }
};

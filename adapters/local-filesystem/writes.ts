/** The steps that make a write visible: one `link(2)` or `mkdir(2)`, which the system lets exactly one process win. */
import { link, mkdir, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoreToken, WriteCondition } from '../../core/index.js';
import type { Commit } from './bounded.js';
import { ensureFolder, syncFolder, syncForOthers, syncNearest } from './durable.js';
import { codeOf, raise, unless } from './errors.js';
import { generationsFolder, newestState, pathOfGeneration, type State, statsOf, tokenOf } from './generations.js';

/** One write: the object's path, what to call it in a message, and what it demands. */
export interface Target {
  readonly path: string;
  readonly what: string;
  readonly condition: WriteCondition;
}

const mostAttempts = 50;

/** Links the synced file `source` as the target's next state. Fails as `put` does, and `NotFound` when `source` is gone. */
export const publish = async (source: string, target: Target, commit: Commit): Promise<StoreToken> => {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const state = await demandedState(target);
    const stats = await statsOf(source);
    if (stats === undefined) return raise('NotFound', `What was to become ${target.what} was deleted meanwhile.`);
    const generation = state.generation + 1;
    const path = pathOfGeneration(target.path, generation);
    await unless(['ENOENT'], ensureFolder(dirname(path)));
    // A deletion that saw no private folder looked before it was made, so this second look sees that deletion.
    if (generation > 1) await demandedState(target);
    // Refused when another writer won the number or a deletion removed the folder: look again.
    if (
      await unless(
        ['EEXIST', 'ENOENT'],
        commit(() => link(source, path).then(() => true)),
      )
    ) {
      // It may have been deleted since.
      await syncNearest(dirname(path));
      if (generation === 1) await assertFirst(target);
      return tokenOf(generation, stats);
    }
  }
  return raise('Unavailable', `${target.what} kept changing while it was written: try again.`);
};

/** The object's state, when it is as the write demands. */
export const demandedState = async ({ path, what, condition }: Target): Promise<State> => {
  const state = await newestState(path);
  if (condition.kind === 'matches') {
    const { file } = state;
    if (file !== undefined && tokenOf(file.generation, file.stats) === condition.token) return state;
    return raise('Conflict', `${what} is ${file === undefined ? 'gone' : 'in another state'}: read it again.`);
  }
  if (state.file !== undefined) {
    await syncForOthers(dirname(state.file.path));
    return raise('AlreadyExists', `${what} is already there.`);
  }
  if (state.generation === 0 && (await statsOf(path))?.isFile() === false) {
    return raise(
      'InvalidInput',
      `${what} is a folder, or something else that is no file: no key can be the folder of another.`,
    );
  }
  return state;
};

/**
 * A later state hides the plain file. When there is one by now, either someone has replaced the object just made, or a whole
 * life of the name went by since this writer looked.
 */
const assertFirst = async ({ path, what }: Target): Promise<void> => {
  if ((await statsOf(pathOfGeneration(path, 2))) !== undefined) {
    raise('Unavailable', `${what} changed while it was created: read it again.`);
  }
};

/** Removes the object so that no token of it wins again. */
export const remove = async (root: string, path: string, commit: Commit): Promise<void> => {
  if ((await statsOf(path))?.isFile()) await commit(() => unless(['ENOENT'], unlink(path)));
  // Also when another removed it, who may not have come to sync that.
  await syncNearest(dirname(path));
  // Whoever made the private folder may be about to link the next state into it: taking its number stops them.
  const folder = generationsFolder(path);
  while ((await statsOf(folder)) !== undefined) {
    const { generation, file } = await newestState(path);
    const isGone = file === undefined && generation > 1;
    if (!isGone) {
      await commit(() => unless(['EEXIST'], mkdir(pathOfGeneration(path, Math.max(generation, 1) + 1))));
    }
    await syncFolder(folder);
    if (isGone) break;
  }
  await removeEmptyFolders(root, dirname(path));
};

/** As in a bucket, a folder is there only while it holds something. Best effort: an empty folder does no harm. */
const removeEmptyFolders = async (root: string, folder: string): Promise<void> => {
  try {
    for (let empty = folder; empty.length > root.length; empty = dirname(empty)) await rmdir(empty);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
};

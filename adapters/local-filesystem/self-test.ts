/** Proves on the actual file system, before the first write, what the store stands on: hard links that replace nothing, and deletion. */
import { randomUUID } from 'node:crypto';
import { link, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder, temporaryFolder } from './durable.js';
import { codeOf, raise, unless } from './errors.js';
import { statsOf } from './generations.js';

/** What `link(2)` answers where there are no hard links: exFAT, FAT, and some network and container mounts. */
const withoutLinks: ReadonlyArray<string> = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/** Fails `InvalidInput` with what does not hold. Also removes what processes that were killed long ago left behind. */
export const selfTest = async (root: string): Promise<void> => {
  const folder = temporaryFolder(root);
  await ensureFolder(folder);
  await removeLeftovers(folder);
  const path = join(folder, randomUUID());
  const [one, other, name] = [`${path}-one`, `${path}-other`, `${path}-linked`];
  try {
    for (const file of [one, other]) await (await open(file, 'wx')).close();
    await link(one, name).catch((error: unknown) => {
      if (!withoutLinks.includes(codeOf(error) ?? '')) throw error;
      return unfit(`it has no hard links (${codeOf(error)})`);
    });
    const replaced = await unless(
      ['EEXIST'],
      link(other, name).then(() => true),
    );
    if (replaced !== undefined) unfit('a hard link replaces what has its name already');
    const [linked, source] = [await statsOf(name), await statsOf(one)];
    if (linked === undefined || linked.ino !== source?.ino) unfit('a hard link is not the file that it was made of');
    await unlink(name);
    if ((await statsOf(name)) !== undefined) unfit('a file that was deleted is still there');
  } finally {
    for (const file of [one, other, name]) await unless(['ENOENT'], unlink(file));
  }
};

const unfit = (why: string): never =>
  raise(
    'InvalidInput',
    `The file system of the local folder cannot hold a registry: ${why}. Use a folder on a local disk, or a bucket.`,
  );

/** No write takes so long. */
const leftoverAgeMs = 24 * 3_600_000;

/** As many as one process looks at: where thousands are killed in a day, none is to look at what all of them left. */
const leftoversLookedAt = 50;

const removeLeftovers = async (folder: string): Promise<void> => {
  const names = await readdir(folder);
  // From another place each time, so that all are looked at sooner or later.
  const first = Math.floor(Math.random() * names.length);
  const some = [...names.slice(first), ...names.slice(0, first)].slice(0, leftoversLookedAt);
  for (const name of some) {
    const stats = await statsOf(join(folder, name));
    if (stats?.isFile() && Date.now() - Number(stats.mtimeMs) > leftoverAgeMs)
      await unless(['ENOENT'], unlink(join(folder, name)));
  }
};

/** Folders are made with those above them, and the system's own reason is given why one cannot be. */
import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { makeFolder } from '../../../adapters/duckdb/make-folder.js';
import { removeTemporaryFolders, temporaryFolder } from './files.js';

test.after.always(removeTemporaryFolders);

test('a folder is made with those above it, also when it is there', async (t) => {
  const root = await temporaryFolder();
  await makeFolder(join(root, 'a', 'b'));
  await makeFolder(join(root, 'a', 'b'));
  t.deepEqual(await readdir(join(root, 'a')), ['b']);
});

test('what is in the way is not told as something that is missing', async (t) => {
  const path = join(await temporaryFolder(), 'link');
  await symlink('nowhere', path);
  await t.throwsAsync(makeFolder(path), { code: 'EEXIST' });
});

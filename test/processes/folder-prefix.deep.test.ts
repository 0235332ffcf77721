/** The contract in a folder that is not there yet, deep in a folder of others: what is beside it stays as it is. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { artifactStoreContract } from '../contracts/artifact-store.js';

/** Also at the very keys that the contract uses, and where the store's own folder would be one level up. */
const beside: ReadonlyArray<string> = [
  'a/b',
  'models/registered/rating/best/v1/pipeline.onnx',
  'teams/games.txt',
  'teams/games2/a/b',
  'teams/other/model.json',
  'teams/.scorekeeper-tmp/left-over',
  'teams/.games.generations/2',
  '.git/config',
];

/** The files below `folder` and what they hold, without those below `except`. */
const filesBelow = async (folder: string, except: string): Promise<Readonly<Record<string, string>>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(`${except}/`));
  const texts = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')]),
  );
  return Object.fromEntries(texts);
};

/** What a call that was cut short left running may take a moment to remove its temporary file. */
const temporaryFilesLeft = async (root: string): Promise<ReadonlyArray<string>> => {
  for (let look = 0; ; look++) {
    const left = await readdir(join(root, '.scorekeeper-tmp')).catch(() => []);
    if (left.length === 0 || look === 3000) return left;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

for (const { name, run } of artifactStoreContract) {
  test(name, async (t) => {
    await run({
      makeStore: async () => {
        const base = await mkdtemp(join(tmpdir(), 'scorekeeper-prefix-'));
        const root = join(base, 'teams', 'games');
        for (const path of beside) {
          await mkdir(dirname(join(base, path)), { recursive: true });
          await writeFile(join(base, path), `of others: ${path}`);
        }
        return {
          store: localFilesystemArtifactStore({ root }),
          another: localFilesystemArtifactStore({ root: `${root}/` }),
          close: async () => {
            t.deepEqual(await temporaryFilesLeft(root), []);
            t.deepEqual(
              await filesBelow(base, root),
              Object.fromEntries(beside.map((path) => [path, `of others: ${path}`])),
            );
            await rm(base, { recursive: true, maxRetries: 10, retryDelay: 20 });
          },
        };
      },
    });
  });
}

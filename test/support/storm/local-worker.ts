/** The entry of a storm's process over the local folder `argv[2]`; a snapshot of it holds what it has done once already. */
import crypto from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startupSnapshot } from 'node:v8';
import { localFilesystemArtifactStore } from '../../../adapters/local-filesystem/artifact-store.js';
import { warmUp, work } from './work.js';

const main = (): void => {
  void work(localFilesystemArtifactStore({ root: process.argv[2] ?? '' }));
};

const prepare = async (): Promise<void> => {
  const root = mkdtempSync(join(tmpdir(), 'scorekeeper-snapshot-'));
  // Node draws for many ids at a time, and every process would have the rest of these.
  const { randomUUID } = crypto;
  let drawn = 0;
  crypto.randomUUID = () => `00000000-0000-4000-8000-${`${drawn++}`.padStart(12, '0')}`;
  try {
    await warmUp(localFilesystemArtifactStore({ root }));
  } finally {
    crypto.randomUUID = randomUUID;
    rmSync(root, { recursive: true });
  }
};

if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(main);
  void prepare();
} else main();

/** A folder that takes two megabytes: on a disk of its own where this user may mount one, else for processes that may write no larger file. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';

const run = promisify(execFile);

export interface SmallDisk {
  readonly folder: string;
  /** What to begin a command with that is to run out of space there. */
  readonly before: ReadonlyArray<string>;
}

export const smallDisk = async (t: ExecutionContext): Promise<SmallDisk> => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-small-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
  } catch {
    t.log('no disk can be mounted here: instead of filling one, processes may write no file beyond two megabytes');
    // In blocks of 512 bytes (POSIX) or of 1,024 (bash).
    return { folder, before: ['sh', '-c', 'ulimit -f 2048; exec "$0" "$@"'] };
  }
  t.teardown(() => run('umount', [folder]));
  return { folder, before: [] };
};

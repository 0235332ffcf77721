/** The folder for what does not fit an engine's memory: it goes with the engine, and else with the process. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SpillFolder {
  /** The engine makes the folder when it first spills. */
  readonly path: string;
  /** Removes the folder and what is in it; harmless twice, and when it was never made. */
  readonly remove: () => Promise<void>;
}

/** Those that a process which ends has to remove. */
const owned = new Set<string>();

// An engine may be writing there still.
const removal = { recursive: true, force: true, maxRetries: 5, retryDelay: 20 };

/**
 * A folder for one engine. Until it is removed, an exit of the process removes it, and so do SIGHUP, SIGINT and SIGTERM where nobody else
 * listens to them, which then end the process as ever. Only a process that is killed outright leaves it behind.
 */
export const ownSpillFolder = (): SpillFolder => {
  const path = join(tmpdir(), `scorekeeper-${randomUUID()}`);
  if (owned.size === 0) listen();
  owned.add(path);
  return {
    path,
    remove: async () => {
      // What cannot be removed now, such as a file that Windows holds, is tried once more at the exit.
      await rm(path, removal).then(
        () => owned.delete(path),
        () => false,
      );
      if (owned.size === 0) unlisten();
    },
  };
};

const removeAll = (): void => {
  for (const path of owned) {
    try {
      rmSync(path, removal);
    } catch {
      // The process ends in any case.
    }
  }
};

const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

// Before all others, since those that listen once are no longer counted afterwards.
const listen = (): void => {
  process.on('exit', removeAll);
  for (const signal of signals) process.prependListener(signal, heard);
};

const unlisten = (): void => {
  process.off('exit', removeAll);
  ignoreSignals();
};

const ignoreSignals = (): void => {
  for (const signal of signals) process.off(signal, heard);
};

const heard = (signal: NodeJS.Signals): void => {
  ignoreSignals();
  if (process.listenerCount(signal) === 0) {
    removeAll();
    process.kill(process.pid, signal);
    return;
  }
  // Others decide. They may go by whether they are alone, so they do not see us meanwhile.
  setImmediate(() => {
    unlisten();
    if (owned.size > 0) listen();
  });
};

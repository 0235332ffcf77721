/** Names in a folder that processes share, each of which one of them holds: it touches them while it lives, and others may remove what nobody touches. */
import { rmSync } from 'node:fs';
import { rm, stat, utimes } from 'node:fs/promises';

const touchEveryMs = 5_000;

const held = new Set<string>();
let timer: NodeJS.Timeout | undefined;

/** Holds a file or a folder that this process made. Until it is let go, an exit of the process removes it with all that is in it. */
export const hold = (path: string): void => {
  if (held.size === 0) {
    process.on('exit', removeAll);
    timer = setInterval(touchAll, touchEveryMs);
    timer.unref();
  }
  held.add(path);
};

/** Removes it, and lets it go. */
export const letGo = async (path: string): Promise<void> => {
  // What cannot be removed is abandoned.
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
  held.delete(path);
  if (held.size > 0) return;
  process.off('exit', removeAll);
  clearInterval(timer);
};

/** Whether nobody touched it for so long. A process that lives is silent for some seconds. */
export const isAbandoned = async (path: string, afterMs: number): Promise<boolean> => {
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && !held.has(path) && Date.now() - stats.mtimeMs > afterMs;
};

const touchAll = (): void => {
  const now = new Date();
  for (const path of held) void utimes(path, now, now).catch(() => undefined);
};

const removeAll = (): void => {
  for (const path of held) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Abandoned, then.
    }
  }
};

/** Files that people name in flags and settings. */
import { readFile } from 'node:fs/promises';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failure, type FailureTag } from '../core/index.js';

/** The text of a file, without a byte order mark. Fails as `unreadable` does. */
export const readText = (
  path: string,
  ...told: readonly [what: string, absent: string]
): TE.TaskEither<Failure, string> =>
  TE.tryCatch(
    // Drops the mark.
    async () => new TextDecoder().decode(await readFile(path)),
    unreadable(...told),
  );

const tags: Readonly<Record<string, FailureTag>> = {
  ENOENT: 'NotFound',
  ENOTDIR: 'NotFound',
  EACCES: 'PermissionDenied',
  EPERM: 'PermissionDenied',
  EMFILE: 'Unavailable',
  ENFILE: 'Unavailable',
  EIO: 'Unavailable',
};

/**
 * Why the file that `what` names as people named it cannot be read: `NotFound` with the sentence `absent`, `PermissionDenied`, `Unavailable`,
 * else `InvalidInput`. The system's own message has the machine's path, and stays out.
 */
export const unreadable =
  (what: string, absent: string) =>
  (error: unknown): Failure => {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    const { code } = error;
    const tag = tags[code] ?? 'InvalidInput';
    if (tag === 'NotFound') return failure(tag, absent);
    return tag === 'PermissionDenied'
      ? failure(tag, `${what} may not be read (${code}): give this user access to it.`)
      : failure(tag, `${what} cannot be read (${code === 'EISDIR' ? 'it is a folder' : code}).`);
  };

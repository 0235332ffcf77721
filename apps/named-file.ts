/** Files that people name in flags and settings. */
import { readFile } from 'node:fs/promises';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failure, type FailureTag } from '../core/index.js';
import { decodeUtf8 } from './utf8.js';

/** The text of a file, without a byte order mark. Fails as `unreadable` does, and `InvalidInput` when it is not UTF-8. */
export const readText = (
  path: string,
  ...told: readonly [what: string, absent: string]
): TE.TaskEither<Failure, string> =>
  pipe(
    TE.tryCatch(() => readFile(path), unreadable(...told)),
    TE.flatMapEither(decodeUtf8(told[0])),
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

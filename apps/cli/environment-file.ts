/** The file `.env`: variables for the process, read before its settings are. */
import { readFileSync, statSync } from 'node:fs';
import { parseEnv } from 'node:util';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type { Failure } from '../../core/index.js';
import { unreadable } from '../named-file.js';
import { decodeUtf8 } from '../utf8.js';

/**
 * Adds the variables of `.env` in the working folder, where there is one, to those of the process, and answers with the names that it added.
 * A folder of that name is somebody else's. Fails `PermissionDenied`, and `InvalidInput` when it is not UTF-8.
 */
export const loadEnvironmentFile = (): E.Either<Failure, ReadonlySet<string>> =>
  pipe(
    E.tryCatch(
      () =>
        statSync('.env', { throwIfNoEntry: false })?.isDirectory() === false ? readFileSync('.env') : Buffer.alloc(0),
      unreadable('The file .env', 'There is no file .env any more: try again.'),
    ),
    // Without a byte order mark, which would be of the first name.
    E.flatMap(decodeUtf8('The file .env')),
    E.map((text) => {
      const added = Object.entries(parseEnv(text)).filter(([name]) => process.env[name] === undefined);
      for (const [name, value] of added) process.env[name] = value;
      return new Set(added.map(([name]) => name));
    }),
  );

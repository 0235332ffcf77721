/** Text that comes from outside. */
import * as E from 'fp-ts/lib/Either.js';
import { type Failure, failure } from '../core/index.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Without a byte order mark at its beginning. Fails `InvalidInput` for what is not UTF-8; `what` begins the sentence. */
export const decodeUtf8 =
  (what: string) =>
  (bytes: Uint8Array): E.Either<Failure, string> =>
    E.tryCatch(
      () => utf8.decode(bytes),
      () => failure('InvalidInput', `${what} is not UTF-8: encode it as UTF-8.`),
    );

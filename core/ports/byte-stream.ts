/** Port: bytes that come by once, such as those of a request. */
import type { Either } from 'fp-ts/lib/Either.js';
import type { Failure } from '../failure.js';

/**
 * Parts of any size, in order, pulled one at a time: what is not pulled waits with whoever sends. A `left` is the last element: `Cancelled` when
 * the sender went away, `InvalidInput` when the bytes are damaged. Leaving the loop early keeps the rest from being read.
 */
export type ByteStream = AsyncIterable<Either<Failure, Uint8Array>>;

/** Bytes that arrive in parts, for the tests of what reads them. */
import * as E from 'fp-ts/lib/Either.js';
import type { ByteStream, Failure } from '../../core/index.js';

/** The content, so many bytes at a time; a failure ends it. `onPull` is called before each part. */
export const bytesOf = async function* (
  content: string | Uint8Array,
  options: { readonly size?: number; readonly failure?: Failure; readonly onPull?: () => void } = {},
): ByteStream {
  const bytes = Buffer.from(content);
  const { size = bytes.length, failure, onPull = () => undefined } = options;
  for (let at = 0; at < bytes.length; at += size) {
    onPull();
    yield E.right(bytes.subarray(at, at + size));
  }
  if (failure !== undefined) yield E.left(failure);
};

/** Moves whole objects to and from the bucket, and checks that they arrive as they left. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bucket } from '@google-cloud/storage';
import type { StoredObject, StoreToken } from '../../core/index.js';
import type { Attempt } from '../google-cloud/bounded.js';
import { objectPath } from './client.js';
import { raise, refusedWith, unanswered } from '../google-cloud/errors.js';

/** From this size on an upload is resumable, in chunks of this size. */
const chunkBytes = 8 * 2 ** 20;
const sliceBytes = 256 * 2 ** 10;
export const longestErrorBytes = 64 * 2 ** 10;

/**
 * The object's bytes and generation, from one request under a condition. Rejects with code 404 when there is none, and with 304 when it is in
 * the generation that must not match.
 */
export const download = async (
  bucket: Bucket,
  name: string,
  condition: { readonly ifGenerationNotMatch?: string },
  { signal, moved }: Attempt,
): Promise<StoredObject> => {
  const stream = bucket.requestStream({
    uri: objectPath(name),
    qs: { alt: 'media', ...condition },
    // The stored bytes, whatever their encoding, and no cache's.
    headers: { 'Accept-Encoding': 'gzip', 'Cache-Control': 'no-store' },
  });
  const { status, headers, bytes } = await received(stream, signal, moved);
  if (status !== 200) throw refusedWith(status, errorIn(bytes.subarray(0, longestErrorBytes).toString()));
  const token = headers['x-goog-generation'];
  const hash = headers['x-goog-hash'] ?? '';
  const size = headers['x-goog-stored-content-length'];
  if (token === undefined)
    return raise('Unavailable', `The answer for ${name} does not tell its generation: try again.`);
  if (size !== undefined && Number(size) !== bytes.length) {
    return raise('Unavailable', `${name} arrived with ${bytes.length} of ${size} bytes: try again.`);
  }
  if (!(await fits(bytes, hash))) {
    return raise('Unavailable', `${name} did not arrive as it was stored (${hash}): try again.`);
  }
  // A plain array: a Buffer's `slice` would alias where others expect a copy.
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), token };
};

/** The service answers a download with its message alone, others with the usual JSON. */
export const errorIn = (text: string): unknown => {
  try {
    return JSON.parse(text).error;
  } catch {
    return new Error(text);
  }
};

interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Buffer;
}

const received = (stream: NodeJS.ReadableStream, signal: AbortSignal, moved: () => void): Promise<Received> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let begun: Omit<Received, 'bytes'> | undefined;
    // Stays for good, as in `upload`.
    stream.on('error', (error) => reject(unanswered(error)));
    stream.once('response', ({ statusCode, headers }: { statusCode: number; headers: Received['headers'] }) => {
      begun = { status: statusCode, headers };
      moved();
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      moved();
    });
    stream.once('end', () => {
      if (begun === undefined) reject(unanswered(new Error('the answer had no beginning')));
      else resolve({ ...begun, bytes: Buffer.concat(chunks) });
    });
    signal.addEventListener('abort', () => stream.removeAllListeners('data'), { once: true });
  });

const fits = async (bytes: Uint8Array, hash: string): Promise<boolean> => {
  const digest = await digestAs(hash);
  digest.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return digest.fits();
};

/** What bytes are held against. */
export interface Digest {
  readonly update: (bytes: Buffer) => unknown;
  /** Whether these were the bytes. Not to be asked twice. */
  readonly fits: () => boolean;
}

/** The md5 of `x-goog-hash`, or where there is none (an object composed of others) the crc32c. */
export const digestAs = async (hash: string): Promise<Digest> => {
  const told = Object.fromEntries(
    hash.split(/,\s*/).map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  );
  if (told['md5'] !== undefined) {
    const md5 = createHash('md5');
    return { update: (bytes) => md5.update(bytes), fits: () => told['md5'] === md5.digest('base64') };
  }
  const { CRC32C } = await import('@google-cloud/storage');
  const crc32c = new CRC32C();
  return { update: (bytes) => crc32c.update(bytes), fits: () => told['crc32c'] === crc32c.toString() };
};

const md5Of = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('base64');

/**
 * Uploads the bytes while the object is in `generation`, 0 for absent, or in any when it is undefined, with `metadata` of its own, and answers
 * with its new generation.
 */
export const upload = async (
  bucket: Bucket,
  name: string,
  bytes: Uint8Array,
  generation: string | undefined,
  { signal, moved }: Attempt,
  metadata: Readonly<Record<string, string>> = {},
): Promise<StoreToken> => {
  const file = bucket.file(name);
  const target = file.createWriteStream({
    resumable: bytes.length >= chunkBytes,
    chunkSize: chunkBytes,
    // The service compares the declared digest before it commits. The client would do so afterwards, and delete what it doubts.
    validation: false,
    metadata: {
      md5Hash: md5Of(bytes),
      // What anyone may read is cached for an hour otherwise, and a document changes.
      cacheControl: 'no-store',
      metadata,
    },
    ...(generation === undefined ? {} : { preconditionOpts: { ifGenerationMatch: generation } }),
  });
  // Stays for good: the client's streams may fail again when nobody waits for them any more.
  target.on('error', () => undefined);
  target.on('progress', moved);
  try {
    await pipeline(Readable.from(slicesOf(bytes)), target, { signal });
  } catch (error) {
    // The client stumbles over an answer that is no JSON.
    throw error instanceof TypeError ? unanswered(error) : error;
  }
  const { generation: written } = file.metadata;
  return written === undefined
    ? raise('Unavailable', `The answer for ${name} does not tell its generation.`)
    : `${written}`;
};

/** Small enough to tell that an upload moves, however slowly. */
function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    yield bytes.subarray(at, at + sliceBytes);
  }
}

/** Moves a file, or ranges of it, from a bucket to the disk: what breaks off goes on where it was. */
import { type FileHandle } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import type { Bucket } from '@google-cloud/storage';
import * as E from 'fp-ts/lib/Either.js';
import type { BucketFile, ByteRange, Failure } from '../../core/index.js';
import type { Attempt } from '../google-cloud/bounded.js';
import { raise, raised, refusedWith, unanswered } from '../google-cloud/errors.js';
import { objectPath } from './client.js';
import { diskFailure } from './disk.js';
import { type Digest, digestAs, errorIn, longestErrorBytes } from './transfer.js';

/** Tries, and tries again, one step of a call. */
export type Step = <A>(work: (bucket: Bucket, attempt: Attempt) => Promise<A>) => Promise<E.Either<Failure, A>>;

/** What is fetched, and how far it is. */
interface Fetch {
  readonly file: BucketFile;
  readonly name: string;
  readonly handle: FileHandle;
  readonly range: ByteRange;
  /** Of a whole file, known from the first answer on. */
  digest?: Digest;
  position: number;
  /** The last write. One that was given up may still be under way, and its place is not to be written twice at once. */
  writing: Promise<unknown>;
  /** Why there is no use in trying again. */
  broken?: Failure;
}

/** The whole file, held against the service's digest of it. */
export const fetchWhole = (step: Step, file: BucketFile, name: string, handle: FileHandle): Promise<void> =>
  fetchAll(step, { file, name, handle, range: { begin: 0, end: file.sizeBytes }, position: 0, writing: settled });

/** A range, to its place. */
export const fetchRange = (
  step: Step,
  file: BucketFile,
  name: string,
  handle: FileHandle,
  range: ByteRange,
): Promise<void> => fetchAll(step, { file, name, handle, range, position: range.begin, writing: settled });

const settled = Promise.resolve();

/** Begins anew as long as something arrives. */
const fetchAll = async (step: Step, fetch: Fetch): Promise<void> => {
  try {
    for (;;) {
      const before = fetch.position;
      const result = await step((bucket, attempt) => receive(bucket, fetch, attempt));
      if (fetch.broken !== undefined) throw raised(fetch.broken);
      if (E.isRight(result)) return;
      if (result.left.tag !== 'Unavailable' || fetch.position <= before) throw raised(result.left);
    }
  } finally {
    await fetch.writing.catch(() => undefined);
  }
};

const receive = async (bucket: Bucket, fetch: Fetch, attempt: Attempt): Promise<void> => {
  const { file, name, range } = fetch;
  await fetch.writing.catch(() => undefined);
  const isWhole = range.end - fetch.position === file.sizeBytes;
  const stream = bucket.requestStream({
    uri: objectPath(name),
    qs: { alt: 'media', generation: file.generation },
    headers: {
      // The stored bytes, whatever their encoding, and no cache's.
      'Accept-Encoding': 'gzip',
      'Cache-Control': 'no-store',
      ...(isWhole ? {} : { Range: `bytes=${fetch.position}-${range.end - 1}` }),
    },
  });
  const { status, headers, body } = await answerOf(stream, attempt);
  if (status !== (isWhole ? 200 : 206)) throw refusedWith(status, errorIn(await textOf(body)));
  if (headers['x-goog-generation'] !== file.generation)
    return raise('Unavailable', `${file.address}: the answer is not of the generation that was asked for: try again.`);
  const digest = isWhole ? await digestAs(headers['x-goog-hash'] ?? '') : fetch.digest;
  attempt.signal.throwIfAborted();
  if (digest !== undefined) fetch.digest = digest;
  await write(body, fetch, attempt);
  if (fetch.broken !== undefined) return;
  if (fetch.position !== range.end)
    raise('Unavailable', `${file.address} arrived with ${fetch.position} of ${range.end} bytes: try again.`);
  if (fetch.digest === undefined || fetch.digest.fits()) return;
  fetch.position = range.begin;
  raise('Unavailable', `${file.address} did not arrive as it was stored (${headers['x-goog-hash']}): try again.`);
};

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

/** The answer with its body, which holds back what is not read yet. */
const answerOf = (stream: NodeJS.ReadableStream, { signal, moved }: Attempt): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const body = new PassThrough();
    const fail = (error: unknown) => {
      reject(unanswered(error));
      body.destroy();
    };
    // Stays for good: the client's streams may fail again when nobody waits for them any more.
    stream.on('error', fail);
    stream.once('response', ({ statusCode, headers }: { statusCode: number; headers: Answer['headers'] }) => {
      moved();
      resolve({ status: statusCode, headers, body });
    });
    // The client does not ask before somebody reads.
    stream.pipe(body);
    signal.addEventListener(
      'abort',
      () => {
        stream.unpipe(body);
        fail(signal.reason);
      },
      { once: true },
    );
  });

const textOf = async (stream: Readable): Promise<string> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > longestErrorBytes) break;
  }
  return Buffer.concat(chunks).toString();
};

/** What arrives, to its place. */
const write = async (stream: Readable, fetch: Fetch, { signal, moved }: Attempt): Promise<void> => {
  const { file, handle, range } = fetch;
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      throw unanswered(error);
    });
    if (next.done === true) return;
    signal.throwIfAborted();
    moved();
    const chunk = next.value;
    if (fetch.position + chunk.length > range.end)
      raise('Unavailable', `${file.address}: more bytes came than were asked for: try again.`);
    fetch.writing = writeAll(handle, chunk, fetch.position);
    try {
      await fetch.writing;
    } catch (error) {
      fetch.broken = diskFailure(file.address)(error);
      return;
    }
    signal.throwIfAborted();
    fetch.digest?.update(chunk);
    fetch.position += chunk.length;
  }
};

/** A disk that is nearly full takes a part. */
const writeAll = async (handle: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
};

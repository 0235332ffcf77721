/** Moves a file from the disk to a bucket, in chunks when it is large: what breaks off goes on where it was. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Bucket } from '@google-cloud/storage';
import type { Attempt } from '../google-cloud/bounded.js';
import { orRaise, raise, statusOf } from '../google-cloud/errors.js';
import { type ApiAnswer, exchange } from './client.js';
import type { Step } from './file-download.js';
import { upload } from './transfer.js';

/** A multiple of 256 KiB. A slow line has to carry it before the service is thought to be silent. */
const chunkBytes = 4 * 2 ** 20;

/** What the service is told of a file. */
export interface Digests {
  readonly sizeBytes: number;
  /** In base64, as the service compares it before it commits. */
  readonly md5: string;
  /** In hex, for the object's own metadata. */
  readonly sha256: string;
}

/** From a pass over the file. */
export const digestsOf = async (path: string, { signal, moved }: Attempt): Promise<Digests> => {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(
    createReadStream(path, { highWaterMark: 2 ** 20 }),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        moved();
        md5.update(chunk);
        sha256.update(chunk);
        sizeBytes += chunk.length;
      }
    },
    { signal },
  );
  return { sizeBytes, md5: md5.digest('base64'), sha256: sha256.digest('hex') };
};

/** Puts the file there, whatever is there, and answers with its generation. */
export const sendFile = async (step: Step, name: string, handle: FileHandle, digests: Digests): Promise<string> => {
  const { sizeBytes, sha256 } = digests;
  if (sizeBytes > chunkBytes) return sendInChunks(step, name, handle, digests);
  const bytes = await bytesAt(handle, 0, sizeBytes);
  return orRaise(
    await step((bucket, attempt) => attempt.commit(() => upload(bucket, name, bytes, undefined, attempt, { sha256 }))),
  );
};

/** A resumable upload under way (https://cloud.google.com/storage/docs/performing-resumable-uploads). */
interface Session {
  readonly address: string;
  position: number;
  /** Whether a chunk may have arrived that was not acknowledged. */
  isInDoubt: boolean;
}

/** After so many that ended with other bytes than the file's, it is the file that changes. */
const mostSessions = 3;

const sendInChunks = async (step: Step, name: string, handle: FileHandle, digests: Digests): Promise<string> => {
  const { sizeBytes } = digests;
  let session: Session | undefined;
  let sessionCount = 0;

  /** One chunk; the file's generation after the last. */
  const send = async (bucket: Bucket, attempt: Attempt): Promise<string | undefined> => {
    if (session === undefined) {
      sessionCount += 1;
      if (sessionCount > mostSessions)
        raise('Unavailable', `The upload of ${name} never ended as it began: try again.`);
      session = { address: await begin(bucket, name, digests), position: 0, isInDoubt: false };
    }
    const { address } = session;
    const put = async (bytes: Buffer, range: string): Promise<string | undefined> => {
      const answer = await attempt.commit(() => sendBytes(bucket, address, bytes, `bytes ${range}/${sizeBytes}`));
      if (answer.status !== 308) return generationIn(name, answer);
      goOn(current, answer);
      return undefined;
    };
    const current = session;
    try {
      const written = current.isInDoubt ? await put(Buffer.alloc(0), '*') : undefined;
      if (written !== undefined) return written;
      const { position } = current;
      const bytes = await bytesAt(handle, position, Math.min(chunkBytes, sizeBytes - position));
      current.isInDoubt = true;
      const result = await put(bytes, `${position}-${position + bytes.length - 1}`);
      if (result === undefined && current.position <= position)
        raise('Unavailable', `Google Cloud Storage took nothing of a chunk of ${name}: try again.`);
      return result;
    } catch (error) {
      // A session that was refused does not go on.
      const status = statusOf(error);
      if (status !== undefined && status < 500 && status !== 408 && status !== 429) session = undefined;
      throw error;
    }
  };

  for (;;) {
    const generation = orRaise(await step(send));
    if (generation !== undefined) return generation;
  }
};

const begin = async (bucket: Bucket, name: string, { md5, sha256 }: Digests): Promise<string> => {
  const { headers } = await exchange(bucket, {
    method: 'POST',
    path: `${bucket.storage.apiEndpoint}/upload/storage/v1/b/${bucket.name}/o`,
    query: { uploadType: 'resumable', name },
    body: { md5Hash: md5, cacheControl: 'no-store', metadata: { sha256 } },
  });
  return (
    headers['location'] ?? raise('Unavailable', `The answer for ${name} does not tell where to upload it: try again.`)
  );
};

const sendBytes = (bucket: Bucket, address: string, body: Buffer, range: string): Promise<ApiAnswer> =>
  exchange(bucket, {
    method: 'PUT',
    path: address,
    body,
    headers: { 'Content-Range': range, 'Content-Type': 'application/octet-stream' },
  });

const goOn = (session: Session, { headers }: ApiAnswer): void => {
  session.position = Number(/^bytes=0-(\d+)$/.exec(headers['range'] ?? '')?.[1] ?? -1) + 1;
  session.isInDoubt = false;
};

const generationIn = (name: string, { body }: ApiAnswer): string =>
  typeof body === 'object' && body !== null && 'generation' in body && typeof body.generation === 'string'
    ? body.generation
    : raise('Unavailable', `The answer for ${name} does not tell its generation.`);

/** Zeros where the file became shorter: the service then finds another digest. */
const bytesAt = async (handle: FileHandle, position: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
};

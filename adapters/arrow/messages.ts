/** Takes a stream of Arrow messages apart as it arrives, so that nothing goes on that is damaged, or larger than a batch may be. */
import * as E from 'fp-ts/lib/Either.js';
import { type ByteStream, type Failure, failure } from '../../core/index.js';
import { verifyMetadata } from './metadata.js';

export interface ArrowOrigin {
  readonly bytes: ByteStream;
  /** Begins messages, as in "The body". */
  readonly name: string;
  /** What comes before the first batch, or from one to the next, may not have more. */
  readonly batchLimitBytes: number;
  /** What a larger batch is, counting from 1. */
  readonly tooLarge: (batchNumber: number) => Failure;
}

export interface ArrowMessages {
  /** The same bytes, to be pulled by one reader; throws when they end with a failure. */
  readonly bytes: () => AsyncGenerator<Uint8Array, void, undefined>;
  /** That failure. */
  readonly failed: () => Failure | undefined;
}

const continuation = 0xff_ff_ff_ff;
const fileMagic = Buffer.from('ARROW1');
const nothing = Buffer.alloc(0);

export const arrowMessages = ({ bytes, name, batchLimitBytes, tooLarge }: ArrowOrigin): ArrowMessages => {
  let failed: Failure | undefined;
  let batchNumber = 1;
  let batchBytes = 0;
  /** What has come and was not taken, in parts, of which none is empty. */
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const parts = bytes[Symbol.asyncIterator]();

  const end = (with_: Failure): never => {
    failed = with_;
    throw new Error(with_.message);
  };
  const damaged = (why: string): never =>
    end(
      failure(
        'InvalidInput',
        `${name}: batch ${batchNumber} is damaged, or of no Arrow stream: ${why}. Send an IPC stream.`,
      ),
    );
  const count = (more: number): void => {
    batchBytes += more;
    if (batchBytes > batchLimitBytes) end(tooLarge(batchNumber));
  };
  const pull = async (): Promise<boolean> => {
    const next = await parts.next();
    if (next.done === true) return false;
    if (E.isLeft(next.value)) return end(next.value.left);
    const { buffer, byteOffset, byteLength } = next.value.right;
    if (byteLength > 0) waiting.push(Buffer.from(buffer, byteOffset, byteLength));
    waitingBytes += byteLength;
    return true;
  };
  /** So many bytes, or fewer at the end. They are put together once: each part may be a thousandth of them. */
  const look = async (length: number): Promise<Buffer> => {
    while (waitingBytes < length && (await pull()));
    if (waiting.length > 1 && (waiting[0]?.length ?? 0) < length) waiting = [Buffer.concat(waiting)];
    return (waiting[0] ?? nothing).subarray(0, length);
  };
  const drop = (byteCount: number): void => {
    const first = waiting[0] ?? nothing;
    if (byteCount === first.length) waiting.shift();
    else waiting[0] = first.subarray(byteCount);
    waitingBytes -= byteCount;
  };
  const take = async (length: number): Promise<Buffer> => {
    const taken = await look(length);
    drop(taken.length);
    return taken;
  };

  return {
    failed: () => failed,
    bytes: async function* () {
      if ((await look(fileMagic.length)).equals(fileMagic))
        end(failure('InvalidInput', `${name}: this is an Arrow file; send it as an Arrow stream.`));
      for (;;) {
        const prefix = await take(8);
        if (prefix.length === 0) return;
        // Streams from before Arrow 0.15 have no such mark.
        if (prefix.length < 8 || prefix.readUInt32LE(0) !== continuation)
          damaged(prefix.length < 8 ? 'it ends too early' : 'a message does not begin as one');
        const length = prefix.readUInt32LE(4);
        if (length === 0) {
          if (waitingBytes > 0 || (await pull())) damaged('something comes after its end');
          return;
        }
        count(length);
        const metadata = await take(length);
        if (metadata.length < length) damaged('it ends too early');
        const { header, bodyLength, isCompressed } =
          verified(metadata) ?? damaged('its metadata does not hold together');
        if (isCompressed)
          end(failure('InvalidInput', `${name}: batch ${batchNumber} is compressed: send an uncompressed IPC stream.`));
        count(bodyLength);
        yield Buffer.concat([prefix, metadata]);
        for (let left = bodyLength; left > 0; ) {
          if (waitingBytes === 0 && !(await pull())) damaged('it ends too early');
          const part = (waiting[0] ?? nothing).subarray(0, left);
          drop(part.length);
          left -= part.length;
          yield part;
        }
        if (header !== 'batch') continue;
        batchNumber++;
        batchBytes = 0;
      }
    },
  };
};

const verified = (metadata: Uint8Array): ReturnType<typeof verifyMetadata> | undefined => {
  try {
    return verifyMetadata(metadata);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

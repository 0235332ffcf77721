/** Files in buckets in this process's memory: for tests and trying things out. */
import { open, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type BucketAddress,
  type BucketFile,
  type BucketFiles,
  type ByteRange,
  type CallOptions,
  fail,
  type Failure,
  parseBucketAddress,
  parseBucketPrefix,
} from '../../core/index.js';

/** Empty buckets. What they hold is gone with them. */
export const memoryBucketFiles = ({ buckets }: { readonly buckets: ReadonlyArray<string> }): BucketFiles => {
  const held = new Map<string, { readonly file: BucketFile; readonly bytes: Uint8Array }>();
  let writeCount = 0;

  /** Looks at the address and the call, then works in one go, so that a cancellation or deadline can only come before it. */
  const about =
    <A>(
      parsed: E.Either<Failure, BucketAddress>,
      call: CallOptions,
      work: () => Promise<E.Either<Failure, A>>,
    ): TaskEither<Failure, A> =>
    async () => {
      if (E.isLeft(parsed)) return parsed;
      if (call.cancellation.aborted) return fail('Cancelled', 'The call was cancelled.');
      if (performance.timeOrigin + performance.now() >= call.deadlineMs)
        return fail('DeadlineExceeded', 'The deadline of the call had passed.');
      const { bucket } = parsed.right;
      return buckets.includes(bucket) ? work() : fail('NotFound', `There is no bucket gs://${bucket}.`);
    };

  return {
    head: (address, call) =>
      about(parseBucketAddress(address), call, async () => E.right(O.fromNullable(held.get(address)?.file))),

    list: (prefix, call) =>
      about(parseBucketPrefix(prefix), call, async () => {
        const files = [...held.values()].map(({ file }) => file).filter(({ address }) => address.startsWith(prefix));
        return E.right(files.sort((a, b) => (a.address < b.address ? -1 : 1)));
      }),

    download: ({ address, generation }, path, ranges, call) =>
      about(parseBucketAddress(address), call, async () => {
        const found = held.get(address);
        if (found?.file.generation !== generation)
          return fail('Conflict', `${address} was removed or replaced since it was looked for: look again.`);
        if (ranges === 'whole') await writeFile(path, found.bytes, { flag: 'wx' });
        else await writeRanges(path, found.bytes, ranges);
        return E.right(undefined);
      }),

    upload: (path, address, call) =>
      about(parseBucketAddress(address), call, async () => {
        const bytes = await readFile(path);
        writeCount += 1;
        const file: BucketFile = {
          address,
          generation: `${writeCount}`,
          sizeBytes: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        };
        held.set(address, { file, bytes });
        return E.right(file);
      }),

    remove: (address, call) =>
      about(parseBucketAddress(address), call, async () => {
        held.delete(address);
        return E.right(undefined);
      }),
  };
};

const writeRanges = async (path: string, bytes: Uint8Array, ranges: ReadonlyArray<ByteRange>): Promise<void> => {
  const handle = await open(path, 'r+');
  try {
    for (const { begin, end } of ranges) await handle.write(bytes, begin, end - begin, begin);
  } finally {
    await handle.close();
  }
};

/** A Parquet file that arrives, such as the body of a request: its footer comes last, so it waits on disk until it is whole. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchStream,
  type ByteStream,
  type CallOptions,
  type Failure,
  type PassingRows,
} from '../../core/index.js';
import { duckdbDataSource } from './data-source.js';
import { raised, toFailure } from './errors.js';
import { assertOngoing } from './interruptible.js';
import { makeAside } from './make-folder.js';
import { ownSpillFolder } from './spill-folder.js';

export interface ParquetRowsOptions {
  readonly bytes: ByteStream;
  /** Begins messages, as in "The body". */
  readonly name: string;
  /** What may wait on disk, in the system's temporary folder. */
  readonly spoolLimitBytes: number;
  readonly tooLarge: Failure;
}

/** What messages call it, and the engine knows it by. */
const fileName = 'body.parquet';

/** `open` and `read` fail `InvalidInput` for what is no Parquet file, or not all of one. The file goes when the rows are closed, or did not open. */
export const parquetRows = (options: ParquetRowsOptions): PassingRows => ({
  open: (call) => async () => {
    const folder = ownSpillFolder();
    const opened = await pipe(
      TE.tryCatch(() => spool(options, folder.path, call), toFailure(options.name)),
      TE.flatMap(() => duckdbDataSource({ files: { rows: fileName }, keys: [], baseDir: folder.path }).open({}, call)),
    )();
    if (E.isLeft(opened)) {
      await folder.remove();
      return E.left(asInput(options)(opened.left));
    }
    const { columnNames, textual, read, close } = opened.right;
    return E.right({
      columnNames,
      textual,
      read: (...wanted) => withInputFailures(options, read(...wanted)),
      close: async () => {
        await close();
        await folder.remove();
      },
    });
  },
});

const spool = async (
  { bytes, name, spoolLimitBytes, tooLarge }: ParquetRowsOptions,
  folder: string,
  call: CallOptions,
): Promise<void> => {
  assertOngoing(name, call);
  await makeAside(folder);
  const handle: FileHandle = await open(join(folder, fileName), 'wx');
  try {
    let count = 0;
    for await (const part of bytes) {
      if (E.isLeft(part)) throw raised(part.left);
      assertOngoing(name, call);
      count += part.right.length;
      if (count > spoolLimitBytes) throw raised(tooLarge);
      await handle.writeFile(part.right);
    }
  } finally {
    await handle.close();
  }
};

/** A file that somebody sends is what they sent. */
const asInput =
  ({ name }: ParquetRowsOptions) =>
  (failed: Failure): Failure => ({
    ...failed,
    message: failed.message.replaceAll(fileName, name),
    ...(failed.tag === 'DataUnreadable' ? { tag: 'InvalidInput' } : {}),
  });

async function* withInputFailures(options: ParquetRowsOptions, batches: BatchStream): BatchStream {
  for await (const batch of batches) yield pipe(batch, E.mapLeft(asInput(options)));
}

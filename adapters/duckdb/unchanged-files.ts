/** A source as long as its files are those that were opened: what was prepared for them would misread others. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type BatchStream, fail, type Failure, type OpenedSource } from '../../core/index.js';
import { raised } from './errors.js';
import { fileIdentity, type SourceFile } from './source-file.js';

/** Looks before rows are read, when they end, and when reading fails: in the last two cases what was read may be of either. */
export const whileUnchanged = (files: ReadonlyArray<SourceFile>, opened: OpenedSource): OpenedSource => {
  const unchanged: TE.TaskEither<Failure, void> = () => look(files);
  const { stage } = opened;
  return {
    ...opened,
    countRows: pipe(
      opened.countRows,
      TE.chainFirst(() => unchanged),
    ),
    read: (...wanted) => guarded(opened.read(...wanted), unchanged),
    ...(stage === undefined
      ? {}
      : {
          stage: (wanted) =>
            pipe(
              stage(wanted),
              TE.chainFirst(() => unchanged),
            ),
        }),
  };
};

/** Raises what `whileUnchanged` would tell. */
export const assertUnchanged = async (files: ReadonlyArray<SourceFile>): Promise<void> => {
  const looked = await look(files);
  if (E.isLeft(looked)) throw raised(looked.left);
};

const look = async (files: ReadonlyArray<SourceFile>): Promise<E.Either<Failure, void>> => {
  for (const { path, name, identity } of files) {
    if (identity === undefined) continue;
    const now = await fileIdentity(path).catch(() => undefined);
    if (now === identity) continue;
    return fail(
      'DataUnreadable',
      `${name}: the file was ${now === undefined ? 'removed' : 'changed or replaced'} since it was opened. Score again when nobody writes to it.`,
    );
  }
  return E.right(undefined);
};

async function* guarded(batches: BatchStream, unchanged: TE.TaskEither<Failure, void>): BatchStream {
  const before = await unchanged();
  if (E.isLeft(before)) return yield before;
  for await (const batch of batches) {
    if (E.isRight(batch)) {
      yield batch;
      continue;
    }
    const meanwhile = await unchanged();
    return yield E.isLeft(meanwhile) ? meanwhile : batch;
  }
  const after = await unchanged();
  if (E.isLeft(after)) yield after;
}

/** Rows that were staged for several processes, a range of them as a source. */
import { isAbsolute } from 'node:path';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { CallOptions, DataSource, RowRange, StagedFile, StagedRows } from '../../core/index.js';
import { copyParts, findInBucket, isInBucket } from './bucket-source.js';
import { type DuckdbSourceOptions, openFiles } from './data-source.js';
import { raise, toFailure } from './errors.js';
import { findSourceFile, type SourceFile } from './source-file.js';
import { withFiles } from './source-files.js';
import { stateOf } from './source-snapshot.js';

export type StagedSourceOptions = Omit<DuckdbSourceOptions, 'files' | 'sql'>;

/** A range of staged rows as a source, which ignores years. Relative paths begin in `baseDir`, which may be the address of a folder in a bucket. */
export const duckdbStagedSource = (staged: StagedRows, range: RowRange, options: StagedSourceOptions): DataSource => ({
  keys: options.keys,
  open: (_years, call) =>
    TE.tryCatch(async () => {
      const { name, textual, casts } = staged;
      const found = slicesOf(staged, range).map(async ({ rows, ...file }, i): Promise<SourceFile> => {
        const slice = { rows, casts };
        return { ...(await findStaged(file, `rows_${i}`, name, options, call)), name, slice };
      });
      return withFiles(found, async (files) => {
        const sql = files.map(({ view }) => `SELECT * FROM ${view}`).join(' UNION ALL ');
        return { ...(await openFiles({ ...options, files: {}, sql }, files, {}, call)), textual };
      });
    }, toFailure(staged.name)),
});

/** Raises `DataUnreadable` when it is another file by now. */
const findStaged = async (
  { path, state }: StagedFile,
  view: string,
  name: string,
  { baseDir = '.', copies }: StagedSourceOptions,
  call: CallOptions,
): Promise<SourceFile> => {
  // A relative path is of the job's own.
  const changed = () =>
    raise(
      'DataUnreadable',
      isInBucket(path) || isAbsolute(path)
        ? `${name} was changed since the job was planned: score it again.`
        : `${path}, which has the rows of ${name} in the job's folder, was changed or damaged: remove that folder, and score again.`,
    );
  if (isInBucket(path) || (isInBucket(baseDir) && !isAbsolute(path))) {
    const found = await findInBucket(copies, isInBucket(path) ? path : `${baseDir}/${path}`, call);
    return found.generation === state ? copyParts(copies, view, found, call) : changed();
  }
  const file = await findSourceFile(baseDir, view, path);
  return (await stateOf(file.path)) === state ? file : changed();
};

type Slice = StagedFile & { readonly rows: RowRange };

/** What of the files is in the range; an empty one is in the first file, which shows the columns. */
const slicesOf = ({ files }: StagedRows, { begin, end }: RowRange): ReadonlyArray<Slice> => {
  let at = 0;
  const slices = files.map((file): Slice => {
    const rows = { begin: Math.max(0, begin - at), end: Math.min(file.row_count, end - at) };
    at += file.row_count;
    return { ...file, rows };
  });
  const filled = slices.filter(({ rows }) => rows.begin < rows.end);
  return filled.length > 0 ? filled : slices.slice(0, 1).map((slice) => ({ ...slice, rows: { begin: 0, end: 0 } }));
};

/** A whole NDJSON file as a source: every value by itself, as inline JSON is read, for the engine has one type for a column. */
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type CallOptions,
  type Failure,
  type JsonObject,
  nearest,
  numberText,
  type OpenedSource,
  type RawRows,
  type WantedColumn,
  type YearRange,
} from '../../core/index.js';
import type { EngineLimits } from './engine.js';
import { raise, toFailure } from './errors.js';
import { assertOngoing } from './interruptible.js';
import { exactValue, type JsonRows, readJsonLines } from './json-lines.js';
import type { SourceFile } from './source-file.js';
import { stageBatches, stagedFile } from './stage-rows.js';
import { yearColumn } from './source-query.js';

/** What an opened file holds. */
interface JsonFile {
  readonly file: SourceFile;
  readonly range: YearRange;
  readonly call: CallOptions;
  /** The columns that were seen so far, in order. */
  readonly seen: Set<string>;
}

/**
 * Opens the file for a range of `year_published`. Its columns are those of its first rows, and a later row may bring another. Raises
 * `DataUnreadable`, and `InvalidInput` when a range is given and no row has that column.
 */
export const openJsonFile = async (
  file: SourceFile,
  keys: ReadonlyArray<string>,
  range: YearRange,
  call: CallOptions,
  staging?: { readonly stagePath: string; readonly limits: EngineLimits },
): Promise<OpenedSource> => {
  assertOngoing(file.name, call);
  const opened: JsonFile = { file, range, call, seen: new Set() };
  for await (const rows of readJsonLines(file, call)) {
    see(opened, rows);
    break;
  }
  if (isRanged(range) && (await absent(opened, [yearColumn])).length > 0)
    return raise('InvalidInput', `${file.name}: a range of years was given, and there is no column ${yearColumn}.`);
  const columnNames = [...opened.seen];
  const toFileFailure = toFailure(file.name);
  return {
    columnNames,
    columnsAmong: (names) =>
      TE.tryCatch(async () => {
        const gone = await absent(opened, names);
        return names.filter((name) => !gone.includes(name));
      }, toFileFailure),
    absentKeys: keys.filter((key) => !opened.seen.has(key)),
    textual: false,
    countRows: TE.tryCatch(() => countRows(opened), toFileFailure),
    read: (wanted) => ({ [Symbol.asyncIterator]: () => read(opened, wanted) }),
    ...(staging === undefined ? {} : { stage: stage(opened, staging) }),
    close: async () => undefined,
  };
};

const stage =
  (
    opened: JsonFile,
    { stagePath, limits }: { readonly stagePath: string; readonly limits: EngineLimits },
  ): NonNullable<OpenedSource['stage']> =>
  (wanted) =>
    TE.tryCatch(async () => {
      const { name } = opened.file;
      const batches = { [Symbol.asyncIterator]: () => read(opened, wanted) };
      const casts = await stageBatches(batches, wanted, stagePath, [opened.file], limits);
      const { file, rowGroups } = await stagedFile(stagePath, limits);
      return { rows: { name, files: [file], textual: false, casts }, rowGroups };
    }, toFailure(opened.file.name));

const isRanged = ({ startYear, endYear }: YearRange): boolean => startYear !== undefined || endYear !== undefined;

const see = ({ seen }: JsonFile, { records }: JsonRows): void => {
  for (const record of records) for (const name of Object.keys(record)) seen.add(name);
};

/** Those of `names` that no row has; none in a file without rows. Reads on only for what was not seen yet. */
const absent = async (opened: JsonFile, names: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const unseen = (): ReadonlyArray<string> => names.filter((name) => !opened.seen.has(name));
  if (unseen().length === 0) return [];
  let rowCount = 0;
  for await (const rows of readJsonLines(opened.file, opened.call)) {
    rowCount += rows.records.length;
    see(opened, rows);
    if (unseen().length === 0) return [];
  }
  return rowCount === 0 ? [] : unseen();
};

const countRows = async (opened: JsonFile): Promise<number> => {
  let rowCount = 0;
  for await (const rows of readJsonLines(opened.file, opened.call))
    rowCount += within(opened.range, rows).records.length;
  return rowCount;
};

async function* read(
  opened: JsonFile,
  wanted: ReadonlyArray<WantedColumn>,
): AsyncGenerator<E.Either<Failure, RawRows>, void, undefined> {
  const { file, range, call } = opened;
  try {
    const names = wanted.map(({ name }) => name);
    const [gone] = await absent(opened, names);
    if (gone !== undefined) raise('InvalidInput', `${file.name}: there is no column "${gone}"${hintFor(gone, opened)}`);
    let isBegun = false;
    for await (const rows of readJsonLines(file, call)) {
      const kept = within(range, rows);
      if (kept.records.length === 0) continue;
      isBegun = true;
      yield E.right(batchOf(kept, wanted));
      assertOngoing(file.name, call);
    }
    if (!isBegun) yield E.right(batchOf({ records: [], lines: [] }, wanted));
  } catch (error) {
    yield E.left(toFailure(file.name)(error));
  }
}

const hintFor = (name: string, { seen }: JsonFile): string => {
  const near = nearest(name, seen);
  return near === undefined ? '.' : `; did you mean "${near}"?`;
};

/** The wanted columns of some rows. */
export const batchOf = ({ records, lines }: JsonRows, wanted: ReadonlyArray<WantedColumn>): RawRows => ({
  rowCount: records.length,
  columns: new Map(
    wanted.map(({ name, role }) => {
      const values = valuesOf(records, name);
      // A feature takes what JSON's number says; a key tells rows apart and is carried as it is written.
      return [
        name,
        {
          type: 'json',
          values: role === 'key' ? values.map((value, row) => exactValue(lines[row] ?? '', name, value)) : values,
        },
      ] as const;
    }),
  ),
});

/** What the rows themselves have under a name: a column may be called `constructor`. */
const valuesOf = (records: ReadonlyArray<JsonObject>, name: string): ReadonlyArray<unknown> =>
  name in Object.prototype
    ? records.map((record) => (Object.hasOwn(record, name) ? record[name] : undefined))
    : records.map((record) => record[name]);

const within = ({ startYear = -Infinity, endYear = Infinity }: YearRange, rows: JsonRows): JsonRows => {
  if (startYear === -Infinity && endYear === Infinity) return rows;
  const kept: number[] = [];
  rows.records.forEach((record, row) => {
    const year = yearOf(record[yearColumn]);
    if (year !== undefined && year >= startYear && year <= endYear) kept.push(row);
  });
  return {
    records: kept.map((row) => rows.records[row] ?? {}),
    lines: kept.map((row) => rows.lines[row] ?? ''),
  };
};

/** A year is a number, also as text, as in the other formats. */
const yearOf = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && numberText.test(value) ? Number(value) : undefined;
};

/** Files as the engine's views: Parquet, CSV (all text) and NDJSON, told apart by extension. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type CallOptions, failure, repeated, type RowRange } from '../../core/index.js';
import { quoteName, quoteText } from './engine.js';
import { longLineCure, raise, raised, toFailure } from './errors.js';
import { readJsonLines } from './json-lines.js';

export interface SourceFile {
  /** The name of its view. */
  readonly view: string;
  /** As it was configured, for messages. */
  readonly name: string;
  readonly path: string;
  /** As it was found: another file, or other bytes, have another one. A copy of a file in a bucket has none: nobody else writes there. */
  readonly identity?: string;
  readonly format: 'parquet' | 'csv' | 'ndjson';
  /** Of a Parquet file: the rows that are read, and the types that columns of text are cast to. */
  readonly slice?: { readonly rows: RowRange; readonly casts: Readonly<Record<string, string>> };
  /** Of a file in a bucket. */
  readonly generation?: string;
  /** Of a copy with holes: brings these columns, of the row groups with these rows, before they are read. */
  readonly fetchColumns?: (
    connection: DuckDBConnection,
    names: ReadonlyArray<string>,
    rows?: RowRange,
  ) => Promise<void>;
  /** Of a copy: removes it. */
  readonly close?: () => Promise<void>;
}

const formats: Readonly<Record<string, SourceFile['format']>> = {
  parquet: 'parquet',
  csv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** Raises `InvalidInput` for another extension. */
export const formatOf = (name: string): SourceFile['format'] =>
  formats[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''] ??
  raise('InvalidInput', `${name}: a source file ends in .parquet, .csv, .ndjson or .jsonl.`);

/** Raises as `formatOf` does, and `NotFound` and `PermissionDenied` for the file. */
export const findSourceFile = async (
  baseDir: string,
  view: string,
  name: string,
  baseDirName?: string,
): Promise<SourceFile> => {
  const format = formatOf(name);
  const path = resolve(baseDir, name);
  try {
    if (!(await stat(path)).isFile()) return raise('DataUnreadable', `${name}: this is not a file.`);
    await access(path, constants.R_OK);
    return { view, name, path, format, identity: await fileIdentity(path) };
  } catch (error) {
    const failed = toFailure(name)(error);
    if (failed.tag !== 'NotFound' || baseDirName === undefined || isAbsolute(name)) throw raised(failed);
    throw raised(failure('NotFound', `${name}: there is no such file in ${baseDirName}, where its path begins.`));
  }
};

/** What a write changes, and a rename in the file's place. */
export const fileIdentity = async (path: string): Promise<string> => {
  const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, mtimeNs].join(' ');
};

/** Gives the file a view. Raises `DataUnreadable`, or the engine's error, when it does not parse so far. */
export const createView = async (connection: DuckDBConnection, file: SourceFile, call: CallOptions): Promise<void> => {
  const { slice } = file;
  const rows =
    slice === undefined ? `* FROM ${await tableFunction(connection, file, call)}` : sliceOf(file.path, slice);
  await connection.run(`CREATE VIEW ${quoteName(file.view)} AS SELECT ${rows}`);
};

/** Row groups outside of the range are not read. */
const sliceOf = (path: string, { rows, casts }: NonNullable<SourceFile['slice']>): string => {
  const cast = Object.entries(casts).map(([name, type]) => `${quoteName(name)}::${type} AS ${quoteName(name)}`);
  const columns = `* EXCLUDE (file_row_number) ${cast.length === 0 ? '' : `REPLACE (${cast.join(', ')})`}`;
  const table = `read_parquet(${quoteText(path)}, file_row_number=true, ${common})`;
  return `${columns} FROM ${table} WHERE file_row_number >= ${rows.begin} AND file_row_number < ${rows.end}`;
};

// Otherwise a folder named like `year=2020` would give the file another column.
const common = 'hive_partitioning=false';

const tableFunction = async (connection: DuckDBConnection, file: SourceFile, call: CallOptions): Promise<string> => {
  const path = quoteText(file.path);
  switch (file.format) {
    case 'parquet':
      await checkParquet(connection, file);
      return `read_parquet(${path}, ${common})`;
    case 'csv': {
      // The engine's detection takes any row for the header when the rows are ragged: nothing is left to it.
      const columns = structOf((await headerNames(file)).map((name) => [name, 'VARCHAR']));
      const dialect = `delim=',', quote='"', escape='"', nullstr='', comment='', skip=0, strict_mode=true`;
      await checkLastLine(file);
      return `read_csv(${path}, auto_detect=false, header=true, columns=${columns}, ${dialect}, ${common})`;
    }
    case 'ndjson': {
      return jsonTable(path, await jsonColumns(connection, file, call));
    }
  }
};

/** The engine's own limit; but a last line that is longer than its buffer of 32 MB it passes over, without a word. */
const lineLimitBytes = 2_000_000;

const checkLastLine = async ({ name, path }: SourceFile): Promise<void> => {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    for (const length of [2 ** 16, lineLimitBytes + 1]) {
      const begin = Math.max(0, size - length);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - begin), 0, size - begin, begin);
      // The last byte may be the break that ends it.
      if (begin === 0 || buffer.subarray(0, bytesRead - 1).includes(0x0a)) return;
    }
  } finally {
    await handle.close();
  }
  raise('DataUnreadable', `${name}: the last line is longer than ${lineLimitBytes} bytes: ${longLineCure}.`);
};

/** The engine calls columns of one name by names that it makes up, and takes decimals of so many bytes for other numbers. */
const checkParquet = async (connection: DuckDBConnection, { name, path }: SourceFile): Promise<void> => {
  const told = `SELECT name, num_children, type_length, converted_type FROM parquet_schema(${quoteText(path)})`;
  const elements = (await connection.runAndReadAll(told)).getRows().map(([column, children, bytes, converted]) => ({
    column: `${column}`,
    childCount: Number(children ?? 0),
    isUnreadable: converted === 'DECIMAL' && Number(bytes) > 16 && Number(bytes) % 8 > 0,
  }));
  const wide = elements.find(({ isUnreadable }) => isUnreadable);
  if (wide !== undefined)
    raise(
      'DataUnreadable',
      `${name}: the column "${wide.column}" is a decimal of more than 38 digits, which is not read right: write it with at most 38, or as a double.`,
    );
  // Each comes before those within it, the whole first.
  const names: string[] = [];
  let within = 0;
  for (const { column, childCount } of elements.slice(1)) {
    if (within === 0) names.push(column);
    within = Math.max(0, within - 1) + childCount;
  }
  assertOnce(names, (twice) => `${name}: the file has the column "${twice}" twice (case aside): rename one.`);
};

/** Raises `DataUnreadable` for a name that is there twice. */
const assertOnce = (names: ReadonlyArray<string>, sentence: (twice: string) => string): void => {
  const twice = repeated(names);
  if (twice !== undefined) raise('DataUnreadable', sentence(twice));
};

const structOf = (columns: ReadonlyArray<readonly [string, string]>): string =>
  `{${columns.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}}`;

const headerLimitBytes = 2 ** 20;

/** The names in the first line (RFC 4180); a column without a name is called by its place, `column0`, …. */
const headerNames = async (file: SourceFile): Promise<ReadonlyArray<string>> => {
  const line = await firstLine(file.path);
  if (line === undefined) return raise('DataUnreadable', `${file.name}: the file is empty; CSV begins with a header.`);
  if (line.includes('\0'))
    return raise(
      'DataUnreadable',
      `${file.name}: line 1 holds a zero byte, and CSV is text in UTF-8: let the extension tell what the file is.`,
    );
  const fields = `,${line.replace(/^\uFEFF/, '')}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g);
  const names = Array.from(fields, (field, i) => (field[1]?.replaceAll('""', '"') ?? field[2]) || `column${i}`);
  assertOnce(names, (twice) => `${file.name}: line 1 names the column "${twice}" twice (case aside).`);
  return names;
};

const firstLine = async (path: string): Promise<string | undefined> => {
  const handle = await open(path);
  try {
    let begun: string | undefined;
    for await (const line of handle.readLines({ end: headerLimitBytes, autoClose: false })) {
      begun = begun === undefined ? line : `${begun}\n${line}`;
      // A break within quotes is a name's.
      if (begun.split('"').length % 2 === 1) return begun;
    }
    return begun;
  } finally {
    await handle.close();
  }
};

/** A JSON file's rows, its columns having these types. */
const jsonTable = (path: string, columns: ReadonlyArray<readonly [string, string]>): string =>
  `read_json(${path}, format='newline_delimited', columns=${structOf(columns)}, ${common})`;

/**
 * The columns that the whole file shows. Text stays text: the engine would read `2020-01-01` as a date and an upper-case UUID
 * as a lower-case one. A column of mixed types is JSON, and each of its values counts by itself.
 */
const jsonColumns = async (
  connection: DuckDBConnection,
  file: SourceFile,
  call: CallOptions,
): Promise<ReadonlyArray<readonly [string, string]>> => {
  const path = quoteText(file.path);
  const detection = `sample_size=-1, map_inference_threshold=-1, field_appearance_threshold=0, ${common}`;
  const described = await connection
    .runAndReadAll(`DESCRIBE SELECT * FROM read_json(${path}, format='newline_delimited', ${detection})`)
    .catch(async (error: unknown) => {
      await checkLines(file, call);
      throw error;
    });
  const columns = described.getRowsJson().map(([name, type]) => [name as string, type as string] as const);
  // What the engine calls the column when a line is no object, or all are empty.
  if (columns.map((column) => column.join(' ')).join() === 'json JSON') await checkLines(file, call);
  const wide = await wideColumns(connection, path, columns);
  return columns.map(([name, type]) => [name, wide.has(name) ? type : jsonType(type)]);
};

/** The engine miscounts lines: raises `DataUnreadable` for the first one that is no JSON object. */
const checkLines = async (file: SourceFile, call: CallOptions): Promise<void> => {
  for await (const _ of readJsonLines(file, call));
};

/** Those with an integer beyond 64 bits. The engine calls HUGEINT what has negative and positive integers. */
const wideColumns = async (
  connection: DuckDBConnection,
  path: string,
  columns: ReadonlyArray<readonly [string, string]>,
): Promise<ReadonlySet<string>> => {
  const huge = columns.filter(([, type]) => type === 'HUGEINT');
  if (huge.length === 0) return new Set();
  const fits = huge.map(
    ([name]) => `bool_and(${quoteName(name)} BETWEEN -9223372036854775808 AND 9223372036854775807)`,
  );
  const found = await connection.runAndReadAll(`SELECT ${fits.join(', ')} FROM ${jsonTable(path, huge)}`);
  return new Set(huge.flatMap(([name], i) => (found.getRowsJson()[0]?.[i] === false ? [name] : [])));
};

const jsonType = (type: string): string => {
  if (type === 'HUGEINT') return 'BIGINT';
  return /^(?:BOOLEAN|DOUBLE|JSON|U?BIGINT)$|[[(]/.test(type) ? type : 'VARCHAR';
};

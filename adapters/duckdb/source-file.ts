/** Files as the engine's views: Parquet, CSV (all text) and NDJSON, told apart by extension. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteName, quoteText } from './engine.js';
import { raise, raised, toFailure } from './errors.js';

export interface SourceFile {
  /** The name of its view. */
  readonly view: string;
  /** As it was configured, for messages. */
  readonly name: string;
  readonly path: string;
  readonly format: 'parquet' | 'csv' | 'ndjson';
}

const formats: Readonly<Record<string, SourceFile['format']>> = {
  parquet: 'parquet',
  csv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
};

/** Raises `InvalidInput` for another extension, `NotFound` and `PermissionDenied` for the file. */
export const findSourceFile = async (baseDir: string, view: string, name: string): Promise<SourceFile> => {
  const format = formats[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ''];
  if (format === undefined) {
    return raise('InvalidInput', `${name}: a source file ends in .parquet, .csv, .ndjson or .jsonl.`);
  }
  const path = resolve(baseDir, name);
  try {
    if (!(await stat(path)).isFile()) return raise('DataUnreadable', `${name}: this is not a file.`);
    await access(path, constants.R_OK);
  } catch (error) {
    throw raised(toFailure(name)(error));
  }
  return { view, name, path, format };
};

/** Gives the file a view. Raises `DataUnreadable`, or the engine's error, when it does not parse so far. */
export const createView = async (connection: DuckDBConnection, file: SourceFile): Promise<void> => {
  const table = await tableFunction(connection, file);
  await connection.run(`CREATE VIEW ${quoteName(file.view)} AS SELECT * FROM ${table}`);
};

// Otherwise a folder named like `year=2020` would give the file another column.
const common = 'hive_partitioning=false';

const tableFunction = async (connection: DuckDBConnection, file: SourceFile): Promise<string> => {
  const path = quoteText(file.path);
  switch (file.format) {
    case 'parquet':
      return `read_parquet(${path}, ${common})`;
    case 'csv': {
      // The engine's detection takes any row for the header when the rows are ragged: nothing is left to it.
      const columns = structOf((await headerNames(file)).map((name) => [name, 'VARCHAR']));
      const dialect = `delim=',', quote='"', escape='"', nullstr='', comment='', skip=0, strict_mode=true`;
      return `read_csv(${path}, auto_detect=false, header=true, columns=${columns}, ${dialect}, ${common})`;
    }
    case 'ndjson': {
      const columns = structOf(await jsonColumns(connection, path));
      return `read_json(${path}, format='newline_delimited', columns=${columns}, ${common})`;
    }
  }
};

const structOf = (columns: ReadonlyArray<readonly [string, string]>): string =>
  `{${columns.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}}`;

const headerLimitBytes = 2 ** 20;

/** The names in the first line (RFC 4180); a column without a name is called by its place, `column0`, …. */
const headerNames = async (file: SourceFile): Promise<ReadonlyArray<string>> => {
  const line = await firstLine(file.path);
  if (line === undefined) return raise('DataUnreadable', `${file.name}: the file is empty; CSV begins with a header.`);
  const fields = `,${line.replace(/^\uFEFF/, '')}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g);
  const names = Array.from(fields, (field, i) => (field[1]?.replaceAll('""', '"') ?? field[2]) || `column${i}`);
  const seen = new Set<string>();
  for (const name of names) {
    const folded = name.toLowerCase();
    if (seen.has(folded))
      raise('DataUnreadable', `${file.name}: line 1 names the column "${name}" twice (case aside).`);
    seen.add(folded);
  }
  return names;
};

const firstLine = async (path: string): Promise<string | undefined> => {
  const handle = await open(path);
  try {
    for await (const line of handle.readLines({ end: headerLimitBytes, autoClose: false })) return line;
    return undefined;
  } finally {
    await handle.close();
  }
};

/**
 * The columns that the whole file shows. Text stays text: the engine would read `2020-01-01` as a date and an upper-case UUID
 * as a lower-case one. A column of mixed types is text too.
 */
const jsonColumns = async (
  connection: DuckDBConnection,
  path: string,
): Promise<ReadonlyArray<readonly [string, string]>> => {
  const detection = `sample_size=-1, map_inference_threshold=-1, field_appearance_threshold=0, ${common}`;
  const described = await connection.runAndReadAll(
    `DESCRIBE SELECT * FROM read_json(${path}, format='newline_delimited', ${detection})`,
  );
  return described.getRowsJson().map((row) => {
    const [name, type] = row.map(String) as [string, string];
    return [name, jsonType(type)];
  });
};

const jsonType = (type: string): string => {
  // What it makes of any column with negative and positive integers.
  if (type === 'HUGEINT') return 'BIGINT';
  return /^(?:BOOLEAN|DOUBLE|U?BIGINT)$|[[(]/.test(type) ? type : 'VARCHAR';
};

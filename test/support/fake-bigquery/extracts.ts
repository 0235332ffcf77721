/** The fake's extract jobs: the rows of a query's result in Parquet files, which are put into a bucket. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { CannedTable, Refusal } from './golden.js';

/** An extract job's configuration. */
export interface Extract {
  readonly sourceTable?: object;
  readonly destinationUris: ReadonlyArray<string>;
  readonly destinationFormat: string;
  readonly compression: string;
}

/** Where the files go. */
export interface Exports {
  /** How many rows a file has at most. */
  readonly fileRowLimit: number;
  readonly upload: (path: string, address: string) => Promise<unknown>;
}

/** The types that are not told in another way in Parquet than by the API. */
const parquetTypes: Readonly<Record<string, string>> = {
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
  STRING: 'VARCHAR',
};

/** Why the fake does not export it. */
export const whyNotExported = (
  { fields }: CannedTable,
  { destinationUris: [uri, ...others], destinationFormat, compression }: Extract,
): Refusal | undefined => {
  const refuse = (message: string): Refusal => ({ status: 400, reason: 'invalid', message });
  if (others.length > 0 || !/^gs:\/\/[^*]+\*\.parquet$/.test(uri ?? '')) return refuse(`Invalid URI: ${uri}`);
  if (destinationFormat !== 'PARQUET' || compression !== 'SNAPPY')
    return refuse(`${destinationFormat}, ${compression}`);
  const other = fields.find(({ type }) => parquetTypes[type] === undefined);
  return other === undefined ? undefined : refuse(`${other.name} would be another value in Parquet: ${other.type}`);
};

/** Writes the rows, or only the first `fileLimit` files of them, and tells how many files it wrote. */
export const exportRows = async (
  { fields, rows }: CannedTable,
  { destinationUris: [uri = ''] }: Extract,
  { fileRowLimit, upload }: Exports,
  fileLimit: number,
): Promise<number> => {
  const fileCount = Math.min(fileLimit, Math.ceil(rows.length / fileRowLimit));
  const folder = await mkdtemp(join(tmpdir(), 'fake-bigquery-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const columns = fields.map((_, i) => `'c${i}': 'VARCHAR'`).join(', ');
    const list = fields.map(({ name, type }, i) => `c${i}::${parquetTypes[type]} AS "${name.replaceAll('"', '""')}"`);
    for (let file = 0; file < fileCount; file++) {
      const some = rows.slice(file * fileRowLimit, (file + 1) * fileRowLimit);
      const lines = some.map((row) => JSON.stringify(Object.fromEntries(row.map((cell, i) => [`c${i}`, cell]))));
      const [json, parquet] = [join(folder, `${file}.ndjson`), join(folder, `${file}.parquet`)];
      await writeFile(json, lines.join('\n'));
      await connection.run(
        `COPY (SELECT ${list.join(', ')} FROM read_json('${json}', format = 'newline_delimited', columns = {${columns}}))
        TO '${parquet}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 2048)`,
      );
      await upload(parquet, uri.replace('*', `${file}`.padStart(12, '0')));
    }
    return fileCount;
  } finally {
    connection.disconnectSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
};

/** The fake's load jobs: Parquet files that are uploaded and put into tables. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Refusal } from './golden.js';

/** Where a job's rows go. */
export interface Destination {
  readonly destinationTable: { readonly projectId: string; readonly datasetId: string; readonly tableId: string };
  readonly writeDisposition: 'WRITE_APPEND' | 'WRITE_TRUNCATE';
  readonly createDisposition: 'CREATE_IF_NEEDED' | 'CREATE_NEVER';
}

/** The part of a load job's configuration that the fake heeds. */
export interface Load extends Destination {
  readonly sourceFormat: string;
  readonly parquetOptions?: { readonly enumAsString?: boolean };
}

/** Partitions of tables by `dataset.table` and `dataset.table$partition`: rows, in the order in which they were loaded. */
export type Tables = Map<string, ReadonlyArray<Readonly<Record<string, unknown>>>>;

/** The two parts of a `multipart/related` body. */
export const partsOf = (body: Buffer, contentType: string): { readonly metadata: string; readonly media: Buffer } => {
  const boundary = /boundary=(\S+)/.exec(contentType)?.[1] ?? '';
  const first = body.indexOf('\r\n\r\n') + 4;
  const second = body.indexOf('\r\n\r\n', body.indexOf(`--${boundary}`, first)) + 4;
  return {
    metadata: body.subarray(first, body.indexOf(`\r\n--${boundary}`, first)).toString(),
    media: body.subarray(second, body.lastIndexOf(`\r\n--${boundary}--`)),
  };
};

type Put = { readonly outputRows: number } | { readonly failure: Refusal };

/** Puts the rows of the file into the table, all or none. */
export const loadInto = async (tables: Tables, load: Load, media: Buffer): Promise<Put> =>
  load.sourceFormat !== 'PARQUET' || load.parquetOptions?.enumAsString !== true
    ? { failure: { status: 400, reason: 'invalid', message: 'Enumerations would be bytes' } }
    : putInto(tables, load, await rowsOf(media));

export const putInto = (
  tables: Tables,
  { destinationTable: { projectId, datasetId, tableId }, writeDisposition, createDisposition }: Destination,
  rows: ReadonlyArray<Readonly<Record<string, unknown>>>,
): Put => {
  const name = `${datasetId}.${tableId}`;
  const isThere = [...tables.keys()].some((key) => key.split('$')[0] === name.split('$')[0]);
  if (createDisposition === 'CREATE_NEVER' && !isThere) {
    const message = `Not found: Table ${projectId}:${name}`;
    return { failure: { status: 404, reason: 'notFound', message } };
  }
  const known = tables.get(name) ?? [];
  const [before, after] = [known[0], rows[0]];
  if (before !== undefined && after !== undefined && Object.keys(before).join() !== Object.keys(after).join()) {
    const message = `Provided Schema does not match Table ${projectId}:${name}. Cannot add fields (field: ${Object.keys(after).at(-1)})`;
    return { failure: { status: 400, reason: 'invalid', message } };
  }
  tables.set(name, writeDisposition === 'WRITE_TRUNCATE' ? rows : [...known, ...rows]);
  return { outputRows: rows.length };
};

const rowsOf = async (parquet: Buffer): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> => {
  const folder = await mkdtemp(join(tmpdir(), 'fake-bigquery-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await writeFile(join(folder, 'rows.parquet'), parquet);
    return (await connection.runAndReadAll(`FROM '${join(folder, 'rows.parquet')}'`)).getRowObjectsJson();
  } finally {
    connection.disconnectSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
};

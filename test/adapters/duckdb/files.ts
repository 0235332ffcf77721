/** Small files and folders for the tests of the DuckDB adapters. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import {
  type BatchColumn,
  type CallOptions,
  type Failure,
  neverCancelled,
  type RowBatch,
  type SinkSchema,
} from '../../../core/index.js';
import { collect, type Rows } from '../../contracts/sample-rows.js';

export const call: CallOptions = { deadlineMs: Number.MAX_SAFE_INTEGER, cancellation: neverCancelled };

const folders: string[] = [];

export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-duckdb-'));
  folders.push(folder);
  return folder;
};

/** Removes every folder that was made here. */
export const removeTemporaryFolders = async (): Promise<void> => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
};

/** Everything that stands under a folder but folders, hidden names too. */
export const filesUnder = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
};

/** Runs statements in an engine without a guard; the rows of the last one. */
export const sql = async (...statements: ReadonlyArray<string>): Promise<ReadonlyArray<ReadonlyArray<unknown>>> => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    let rows: ReadonlyArray<ReadonlyArray<unknown>> = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowsJson();
    return rows;
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
};

export const right = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isLeft(result)) throw new assert.AssertionError({ message: `${result.left.tag}: ${result.left.message}` });
  return result.right;
};

export const left = async (task: TaskEither<Failure, unknown>): Promise<Failure> => {
  const result = await task();
  if (E.isRight(result)) throw new assert.AssertionError({ message: 'a failure was expected' });
  return result.left;
};

export const writeRows = async (root: string, location: string, rows: RowBatch): Promise<void> => {
  const columns = Array.from(rows.columns, ([name, { type }]) => ({ name, type }));
  const writer = await right(duckdbPredictionSink({ root }).open(location, { columns, constants: [] }, call));
  await right(writer.write(rows));
  await right(writer.commit);
};

export const readRows = async (path: string): Promise<Rows> => {
  const opened = await right(duckdbDataSource({ files: { rows: path }, keys: [] }).open({}, call));
  const rows = await collect(opened.read(opened.columnNames.map((name) => ({ name, role: 'key' }))));
  await opened.close();
  return rows;
};

/** Three rows, with a missing text and numbers that are not finite. */
export const rows: RowBatch = {
  rowCount: 3,
  columns: new Map<string, BatchColumn>([
    ['id', { type: 'int64', values: BigInt64Array.of(1n, 2n ** 60n, 3n) }],
    ['name', { type: 'string', values: ['', 'a "b", c', 'x'], missing: Uint8Array.of(0, 0, 1) }],
    ['prediction', { type: 'float32', values: Float32Array.of(0.5, NaN, Infinity) }],
    ['flag', { type: 'bool', values: Uint8Array.of(1, 0, 1) }],
  ]),
};
/** Of an output of `rows`. */
export const schema: SinkSchema = {
  columns: Array.from(rows.columns, ([name, { type }]) => ({ name, type })),
  constants: [
    { name: 'version', type: 'int32', value: 3 },
    { name: 'scored_at', type: 'timestamp', value: '2026-03-04T05:06:07.089Z' },
  ],
};

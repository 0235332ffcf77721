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
import { type CallOptions, type Failure, neverCancelled, type RowBatch } from '../../../core/index.js';
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

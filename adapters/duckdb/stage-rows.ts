/** Stages rows in a Parquet file, so that several processes can read them, each a range. */
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type BatchStream,
  type RawColumn,
  type RawRows,
  type SinkSchema,
  type StagedFile,
  textColumn,
  type WantedColumn,
} from '../../core/index.js';
import { type EngineLimits, loadLibrary, openEngine, quoteName, quoteText } from './engine.js';
import { raised, toFailure } from './errors.js';
import { makeFolder } from './make-folder.js';
import { openRowStage, type RowStage } from './row-stage.js';
import type { Scalar, SourceColumn } from './scalar.js';
import type { SourceFile } from './source-file.js';
import { from, type SourceQuery } from './source-query.js';
import { stateOf } from './source-snapshot.js';
import { syncFile, syncFolder } from './sync.js';
import { assertUnchanged } from './unchanged-files.js';

/** Columns that are staged as text, and what they are cast to when they are read. */
type Casts = Readonly<Record<string, string>>;

/** Fewer than the engine's own choice, since it holds a group in memory, and rows may be wide. */
const rowsPerGroup = 32_768;

/**
 * Writes the columns of the query to the file, by the engine alone, on a connection that `on` gives. Parquet has no JSON and no integers beyond 64
 * bits: they are text there.
 */
export const stageQuery = async (
  on: (work: (connection: DuckDBConnection) => Promise<unknown>) => Promise<unknown>,
  query: SourceQuery,
  columns: ReadonlyArray<Scalar & Pick<SourceColumn, 'kind'>>,
  path: string,
  files: ReadonlyArray<SourceFile>,
): Promise<Casts> => {
  const list = columns.map(
    ({ name, type, sql }) => `${type === 'json' ? `(${sql})::VARCHAR` : sql} AS ${quoteName(name)}`,
  );
  // The engine writes no table without columns.
  const rows = from((list.length === 0 ? ['NULL AS nothing'] : list).join(', '), query);
  const copy = `COPY (${rows}) TO ${quoteText(path)} (FORMAT parquet, ROW_GROUP_SIZE ${rowsPerGroup}, USE_TMP_FILE false)`;
  await writing(path, files, () => on((connection) => connection.run(copy, query.values)));
  return Object.fromEntries(columns.flatMap(({ name, type, kind }) => (type === 'json' ? [[name, kind]] : [])));
};

/** Writes batches of JSON values to the file. Ends as the stream does. */
export const stageBatches = async (
  batches: BatchStream,
  wanted: ReadonlyArray<WantedColumn>,
  path: string,
  files: ReadonlyArray<SourceFile>,
  limits: EngineLimits,
): Promise<Casts> => {
  await stageTyped(asJsonBatches(batches), path, files, limits);
  return Object.fromEntries(wanted.map(({ name }) => [name, 'JSON']));
};

const asJsonBatches = async function* (batches: BatchStream): BatchStream {
  for await (const batch of batches) {
    yield E.map(({ rowCount, columns }: RawRows) => ({
      rowCount,
      columns: new Map([...columns].map(([name, column]) => [name, asJson(column)])),
    }))(batch);
  }
};

/** Writes batches to the file, with the columns of the first. Ends as the stream does. */
export const stageTyped = async (
  batches: BatchStream,
  path: string,
  files: ReadonlyArray<SourceFile>,
  limits: EngineLimits,
): Promise<void> => {
  let stage: RowStage | undefined;
  await writing(path, files, async () => {
    try {
      for await (const batch of batches) {
        if (E.isLeft(batch)) throw raised(batch.left);
        const rows = batch.right.columns.size === 0 ? withNothing(batch.right) : batch.right;
        stage ??= await openRowStage(schemaOf(rows), path, 'parquet', limits);
        await stage.append(rows);
      }
      await stage?.finish();
    } finally {
      await stage?.close();
    }
  });
};

/** The engine writes no table without columns. */
const withNothing = ({ rowCount }: RawRows): RawRows => ({
  rowCount,
  columns: new Map([['nothing', { type: 'bool', values: new Uint8Array(rowCount) }]]),
});

const schemaOf = ({ columns }: RawRows): SinkSchema => ({
  columns: Array.from(columns, ([name, { type }]) => ({ name, type })),
  constants: [],
});

const asJson = (column: RawColumn): RawColumn => textColumn(column.values as ReadonlyArray<unknown>, jsonOf);

/** JSON's numbers may have any size, and a sign also when they are zero. */
const jsonOf = (value: unknown): string => {
  if (typeof value === 'bigint') return `${value}`;
  if (value === Number.POSITIVE_INFINITY) return '1e999';
  if (value === Number.NEGATIVE_INFINITY) return '-1e999';
  return Object.is(value, -0) ? '-0.0' : (JSON.stringify(value, wellFormed) ?? '');
};

/** The engine refuses half a character, which becomes U+FFFD wherever else it is written. */
const wellFormed = (_: string, value: unknown): unknown => (typeof value === 'string' ? value.toWellFormed() : value);

/** Makes the file of what `files` have, in a folder that is made, and makes it durable; or leaves neither. */
const writing = async (
  path: string,
  files: ReadonlyArray<SourceFile>,
  write: () => Promise<unknown>,
): Promise<void> => {
  const folder = dirname(path);
  // The folder of a job is for all its workers, any other is this process's alone.
  const ofAllJobs = dirname(folder).endsWith('.job') ? dirname(folder) : undefined;
  await makeFolder(folder, ofAllJobs === undefined ? 0o700 : undefined).catch((error: unknown) => {
    throw raised(toFailure('The folder for the rows of the job')(error));
  });
  try {
    await write();
    await assertUnchanged(files);
    await syncFile(path);
    await syncFolder(folder);
  } catch (error) {
    await rm(path, { force: true });
    // With the one for all jobs of its output, unless others are there.
    await rmdir(folder)
      .then(() => (ofAllJobs === undefined ? undefined : rmdir(ofAllJobs)))
      .catch(() => undefined);
    throw error;
  }
};

/** A Parquet file as one of staged rows, and how many rows each of its row groups has. */
export const stagedFile = async (
  path: string,
  limits: EngineLimits,
): Promise<{ readonly file: StagedFile; readonly rowGroups: ReadonlyArray<number> }> => {
  const state = await stateOf(path);
  const [rowGroups = []] = await rowGroupsOf([path], limits);
  return { file: { path, state, row_count: sumOf(rowGroups) }, rowGroups };
};

export const sumOf = (counts: ReadonlyArray<number>): number => counts.reduce((sum, count) => sum + count, 0);

/** How many rows each row group of each of these Parquet files has. */
export const rowGroupsOf = async (
  paths: ReadonlyArray<string>,
  limits: EngineLimits,
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const engine = await openEngine(await loadLibrary(), paths, limits);
  try {
    const connection = await engine.connect();
    const all: Array<ReadonlyArray<number>> = [];
    for (const path of paths) {
      const groups = await connection.runAndReadAll(
        `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata(${quoteText(path)}) ORDER BY ALL`,
      );
      all.push(groups.getRows().map(([, rows]) => Number(rows)));
    }
    connection.disconnectSync();
    return all;
  } finally {
    await engine.close();
  }
};

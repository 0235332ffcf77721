/** Data source: Parquet, CSV and NDJSON files on this machine and in buckets, read whole or through one SELECT, by DuckDB but for whole NDJSON files. */
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type CallOptions,
  type DataSource,
  type Failure,
  nearest,
  type OpenedSource,
  type RawRows,
  type WantedColumn,
  type YearRange,
} from '../../core/index.js';
import { type Engine, type EngineLimits, type Library, loadLibrary, openEngine } from './engine.js';
import { raise, raised, toFailure } from './errors.js';
import { interruptible } from './interruptible.js';
import { openJsonFile } from './json-source.js';
import { streamRows } from './row-stream.js';
import { type Scalar, scalarOf, type SourceColumn } from './scalar.js';
import { createView, type SourceFile } from './source-file.js';
import { type FilePlaces, findFiles, withFiles } from './source-files.js';
import { snapshotSource } from './source-snapshot.js';
import { declaredQuery, describeColumns, fileQuery, from, type SourceQuery, yearColumn } from './source-query.js';
import { stagedFile, stageQuery } from './stage-rows.js';

export interface DuckdbSourceOptions extends FilePlaces {
  /**
   * Exactly one SELECT, with the parameters `$start_year` and `$end_year` where it has years to compare. The columns of a CSV file
   * are text in it, and a column of an NDJSON file has the one type of all its values (BOOLEAN, BIGINT, DOUBLE, VARCHAR, a list, a struct),
   * else JSON. Without it there is one file, which is read whole and filtered on `year_published`, and may do without the keys.
   */
  readonly sql?: string;
  /** The columns that are carried to the output. */
  readonly keys: ReadonlyArray<string>;
  /** What the engine may hold in memory; 1 GiB unless given. A query that needs more spills to the system's temporary folder. */
  readonly memoryLimitBytes?: number;
  /** 1 unless given: rows are read while those before are scored, and beside that a second thread mostly waits. */
  readonly threads?: number;
}

/**
 * Rows come in the order of the file, or in that which the SQL gives them. Of a file in a bucket one generation is read, from a copy on this
 * machine: of a Parquet file without SQL the wanted columns, of others everything. Besides what the port says, `open` fails `InvalidInput` when a file has another extension, or the SQL is not one SELECT or names no parameter for a side of the range that is given;
 * `PermissionDenied` when the SQL reaches for other files; and a query that cannot do with its memory fails `TooLarge`.
 */
export const duckdbDataSource = (options: DuckdbSourceOptions): DataSource => ({
  keys: options.keys,
  open: (range, call, { stagePath } = {}) =>
    TE.tryCatch(
      () => withFiles(findFiles(options, call), (files) => openFiles(options, files, range, call, stagePath)),
      toFailure('The source'),
    ),
  snapshot: (range, call) => TE.tryCatch(() => snapshotSource(options, range, call), toFailure('The source')),
});

/** What an opened source holds. */
interface Opened {
  readonly library: Library;
  readonly engine: Engine;
  readonly files: ReadonlyArray<SourceFile>;
  /** Begins messages: the files, as configured. */
  readonly what: string;
  readonly call: CallOptions;
  readonly query: SourceQuery;
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly limits: EngineLimits;
  readonly stagePath: string | undefined;
  /** The Parquet file whose rows these are, as they are. */
  readonly whole: SourceFile | undefined;
}

/** A source over files that were found, which whoever found them lets go of. */
export const openFiles = async (
  options: DuckdbSourceOptions,
  files: ReadonlyArray<SourceFile>,
  range: YearRange,
  call: CallOptions,
  stagePath?: string,
): Promise<OpenedSource> => {
  const query = options.sql ?? onlyOf(files);
  const limits = { memoryLimitBytes: options.memoryLimitBytes ?? 2 ** 30, threads: options.threads ?? 1 };
  if (typeof query !== 'string' && query.format === 'ndjson')
    return openJsonFile(query, options.keys, range, call, stagePath === undefined ? undefined : { stagePath, limits });
  const what = nameOf(files);
  const library = await loadLibrary();
  const paths = files.map((file) => file.path);
  const engine = await openEngine(library, stagePath === undefined ? paths : [...paths, stagePath], limits);
  const prepare = async (connection: DuckDBConnection) => {
    for (const file of files) {
      await createView(connection, file, call).catch((error: unknown) => {
        throw raised(toSourceFailure([file])(error));
      });
    }
    return queryOf(library, connection, query, range);
  };
  try {
    const prepared = await withConnection(engine, what, call, prepare);
    const isWhole = typeof query !== 'string' && query.format === 'parquet' && Object.keys(range).length === 0;
    const whole = isWhole ? query : undefined;
    return openedSource({ library, engine, files, what, call, limits, stagePath, whole, ...prepared }, options);
  } catch (error) {
    await engine.close();
    throw raised(toSourceFailure(files)(error));
  }
};

/** What was thrown while the files were read. */
const toSourceFailure = (files: ReadonlyArray<SourceFile>): ((error: unknown) => Failure) =>
  toFailure(nameOf(files), 'DataUnreadable', new Map(files.map(({ path, name }) => [path, name])));

/** Begins messages: the files, as configured. */
const nameOf = (files: ReadonlyArray<SourceFile>): string => files.map(({ name }) => name).join(', ') || 'The source';

const onlyOf = ([file, ...others]: ReadonlyArray<SourceFile>): SourceFile =>
  file === undefined || others.length > 0 ? raise('InvalidInput', 'A source without SQL has exactly one file.') : file;

/** Of SQL, or of a whole file. */
const queryOf = async (
  library: Library,
  connection: DuckDBConnection,
  of: string | SourceFile,
  range: YearRange,
): Promise<Pick<Opened, 'query' | 'columns'>> => {
  if (typeof of === 'string') return declaredQuery(library, connection, of, range);
  const query = await fileQuery(library, connection, of, range);
  return { query, columns: await describeColumns(library, connection, query) };
};

const withConnection = async <A>(
  engine: Engine,
  what: string,
  call: CallOptions,
  work: (connection: DuckDBConnection) => Promise<A>,
): Promise<A> => {
  const connection = await engine.connect();
  try {
    return await interruptible(connection, what, call, () => work(connection));
  } finally {
    connection.disconnectSync();
  }
};

const openedSource = (opened: Opened, options: DuckdbSourceOptions): OpenedSource => {
  const { engine, files, what, call, query, columns } = opened;
  const count = async (connection: DuckDBConnection) => {
    await fetchColumns(opened, connection, []);
    const result = await connection.runAndReadAll(from('count(*)', query), query.values);
    return Number(result.getRows()[0]?.[0]);
  };
  const columnNames = columns.map((column) => column.name);
  return {
    columnNames,
    ...(options.sql === undefined ? { absentKeys: options.keys.filter((key) => !columnNames.includes(key)) } : {}),
    textual: files.some((file) => file.format === 'csv'),
    countRows: TE.tryCatch(() => withConnection(engine, what, call, count), toSourceFailure(files)),
    read: (wanted, together = []) => ({ [Symbol.asyncIterator]: () => read(opened, wanted, together) }),
    ...(opened.stagePath === undefined ? {} : { stage: stage(opened, opened.stagePath) }),
    close: engine.close,
  };
};

/** Brings the named columns, and those that the query compares, to the copies that do without the others. */
const fetchColumns = async (
  { files, query }: Opened,
  connection: DuckDBConnection,
  names: ReadonlyArray<string>,
): Promise<void> => {
  const compared = Object.keys(query.values).length > 0 ? [yearColumn] : [];
  for (const file of files) await file.fetchColumns?.(connection, [...names, ...compared], file.slice?.rows);
};

const stage =
  (opened: Opened, stagePath: string): NonNullable<OpenedSource['stage']> =>
  (wanted) =>
    TE.tryCatch(async () => {
      const { engine, files, what, call, query, limits, whole } = opened;
      const columns = wanted.map((column) => scalar(opened, column));
      const path = whole?.path ?? stagePath;
      const onConnection = <A>(work: (connection: DuckDBConnection) => Promise<A>): Promise<A> =>
        withConnection(engine, what, call, async (connection) => {
          await fetchColumns(opened, connection, namesOf(wanted));
          return work(connection);
        });
      const casts = whole === undefined ? await stageQuery(onConnection, query, columns, stagePath, files) : {};
      const textual = files.some((file) => file.format === 'csv');
      const { file, rowGroups } = await stagedFile(path, limits);
      const inBucket = whole?.generation === undefined ? {} : { path: whole.name, state: whole.generation };
      return { rows: { name: what, files: [{ ...file, ...inBucket }], textual, casts }, rowGroups };
    }, toSourceFailure(opened.files));

async function* read(
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
  mayComeTogether: ReadonlyArray<string>,
): AsyncGenerator<E.Either<Failure, RawRows>, void, undefined> {
  const { library, engine, what, call, query } = opened;
  let end = async (): Promise<void> => undefined;
  try {
    const connection = await engine.connect();
    end = async () => connection.disconnectSync();
    const bounded = <A>(work: () => Promise<A>): Promise<A> => interruptible(connection, what, call, work);
    const columns = wanted.map((column) => scalar(opened, column));
    const rows = await bounded(async () => {
      await fetchColumns(opened, connection, namesOf(wanted));
      const inBlock = new Set(mayComeTogether);
      const areNumbers = columns.every(
        ({ name, type }) => !inBlock.has(name) || (type !== 'json' && type !== 'string'),
      );
      if (!areNumbers) return streamRows(library, connection, columns, [], query);
      const others = columns.filter(({ name }) => !inBlock.has(name));
      return streamRows(library, connection, others, mayComeTogether, query);
    });
    end = rows.end;
    for (let batch = await bounded(rows.next); batch !== undefined; batch = await bounded(rows.next)) {
      yield E.right(batch);
    }
  } catch (error) {
    yield E.left(toSourceFailure(opened.files)(error));
  } finally {
    await end();
  }
}

const namesOf = (wanted: ReadonlyArray<WantedColumn>): ReadonlyArray<string> => wanted.map(({ name }) => name);

const scalar = (opened: Opened, wanted: WantedColumn): Scalar & Pick<SourceColumn, 'kind'> => {
  const column = opened.columns.find((one) => one.name === wanted.name);
  if (column === undefined) {
    const near = nearest(
      wanted.name,
      opened.columns.map((one) => one.name),
    );
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    return raise('InvalidInput', `${opened.what}: there is no column "${wanted.name}"${hint}`);
  }
  const found =
    scalarOf(column, wanted.role) ??
    raise(
      'DataUnreadable',
      `${opened.what}: the column "${column.name}" is of the type ${column.kind}, and features and keys are single values: ${cureOf(column.kind)}.`,
    );
  return { ...found, kind: column.kind };
};

const cureOf = (kind: string): string => {
  switch (kind) {
    case 'LIST':
    case 'ARRAY':
      return 'make columns of its elements in SQL';
    case 'STRUCT':
    case 'MAP':
    case 'UNION':
      return 'make columns of its fields in SQL';
    default:
      return 'cast it to a number or to text in SQL';
  }
};

/** Streams the rows of a query as batches, in bounded memory, and notices when the engine stops half-way. */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import type { RawRows } from '../../core/index.js';
import { type BatchFiller, batchFiller } from './batch-filler.js';
import { type Library, quoteName } from './engine.js';
import { raise } from './errors.js';
import type { Scalar } from './scalar.js';
import { from, type SourceQuery } from './source-query.js';

export interface RowStream {
  /** The next batch, of which only the first can be without rows; none at the end. Raises the engine's error when a row does not parse. */
  readonly next: () => Promise<RawRows | undefined>;
  /** Gives the connection back, also in the middle of the rows. */
  readonly end: () => Promise<void>;
}

/** Chunks with fewer rows, as a filter leaves them, are put together. A whole chunk is a batch: larger ones would leave the processor's cache. */
const enoughRows = 1024;

/** Begins the query on this connection, which is the stream's until its end. The columns that come `together` are not among the others. */
export const streamRows = async (
  library: Library,
  connection: DuckDBConnection,
  columns: ReadonlyArray<Scalar>,
  together: ReadonlyArray<string>,
  query: SourceQuery,
): Promise<RowStream> => {
  const { bindings } = library;
  const list = columns.map((column) => column.sql);
  if (together.length > 0) list.push(`list_value(${together.map((name) => `${quoteName(name)}::DOUBLE`).join(', ')})`);
  // A stream that fails ends exactly like one that is read to its end (the C interface keeps the error, the Node interface does
  // not show it). So the last row is ours: rows that end without it were cut short.
  const marked = `${from([...list, 'false'].join(', '), query)}
    UNION ALL SELECT ${[...list.map(() => 'NULL'), 'true'].join(', ')}`;
  const result = await connection.stream(marked, query.values);
  let isAtEnd = false;
  let isBegun = false;
  let ahead: Promise<DuckDBDataChunk | null> | undefined;

  const fetchAhead = (): void => {
    ahead = result.fetchChunk();
    // Whoever asks next hears of it.
    ahead.catch(() => undefined);
  };

  const appendNext = async (batch: BatchFiller): Promise<void> => {
    const chunk = await (ahead ?? result.fetchChunk());
    ahead = undefined;
    if (chunk === null || chunk.rowCount === 0) return raiseCause(connection, list, query);
    const marks = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk.chunk, list.length), chunk.rowCount);
    isAtEnd = marks[chunk.rowCount - 1] === 1;
    // The engine goes on while these rows are taken and scored.
    if (!isAtEnd) fetchAhead();
    batch.append(chunk, isAtEnd ? chunk.rowCount - 1 : chunk.rowCount);
  };

  return {
    next: async () => {
      const batch = batchFiller(library, columns, together);
      while (!isAtEnd && batch.rowCount() < enoughRows) await appendNext(batch);
      if (isBegun && batch.rowCount() === 0) return undefined;
      isBegun = true;
      return batch.finish();
    },
    end: async () => {
      connection.interrupt();
      await ahead?.catch(() => undefined);
      await drain(result);
      connection.disconnectSync();
    },
  };
};

/** Runs the query again without a stream, which shows the error. */
const raiseCause = async (
  connection: DuckDBConnection,
  list: ReadonlyArray<string>,
  query: SourceQuery,
): Promise<never> => {
  const everyValue = list.length === 0 ? 'count(*)' : `bit_xor(hash(${list.join(', ')}))`;
  await connection.run(from(everyValue, query), query.values);
  return raise('Unavailable', 'The engine stopped before the last row and does not say why: try again.');
};

/** Files stay open until an interrupted stream is read to its end. */
const drain = async (result: DuckDBResult): Promise<void> => {
  while (((await result.fetchChunk())?.rowCount ?? 0) > 0);
};

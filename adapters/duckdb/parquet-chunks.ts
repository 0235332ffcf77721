/** Where in a Parquet file the values of some columns and rows are, as its footer tells. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { ByteRange, RowRange } from '../../core/index.js';
import { quoteText } from './engine.js';

/** One column of one row group. */
interface Chunk extends ByteRange {
  readonly name: string;
}

/**
 * What is to be read of the file for the columns in those row groups that have one of the rows, or in all of them. Where the engine calls a column
 * otherwise than the file does (a name that comes twice), these are all columns.
 */
export const chunkRanges = async (
  connection: DuckDBConnection,
  path: string,
  sizeBytes: number,
  names: ReadonlyArray<string>,
  rows: RowRange = { begin: 0, end: Number.MAX_SAFE_INTEGER },
): Promise<ReadonlyArray<ByteRange>> => {
  if (names.length === 0 || rows.begin >= rows.end) return [];
  const chunks = await chunksOf(connection, path, sizeBytes, rows);
  const known = new Set(chunks.map(({ name }) => name));
  const areKnown = names.every((name) => known.has(name));
  return areKnown ? chunks.filter(({ name }) => names.includes(name)) : chunks;
};

/** The offsets that a chunk may begin at: some writers say 0 where they mean none. */
const begin = ['dictionary_page_offset', 'index_page_offset', 'data_page_offset']
  .map((offset) => `coalesce(nullif(${offset}, 0), data_page_offset)`)
  .join(', ');

const chunksOf = async (
  connection: DuckDBConnection,
  path: string,
  sizeBytes: number,
  rows: RowRange,
): Promise<ReadonlyArray<Chunk>> => {
  const result = await connection.runAndReadAll(
    `WITH chunks AS (FROM parquet_metadata(${quoteText(path)})),
      groups AS (SELECT row_group_id, any_value(row_group_num_rows) AS row_count FROM chunks GROUP BY ALL),
      places AS (SELECT *, sum(row_count) OVER (ORDER BY row_group_id) AS row_end FROM groups)
    SELECT path_in_schema, least(${begin}), total_compressed_size, bloom_filter_offset, bloom_filter_length
    FROM chunks JOIN places USING (row_group_id)
    WHERE row_end > $begin AND row_end - row_count < $end`,
    { begin: BigInt(rows.begin), end: BigInt(rows.end) },
  );
  return result.getRows().flatMap(([name, first, length, filter, filterLength]): ReadonlyArray<Chunk> => {
    const chunkOf = (at: number, bytes: number) => ({
      name: `${name}`,
      begin: at,
      end: Math.min(at + bytes, sizeBytes),
    });
    // The engine may ask the filter before the values. Not every writer says how long it is.
    return [
      chunkOf(Number(first), Number(length)),
      ...(filter === null ? [] : [chunkOf(Number(filter), filterLength === null ? sizeBytes : Number(filterLength))]),
    ];
  });
};

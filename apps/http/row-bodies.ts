/** Bodies that are rows and nothing else: which media types they have, and who reads them. */
import { ndjsonRows } from '../../adapters/duckdb/ndjson-rows.js';
import { type ByteStream, failure, type Failure, type PassingRows } from '../../core/index.js';
import type { HttpLimits } from './limits.js';

type ReadRows = (bytes: ByteStream, limits: HttpLimits) => PassingRows | Promise<PassingRows>;

const name = 'The body';

const tooLong =
  (what: string, { bodyBytes }: HttpLimits) =>
  (line: number): Failure =>
    failure(
      'TooLarge',
      `${name}: ${what} ${line} is longer than the limit body_bytes, which is ${bodyBytes} bytes: no row may have more.`,
    );

/** By media type. Libraries are loaded when somebody sends what they read. */
const readers: Readonly<Record<string, ReadRows>> = {
  'application/x-ndjson': (bytes, limits) =>
    ndjsonRows({ bytes, name, lineLimitBytes: limits.bodyBytes, tooLong: tooLong('line', limits) }),
  'text/csv': async (bytes, limits) =>
    (await import('../../adapters/csv/rows.js')).csvRows({
      bytes,
      name,
      recordLimitBytes: limits.bodyBytes,
      tooLong: tooLong('the record that begins in line', limits),
    }),
  'application/vnd.apache.parquet': async (bytes, { spoolBytes }) =>
    (await import('../../adapters/duckdb/parquet-rows.js')).parquetRows({
      bytes,
      name,
      spoolLimitBytes: spoolBytes,
      tooLarge: failure(
        'TooLarge',
        `${name} is larger than the limit spool_bytes, which is ${spoolBytes} bytes: a Parquet file waits on disk until it is whole; send several, or an Arrow stream.`,
      ),
    }),
  'application/vnd.apache.arrow.stream': async (bytes, { bodyBytes }) =>
    (await import('../../adapters/arrow/rows.js')).arrowRows({
      bytes,
      name,
      batchLimitBytes: bodyBytes,
      tooLarge: (batch) =>
        failure(
          'TooLarge',
          `${name}: batch ${batch} is larger than the limit body_bytes, which is ${bodyBytes} bytes: write smaller record batches.`,
        ),
    }),
};

export const rowMediaTypes: ReadonlyArray<string> = Object.keys(readers);

/** Who reads rows of this media type; undefined when it is none of rows. */
export const rowReaderOf = (mediaType: string): ReadRows | undefined =>
  Object.hasOwn(readers, mediaType) ? readers[mediaType] : undefined;

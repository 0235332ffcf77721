/** The jobs that run a source's statements: a dry run, a query, its pages. */
import { setTimeout } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import type { CallOptions, Failure, JsonObject } from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { fieldsOf, orRaise, textOf } from '../google-cloud/errors.js';
import type { Json } from './client.js';
import { columnsOf, type SourceColumn } from './columns.js';
import { errorOfJob } from './errors.js';
import { cancelJob, ensureJob, jobIdOf, type JobPlace, type JobReference, locationOf, referenceOf } from './jobs.js';
import type { ApiRows, RowPieces } from './row-texts.js';
import { linesBefore, type Statement } from './sql.js';
import type { Topic } from './warehouse.js';

/** How queries run. */
export interface QueryOptions {
  /** A query that would be billed for more is not run. */
  readonly maximumBytesBilled?: number;
  /** What the project's bills show of each query. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Where a source's queries run, and how. */
export interface QueryPlace extends JobPlace, QueryOptions {
  /** Lines of ours before the source's SQL, where they are not those of `selected`. */
  readonly linesBefore?: number;
}

/** While a statement is prepared, its SQL is to blame. */
const prepared: Topic = {
  what: 'the dry run of a query',
  named: "the source's SQL",
  invalidQuery: 'InvalidInput',
  linesBefore: 0,
};

const running = (what: string, place: QueryPlace): Topic => ({
  what,
  named: "the source's SQL",
  invalidQuery: 'DataUnreadable',
  linesBefore: place.linesBefore ?? linesBefore,
});

/** A table, perhaps of another project. */
export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** What a dry run tells. */
export interface DryRun {
  readonly columns: ReadonlyArray<SourceColumn>;
  /** `SELECT`, … */
  readonly statementType: string;
  readonly bytes: number;
  /** What it reads. */
  readonly tables: ReadonlyArray<TableReference>;
  readonly location: string | undefined;
}

/** Some of a query's rows. */
export interface Page {
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly rows: RowPieces;
  readonly nextToken: string | undefined;
  /** How many rows all pages have. */
  readonly rowTotal: number;
  /** The query. */
  readonly job: JobReference;
}

/** A query job's configuration. */
export const configurationOf = ({ labels }: QueryOptions, { sql, parameters }: Statement, more: object) => ({
  ...(labels === undefined ? {} : { labels }),
  query: {
    query: sql,
    useLegacySql: false,
    ...(Object.keys(parameters).length === 0
      ? {}
      : {
          parameterMode: 'NAMED',
          queryParameters: Object.entries(parameters).map(([name, value]) => ({
            name,
            parameterType: { type: 'INT64' },
            parameterValue: { value: `${value}` },
          })),
        }),
    ...more,
  },
});

/** What the statement would give and cost. Nothing is run, and nothing is billed. */
export const dryRun = async (
  place: QueryPlace,
  statement: Statement,
  call: CallOptions,
  topic = prepared,
): Promise<DryRun> => {
  const jobReference = referenceOf(place);
  const configuration = { dryRun: true, ...configurationOf(place, statement, {}) };
  const request = { method: 'POST', path: '/jobs', body: { jobReference, configuration } } as const;
  const job = orRaise(await place.ask(topic, call, request));
  const statistics = fieldsOf(job['statistics']);
  const { statementType, schema, referencedTables } = fieldsOf(statistics['query']);
  return {
    columns: columnsOf(schema),
    statementType: textOf(statementType),
    bytes: Number(statistics['totalBytesProcessed'] ?? Number.NaN),
    tables: Array.isArray(referencedTables) ? referencedTables : [],
    location: place.location ?? locationOf(job),
  };
};

/** What tells that the table has the rows that it had. Fails `NotFound`, `PermissionDenied`. */
export const readTableState = async (
  place: QueryPlace,
  { projectId: project, datasetId, tableId }: TableReference,
  call: CallOptions,
): Promise<JsonObject> => {
  const path = `/datasets/${datasetId}/tables/${encodeURIComponent(tableId)}`;
  const table = orRaise(await place.ask(prepared, call, { method: 'GET', path, project }));
  const { lastModifiedTime, numRows, streamingBuffer } = table;
  return {
    table: `${project}.${datasetId}.${tableId}`,
    modified_ms: textOf(lastModifiedTime),
    rows: textOf(numRows),
    streamed_rows: textOf(fieldsOf(streamingBuffer)['estimatedRows']),
  };
};

/** BigQuery keeps the results of a query for 24 hours. */
const resultsLastMs = 23 * 3_600_000;

const isOfUse = (job: Json): boolean => {
  if (fieldsOf(job['status'])['state'] !== 'DONE') return true;
  const endedMs = Number(fieldsOf(job['statistics'])['endTime'] ?? 0);
  return errorOfJob(job['status']) === undefined && nowMs() - endedMs < resultsLastMs;
};

/** What BigQuery itself is told of the ceiling. */
export const ceilingOf = ({ maximumBytesBilled: most }: QueryOptions) =>
  most === undefined ? {} : { maximumBytesBilled: `${most}` };

/** Runs the statement for the scoring `key`, unless the same is there already. */
export const startQuery = (
  place: QueryPlace,
  statement: Statement,
  key: string,
  call: CallOptions,
  onBegin: (job: JobReference) => void,
): Promise<JobReference> => {
  const configuration = configurationOf(place, statement, ceilingOf(place));
  const topic = running('a query', place);
  return ensureJob(
    place,
    {
      topic,
      stem: jobIdOf([key, place.location ?? '', configuration]),
      configuration,
      isOfUse,
      onBegin,
    },
    call,
  );
};

/** For so long a request waits for the query to end. Shorter than the silence that the line may keep. */
const pollMs = 10_000;

/** Nobody promises that it does wait. */
const betweenPollsMs = 50;

/** The rows after `token`, once the query is done. Fails as the query does. */
export const readPage = async (
  place: QueryPlace,
  job: JobReference,
  token: string | undefined,
  rowLimit: number,
  call: CallOptions,
): Promise<E.Either<Failure, Page>> => {
  const topic = running("a query's rows", place);
  const { jobId, location } = job;
  const query = {
    location,
    maxResults: rowLimit,
    timeoutMs: pollMs,
    pageToken: token,
    'formatOptions.useInt64Timestamp': true,
  };
  for (;;) {
    const answered = await place.ask(topic, call, { method: 'GET', path: `/queries/${jobId}`, query });
    if (E.isLeft(answered)) return answered;
    const { jobComplete, schema, rows, rowPieces, pageToken, totalRows } = answered.right;
    if (jobComplete !== true) {
      await setTimeout(betweenPollsMs);
      continue;
    }
    return E.right({
      columns: columnsOf(schema),
      rows: (rowPieces as RowPieces | undefined) ?? wholePiece(rows),
      nextToken: typeof pageToken === 'string' && pageToken !== '' ? pageToken : undefined,
      rowTotal: Number(totalRows ?? Number.NaN),
      job,
    });
  }
};

const wholePiece = (rows: unknown): RowPieces =>
  Array.isArray(rows) ? { rowCount: rows.length, pieces: [rows as ApiRows] } : { rowCount: 0, pieces: [] };

/** Tells the service that nobody waits for the query. */
export const cancelQuery = (place: QueryPlace, job: JobReference): Promise<void> =>
  cancelJob(place, job, running('the end of a query', place));

/** The jobs that run a source's statements: a dry run, a query under an id that says what it is, its pages, its end. */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import type { CallOptions, Failure } from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { fieldsOf, orRaise, raise, raised, textOf } from '../google-cloud/errors.js';
import type { ApiRequest, Json } from './client.js';
import { type ApiRows, columnsOf, type SourceColumn } from './columns.js';
import { errorOfJob } from './errors.js';
import type { Statement } from './sql.js';

/** How queries run. */
export interface JobOptions {
  /** Where the data is, `EU` or `europe-west3`; BigQuery finds it out by itself where that is not said. */
  readonly location?: string;
  /** A query that would be billed for more is not run. */
  readonly maximumBytesBilled?: number;
  /** What the project's bills show of each query. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Asks the service for `what`, again where it failed for a passing reason. */
export type Ask = (
  what: string,
  call: CallOptions,
  request: ApiRequest,
  phase: 'open' | 'read',
) => Promise<E.Either<Failure, Json>>;

/** Where queries run, and how. */
export interface Warehouse extends JobOptions {
  readonly project: string;
  readonly ask: Ask;
}

/** What a dry run tells. */
export interface DryRun {
  readonly columns: ReadonlyArray<SourceColumn>;
  /** `SELECT`, … */
  readonly statementType: string;
  readonly bytes: number;
  readonly location: string | undefined;
}

/** A query job that runs or has run. */
export interface JobReference {
  readonly jobId: string;
  readonly location: string | undefined;
}

/** Some of a query's rows. */
export interface Page {
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly rows: ApiRows;
  readonly nextToken: string | undefined;
}

const configurationOf = ({ labels }: JobOptions, { sql, parameters }: Statement, more: object) => ({
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
export const dryRun = async (warehouse: Warehouse, statement: Statement, call: CallOptions): Promise<DryRun> => {
  const { ask, project, location } = warehouse;
  const job = orRaise(
    await ask(
      'the dry run of a query',
      call,
      {
        method: 'POST',
        path: '/jobs',
        body: {
          jobReference: { projectId: project, ...(location === undefined ? {} : { location }) },
          configuration: { dryRun: true, ...configurationOf(warehouse, statement, {}) },
        },
      },
      'open',
    ),
  );
  const statistics = fieldsOf(job['statistics']);
  const { statementType, schema } = fieldsOf(statistics['query']);
  return {
    columns: columnsOf(schema),
    statementType: textOf(statementType),
    bytes: Number(statistics['totalBytesProcessed'] ?? Number.NaN),
    location: location ?? locationOf(job),
  };
};

const locationOf = (job: Json): string | undefined => {
  const { location } = fieldsOf(job['jobReference']);
  return typeof location === 'string' ? location : undefined;
};

/** A job that failed, or whose results were deleted, keeps its id; after so many the cause is no passing one. */
const mostTries = 5;

/** BigQuery keeps the results of a query for 24 hours. */
const resultsLastMs = 23 * 3_600_000;

/**
 * Runs the statement for the scoring `key`, unless the same is there already: whoever asks again with the same key finds the same query.
 * `onBegin` is told of every job before it is asked for, since it may run although nobody answered.
 */
export const startQuery = async (
  warehouse: Warehouse,
  statement: Statement,
  key: string,
  call: CallOptions,
  onBegin: (job: JobReference) => void,
): Promise<JobReference> => {
  const { ask, project, location, maximumBytesBilled: most } = warehouse;
  const configuration = configurationOf(
    warehouse,
    statement,
    most === undefined ? {} : { maximumBytesBilled: `${most}` },
  );
  const stem = `scorekeeper_${createHash('sha256')
    .update(JSON.stringify([key, location ?? '', configuration]))
    .digest('hex')
    .slice(0, 40)}`;
  for (let tried = 0; tried < mostTries; tried++) {
    const job = { jobId: tried === 0 ? stem : `${stem}_${tried}`, location };
    onBegin(job);
    const jobReference = { projectId: project, jobId: job.jobId, ...(location === undefined ? {} : { location }) };
    const inserted = await ask(
      'a query',
      call,
      { method: 'POST', path: '/jobs', body: { jobReference, configuration } },
      'read',
    );
    if (E.isRight(inserted)) return { ...job, location: location ?? locationOf(inserted.right) };
    if (inserted.left.tag !== 'AlreadyExists') throw raised(inserted.left);
    const path = `/jobs/${job.jobId}`;
    const known = orRaise(await ask('a query', call, { method: 'GET', path, query: { location } }, 'read'));
    if (isOfUse(known)) return { ...job, location: location ?? locationOf(known) };
  }
  return raise('Unavailable', `The same query failed ${mostTries} times in BigQuery for this scoring: score anew.`);
};

const isOfUse = (job: Json): boolean => {
  if (fieldsOf(job['status'])['state'] !== 'DONE') return true;
  const endedMs = Number(fieldsOf(job['statistics'])['endTime'] ?? 0);
  return errorOfJob(job['status']) === undefined && nowMs() - endedMs < resultsLastMs;
};

/** For so long a request waits for the query to end. Shorter than the silence that the line may keep. */
const pollMs = 10_000;

/** Nobody promises that it does wait. */
const betweenPollsMs = 50;

/** The rows after `token`, once the query is done. Fails as the query does. */
export const readPage = async (
  { ask }: Warehouse,
  { jobId, location }: JobReference,
  token: string | undefined,
  rowLimit: number,
  call: CallOptions,
): Promise<E.Either<Failure, Page>> => {
  const query = {
    location,
    maxResults: rowLimit,
    timeoutMs: pollMs,
    pageToken: token,
    'formatOptions.useInt64Timestamp': true,
  };
  for (;;) {
    const answered = await ask("a query's rows", call, { method: 'GET', path: `/queries/${jobId}`, query }, 'read');
    if (E.isLeft(answered)) return answered;
    const { jobComplete, schema, rows, pageToken } = answered.right;
    if (jobComplete !== true) {
      await setTimeout(betweenPollsMs);
      continue;
    }
    return E.right({
      columns: columnsOf(schema),
      rows: Array.isArray(rows) ? rows : [],
      nextToken: typeof pageToken === 'string' && pageToken !== '' ? pageToken : undefined,
    });
  }
};

/** Tells the service that nobody waits for the query. */
export const cancelQuery = async (
  { ask }: Warehouse,
  { jobId, location }: JobReference,
  call: CallOptions,
): Promise<void> => {
  await ask('the end of a query', call, { method: 'POST', path: `/jobs/${jobId}/cancel`, query: { location } }, 'read');
};

/** The fake's jobs: what it answers to each request of BigQuery's REST API. */
import { type Answer, json, refusal } from '../fake-gcs/answers.js';
import { type Exports, exportRows, type Extract, whyNotExported } from './extracts.js';
import { type Destination, type Load, loadInto, putInto, type Tables } from './loads.js';
import { importModel, type Models, modelOf, whyNotPredicted } from './models.js';
import { type CannedTable, type Field, findGolden, type Golden, type Refusal, selectFrom } from './golden.js';

export type RequestKind =
  | 'dryRun'
  | 'insert'
  | 'get'
  | 'results'
  | 'cancel'
  | 'dataset'
  | 'table'
  | 'load'
  | 'extract'
  | 'model';

/** A request, taken apart. */
export interface ApiRequest {
  readonly kind: RequestKind;
  readonly project: string;
  /** Of the job or the dataset; a table's is `dataset.table`, and a model's likewise. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: Insert;
  /** What came beside the body. */
  readonly media: Buffer;
}

/** The part of a job's resource that a client sends. */
export interface Insert {
  readonly jobReference?: { readonly projectId?: string; readonly jobId?: string; readonly location?: string };
  readonly configuration?: {
    readonly dryRun?: boolean;
    readonly labels?: Readonly<Record<string, string>>;
    readonly load?: Load;
    readonly extract?: Extract;
    readonly query?: Partial<Destination> & {
      readonly query: string;
      readonly useLegacySql?: boolean;
      readonly parameterMode?: string;
      readonly maximumBytesBilled?: string;
      readonly queryParameters?: ReadonlyArray<{
        readonly name: string;
        readonly parameterType: { readonly type: string };
        readonly parameterValue: { readonly value: string };
      }>;
    };
  };
}

/** How the next job behaves. */
export interface Behaviour {
  /** How many requests for its rows find it running; Infinity until it is cancelled. */
  readonly polls?: number;
  /** What it ends with once it is done. */
  readonly failure?: Refusal;
  /** How many files an export says that it wrote, whatever it did. A failed one wrote the first. */
  readonly fileCount?: number;
  /** The columns that its result has, other than the dry run told. */
  readonly fields?: ReadonlyArray<Field>;
  /** How many rows the plan of a query says that it wrote, other than it did; with 0 it has no plan. */
  readonly outputRows?: number;
}

/** A job that was inserted. */
export interface FakeJob {
  readonly jobId: string;
  readonly insert: Insert;
  readonly table: CannedTable;
  readonly outputRows: number;
  readonly fileCount: number;
  pollsLeft: number;
  failure: Refusal | undefined;
  endedMs: number;
}

export interface World {
  readonly project: string;
  readonly location: string;
  readonly goldens: Map<string, Golden>;
  readonly jobs: Map<string, FakeJob>;
  /** Where each dataset is. */
  readonly datasets: ReadonlyMap<string, string>;
  readonly tables: Tables;
  readonly models: Models;
  readonly exports: Exports;
  readonly pageRowLimit: number;
  /** Of the jobs that come next, in order. */
  readonly behaviours: Behaviour[];
}

const refuse = ({ status, reason, message }: Refusal): Answer => refusal(status, reason, message);

export const answerTo = async (world: World, request: ApiRequest): Promise<Answer> => {
  if (request.kind === 'table') return tableOf(world, request);
  if (request.kind === 'model') return modelOf(world.models, request);
  if (request.project !== world.project) {
    return refusal(
      403,
      'accessDenied',
      `Access Denied: Project ${request.project}: User does not have bigquery.jobs.create permission in project ${request.project}.`,
    );
  }
  if (request.kind === 'dryRun' || request.kind === 'insert') return insertJob(world, request);
  if (request.kind === 'load') return insertLoad(world, request);
  if (request.kind === 'extract') return insertExtract(world, request);
  if (request.kind === 'dataset') {
    const location = world.datasets.get(request.id);
    return location === undefined
      ? refusal(404, 'notFound', `Not found: Dataset ${world.project}:${request.id}`)
      : json({ kind: 'bigquery#dataset', location });
  }
  const job = world.jobs.get(request.id);
  const isElsewhere = (request.query.get('location') ?? 'US') !== world.location;
  if (job === undefined || isElsewhere) {
    return refusal(404, 'notFound', `Not found: Job ${world.project}:${request.id}`);
  }
  switch (request.kind) {
    case 'get':
      job.pollsLeft = Math.max(0, job.pollsLeft - 1);
      return json(resourceOf(world, job));
    case 'results':
      return resultsOf(world, job, request.query);
    case 'cancel':
      if (job.pollsLeft > 0) {
        job.pollsLeft = 0;
        job.failure = {
          status: 400,
          reason: 'stopped',
          message: 'Job execution was cancelled: User requested cancellation',
        };
      }
      return json({ kind: 'bigquery#jobCancelResponse', job: resourceOf(world, job) });
  }
};

const tableOf = ({ goldens }: World, { project, id }: ApiRequest): Answer => {
  for (const { tables = {} } of goldens.values()) {
    const modifiedMs = tables[`${project}.${id}`];
    if (modifiedMs !== undefined) {
      return json({ kind: 'bigquery#table', lastModifiedTime: `${modifiedMs}`, numRows: '3' });
    }
  }
  return refusal(404, 'notFound', `Not found: Table ${project}:${id}`);
};

const insertJob = (world: World, { body }: ApiRequest): Answer => {
  const { jobReference = {}, configuration = {} } = body;
  const query = configuration.query;
  if (query === undefined || query.useLegacySql !== false)
    return refusal(400, 'invalid', 'Required parameter is missing');
  const imported = importModel(world.models, query.query);
  if (imported !== undefined) return startJob(world, body, { fields: [], rows: [] }, imported.refusal);
  const found = findGolden(world.goldens, query.query);
  if (found === undefined) return refusal(400, 'invalidQuery', `The fake knows no such statement: ${query.query}`);
  const { golden, list } = found;
  const refused = golden.refusal ?? whyNotPredicted(world.models, query.query);
  if (refused !== undefined) return refuse(refused);
  if (jobReference.location !== undefined && jobReference.location !== world.location) {
    return refusal(
      404,
      'notFound',
      `Not found: Dataset ${world.project}:d was not found in location ${jobReference.location}`,
    );
  }
  const bound = Object.fromEntries((query.queryParameters ?? []).map((one) => [one.name, one.parameterValue.value]));
  const types = (query.queryParameters ?? []).map((one) => one.parameterType.type);
  const expected = [...(golden.parameters ?? [])].sort().join();
  if (Object.keys(bound).sort().join() !== expected || types.some((type) => type !== 'INT64')) {
    return refusal(400, 'invalidQuery', `The fake wants exactly the parameters ${expected}`);
  }
  const table = selectFrom(golden.answer?.(bound) ?? { fields: [], rows: [] }, list);
  if (table === undefined) return refusal(400, 'invalidQuery', `Unrecognized name in ${list} at [1:8]`);
  const bytes = golden.bytes ?? 0;
  if (configuration.dryRun === true) {
    return json({
      kind: 'bigquery#job',
      configuration,
      jobReference: { projectId: world.project, location: world.location },
      status: { state: 'DONE' },
      statistics: {
        totalBytesProcessed: `${bytes}`,
        query: {
          statementType: golden.statementType ?? 'SELECT',
          schema: { fields: table.fields },
          referencedTables: Object.keys(golden.tables ?? {}).map((name) => {
            const [projectId, datasetId, tableId] = name.split('.');
            return { projectId, datasetId, tableId };
          }),
        },
      },
    });
  }
  if (query.maximumBytesBilled !== undefined && bytes > Number(query.maximumBytesBilled)) {
    return refusal(
      400,
      'bytesBilledLimitExceeded',
      `Query exceeded limit for bytes billed: ${query.maximumBytesBilled}. ${bytes} or higher required.`,
    );
  }
  return startJob(world, body, table, undefined);
};

/** A query job, which ends with its own failure, or with that of the behaviour that was wished for. */
const startJob = (world: World, insert: Insert, table: CannedTable, refused: Refusal | undefined): Answer => {
  const jobId = insert.jobReference?.jobId ?? `job_${world.jobs.size}`;
  if (world.jobs.has(jobId)) return refusal(409, 'duplicate', `Already Exists: Job ${world.project}:${jobId}`);
  const { polls = 0, failure = refused, fields, outputRows } = world.behaviours.shift() ?? {};
  const written = failure ?? writtenBy(world, insert, table, polls);
  const job: FakeJob = {
    jobId,
    insert,
    table: fields === undefined ? table : { ...table, fields },
    outputRows: outputRows ?? table.rows.length,
    fileCount: 0,
    pollsLeft: polls,
    failure: written,
    endedMs: Date.now(),
  };
  world.jobs.set(jobId, job);
  return json(resourceOf(world, job));
};

/** Puts a query's rows where it says; why not, if they cannot be. One that never ends writes nothing. */
const writtenBy = (world: World, insert: Insert, { fields, rows }: CannedTable, polls: number): Refusal | undefined => {
  const { destinationTable, writeDisposition, createDisposition } = insert.configuration?.query ?? {};
  if (destinationTable === undefined || writeDisposition === undefined || createDisposition === undefined)
    return undefined;
  if (polls === Number.POSITIVE_INFINITY) return undefined;
  const objects = rows.map((row) => Object.fromEntries(fields.map(({ name }, i) => [name, row[i]])));
  const put = putInto(world.tables, { destinationTable, writeDisposition, createDisposition }, objects);
  return 'failure' in put ? put.failure : undefined;
};

const insertLoad = async (world: World, { body, media }: ApiRequest): Promise<Answer> => {
  const { jobReference = {}, configuration = {} } = body;
  const jobId = jobReference.jobId ?? `job_${world.jobs.size}`;
  if (world.jobs.has(jobId)) return refusal(409, 'duplicate', `Already Exists: Job ${world.project}:${jobId}`);
  const { load } = configuration;
  if (load === undefined) return refusal(400, 'invalid', 'Required parameter is missing: load');
  if (world.datasets.get(load.destinationTable.datasetId) !== jobReference.location) {
    return refusal(
      404,
      'notFound',
      `Not found: Dataset ${load.destinationTable.datasetId} in location ${jobReference.location}`,
    );
  }
  const { polls = 0, failure } = world.behaviours.shift() ?? {};
  const loaded =
    failure === undefined && polls !== Number.POSITIVE_INFINITY
      ? await loadInto(world.tables, load, media)
      : { failure };
  const job: FakeJob = {
    jobId,
    insert: body,
    table: { fields: [], rows: [] },
    outputRows: 'outputRows' in loaded ? loaded.outputRows : 0,
    fileCount: 0,
    pollsLeft: polls,
    failure: 'failure' in loaded ? loaded.failure : undefined,
    endedMs: Date.now(),
  };
  world.jobs.set(jobId, job);
  return json(resourceOf(world, job));
};

/** The table that has a query's result, unless the query names one. */
const resultTableOf = ({ project }: World, { jobId }: FakeJob) => ({
  projectId: project,
  datasetId: '_results',
  tableId: `anon_${jobId}`,
});

const insertExtract = async (world: World, { body }: ApiRequest): Promise<Answer> => {
  const { jobReference = {}, configuration: { extract } = {} } = body;
  const jobId = jobReference.jobId ?? `job_${world.jobs.size}`;
  if (world.jobs.has(jobId)) return refusal(409, 'duplicate', `Already Exists: Job ${world.project}:${jobId}`);
  if (extract === undefined || jobReference.location !== world.location)
    return refusal(400, 'invalid', `An export runs in ${world.location}`);
  const source = [...world.jobs.values()].find(
    (job) => JSON.stringify(resultTableOf(world, job)) === JSON.stringify(extract.sourceTable),
  );
  if (source === undefined || source.pollsLeft > 0 || source.failure !== undefined)
    return refusal(404, 'notFound', `Not found: Table ${JSON.stringify(extract.sourceTable)}`);
  const refused = whyNotExported(source.table, extract);
  if (refused !== undefined) return refuse(refused);
  const { polls = 0, failure, fileCount } = world.behaviours.shift() ?? {};
  const files = failure === undefined ? Number.POSITIVE_INFINITY : 1;
  const written =
    polls === Number.POSITIVE_INFINITY ? 0 : await exportRows(source.table, extract, world.exports, files);
  const job: FakeJob = {
    jobId,
    insert: body,
    table: { fields: [], rows: [] },
    outputRows: 0,
    fileCount: fileCount ?? written,
    pollsLeft: polls,
    failure,
    endedMs: Date.now(),
  };
  world.jobs.set(jobId, job);
  return json(resourceOf(world, job));
};

const resourceOf = (world: World, job: FakeJob) => ({
  kind: 'bigquery#job',
  jobReference: { projectId: world.project, jobId: job.jobId, location: world.location },
  configuration: {
    ...job.insert.configuration,
    ...(job.insert.configuration?.query === undefined
      ? {}
      : { query: { destinationTable: resultTableOf(world, job), ...job.insert.configuration.query } }),
  },
  status: {
    state: job.pollsLeft > 0 ? 'RUNNING' : 'DONE',
    ...(job.pollsLeft > 0 || job.failure === undefined
      ? {}
      : { errorResult: { reason: job.failure.reason, message: job.failure.message } }),
  },
  statistics: {
    endTime: `${job.endedMs}`,
    load: { outputRows: `${job.outputRows}` },
    extract: { destinationUriFileCounts: [`${job.fileCount}`] },
    query: job.outputRows > 0 ? { queryPlan: [{ recordsWritten: '0' }, { recordsWritten: `${job.outputRows}` }] } : {},
  },
});

const resultsOf = (world: World, job: FakeJob, query: URLSearchParams): Answer => {
  const told = {
    kind: 'bigquery#getQueryResultsResponse',
    jobReference: { projectId: world.project, jobId: job.jobId, location: world.location },
  };
  if (job.pollsLeft > 0) {
    job.pollsLeft -= 1;
    return json({ ...told, jobComplete: false });
  }
  if (job.failure !== undefined) return refuse(job.failure);
  const { fields, rows } = job.table;
  const token = query.get('pageToken');
  const [of, start] = token === null ? [job.jobId, 0] : [token.split('.')[0], Number(token.split('.')[1])];
  if (of !== job.jobId) return refusal(400, 'invalid', 'Invalid page token');
  const end = Math.min(
    rows.length,
    start + Math.min(Number(query.get('maxResults') ?? rows.length), world.pageRowLimit),
  );
  const isExact = query.get('formatOptions.useInt64Timestamp') === 'true';
  const shown = fields.map(
    ({ type }) =>
      (value: unknown) =>
        type === 'TIMESTAMP' && value !== null && !isExact ? (Number(value) / 1e6).toExponential() : value,
  );
  return json({
    ...told,
    jobComplete: true,
    schema: { fields },
    totalRows: `${rows.length}`,
    ...(end === start
      ? {}
      : {
          rows: rows.slice(start, end).map((row) => ({ f: row.map((value, i) => ({ v: shown[i]?.(value) ?? null })) })),
        }),
    ...(end < rows.length ? { pageToken: `${job.jobId}.${end}` } : {}),
  });
};

/** The settings file, `scorekeeper.json`: its codecs, its limits and its defaults. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as t from 'io-ts';
import {
  closed,
  decode,
  type Failure,
  failureOf,
  Gate,
  integer,
  ModelType,
  nearest,
  type Problem,
  show,
  text,
} from '../core/index.js';

const Count = integer('Count', 1, Number.MAX_SAFE_INTEGER);
/** Timers hold no more than 31 bits. */
const Milliseconds = integer('Milliseconds', 0, 2 ** 31 - 1);
const Path = text('Path', /./s, 'must not be empty');
/** As in `s3://b`, which would else be taken for a path. A drive of Windows has one letter. */
export const schemeGrammar = '[A-Za-z][A-Za-z0-9+.-]+:/';
export const folderGrammar = `(?!${schemeGrammar}).`;
const Folder = text(
  'Folder',
  new RegExp(`^${folderGrammar}`, 's'),
  'must be a folder of this machine (a bucket is named with --bucket or GCS_BUCKET_NAME)',
);
const File = text(
  'File',
  new RegExp(`^(?:gs://|${folderGrammar})`, 's'),
  'must be a file of this machine, or an address that begins with gs://',
);
/** Its project's id and its name. */
export const datasetGrammar = 'bigquery://[a-z][a-z0-9-]{4,28}[a-z0-9]\\.\\w{1,1024}';
const Dataset = text(
  'Dataset',
  /^[a-z][a-z0-9-]{4,28}[a-z0-9]\.\w{1,1024}$/,
  'must be a dataset with its project, such as project.models',
);
const OutputRoot = text(
  'OutputRoot',
  new RegExp(`^(?:gs://|${datasetGrammar}$|${folderGrammar})`, 's'),
  'must be a folder of this machine, an address that begins with gs://, or a dataset, such as bigquery://project.dataset',
);
/** Its name and prefix. */
export const bucketGrammar = '[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})*';
const Bucket = text(
  'Bucket',
  new RegExp(`^${bucketGrammar}$`),
  'must be the name of a bucket, or NAME/prefix such as bgg-models/prod (without gs://, without a slash at the end)',
);
const SourceName = text(
  'SourceName',
  /^(?!(?:query|inline)$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  'must be 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit, and neither "query" nor "inline"',
);

const mostWorkers = 256;
const isWorkers = (u: unknown): u is number | 'auto' => u === 'auto' || (Count.is(u) && u <= mostWorkers);
/** Processes that serve; `auto` is one for each processor. */
const Workers = new t.Type(
  'Workers',
  isWorkers,
  (u, context) =>
    isWorkers(u)
      ? t.success(u)
      : t.failure(u, context, `must be an integer from 1 to ${mostWorkers}, or auto, got ${show(u)}`),
  t.identity,
);

/** Settings with one value, also as environment variables. */
const scalars = {
  store: t.keyof({ local: null, gcs: null }),
  local_dir: Folder,
  bucket: Bucket,
  output_root: OutputRoot,
  /** Where artifacts of a bucket are kept on this machine. */
  artifact_cache_dir: Folder,
  /** Where files of sources in buckets are kept on this machine. */
  source_cache_dir: Folder,
  /** How old what latest or an alias points to may be when it scores. */
  refresh_ms: Milliseconds,
  port: integer('Port', 0, 65_535),
  host: Path,
  workers: Workers,
  registered_by: t.string,
  environment: t.string,
  /** Where requests that read a source and write an output are scored. */
  scoring_jobs: t.keyof({ here: null, 'cloud-run-jobs': null }),
};

/** Limits, each answered by name when it is exceeded. */
export const limits = {
  /** Of a request's body, after inflation. */
  body_bytes: Count,
  /** Of a body that has to wait on disk until it is whole. */
  spool_bytes: Count,
  json_depth: Count,
  /** That an answer without an output location may hold. */
  inline_rows: Count,
  request_timeout_ms: Milliseconds,
  concurrent_requests: Count,
  /** For requests in flight when the server is told to stop. */
  shutdown_grace_ms: Milliseconds,
  model_cache_bytes: Count,
  artifact_cache_bytes: Count,
  source_cache_bytes: Count,
};

export const fields = { ...scalars, ...limits };
export type Field = keyof typeof fields;
/** What one place says; the rest is left to the next. */
export type Values = { readonly [F in Field]?: t.TypeOf<(typeof fields)[F]> };

export const defaults = {
  store: 'local',
  local_dir: '.',
  bucket: 'bgg-models',
  port: 8080,
  host: '127.0.0.1',
  workers: 1,
  refresh_ms: 2_000,
  scoring_jobs: 'here',
  body_bytes: 32 * 2 ** 20,
  spool_bytes: 2 ** 30,
  json_depth: 32,
  inline_rows: 10_000,
  request_timeout_ms: 60_000,
  concurrent_requests: 64,
  shutdown_grace_ms: 10_000,
  model_cache_bytes: 2 ** 30,
  artifact_cache_bytes: 2 ** 31,
  source_cache_bytes: 2 ** 32,
} as const satisfies Values;

export type Limits = Readonly<Record<keyof typeof limits, number>>;

/** A record by names; io-ts's own passes over a key that is not one. */
const named = <A>(
  Name: t.Type<string, string, unknown>,
  Value: t.Type<A, unknown, unknown>,
): t.Type<Readonly<Record<string, A>>, unknown, unknown> => {
  const record = t.record(t.string, Value);
  return new t.Type(
    `{ [${Name.name}]: ${Value.name} }`,
    record.is,
    (u, context) => {
      const validated = record.validate(u, context);
      if (E.isLeft(validated)) return validated;
      const errors = Object.keys(validated.right).flatMap((key) => {
        const name = Name.validate(key, [...context, { key, type: Name }]);
        return E.isLeft(name) ? name.left : [];
      });
      return errors.length > 0 ? t.failures(errors) : validated;
    },
    record.encode,
  );
};

/** What every source may have: one `SELECT`, in `sql` or in the file `sql_file`, and the columns that are carried to the output. */
const query = { sql: t.string, sql_file: File, keys: t.readonlyArray(t.string) };

/** https://cloud.google.com/bigquery/docs/labels-intro#requirements */
const LabelName = text(
  'LabelName',
  /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u,
  'must be 1 to 63 small letters, digits, _ and -, beginning with a letter',
);
const LabelValue = text(
  'LabelValue',
  /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u,
  'must be at most 63 small letters, digits, _ and -',
);

const sourceKinds = {
  /** Files, each a table. */
  duckdb: closed('Source', { kind: t.literal('duckdb'), files: t.readonly(t.record(t.string, File)) }, query),
  /** Tables of the warehouse. */
  bigquery: closed(
    'Source',
    { kind: t.literal('bigquery') },
    {
      ...query,
      project: Path,
      location: Path,
      maximum_bytes_billed: Count,
      model_dataset: Dataset,
      labels: named(LabelName, LabelValue),
    },
  ),
};
export type SourceSettings = t.TypeOf<(typeof sourceKinds)[keyof typeof sourceKinds]>;

const SourceKind = t.type({ kind: t.keyof({ duckdb: null, bigquery: null }) });

/** Decoded by its kind: no union, which would tell a mistake in one kind as a mistake in every other, too. */
const Source = new t.Type<SourceSettings, unknown, unknown>(
  'Source',
  (u): u is SourceSettings => SourceKind.is(u) && sourceKinds[u.kind].is(u),
  (u, context) => {
    if (!t.UnknownRecord.is(u)) return sourceKinds.duckdb.validate(u, context);
    const found = SourceKind.validate(u, context);
    return E.isLeft(found) ? found : sourceKinds[found.right.kind].validate(u, context);
  },
  t.identity,
);

/** The job of Cloud Run whose executions work at scoring jobs. */
const CloudRunJobs = closed(
  'CloudRunJobs',
  {
    project: text('Project', /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be the id of a project, such as games-project'),
    location: text('Location', /^[a-z]+(?:-[a-z]+)+\d+$/, 'must be a region of Google Cloud, such as europe-west1'),
    job: text(
      'Job',
      /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      'must be the name of a job: at most 63 small letters, digits and -, beginning with a letter',
    ),
  },
  {
    /** Of an execution, unless a job has fewer shards. */
    tasks: integer('Tasks', 1, 10_000),
    /** Of each attempt at a task; the job's own unless given. */
    task_timeout_seconds: integer('Seconds', 1, 604_800),
  },
);
export type CloudRunJobs = t.TypeOf<typeof CloudRunJobs>;

/** `scorekeeper.json`. Relative paths in it are relative to its folder. */
const SettingsFile = closed(
  'SettingsFile',
  {},
  {
    ...scalars,
    limits: closed('Limits', {}, limits),
    sources: named(SourceName, Source),
    cloud_run_jobs: CloudRunJobs,
    model_types: named(ModelType, closed('ModelTypeSettings', {}, { source: t.string, gate: Gate })),
  },
);
export type SettingsFile = t.TypeOf<typeof SettingsFile>;

/** Decodes the content of a settings file. Fails `InvalidInput` with each problem. */
export const decodeSettingsFile = (name: string, content: unknown): E.Either<Failure, SettingsFile> =>
  pipe(content, decode(SettingsFile, name), E.flatMap(checkSources(name)));

/** What the codec cannot say: one query per source, and no model type with a source that is not there. */
const checkSources =
  (name: string) =>
  (file: SettingsFile): E.Either<Failure, SettingsFile> => {
    const sources = file.sources ?? {};
    const problems: Problem[] = [];
    for (const [source, { sql, sql_file }] of Object.entries(sources)) {
      if ((sql === undefined) === (sql_file === undefined)) {
        problems.push({ pointer: `/sources/${source}`, detail: 'needs exactly one of sql and sql_file' });
      }
    }
    for (const [type, { source }] of Object.entries(file.model_types ?? {})) {
      if (source === undefined || Object.hasOwn(sources, source)) continue;
      const near = nearest(source, Object.keys(sources));
      const cure = near === undefined ? 'declare it under sources' : `did you mean ${near}?`;
      problems.push({
        pointer: `/model_types/${type}/source`,
        detail: `names no declared source: "${source}" (${cure})`,
      });
    }
    const listed = problems.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
    return problems.length === 0
      ? E.right(file)
      : E.left(failureOf('InvalidInput', `${name} is not valid: ${listed}.`, problems));
  };

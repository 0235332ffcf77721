/** The documents of a sharded job: what was planned, what was done of it, and that all of it is done. Each is created once. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import { type Failure, failTask } from '../failure.js';
import { ModelName, ModelType, Version } from '../model/names.js';
import { type JsonObject, openDocument, sealDocument } from '../model/sealed-document.js';
import { TensorType } from '../model/signature.js';
import { StagedRows } from '../ports/data-source.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { JobFolder } from '../ports/job-folder.js';
import { ScoringTally } from '../scoring/scoring-tally.js';

const Year = t.union([t.number, t.null]);
const Shard = t.readonly(t.type({ begin: t.number, end: t.number }));

/** `_plan.json`: everything that a worker has to know. Its shards are fixed, and have nothing to do with how many workers there are. */
export const JobPlan = t.readonly(
  t.type({
    schema_version: t.literal(1),
    job_id: t.string,
    model: t.readonly(t.type({ model_type: ModelType, name: ModelName, version: Version, artifact_sha256: t.string })),
    parameters: t.readonly(
      t.type({
        data_source: t.string,
        start_year: Year,
        end_year: Year,
        on_error: t.keyof({ fail: null, skip: null }),
      }),
    ),
    source: t.readonly(
      t.type({
        snapshot: t.readonly(t.UnknownRecord),
        rows: StagedRows,
        keys: t.readonlyArray(t.string),
        warnings: t.readonlyArray(t.string),
      }),
    ),
    /** As it was asked for, below the output root. */
    output_location: t.string,
    /** ISO 8601, UTC: that of every row, whenever it is scored. */
    scored_at: t.string,
    /** Rows of the source, each in one shard, in order. */
    shards: t.readonlyArray(Shard),
  }),
  'JobPlan',
);
export type JobPlan = t.TypeOf<typeof JobPlan>;

const NarrowType = t.keyof({ int64: null, float64: null, bool: null, string: null });

/** A column of a part. One of JSON values is text in the part, and has every type that holds all of them. */
const PartColumn = t.readonly(
  t.intersection([
    t.type({ name: t.string, type: TensorType }),
    t.partial({ narrow_types: t.readonlyArray(NarrowType) }),
  ]),
);
export type PartColumn = t.TypeOf<typeof PartColumn>;

/** A file of rows in the job's folder. */
const Part = t.readonly(t.type({ name: t.string, sha256: t.string }));
export type Part = t.TypeOf<typeof Part>;

const shardFields = {
  shard: t.number,
  part: Part,
  /** Of refused rows, where there are any. */
  rejects: t.union([Part, t.null]),
  rows_read: t.number,
  rows_scored: t.number,
  rows_refused: t.number,
};

const RefusedRow = t.readonly(
  t.type({
    row: t.number,
    errors: t.readonlyArray(t.readonly(t.type({ pointer: t.string, detail: t.string }))),
  }),
);

const Durations = t.readonly(t.type({ read: t.number, score: t.number, write: t.number, wait: t.number }));
export type Durations = t.TypeOf<typeof Durations>;

/** `_commits/{shard}.json`: the attempt at a shard that counts, which is the first one to be here. */
export const ShardCommit = t.readonly(
  t.type({
    schema_version: t.literal(1),
    job_id: t.string,
    ...shardFields,
    columns: t.readonlyArray(PartColumn),
    /** The first hundred. */
    refused: t.readonlyArray(RefusedRow),
    tally: ScoringTally,
    timings_ms: Durations,
  }),
  'ShardCommit',
);
export type ShardCommit = t.TypeOf<typeof ShardCommit>;

/** `_manifest.json`: the parts that make up the output, and what the report says. */
export const JobManifest = t.readonly(
  t.type({
    schema_version: t.literal(1),
    job_id: t.string,
    shards: t.readonlyArray(t.readonly(t.type(shardFields))),
    rows_read: t.number,
    rows_scored: t.number,
    rows_refused: t.number,
    columns: t.readonlyArray(PartColumn),
    refused: t.readonlyArray(RefusedRow),
    tally: ScoringTally,
    /** Summed up over the shards, which several processes worked on at a time. */
    timings_ms: Durations,
  }),
  'JobManifest',
);
export type JobManifest = t.TypeOf<typeof JobManifest>;

/** `_SUCCESS`: the output is in its place. */
export const JobSuccess = t.readonly(
  t.type({
    schema_version: t.literal(1),
    job_id: t.string,
    output_sha256: t.string,
    rejects_sha256: t.union([t.string, t.null]),
  }),
  'JobSuccess',
);
export type JobSuccess = t.TypeOf<typeof JobSuccess>;

/** The name of the job's output, which stands beside the folder of its jobs. */
export const outputName = ({ output_location }: JobPlan): string => output_location.split('/').at(-1) ?? '';

const numbered = (shard: number): string => `${shard}`.padStart(5, '0');

/** Names in a job's folder. */
export const jobLayout = {
  plan: '_plan.json',
  commit: (shard: number): string => `_commits/${numbered(shard)}.json`,
  manifest: '_manifest.json',
  success: '_SUCCESS',
  /** `attempt` makes the name unique. */
  part: (shard: number, attempt: string): string => `part-${numbered(shard)}-${attempt}.parquet`,
  staged: (attempt: string): string => `source-${attempt}.parquet`,
} as const;

/** What reads and writes documents needs. */
export interface DocumentPorts {
  readonly host: Host;
  readonly folder: JobFolder;
}

/** The document there; none when it was not created yet. Fails `ArtifactUnreadable` when it is damaged. */
export const readDocument =
  ({ host, folder }: DocumentPorts) =>
  <A>(codec: t.Decoder<unknown, A>, key: string, call: CallOptions): TE.TaskEither<Failure, O.Option<A>> =>
    pipe(
      folder.documents.get(key, call),
      TE.chainEitherK(O.traverse(E.Applicative)(({ bytes }) => openDocument(host)(codec, key)(bytes))),
    );

/** Creates the document, unless somebody did before, and answers with the one that is there: theirs, or this one. */
export const createDocument =
  (ports: DocumentPorts) =>
  <A extends JsonObject>(
    codec: t.Decoder<unknown, A>,
    key: string,
    document: A,
    call: CallOptions,
  ): TE.TaskEither<Failure, A> =>
    pipe(
      ports.folder.documents.put(key, sealDocument(ports.host)(document), { kind: 'absent' }, call),
      TE.map(() => document),
      TE.orElse((failed) =>
        failed.tag === 'AlreadyExists' || failed.ambiguous
          ? pipe(
              readDocument(ports)(codec, key, call),
              TE.chain(O.match((): TE.TaskEither<Failure, A> => TE.left(failed), TE.right)),
            )
          : TE.left(failed),
      ),
    );

/** The plan of the job in the folder. Fails `NotFound`. */
export const readPlan = (ports: DocumentPorts, path: string, call: CallOptions): TE.TaskEither<Failure, JobPlan> =>
  pipe(
    readDocument(ports)(JobPlan, jobLayout.plan, call),
    TE.chain(
      O.match(
        () => failTask('NotFound', `There is no job in ${path}: it has no ${jobLayout.plan}.`),
        (plan) => TE.right(plan),
      ),
    ),
  );

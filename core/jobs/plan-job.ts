/** Plans a sharded job: finds what it is, and whether it was begun or done before; stages its rows and cuts them into shards. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask, failure } from '../failure.js';
import type { Registration } from '../model/registration.js';
import { canonicalJson, type JsonObject } from '../model/sealed-document.js';
import type { DataSource, StagedFile } from '../ports/data-source.js';
import { type CallOptions, type Host, neverCancelled } from '../ports/host.js';
import type { JobFolder, OpenJobFolder } from '../ports/job-folder.js';
import { referenceOf } from '../registry/requests.js';
import { checkKeyNames, resolveOutput, type ScorePorts } from '../scoring/answer-score.js';
import { checkRequest } from '../scoring/check-request.js';
import { findSource, openColumns, rangeOf, type RowSources, sourceName } from '../scoring/open-rows.js';
import { rejectsLocation } from '../scoring/outputs.js';
import { predictionColumnsOf } from '../scoring/predictions.js';
import type { ScoreRequest } from '../scoring/score-request.js';
import { createDocument, JobPlan, jobLayout, JobSuccess, readDocument } from './job-documents.js';
import { cutShards } from './shards.js';

export interface JobPorts extends ScorePorts {
  readonly jobFolder: OpenJobFolder;
}

export interface JobSettings extends Pick<RowSources, 'sourceOfType'> {
  /** How many rows a shard has at most; as many as serve the data unless given. */
  readonly shardRows?: number;
}

/** What a finished job of the same request means: it is done, or it is done again. */
export type Repetition = 'done' | 'again';

/** A job whose folder has a plan. */
export interface PlannedJob {
  /** Its folder. */
  readonly path: string;
  /** `begun` by this call or another one, and unfinished. */
  readonly state: 'begun' | 'finished';
  readonly job_id: string;
  readonly shard_count: number;
  readonly row_count: number;
}

/**
 * Plans the request's job, or finds it as it was planned before. It is the same job as long as the model's artifact, the source, the parameters
 * and the output are the same and its output is still there as the job left it; else, and with `again` once it is finished, the same request
 * is a new job, in a folder of its own. Of several callers at once, all get the plan of one.
 * Fails `InvalidInput` (also without an output location, and for a source that only this process can read), and as a scoring does before it reads rows.
 */
export const planJob =
  (ports: JobPorts, settings: JobSettings) =>
  (request: ScoreRequest, repetition: Repetition, call: CallOptions): TE.TaskEither<Failure, PlannedJob> =>
    pipe(
      TE.Do,
      TE.bind('output', () => checkJob(ports, request)),
      TE.bind('registration', () =>
        pipe(
          TE.fromEither(referenceOf(request)),
          TE.chain((reference) => ports.resolve(reference, call)),
        ),
      ),
      TE.bind('source', () => TE.fromEither(findSource({ ...settings, sources: ports.sources }, request))),
      TE.bind('snapshot', ({ source }) => snapshotOf(source, request, call)),
      TE.chain((job) => findOrPlan(ports, { ...job, ...settings, request, repetition }, call)),
    );

interface Job {
  readonly request: ScoreRequest;
  readonly repetition: Repetition;
  /** Resolved. */
  readonly output: string;
  readonly registration: Registration;
  readonly source: DataSource;
  readonly snapshot: JsonObject;
  readonly shardRows?: number;
}

/** Where the output will be. */
const checkJob = (ports: JobPorts, request: ScoreRequest): TE.TaskEither<Failure, string> =>
  pipe(
    TE.fromEither(checkRequest(request, {})),
    TE.filterOrElse(
      () => request.data === undefined,
      () =>
        failure('InvalidInput', 'Rows that are sent are scored by one process: name a source for a job of several.'),
    ),
    TE.chain(() =>
      request.output_location === undefined
        ? failTask('InvalidInput', 'A job of several processes writes a file: name an output_location (--output).')
        : resolveOutput(ports, request.output_location),
    ),
  );

const snapshotOf = (
  { snapshot }: DataSource,
  request: ScoreRequest,
  call: CallOptions,
): TE.TaskEither<Failure, JsonObject> =>
  snapshot === undefined
    ? failTask('InvalidInput', 'This source can be read by one process only: score it without --processes.')
    : snapshot(rangeOf(request), call);

const parametersOf = (request: ScoreRequest): JobPlan['parameters'] => ({
  data_source: sourceName(request, {}),
  start_year: request.start_year ?? null,
  end_year: request.end_year ?? null,
  on_error: request.on_error ?? 'fail',
});

/** A UUID that a digest determines (RFC 9562, version 8). */
const uuidOf = (sha256: string): string =>
  [
    sha256.slice(0, 8),
    sha256.slice(8, 12),
    `8${sha256.slice(13, 16)}`,
    `${'89ab'[Number.parseInt(sha256.slice(16, 17), 16) & 3]}${sha256.slice(17, 20)}`,
    sha256.slice(20, 32),
  ].join('-');

/** The same request is the same job, unless it is done again: then it is the next `repeat`. */
const jobIdOf = (host: Host, job: Job, repeat: number): string => {
  const { model_type, name, version, artifact } = job.registration;
  const identity = {
    model: { model_type, name, version, artifact_sha256: artifact.sha256 },
    source: job.snapshot,
    keys: job.source.keys,
    parameters: parametersOf(job.request),
    output: job.output,
    repeat,
  };
  return uuidOf(host.sha256(host.utf8.encode(canonicalJson(identity))));
};

/** The first repeat of the job that is not over. */
const findOrPlan = (ports: JobPorts, job: Job, call: CallOptions, repeat = 0): TE.TaskEither<Failure, PlannedJob> => {
  const jobId = jobIdOf(ports.host, job, repeat);
  const path = `${job.output}.job/${jobId}`;
  const folder = ports.jobFolder(path);
  const read = readDocument({ host: ports.host, folder });
  return pipe(
    TE.Do,
    TE.apS('plan', read(JobPlan, jobLayout.plan, call)),
    TE.bind('state', ({ plan }) =>
      O.isNone(plan)
        ? TE.right<Failure, JobState>('begun')
        : pipe(
            read(JobSuccess, jobLayout.success, call),
            TE.chain(O.match((): TE.TaskEither<Failure, JobState> => TE.right('begun'), stateOf(ports, job, call))),
          ),
    ),
    TE.chain(({ plan, state }) => {
      if (state === 'over') return findOrPlan(ports, job, call, repeat + 1);
      return pipe(
        O.isNone(plan) ? makePlan(ports, job, { jobId, path, folder }, call) : TE.right(plan.value),
        TE.map(
          ({ shards }): PlannedJob => ({
            path,
            state,
            job_id: jobId,
            shard_count: shards.length,
            row_count: shards.at(-1)?.end ?? 0,
          }),
        ),
      );
    }),
  );
};

type JobState = PlannedJob['state'] | 'over';

/** A finished job is over once its output is to be, or has to be, written anew. */
const stateOf =
  (ports: JobPorts, { request, repetition }: Job, call: CallOptions) =>
  (success: JobSuccess): TE.TaskEither<Failure, JobState> => {
    const { output_location: location = '' } = request;
    if (repetition === 'again') return TE.right('over');
    return pipe(
      TE.Do,
      TE.apS('output', ports.sink.digest(location, call)),
      // Without refused rows of its own, it says nothing of a file of that name.
      TE.apS(
        'rejects',
        success.rejects_sha256 === null ? TE.right(O.none) : ports.sink.digest(rejectsLocation(location), call),
      ),
      TE.map(({ output, rejects }) => {
        const isThere = O.toNullable(output) === success.output_sha256;
        const isBeside = O.toNullable(rejects) === success.rejects_sha256;
        return isThere && isBeside ? 'finished' : 'over';
      }),
    );
  };

const makePlan = (
  ports: JobPorts,
  job: Job,
  at: { readonly jobId: string; readonly path: string; readonly folder: JobFolder },
  call: CallOptions,
): TE.TaskEither<Failure, JobPlan> =>
  pipe(
    stageRows(ports, job, at, call),
    TE.chain(({ source, shards }) => {
      const { model_type, name, version, artifact } = job.registration;
      const plan: JobPlan = {
        schema_version: 1,
        job_id: at.jobId,
        model: { model_type, name, version, artifact_sha256: artifact.sha256 },
        parameters: parametersOf(job.request),
        source,
        output_location: job.request.output_location ?? '',
        scored_at: new Date(ports.host.nowMs()).toISOString(),
        shards,
      };
      // What is staged without a plan nobody would find, nor remove.
      const uncancelled = { ...call, cancellation: neverCancelled };
      return createDocument({ host: ports.host, folder: at.folder })(JobPlan, jobLayout.plan, plan, uncancelled);
    }),
  );

/** Puts the rows where every process can read them, and cuts them into shards. */
const stageRows =
  (
    { host }: JobPorts,
    { source, request, registration, snapshot, shardRows }: Job,
    { jobId, path, folder }: { readonly jobId: string; readonly path: string; readonly folder: JobFolder },
    call: CallOptions,
  ): TE.TaskEither<Failure, Pick<JobPlan, 'source' | 'shards'>> =>
  async () => {
    const file = jobLayout.staged(host.randomId());
    const place = await folder.stagePlace(file)();
    if (E.isLeft(place)) return place;
    const opening = source.open(rangeOf(request), call, { jobId, ...place.right });
    const columns = await openColumns(source, opening, registration)();
    if (E.isLeft(columns)) return columns;
    const { opened, keys, wanted, warnings } = columns.right;
    try {
      const { signature, model_info } = registration;
      const checked = checkKeyNames(keys, predictionColumnsOf(signature, model_info.classes));
      if (E.isLeft(checked)) return checked;
      if (opened.stage === undefined) throw new Error('a source that has a snapshot can be staged');
      const staged = await opened.stage(wanted)();
      if (E.isLeft(staged)) return staged;
      const { rows, rowGroups } = staged.right;
      const files = await TE.sequenceSeqArray(
        rows.files.map((one) =>
          one.path === place.right.stagePath ? folder.stage(file, one, call) : TE.right(within(path, one)),
        ),
      )();
      if (E.isLeft(files)) return files;
      return E.right({
        source: { snapshot, rows: { ...rows, files: files.right }, keys, warnings },
        shards: cutShards(rowGroups, shardRows),
      });
    } finally {
      await opened.close();
    }
  };

/** The file, with a relative path where it is below the job's own. */
const within = (path: string, file: StagedFile): StagedFile =>
  file.path.startsWith(`${path}/`) ? { ...file, path: file.path.slice(path.length + 1) } : file;

/** Scorings that tasks elsewhere do: what `POST /score` begins then, and what `GET /job/{job_id}` tells of it, on whichever instance. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import type { Execution, FailedTask } from '../../adapters/cloud-run/job.js';
import {
  type CallOptions,
  closed,
  decode,
  type Failure,
  type JobStatus,
  type JsonObject,
  type PredictionSink,
  type ScoreAnswer,
  type Service,
  text,
} from '../../core/index.js';
import type { CloudRunJobs } from '../cloud-run-jobs.js';
import type { Answer } from './respond.js';
import type { Route } from './routes.js';
import { scoreAnswerJson } from './score-answer-json.js';

/** A job as it is now: its status, and the newest execution that works at it; none once it is finished. */
interface JobDocument extends JobStatus {
  readonly execution: ReturnType<typeof executionDocument> | null;
}

export interface ScoringJobs {
  /** Whether the request is one for tasks elsewhere: it reads a source, and writes an output. */
  readonly takes: (request: JsonObject) => boolean;
  /** Has the request's job done there: 202 with the job, or 200 with the report when it was finished before. Fails as planning and starting do. */
  readonly start: (request: JsonObject, call: CallOptions) => TE.TaskEither<Failure, Answer>;
  /** The job `jobId` of that output. Fails `InvalidInput` (a location that leaves the output root), `NotFound`. */
  readonly read: (jobId: string, outputLocation: string, call: CallOptions) => TE.TaskEither<Failure, JobDocument>;
}

export const scoringJobs = (
  service: Pick<Service, 'planJob' | 'finishJob' | 'jobStatus'>,
  sink: Pick<PredictionSink, 'resolve'>,
  jobs: CloudRunJobs,
): ScoringJobs => {
  const documentOf = (status: JobStatus, execution: Execution, call: CallOptions) =>
    pipe(
      execution.failedCount === 0 ? TE.right([]) : jobs.failedTasks(execution.name, call),
      TE.map((failed): JobDocument => ({ ...status, execution: executionDocument(execution, failed) })),
    );
  const begin = (path: string, location: string, call: CallOptions): TE.TaskEither<Failure, Answer> =>
    pipe(
      service.jobStatus(path, call),
      TE.bindTo('status'),
      TE.bind('execution', ({ status }) => jobs.start(status, undefined, call)),
      TE.chain(({ status, execution }) => documentOf(status, execution, call)),
      TE.map((body) => ({
        status: 202,
        headers: { Location: `/job/${body.job_id}?${new URLSearchParams({ output_location: location })}` },
        body,
      })),
    );
  return {
    takes: ({ output_location, data, data_source }) =>
      typeof output_location === 'string' && (data ?? null) === null && data_source !== 'inline',
    start: (request, call) =>
      pipe(
        service.planJob(request, call),
        TE.chain(({ path, state }) =>
          state === 'finished'
            ? pipe(service.finishJob(path, call), TE.map(reportOf))
            : begin(path, `${request['output_location']}`, call),
        ),
      ),
    read: (jobId, outputLocation, call) =>
      pipe(
        sink.resolve(outputLocation),
        TE.chain((output) => service.jobStatus(`${output}.job/${jobId}`, call)),
        TE.chain((status) =>
          status.state === 'finished'
            ? TE.right({ ...status, execution: null })
            : pipe(
                jobs.newest(status.path, call),
                TE.chain(
                  O.match(
                    (): TE.TaskEither<Failure, JobDocument> => TE.right({ ...status, execution: null }),
                    (execution) => documentOf(status, execution, call),
                  ),
                ),
              ),
        ),
      ),
  };
};

const reportOf = (answer: ScoreAnswer): Answer => ({
  json: scoreAnswerJson(answer),
  timingsMs: answer.performance_diagnostics.timings_ms,
});

const executionDocument = (execution: Execution, failed: ReadonlyArray<FailedTask>) => ({
  name: execution.name,
  state: execution.state,
  task_count: execution.taskCount,
  running_count: execution.runningCount,
  succeeded_count: execution.succeededCount,
  failed_count: execution.failedCount,
  cancelled_count: execution.cancelledCount,
  retried_count: execution.retriedCount,
  message: execution.message,
  log_uri: execution.logUri,
  failed_tasks: failed.map(({ index, exitCode, message, logUri }) => ({
    index,
    exit_code: exitCode ?? null,
    message,
    log_uri: logUri,
  })),
});

const JobId = text(
  'JobId',
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'must be the job_id that POST /score answered',
);
const JobQuery = closed('JobQuery', { output_location: t.string }, {});

/** `GET /job/:job_id?output_location=…` */
export const jobRoute =
  ({ read }: ScoringJobs): Route =>
  ({ params, query, state: { control } }) =>
    pipe(
      TE.Do,
      TE.apS('jobId', TE.fromEither(decode(JobId, 'The job')(params['job_id']))),
      TE.apS('asked', TE.fromEither(decode(JobQuery, 'The query')(query))),
      TE.chain(({ jobId, asked }) => read(jobId, asked.output_location, control)),
      TE.map((body) => ({ headers: { 'Cache-Control': 'no-cache' }, body })),
    );

/** Finishes a sharded job: what its commits say becomes the manifest, what the manifest names becomes the output. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { JobFolder } from '../ports/job-folder.js';
import type { JoinedOutput, JoinSchema } from '../ports/prediction-sink.js';
import { afterFailure } from '../scoring/after-failure.js';
import { nothingRead } from '../scoring/answer-score.js';
import { detailsOf } from '../scoring/registered-model.js';
import { recordDistribution } from '../scoring/distribution.js';
import { constantsOf, rejectsLocation, rejectsSchema } from '../scoring/outputs.js';
import type { ScoreAnswer } from '../scoring/score-request.js';
import { lossWarnings } from '../scoring/scoring-job.js';
import { sideBySide } from '../side-by-side.js';
import {
  createDocument,
  type JobManifest,
  type JobPlan,
  jobLayout,
  JobSuccess,
  outputName,
  type Part,
  readDocument,
  readPlan,
} from './job-documents.js';
import { settleManifest } from './job-manifest.js';
import { provenanceOf } from './part-output.js';
import type { JobPorts } from './plan-job.js';
import { registrationOf } from './work-shards.js';

/**
 * Puts the output of the job in the folder `path` in its place, once every shard has a commit, and answers as a scoring does; a job that is finished
 * answers the same again. Its files of rows go then. Several may do so at the same time, and one that was killed is taken up by the next.
 * Fails `NotFound` (no plan), `Conflict` (shards are missing, or row counts do not agree), and as the sink does; then the previous output is as it was.
 */
export const finishJob =
  (ports: JobPorts) =>
  (path: string, call: CallOptions): TE.TaskEither<Failure, ScoreAnswer> => {
    const startedMs = ports.host.nowMs();
    const folder = ports.jobFolder(path);
    const documents = { host: ports.host, folder };
    const success = readDocument(documents)(JobSuccess, jobLayout.success, call);
    return pipe(
      TE.Do,
      TE.apS('plan', readPlan(documents, path, call)),
      TE.bind('registration', ({ plan }) => registrationOf(ports, plan, call)),
      TE.bind('manifest', ({ plan }) => settleManifest(ports.host, folder, plan, call)),
      TE.bind('warnings', ({ plan, manifest }) =>
        pipe(
          success,
          TE.chain(
            O.match(
              () =>
                pipe(
                  publish(ports.host, folder, plan, manifest, call),
                  // Another one may have finished the job meanwhile, and removed the parts.
                  TE.orElse((failed) =>
                    pipe(
                      success,
                      TE.orElse(() => TE.right<Failure, O.Option<JobSuccess>>(O.none)),
                      TE.chain(O.match(() => TE.left<Failure, unknown>(failed), TE.right)),
                    ),
                  ),
                  TE.map((): ReadonlyArray<string> => []),
                ),
              (done) => whatBecame(folder, plan, done, call),
            ),
          ),
        ),
      ),
      TE.chainFirst(() => folder.removeRows(call)),
      TE.bind('output', ({ plan }) => folder.outputs.resolve(outputName(plan))),
      TE.bind('rejects', ({ plan, manifest }) =>
        manifest.rows_refused === 0 ? TE.right(null) : folder.outputs.resolve(rejectsLocation(outputName(plan))),
      ),
      TE.map((job) => answerOf(ports.host, job, ports.host.nowMs() - startedMs)),
    );
  };

/** What is to be said of the output of a job that was finished before. */
const whatBecame = (
  { outputs }: JobFolder,
  plan: JobPlan,
  { output_sha256 }: JobSuccess,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<string>> =>
  pipe(
    outputs.digest(outputName(plan), call),
    TE.map((found) => {
      if (O.isSome(found) && found.value === output_sha256) return [];
      const became = O.isNone(found) ? 'is not there any more' : 'was changed or replaced since';
      return [`The job was finished before, and its output ${became}: score again for another one.`];
    }),
  );

/** Right when the parts are what was written. Fails `NotFound`, `DataUnreadable`. */
const checkParts = (
  { parts }: JobFolder,
  written: ReadonlyArray<Part>,
  call: CallOptions,
): TE.TaskEither<Failure, unknown> =>
  sideBySide(written, ({ name, sha256 }) =>
    pipe(
      parts.digest(name, call),
      TE.chain(
        O.match(
          () => failTask('NotFound', `The part ${name} is not there any more: score again.`),
          (found) =>
            found === sha256
              ? TE.right(undefined)
              : failTask('DataUnreadable', `The part ${name} was changed after it was written: score again.`),
        ),
      ),
    ),
  );

/** Writes the output, and says so. Refused rows go first: who sees the new predictions sees theirs beside them. */
const publish = (
  host: Host,
  folder: JobFolder,
  plan: JobPlan,
  manifest: JobManifest,
  call: CallOptions,
): TE.TaskEither<Failure, JobSuccess> => {
  const location = outputName(plan);
  const provenance = provenanceOf(plan);
  const parts = manifest.shards.map(({ part }) => part);
  const rejects = manifest.shards.flatMap((shard) => (shard.rejects === null ? [] : [shard.rejects]));
  const schema: JoinSchema = { columns: manifest.columns, constants: constantsOf(provenance) };
  return pipe(
    checkParts(folder, [...parts, ...rejects], call),
    TE.chain(() => joinParts(folder, location, schema, parts, call)),
    TE.chain((predictions) =>
      pipe(
        replaceRejects(folder, plan, rejects, call),
        TE.chain(() => predictions.commit),
        afterFailure(predictions.abort),
      ),
    ),
    TE.chain(() => digestOf(folder, location, call)),
    TE.bindTo('output_sha256'),
    TE.bind('rejects_sha256', () =>
      rejects.length === 0 ? TE.right(null) : digestOf(folder, rejectsLocation(location), call),
    ),
    TE.chain((digests) =>
      createDocument({ host, folder })(
        JobSuccess,
        jobLayout.success,
        { schema_version: 1, job_id: plan.job_id, ...digests },
        call,
      ),
    ),
  );
};

const joinParts = (
  { parts, outputs }: JobFolder,
  location: string,
  schema: JoinSchema,
  joined: ReadonlyArray<Part>,
  call: CallOptions,
): TE.TaskEither<Failure, JoinedOutput> =>
  pipe(
    joined.map(({ name }) => parts.resolve(name)),
    TE.sequenceSeqArray,
    TE.chain((paths) => outputs.join(location, schema, paths, call)),
  );

/** Refused rows beside the output; with `skip` and none, those of an earlier scoring go. */
const replaceRejects = (
  folder: JobFolder,
  plan: JobPlan,
  rejects: ReadonlyArray<Part>,
  call: CallOptions,
): TE.TaskEither<Failure, unknown> => {
  const location = rejectsLocation(outputName(plan));
  const schema = rejectsSchema(provenanceOf(plan));
  if (rejects.length > 0) {
    return pipe(
      joinParts(folder, location, schema, rejects, call),
      TE.chain(({ commit, abort }) => pipe(commit, afterFailure(abort))),
    );
  }
  return plan.parameters.on_error === 'fail'
    ? TE.right(null)
    : pipe(
        folder.outputs.open(location, schema, call),
        TE.chain(({ clear }) => clear),
      );
};

const digestOf = ({ outputs }: JobFolder, location: string, call: CallOptions): TE.TaskEither<Failure, string> =>
  pipe(
    outputs.digest(location, call),
    TE.chain(
      O.match(
        () => failTask('Conflict', `The output ${location} was removed while the job was finished: run it again.`),
        (digest) => TE.right(digest),
      ),
    ),
  );

const answerOf = (
  host: Host,
  {
    plan,
    registration,
    manifest,
    warnings,
    output,
    rejects,
  }: {
    readonly plan: JobPlan;
    readonly registration: Registration;
    readonly manifest: JobManifest;
    readonly warnings: ReadonlyArray<string>;
    readonly output: string;
    readonly rejects: string | null;
  },
  totalMs: number,
): ScoreAnswer => {
  const { start_year, end_year, data_source, on_error } = plan.parameters;
  const { distributions, lost } = manifest.tally;
  const asked = {
    data_source,
    ...(start_year === null ? {} : { start_year }),
    ...(end_year === null ? {} : { end_year }),
  };
  return {
    job_id: plan.job_id,
    model_details: detailsOf(registration),
    scoring_parameters: { model_type: plan.model.model_type, start_year, end_year, data_source },
    performance_diagnostics: {
      rows_read: manifest.rows_read,
      total_scored: manifest.rows_scored,
      rows_refused: manifest.rows_refused,
      prediction_distribution: Object.fromEntries(
        Object.entries(distributions).map(([name, state]) => {
          const recorder = recordDistribution(host);
          recorder.addState(state);
          return [name, recorder.result()];
        }),
      ),
      timings_ms: { resolve: 0, load: 0, ...manifest.timings_ms, total: totalMs },
      warnings: [
        ...plan.source.warnings,
        ...Object.entries(lost).flatMap(lossWarnings),
        ...(manifest.rows_read === 0 ? [nothingRead(asked, {})] : []),
        ...warnings,
      ],
    },
    output_location: output,
    predictions: null,
    ...(on_error === 'skip'
      ? { refused: manifest.refused, refused_total: manifest.rows_refused, rejects_location: rejects }
      : {}),
  };
};

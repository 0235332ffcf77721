/** How far a sharded job is: what its folder says, and nobody else is asked. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { CallOptions } from '../ports/host.js';
import {
  JobManifest,
  type JobPlan,
  jobLayout,
  JobSuccess,
  outputName,
  readDocument,
  readPlan,
} from './job-documents.js';
import { readCommits } from './job-manifest.js';
import type { JobPorts } from './plan-job.js';

/** A job, and what of it is done. */
export interface JobStatus {
  readonly job_id: string;
  /** Its folder. */
  readonly path: string;
  /** `worked` when every shard has a commit, and only the output is not in its place yet. */
  readonly state: 'begun' | 'worked' | 'finished';
  readonly model: JobPlan['model'];
  readonly data_source: string;
  /** Files of rows that are read where they are, outside of the folder: every worker has to see them. */
  readonly source_files: ReadonlyArray<string>;
  /** ISO 8601, UTC. */
  readonly planned_at: string;
  readonly shard_count: number;
  readonly shards_committed: number;
  readonly row_count: number;
  readonly rows_scored: number;
  readonly rows_refused: number;
  /** Where the output is, or will be. */
  readonly output_location: string;
}

/** The status of the job in the folder `path`; `finished` is one whose output was put in its place, whatever became of it since. Fails `NotFound` (no plan). */
export const jobStatus =
  ({ host, jobFolder }: JobPorts) =>
  (path: string, call: CallOptions): TE.TaskEither<Failure, JobStatus> => {
    const folder = jobFolder(path);
    const read = readDocument({ host, folder });
    return pipe(
      TE.Do,
      TE.apS('plan', readPlan({ host, folder }, path, call)),
      // First: what is finished has all its commits when they are read.
      TE.bind('success', () => read(JobSuccess, jobLayout.success, call)),
      TE.bind('shards', ({ plan }) =>
        pipe(
          read(JobManifest, jobLayout.manifest, call),
          TE.chain(
            O.match(
              () =>
                pipe(
                  readCommits(host, folder, plan, call),
                  TE.map(({ commits }): JobManifest['shards'] => commits),
                ),
              ({ shards }) => TE.right(shards),
            ),
          ),
        ),
      ),
      TE.bind('output', ({ plan }) => folder.outputs.resolve(outputName(plan))),
      TE.map(({ plan, success, shards, output }) => ({
        job_id: plan.job_id,
        path,
        state: O.isSome(success) ? 'finished' : shards.length === plan.shards.length ? 'worked' : 'begun',
        model: plan.model,
        data_source: plan.parameters.data_source,
        source_files: plan.source.rows.files.map(({ path }) => path).filter(isElsewhere),
        planned_at: plan.scored_at,
        shard_count: plan.shards.length,
        shards_committed: shards.length,
        row_count: plan.shards.at(-1)?.end ?? 0,
        rows_scored: shards.reduce((sum, { rows_scored }) => sum + rows_scored, 0),
        rows_refused: shards.reduce((sum, { rows_refused }) => sum + rows_refused, 0),
        output_location: output,
      })),
    );
  };

/** Absolute, or an address: other paths begin in the folder. */
const isElsewhere = (path: string): boolean => /^(?:[/\\]|[A-Za-z][A-Za-z0-9+.-]*:)/.test(path);

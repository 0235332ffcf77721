/** The manifest of a sharded job: what its commits say, added up. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failure } from '../failure.js';
import type { CallOptions, Host } from '../ports/host.js';
import type { JobFolder } from '../ports/job-folder.js';
import { recordDistribution } from '../scoring/distribution.js';
import { refusedLimit } from '../scoring/outputs.js';
import type { ScoringTally } from '../scoring/scoring-tally.js';
import { addLost } from '../scoring/scoring-job.js';
import { createDocument, JobManifest, type JobPlan, jobLayout, readDocument, ShardCommit } from './job-documents.js';
import { sideBySide } from '../side-by-side.js';
import { joinedColumns } from './part-output.js';

/**
 * The manifest, made of the commits unless it is there already. Fails `Conflict` when shards are missing, or row counts do not agree.
 */
export const settleManifest = (
  host: Host,
  folder: JobFolder,
  plan: JobPlan,
  call: CallOptions,
): TE.TaskEither<Failure, JobManifest> =>
  pipe(
    readDocument({ host, folder })(JobManifest, jobLayout.manifest, call),
    TE.chain(
      O.match(
        () =>
          pipe(
            readCommits(host, folder, plan, call),
            TE.filterOrElse(
              ({ missing }) => missing === 0,
              ({ missing }) =>
                failure(
                  'Conflict',
                  `${missing} of ${plan.shards.length} shards are not done yet: run the workers again.`,
                ),
            ),
            TE.chain(({ commits }) =>
              createDocument({ host, folder })(JobManifest, jobLayout.manifest, manifestOf(host, plan, commits), call),
            ),
          ),
        (manifest) => TE.right(manifest),
      ),
    ),
  );

/** The commits that are there, and how many are not. Fails `Conflict` when one tells of other rows than the plan. */
export const readCommits = (
  host: Host,
  folder: JobFolder,
  plan: JobPlan,
  call: CallOptions,
): TE.TaskEither<Failure, { readonly commits: ReadonlyArray<ShardCommit>; readonly missing: number }> =>
  pipe(
    sideBySide(plan.shards, ({ begin, end }, shard) =>
      pipe(
        readDocument({ host, folder })(ShardCommit, jobLayout.commit(shard), call),
        TE.filterOrElse(
          O.match(
            () => true,
            ({ rows_read, rows_scored, rows_refused }) =>
              rows_read === end - begin && rows_scored + rows_refused === rows_read,
          ),
          () =>
            failure(
              'Conflict',
              `The commit of shard ${shard} tells of other rows than the plan, which has ${end - begin} there: remove the job's folder, and score again.`,
            ),
        ),
      ),
    ),
    TE.map((read) => {
      const commits = read.flatMap((commit) => (O.isSome(commit) ? [commit.value] : []));
      return { commits, missing: read.length - commits.length };
    }),
  );

const manifestOf = (host: Host, plan: JobPlan, commits: ReadonlyArray<ShardCommit>): JobManifest => {
  const sum = (of: (commit: ShardCommit) => number): number => commits.reduce((total, one) => total + of(one), 0);
  return {
    schema_version: 1,
    job_id: plan.job_id,
    shards: commits.map(({ shard, part, rejects, rows_read, rows_scored, rows_refused }) => ({
      shard,
      part,
      rejects,
      rows_read,
      rows_scored,
      rows_refused,
    })),
    rows_read: sum(({ rows_read }) => rows_read),
    rows_scored: sum(({ rows_scored }) => rows_scored),
    rows_refused: sum(({ rows_refused }) => rows_refused),
    columns: joinedColumns(commits.map(({ columns }) => columns)),
    refused: commits.flatMap(({ refused }) => refused).slice(0, refusedLimit),
    tally: addTallies(
      host,
      commits.map(({ tally }) => tally),
    ),
    timings_ms: {
      read: sum(({ timings_ms }) => timings_ms.read),
      score: sum(({ timings_ms }) => timings_ms.score),
      write: sum(({ timings_ms }) => timings_ms.write),
      wait: sum(({ timings_ms }) => timings_ms.wait),
    },
  };
};

const addTallies = (host: Host, tallies: ReadonlyArray<ScoringTally>): ScoringTally => {
  const lost = new Map<string, ScoringTally['lost'][string]>();
  for (const tally of tallies) for (const [name, more] of Object.entries(tally.lost)) addLost(lost, name, more);
  const names = Object.keys(tallies[0]?.distributions ?? {});
  return {
    distributions: Object.fromEntries(
      names.map((name) => {
        const recorder = recordDistribution(host);
        for (const { distributions } of tallies) {
          const state = distributions[name];
          if (state !== undefined) recorder.addState(state);
        }
        return [name, recorder.state()];
      }),
    ),
    lost: Object.fromEntries(lost),
  };
};

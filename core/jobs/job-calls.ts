/** The calls of a service that are about sharded jobs. */
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask } from '../failure.js';
import type { CallOptions } from '../ports/host.js';
import type { OpenJobFolder } from '../ports/job-folder.js';
import type { ScorePorts } from '../scoring/answer-score.js';
import { finishJob } from './finish-job.js';
import { jobStatus } from './job-status.js';
import { type JobPorts, planJob } from './plan-job.js';
import { workShards } from './work-shards.js';

/** What `Service` says of each; `path` is the job's folder. */
interface JobCalls {
  readonly plan: ReturnType<typeof planJob>;
  readonly work: ReturnType<typeof workShards>;
  readonly finish: ReturnType<typeof finishJob>;
  readonly status: ReturnType<typeof jobStatus>;
  readonly remove: (path: string, call: CallOptions) => TE.TaskEither<Failure, void>;
}

/** Without a place for job folders, every call fails `InvalidInput`. */
export const jobCalls = (
  ports: ScorePorts & { readonly jobFolder?: OpenJobFolder },
  settings: Parameters<typeof planJob>[1],
): JobCalls => {
  const { jobFolder } = ports;
  const withFolders = <A>(use: (all: JobPorts) => TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> =>
    jobFolder === undefined
      ? failTask('InvalidInput', 'This service has no place for jobs: give it the port jobFolder.')
      : use({ ...ports, jobFolder });
  return {
    plan: (...asked) => withFolders((all) => planJob(all, settings)(...asked)),
    work: (...asked) => withFolders((all) => workShards(all)(...asked)),
    finish: (...asked) => withFolders((all) => finishJob(all)(...asked)),
    status: (...asked) => withFolders((all) => jobStatus(all)(...asked)),
    remove: (path, call) => withFolders((all) => all.jobFolder(path).remove(call)),
  };
};

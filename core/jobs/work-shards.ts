/** A worker of a sharded job: scores one shard after the other and commits each, until every shard has a commit. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, fail, failTask, failure } from '../failure.js';
import { modelIdOf } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import type { LoadedModel } from '../ports/inference-engine.js';
import type { JobFolder, RowRange } from '../ports/job-folder.js';
import { afterFailure } from '../scoring/after-failure.js';
import { loadModel, modelOf } from '../scoring/registered-model.js';
import { openSource } from '../scoring/open-rows.js';
import { rejectsLocation } from '../scoring/outputs.js';
import type { ScoringModel } from '../scoring/score.js';
import { type PredictionOutput, runScoringJob, type ScoringJob, type ScoringTotals } from '../scoring/scoring-job.js';
import { mostAtATime, sideBySide } from '../side-by-side.js';
import { createDocument, type JobPlan, jobLayout, type Part, readPlan, ShardCommit } from './job-documents.js';
import { type PartOutput, partOutput } from './part-output.js';
import type { JobPorts } from './plan-job.js';
import { shardOrder, type WorkerPlace } from './shards.js';

/** Told while a worker works, and once for each shard that has a commit. */
export interface ShardProgress {
  readonly shard: number;
  readonly rowsScored: number;
  readonly isCommitted: boolean;
}

/** A worker at its job. */
interface Work {
  readonly ports: JobPorts;
  readonly folder: JobFolder;
  readonly plan: JobPlan;
  readonly registration: Registration;
  readonly loaded: LoadedModel;
  readonly onProgress: (progress: ShardProgress) => void;
  readonly call: CallOptions;
}

/**
 * Works at the job in the folder `path` until every shard has a commit, whoever made it. Any number of workers may do so at the same time, also
 * several in one place: what two of them did, counts once. Row numbers are those of the whole source.
 * Fails `NotFound` (no plan), `Conflict` (the model's artifact is another one by now), and as a scoring does: with rows that do not fit, as a scoring of the
 * whole source would.
 */
export const workShards =
  (ports: JobPorts) =>
  (
    path: string,
    place: WorkerPlace,
    onProgress: (progress: ShardProgress) => void,
    call: CallOptions,
  ): TE.TaskEither<Failure, void> => {
    const folder = ports.jobFolder(path);
    return pipe(
      TE.Do,
      TE.apS('plan', readPlan({ host: ports.host, folder }, path, call)),
      TE.bind('registration', ({ plan }) => registrationOf(ports, plan, call)),
      TE.chain(({ plan, registration }) => {
        const work = (loaded: LoadedModel) =>
          workAll({ ports, folder, plan, registration, loaded, onProgress, call }, place);
        return ports.cache.withModel(plan.model.artifact_sha256, loadModel(ports, registration, call), work);
      }),
    );
  };

/** The plan's model. Fails `Conflict` when its artifact is another one. */
export const registrationOf = (
  ports: JobPorts,
  { model }: JobPlan,
  call: CallOptions,
): TE.TaskEither<Failure, Registration> =>
  pipe(
    ports.resolve({ model: modelIdOf(model), selector: { kind: 'version', version: model.version } }, call),
    TE.filterOrElse(
      ({ artifact }) => artifact.sha256 === model.artifact_sha256,
      () =>
        failure(
          'Conflict',
          `${model.model_type}/${model.name}@${model.version} has another artifact than the job was planned with: this is another registry. Name that one.`,
        ),
    ),
  );

const workAll =
  (work: Work, place: WorkerPlace): TE.TaskEither<Failure, void> =>
  async () => {
    const {
      ports: { host },
      folder,
      plan,
      onProgress,
      call,
    } = work;
    const tell = (shard: number): void => {
      const { begin, end } = rangeOf(plan, shard);
      onProgress({ shard, rowsScored: end - begin, isCommitted: true });
    };
    const order = shardOrder(plan.shards.length, place);
    /** Where one has a commit many do, and a worker that is late has thousands to look for. */
    let lookAhead = 1;
    /** What the last shard took that this worker did. */
    let tookMs = 0;
    for (let at = 0; at < order.length; ) {
      if (call.cancellation.aborted) return fail('Cancelled', 'The worker was told to stop.');
      const next = order.slice(at, at + lookAhead);
      const commits = await sideBySide(next, (shard) => folder.documents.head(jobLayout.commit(shard), call))();
      if (E.isLeft(commits)) return commits;
      const undone = commits.right.findIndex(O.isNone);
      const committed = undone === -1 ? next : next.slice(0, undone);
      for (const shard of committed) tell(shard);
      at += committed.length;
      lookAhead = mostAtATime;
      const shard = next[committed.length];
      if (shard === undefined) continue;
      if (!(await isDoneMeanwhile(work, place, shard, tookMs))) {
        const beganMs = host.nowMs();
        const done = await workShard(work, shard)();
        if (E.isLeft(done) && !(await wasDone(work, shard)))
          return done.left.tag === 'SignatureMismatch' ? E.left(await misfitsOfAll(work, done.left)) : done;
        tookMs = host.nowMs() - beganMs;
      }
      tell(shard);
      at += 1;
      lookAhead = 1;
    }
    return E.right(undefined);
  };

/**
 * Whether the worker whose share this is has done the shard, when it is given as long as this one's last shard took. It is only waited for where it
 * must be at this shard, if it is alive: what it did before is done.
 */
const isDoneMeanwhile = async (work: Work, place: WorkerPlace, shard: number, tookMs: number): Promise<boolean> => {
  const { ports, call } = work;
  const isOwn = shard % place.count === place.index;
  if (isOwn || tookMs === 0 || !(shard < place.count || (await wasDone(work, shard - place.count)))) return false;
  const untilMs = Math.min(ports.host.nowMs() + tookMs, call.deadlineMs);
  while (ports.host.nowMs() < untilMs && !call.cancellation.aborted) {
    await ports.host.pause(Math.min(tookMs / 10, 1_000));
    if (await wasDone(work, shard)) return true;
  }
  return false;
};

/** Whether another worker committed the shard meanwhile. When the job was finished then, its rows are gone, which is no failure of this one. */
const wasDone = async ({ folder, call }: Work, shard: number): Promise<boolean> => {
  if (call.cancellation.aborted) return false;
  const committed = await folder.documents.head(jobLayout.commit(shard), call)();
  return E.isRight(committed) && O.isSome(committed.right);
};

const rangeOf = ({ shards }: JobPlan, shard: number): RowRange => {
  const range = shards[shard];
  if (range === undefined) throw new Error(`there is no shard ${shard}`);
  return range;
};

const workShard = (work: Work, shard: number): TE.TaskEither<Failure, void> => {
  const { folder, plan, loaded, registration, ports, call } = work;
  const name = jobLayout.part(shard, ports.host.randomId());
  const range = rangeOf(plan, shard);
  const model = modelOf(loaded, registration);
  const output = partOutput(folder, plan, model.predictionColumns, name, call);
  return pipe(
    runRange(work, range, {
      model,
      output,
      onProgress: ({ rowsScored }) => work.onProgress({ shard, rowsScored, isCommitted: false }),
    }),
    TE.filterOrElse(
      ({ rowsRead }) => rowsRead === range.end - range.begin,
      ({ rowsRead }) =>
        failure(
          'DataUnreadable',
          `${plan.source.rows.name} was changed while the job was under way: it has ${rowsRead} rows where there were ${range.end - range.begin}, from row ${range.begin} on. Score it again.`,
        ),
    ),
    TE.bindTo('totals'),
    TE.bind('hasRejects', () => output.commit),
    afterFailure(output.abort),
    TE.chain(({ totals, hasRejects }) => commitShard(work, shard, name, { totals, hasRejects, output })),
  );
};

const runRange = (
  { ports, folder, plan, registration, call }: Work,
  range: RowRange,
  by: Pick<ScoringJob, 'model' | 'output' | 'onProgress'>,
): TE.TaskEither<Failure, ScoringTotals> =>
  pipe(
    openSource(folder.readStaged(plan.source.rows, plan.source.keys, range), {}, registration, call),
    TE.chain((rows) => async () => {
      const job = {
        ...rows,
        ...by,
        firstRow: range.begin,
        features: registration.signature.features,
        onError: plan.parameters.on_error,
      };
      try {
        return await runScoringJob(ports.host)(job, call)();
      } finally {
        await rows.close();
      }
    }),
  );

/** What was done counts unless another attempt was first; then this one goes. */
const commitShard = (
  { ports, folder, plan, call }: Work,
  shard: number,
  name: string,
  {
    totals,
    hasRejects,
    output,
  }: { readonly totals: ScoringTotals; readonly hasRejects: boolean; readonly output: PartOutput },
): TE.TaskEither<Failure, void> => {
  const rejects = rejectsLocation(name);
  return pipe(
    TE.Do,
    TE.apS('part', describePart(folder, name, call)),
    TE.bind('refusedRows', () => (hasRejects ? describePart(folder, rejects, call) : TE.right(null))),
    TE.map(
      ({ part, refusedRows }): ShardCommit => ({
        schema_version: 1,
        job_id: plan.job_id,
        shard,
        part,
        rejects: refusedRows,
        rows_read: totals.rowsRead,
        rows_scored: totals.rowsScored,
        rows_refused: totals.rowsRefused,
        columns: output.columns(),
        refused: output.refused,
        tally: totals.tally(),
        timings_ms: { read: totals.readMs, score: totals.scoreMs, write: totals.writeMs, wait: totals.waitMs },
      }),
    ),
    TE.chain((commit) =>
      createDocument({ host: ports.host, folder })(ShardCommit, jobLayout.commit(shard), commit, call),
    ),
    TE.chain((commit) =>
      commit.part.name === name
        ? TE.right(undefined)
        : pipe(
            folder.documents.delete(name, call),
            TE.chain(() => folder.documents.delete(rejects, call)),
          ),
    ),
  );
};

const describePart = ({ parts }: JobFolder, name: string, call: CallOptions): TE.TaskEither<Failure, Part> =>
  pipe(
    parts.digest(name, call),
    TE.chain(
      O.match(
        () =>
          failTask('Conflict', `The part ${name} is gone: the job was finished or removed by somebody else meanwhile.`),
        (sha256) => TE.right({ name, sha256 }),
      ),
    ),
  );

/** Predicts nothing of any row. */
const noModel: ScoringModel = {
  loaded: { run: () => TE.right(new Map()), release: async () => undefined, sizeBytes: 0 },
  inputs: [],
  predictionColumns: [],
};

const noOutput: PredictionOutput = { write: () => TE.right(undefined), refuse: () => TE.right(undefined) };

/** What a scoring of the whole source says of rows that do not fit, one of which a shard has. */
const misfitsOfAll = async (work: Work, found: Failure): Promise<Failure> => {
  const whole = { begin: 0, end: work.plan.shards.at(-1)?.end ?? 0 };
  const counted = await runRange(work, whole, { model: noModel, output: noOutput, onProgress: () => undefined })();
  return E.isLeft(counted) ? counted.left : found;
};

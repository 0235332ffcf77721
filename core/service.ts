/** The service: everything that can be asked of Scorekeeper, over whichever adapters it is given. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as T from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type * as t from 'io-ts';
import { decode } from './decode.js';
import { type Failure, failTask } from './failure.js';
import { checkLimits, limitFault } from './limits.js';
import type { ExperimentListing } from './model/experiment.js';
import type { Gate } from './model/metrics-gate.js';
import { modelIdOf } from './model/names.js';
import type { Registration } from './model/registration.js';
import { jobCalls } from './jobs/job-calls.js';
import type { JobStatus } from './jobs/job-status.js';
import type { PlannedJob, Repetition } from './jobs/plan-job.js';
import type { WorkerPlace } from './jobs/shards.js';
import type { ShardProgress } from './jobs/work-shards.js';
import type { ArtifactCache } from './ports/artifact-cache.js';
import type { ArtifactStore } from './ports/artifact-store.js';
import type { DataSource, PassingRows } from './ports/data-source.js';
import type { ExperimentSource } from './ports/experiment-source.js';
import { type CallOptions, type Host, neverCancelled } from './ports/host.js';
import type { InferenceEngine } from './ports/inference-engine.js';
import type { OpenJobFolder } from './ports/job-folder.js';
import type { ModelCache, ModelCacheUsage } from './ports/model-cache.js';
import type { PredictionSink } from './ports/prediction-sink.js';
import type { PredictionStream } from './ports/prediction-stream.js';
import { browseInfo, browseModels, type InfoAnswer, type ModelsPage } from './registry/browse.js';
import { copyVersion } from './registry/copy.js';
import { gc, type GcReport } from './registry/gc.js';
import { layout } from './registry/layout.js';
import {
  type AliasHistory,
  type AliasMoved,
  archive,
  deleteVersion,
  history,
  promote,
  restore,
  rollback,
  type VersionChanged,
} from './registry/lifecycle.js';
import { register, type Registered } from './registry/register.js';
import { isSilence, type LookUp, rememberResolved } from './registry/remember-resolved.js';
import {
  AliasRequest,
  CopyRequest,
  GcRequest,
  HistoryRequest,
  InfoRequest,
  modelOf,
  ModelsRequest,
  PromoteRequest,
  RegisterRequest,
  VerifyRequest,
  VersionRequest,
} from './registry/requests.js';
import { rememberVersions } from './registry/versions.js';
import { verify, type VerifyReport } from './registry/verify.js';
import { answerScore } from './scoring/answer-score.js';
import { scoreThere } from './scoring/score-there.js';
import { type ScoreAnswer, ScoreRequest, type ScoringProgress } from './scoring/score-request.js';

/** What a service is made of. */
export interface ServicePorts {
  readonly host: Host;
  readonly store: ArtifactStore;
  readonly experiments: ExperimentSource;
  readonly engine: InferenceEngine;
  readonly cache: ModelCache;
  /** By the name that a request's `data_source` uses. */
  readonly sources: Readonly<Record<string, DataSource>>;
  readonly sink: PredictionSink;
  /** Without one, every model that is loaded is fetched from the store. */
  readonly artifactCache?: ArtifactCache;
  /** Without one, the calls that are about jobs fail `InvalidInput`. */
  readonly jobFolder?: OpenJobFolder;
}

/** What a team settles once. */
export interface ServiceSettings {
  /** By model type: replaces the type's default metrics gate. */
  readonly gates?: Readonly<Record<string, Gate>>;
  /** By model type: the name of the source that `data_source: "query"` means. */
  readonly sourceOfType?: Readonly<Record<string, string>>;
  /** Rows that an answer without an output location may hold (10,000). */
  readonly inlineRowLimit?: number;
  /** How old, in milliseconds, what latest or an alias points to may be when it scores (2,000). */
  readonly refreshMs?: number;
  /** Who registers, unless the request says (`unknown`). */
  readonly registeredBy?: string;
  /** Where, unless the request says (`unknown`). */
  readonly environment?: string;
}

/** A request as its type says, or as it came over a wire: the service decodes it, and fails `InvalidInput` with each problem. */
export type Undecoded<Request> = Request | Readonly<Record<string, unknown>>;

/** How long a call may take and who may stop it; both default to never. */
export type CallControl = Partial<CallOptions>;

export interface ScoreControl extends CallControl {
  /** Told between slices; what it throws is thrown by the scoring, which then leaves nothing. */
  readonly onProgress?: (progress: ScoringProgress) => void;
  /** Replaces the service's `inlineRowLimit` for this call. */
  readonly inlineRowLimit?: number;
  /** Rows that come with the call, instead of `data`; of the keys of the model type's own source, those are carried that are among their columns. */
  readonly rows?: PassingRows;
  /** Takes the predictions as they are made, of any number of rows; in the answer, `predictions` is null. */
  readonly into?: PredictionStream;
}

export interface PlanJobControl extends CallControl {
  /** What a finished job of the same request means: it is `done` (the default), or done `again`. */
  readonly repetition?: Repetition;
}

export interface WorkJobControl extends CallControl {
  readonly onProgress?: (progress: ShardProgress) => void;
}

/** What `ready` answers. */
export interface Readiness {
  readonly models_loaded: number;
  readonly models_loaded_bytes: number;
  /** `silent` when it does not answer, and models that were looked up before go on serving. */
  readonly registry: 'answers' | 'silent';
  /** What latest and aliases were found to mean, and how long ago: the hundred that were looked up longest ago. */
  readonly look_ups: ReadonlyArray<LookUp>;
}

/** What `usage` tells. */
export interface ServiceUsage {
  readonly cache: ModelCacheUsage;
  /** As in `Readiness`. */
  readonly look_ups: ReadonlyArray<LookUp>;
}

/** Every call may fail `Unavailable`, `PermissionDenied`, `DeadlineExceeded`, `Cancelled` besides what it names. */
export interface Service {
  /**
   * Registers an experiment's artifact as the next version of a model, after every check has passed.
   * Fails `InvalidInput`, `NotFound` (experiment), `GateRejected`, `ArtifactUnreadable`, `SignatureMismatch` (golden rows that do
   * not fit; those that are predicted otherwise are `ArtifactUnreadable`), `Conflict` (another request under the same idempotency key).
   */
  readonly register: (request: Undecoded<RegisterRequest>, control?: CallControl) => TaskEither<Failure, Registered>;
  /** Registered versions by model type, sorted by name and version. Fails `InvalidInput`. Loads no artifact. */
  readonly models: (request: Undecoded<ModelsRequest>, control?: CallControl) => TaskEither<Failure, ModelsPage>;
  /** One version. Fails `InvalidInput`, `NotFound`. Loads no artifact. */
  readonly info: (request: Undecoded<InfoRequest>, control?: CallControl) => TaskEither<Failure, InfoAnswer>;
  /** Sets an alias on a version. Fails `InvalidInput`, `NotFound`, `Conflict` (somebody else moved it meanwhile; a version that is archived, deleted or cannot be scored). */
  readonly promote: (request: Undecoded<PromoteRequest>, control?: CallControl) => TaskEither<Failure, AliasMoved>;
  /** Moves an alias back to where it was before. Fails `InvalidInput`, `NotFound`, `Conflict` (nowhere to go back to). */
  readonly rollback: (request: Undecoded<AliasRequest>, control?: CallControl) => TaskEither<Failure, AliasMoved>;
  /** Every move of a model's aliases. Fails `InvalidInput`, `NotFound`. */
  readonly history: (request: Undecoded<HistoryRequest>, control?: CallControl) => TaskEither<Failure, AliasHistory>;
  /** Makes a version score only when it is pinned. Fails `InvalidInput`, `NotFound`, `Conflict` (an alias is on it). */
  readonly archive: (request: Undecoded<VersionRequest>, control?: CallControl) => TaskEither<Failure, VersionChanged>;
  /** Undoes `archive`. Fails `InvalidInput`, `NotFound`, `Conflict` (it was deleted). */
  readonly restore: (request: Undecoded<VersionRequest>, control?: CallControl) => TaskEither<Failure, VersionChanged>;
  /** Deletes a version's artifact for good; its number and record stay. Fails as `archive`, and `Conflict` for a Python pickle. */
  readonly deleteVersion: (
    request: Undecoded<VersionRequest>,
    control?: CallControl,
  ) => TaskEither<Failure, VersionChanged>;
  /** Holds what is stored against its digests, and finishes what was left unfinished. Fails `InvalidInput`, `NotFound` (a model or version that is named); damage is in the report. */
  readonly verify: (request: Undecoded<VerifyRequest>, control?: CallControl) => TaskEither<Failure, VerifyReport>;
  /** Removes what registrations that died left staged, and with `keep`, versions that were archived long ago. Fails `InvalidInput`. */
  readonly gc: (request: Undecoded<GcRequest>, control?: CallControl) => TaskEither<Failure, GcReport>;
  /** Copies a version to another store, where it gets the next number. Fails `InvalidInput`, `NotFound`, `AlreadyExists` (it is this registry), `ArtifactUnreadable`. */
  readonly copy: (
    request: Undecoded<CopyRequest>,
    target: ArtifactStore,
    control?: CallControl,
  ) => TaskEither<Failure, Registration>;
  /** What could be registered. */
  readonly experiments: (control?: CallControl) => TaskEither<Failure, ReadonlyArray<ExperimentListing>>;
  /**
   * Scores rows. Fails `InvalidInput`, `NotFound` (model, version, alias, source), `SignatureMismatch` (rows that do not fit),
   * `ArtifactUnreadable`, `DataUnreadable`, `TooLarge` (more rows than an answer may hold), `InferenceFailed`.
   */
  readonly score: (request: Undecoded<ScoreRequest>, control?: ScoreControl) => TaskEither<Failure, ScoreAnswer>;
  /**
   * Scores the rows of a source where they are: in BigQuery ML, into a table or a file. Fails `InvalidInput` when the model does not qualify, the
   * registry is in no bucket, the source is none in BigQuery or has no keys, or there is no output; else as `score` does. An output has all rows, or none.
   */
  readonly scoreThere: (request: Undecoded<ScoreRequest>, control?: CallControl) => TaskEither<Failure, ScoreAnswer>;
  /**
   * Plans the job of a request whose shards any number of workers score, in this process or in others, or finds it as it was planned before. All
   * of them may be killed at any moment: planning, working and finishing go on from what was committed. Fails as `score` does before it reads rows,
   * and `InvalidInput` without an output location, or for a source that only this process can read.
   */
  readonly planJob: (request: Undecoded<ScoreRequest>, control?: PlanJobControl) => TaskEither<Failure, PlannedJob>;
  /**
   * Works at the job in the folder `path` until every shard is done, by whichever worker. Fails `NotFound` (no plan), `Conflict` (another registry than
   * the plan's), and as `score` does.
   */
  readonly workJob: (path: string, place: WorkerPlace, control?: WorkJobControl) => TaskEither<Failure, void>;
  /** Puts the job's output in its place, and answers as `score` does. Fails `NotFound` (no plan), `Conflict` (shards are missing), and as `score` does when it writes. */
  readonly finishJob: (path: string, control?: CallControl) => TaskEither<Failure, ScoreAnswer>;
  /** How far the job in the folder `path` is. Asks the folder alone, and changes nothing. Fails `NotFound` (no plan). */
  readonly jobStatus: (path: string, control?: CallControl) => TaskEither<Failure, JobStatus>;
  /** Removes the job's folder: what was done so far is lost. */
  readonly removeJob: (path: string) => TaskEither<Failure, void>;
  /** Whether scoring can go on: the registry answers, or did when models were looked up. Fails as the store does. */
  readonly ready: (control?: CallControl) => TaskEither<Failure, Readiness>;
  /** What is held and known at this moment; asks nobody. */
  readonly usage: () => ServiceUsage;
  /**
   * Lets go of every loaded model, also of those that other services have through the same cache. What is asked afterwards is answered, with models
   * loaded anew.
   */
  readonly close: T.Task<void>;
}

/** Rows that an answer without an output location may hold, unless the settings say otherwise. */
const defaultInlineRowLimit = 10_000;

const defaultRefreshMs = 2_000;

/** Of records for lists, as they are stored. */
const rememberedRecordsBytes = 64 * 2 ** 20;

const lookUpsShown = 100;

/** How long `ready` waits for the registry when models can be served without it. */
const readyPatienceMs = 900;

/**
 * Composes a service from adapters; `ports` belong to the caller and stay open when the service is closed. Throws a RangeError for a setting that is
 * no number, or a negative one.
 */
export const createService = (ports: ServicePorts, settings: ServiceSettings = {}): Service => {
  const refreshMs = settings.refreshMs ?? defaultRefreshMs;
  const mostRows = settings.inlineRowLimit ?? defaultInlineRowLimit;
  checkLimits({ refreshMs, inlineRowLimit: mostRows });
  const decoded =
    <A>(codec: t.Decoder<unknown, A>) =>
    <B>(answer: (request: A, call: CallOptions) => TaskEither<Failure, B>) =>
    (request: unknown, control: CallControl = {}): TaskEither<Failure, B> =>
    async () => {
      // When it is run, which may be later than it was asked for, and not only once.
      const valid = decode(codec, 'The request')(request);
      return E.isLeft(valid) ? valid : answer(valid.right, callOf(control))();
    };
  const { resolve, forget, lookUps, close } = rememberResolved(ports, refreshMs);
  const scorePorts = { ...ports, resolve };
  const jobs = jobCalls(scorePorts, settings);
  /** Scoring sees at once what this service itself changed. */
  const forgetting =
    <A extends Parameters<typeof modelOf>[0], B>(change: (request: A, call: CallOptions) => TaskEither<Failure, B>) =>
    (request: A, call: CallOptions): TaskEither<Failure, B> =>
      pipe(
        change(request, call),
        // Also when it failed: it may have happened, or half of it.
        T.chainFirstIOK(() => () => forget(modelOf(request))),
      );
  return {
    register: decoded(RegisterRequest)((request, call) =>
      pipe(
        register(ports, settings)(request, call),
        TE.chainFirstIOK(() => () => forget(modelIdOf(request))),
      ),
    ),
    promote: decoded(PromoteRequest)(forgetting(promote(ports))),
    rollback: decoded(AliasRequest)(forgetting(rollback(ports))),
    history: decoded(HistoryRequest)(history(ports)),
    archive: decoded(VersionRequest)(forgetting(archive(ports))),
    restore: decoded(VersionRequest)(forgetting(restore(ports))),
    deleteVersion: decoded(VersionRequest)(forgetting(deleteVersion(ports))),
    verify: decoded(VerifyRequest)(verify(ports)),
    gc: decoded(GcRequest)((request, call) =>
      pipe(
        gc(ports)(request, call),
        T.chainFirstIOK(() => () => forget()),
      ),
    ),
    copy: (request, target, control) =>
      decoded(CopyRequest)((valid, call) => copyVersion(ports)(valid, target, call))(request, control),
    models: decoded(ModelsRequest)(
      browseModels({ ...ports, readVersion: rememberVersions(ports, rememberedRecordsBytes) }),
    ),
    info: decoded(InfoRequest)(browseInfo(ports)),
    experiments: (control = {}) => ports.experiments.list(callOf(control)),
    score: (request, control = {}) => {
      const { onProgress = () => undefined, inlineRowLimit = mostRows } = control;
      const fault = limitFault({ inlineRowLimit });
      if (fault !== undefined) return failTask('InvalidInput', `The limit ${fault}`);
      const { rows, into } = control;
      const of = { ...settings, inlineRowLimit, onProgress, rows, into };
      return decoded(ScoreRequest)(answerScore(scorePorts, of))(request, control);
    },
    scoreThere: decoded(ScoreRequest)(scoreThere(scorePorts, settings)),
    planJob: (request, control = {}) =>
      decoded(ScoreRequest)((valid, call) => jobs.plan(valid, control.repetition ?? 'done', call))(request, control),
    workJob: (path, place, control = {}) =>
      jobs.work(path, place, control.onProgress ?? (() => undefined), callOf(control)),
    finishJob: (path, control = {}) => jobs.finish(path, callOf(control)),
    jobStatus: (path, control = {}) => jobs.status(path, callOf(control)),
    removeJob: (path) => jobs.remove(path, callOf({})),
    ready: (control = {}) => {
      const known = lookUps();
      const call = callOf(control);
      const readiness = (registry: Readiness['registry']): Readiness => {
        const { modelCount, sizeBytes } = ports.cache.usage();
        const counts = { models_loaded: modelCount, models_loaded_bytes: sizeBytes };
        return { ...counts, registry, look_ups: known.slice(0, lookUpsShown) };
      };
      // A probe should not wait for a registry that is not needed.
      const patienceMs = known.length > 0 ? readyPatienceMs : Number.POSITIVE_INFINITY;
      const deadlineMs = Math.min(call.deadlineMs, ports.host.nowMs() + patienceMs);
      return pipe(
        ports.store.list(layout.registered, { limit: 1 }, { ...call, deadlineMs }),
        TE.map(() => readiness('answers')),
        TE.orElse((failed) =>
          known.length > 0 && isSilence(failed) ? TE.right(readiness('silent')) : TE.left(failed),
        ),
      );
    },
    usage: () => ({ cache: ports.cache.usage(), look_ups: lookUps().slice(0, lookUpsShown) }),
    close: () => {
      close();
      return ports.cache.clear();
    },
  };
};

const callOf = ({
  deadlineMs = Number.POSITIVE_INFINITY,
  cancellation = neverCancelled,
}: CallControl): CallOptions => ({
  deadlineMs,
  cancellation,
});

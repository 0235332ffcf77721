/** The service: everything that can be asked of Scorekeeper, over whichever adapters it is given. */
import type { Task } from 'fp-ts/lib/Task.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from './failure.js';
import type { ExperimentListing } from './model/experiment.js';
import type { Gate } from './model/metrics-gate.js';
import type { ArtifactStore } from './ports/artifact-store.js';
import type { DataSource } from './ports/data-source.js';
import type { ExperimentSource } from './ports/experiment-source.js';
import type { CallOptions, Host } from './ports/host.js';
import type { InferenceEngine } from './ports/inference-engine.js';
import type { ModelCache } from './ports/model-cache.js';
import type { PredictionSink } from './ports/prediction-sink.js';
import type { InfoAnswer, ModelsPage } from './registry/browse.js';
import type { Registered } from './registry/register.js';
import type { InfoRequest, ModelsRequest, RegisterRequest } from './registry/requests.js';
import type { ScoreAnswer, ScoreRequest, ScoringProgress } from './scoring/score-request.js';

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
}

/** What a team settles once. */
export interface ServiceSettings {
  /** By model type: replaces the type's default metrics gate. */
  readonly gates?: Readonly<Record<string, Gate>>;
  /** By model type: the name of the source that `data_source: "query"` means. */
  readonly sourceOfType?: Readonly<Record<string, string>>;
  /** Rows that an answer without an output location may hold (10,000). */
  readonly inlineRowLimit?: number;
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
  readonly onProgress?: (progress: ScoringProgress) => void;
  /** Replaces the service's `inlineRowLimit` for this call. */
  readonly inlineRowLimit?: number;
}

/** What `ready` answers. */
export interface Readiness {
  readonly store: string;
  readonly models_loaded: number;
  readonly models_loaded_bytes: number;
}

/** Every call may fail `Unavailable`, `PermissionDenied`, `DeadlineExceeded`, `Cancelled` besides what it names. */
export interface Service {
  /**
   * Registers an experiment's artifact as the next version of a model, after every check has passed.
   * Fails `InvalidInput`, `NotFound` (experiment), `GateRejected`, `ArtifactUnreadable`, `SignatureMismatch` (golden rows that do not
   * fit or are predicted otherwise), `Conflict` (another request under the same idempotency key).
   */
  readonly register: (request: Undecoded<RegisterRequest>, control?: CallControl) => TaskEither<Failure, Registered>;
  /** Registered versions by model type, sorted by name and version. Fails `InvalidInput`. Loads no artifact. */
  readonly models: (request: Undecoded<ModelsRequest>, control?: CallControl) => TaskEither<Failure, ModelsPage>;
  /** One version. Fails `InvalidInput`, `NotFound`. Loads no artifact. */
  readonly info: (request: Undecoded<InfoRequest>, control?: CallControl) => TaskEither<Failure, InfoAnswer>;
  /** What could be registered. */
  readonly experiments: (control?: CallControl) => TaskEither<Failure, ReadonlyArray<ExperimentListing>>;
  /**
   * Scores rows. Fails `InvalidInput`, `NotFound` (model, version, alias, source), `SignatureMismatch` (rows that do not fit),
   * `ArtifactUnreadable`, `DataUnreadable`, `TooLarge` (more rows than an answer may hold), `InferenceFailed`.
   */
  readonly score: (request: Undecoded<ScoreRequest>, control?: ScoreControl) => TaskEither<Failure, ScoreAnswer>;
  /** Whether the registry answers. Fails as the store does. */
  readonly ready: (control?: CallControl) => TaskEither<Failure, Readiness>;
  /** Lets go of every loaded model. */
  readonly close: Task<void>;
}

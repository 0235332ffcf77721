/** The one barrel: everything that adapters, apps and embedders may import of the core. */
export {
  ambiguous,
  fail,
  type Failure,
  type FailureTag,
  failTask,
  failure,
  failureOf,
  nearest,
  repeated,
  type Problem,
  problemLimit,
} from './failure.js';
export {
  type Experiment,
  type ExperimentListing,
  ExperimentMetadata,
  Golden,
  Metrics,
  ModelInfo,
} from './model/experiment.js';
export { Feature, Fill, freeWidthOf, Signature, TensorSpec, TensorType } from './model/signature.js';
export type { ArtifactCache } from './ports/artifact-cache.js';
export { checkFolder, checkKey } from './ports/artifact-key.js';
export type {
  ArtifactStore,
  Listing,
  ObjectHead,
  StoredObject,
  StoreToken,
  WriteCondition,
} from './ports/artifact-store.js';
export { type BucketAddress, parseBucketAddress, parseBucketPrefix } from './ports/bucket-address.js';
export type { BucketFile, BucketFiles, ByteRange } from './ports/bucket-files.js';
export type { ByteStream } from './ports/byte-stream.js';
export {
  type DataSource,
  type OpenedSource,
  type Opening,
  type PassingRows,
  type Staged,
  type StagedFile,
  StagedRows,
  type WantedColumn,
  type YearRange,
} from './ports/data-source.js';
export type { PredictingThere, ScoredThere, ScoringThere } from './ports/source-scoring.js';
export type { ExperimentSource } from './ports/experiment-source.js';
export {
  type CallOptions,
  type Cancellation,
  type CancellationSource,
  cancellationSource,
  type Host,
  neverCancelled,
  type QuantileSketch,
  sketchAccuracy,
} from './ports/host.js';
export type { InferenceEngine, Inspection, LoadedModel, Tensor } from './ports/inference-engine.js';
export type { JobFolder, OpenJobFolder, RowRange, StagePlace } from './ports/job-folder.js';
export { checkOutputLocation, type OutputFormat, protectedPlace, refuseOutput } from './ports/output-location.js';
export type { ModelCache, ModelCacheUsage } from './ports/model-cache.js';
export type {
  ConstantValue,
  JoinedOutput,
  JoinSchema,
  PredictionSink,
  SinkColumn,
  SinkSchema,
  SinkWriter,
  Written,
} from './ports/prediction-sink.js';
export type { PredictionEncoder, PredictionStream } from './ports/prediction-stream.js';
export { numberText } from './scoring/features.js';
export {
  jsonText,
  narrowColumn,
  type Narrowing,
  type NarrowType,
  narrowestType,
  textColumn,
} from './scoring/json-column.js';
export {
  allocateColumn,
  type BatchColumn,
  type BatchStream,
  type Column,
  type ColumnSpec,
  type NumberBlock,
  type RawColumn,
  type RawRows,
  type RowBatch,
  sliceColumn,
} from './scoring/row-batch.js';
export { brief, closed, decode, integer, pointerToken, show, text } from './decode.js';
export { checkLimits } from './limits.js';
export { nestsDeeper } from './model/json-depth.js';
export { checkGate, defaultGates, Gate, GateCheck } from './model/metrics-gate.js';
export {
  AliasName,
  ExperimentName,
  type ModelId,
  ModelName,
  type ModelReference,
  ModelType,
  parseModelReference,
  showModel,
  Version,
  type VersionSelector,
  versionOfFolder,
} from './model/names.js';
export { bigqueryRuntime, OnnxFormat, PushDown } from './model/push-down.js';
export { Registration, Tombstone } from './model/registration.js';
export {
  canonicalJson,
  type JsonObject,
  openDocument,
  parseJson,
  replaceInJson,
  sealDocument,
} from './model/sealed-document.js';
export type { InfoAnswer, ListedVersion, ModelsPage, RegisteredVersion, UnscorableVersion } from './registry/browse.js';
export type { GcReport, Removed } from './registry/gc.js';
export type { Registered } from './registry/register.js';
export type { LookUp } from './registry/remember-resolved.js';
export type { AliasHistory, AliasMoved, VersionChanged } from './registry/lifecycle.js';
export {
  AliasRequest,
  CopyRequest,
  GcRequest,
  HistoryRequest,
  InfoRequest,
  ModelsRequest,
  PromoteRequest,
  RegisterRequest,
  VerifyRequest,
  VersionRequest,
} from './registry/requests.js';
export type { FinishedVersion, VerifyProblem, VerifyReport } from './registry/verify.js';
export type { JobStatus } from './jobs/job-status.js';
export type { PlannedJob, Repetition } from './jobs/plan-job.js';
export type { WorkerPlace } from './jobs/shards.js';
export type { ShardProgress } from './jobs/work-shards.js';
export { type Distribution, type DistributionSummary, recordDistribution } from './scoring/distribution.js';
export type { PredictionColumn } from './scoring/predictions.js';
export { keysOf } from './scoring/keys.js';
export { ndjsonEncoder } from './scoring/ndjson-encoder.js';
export { jsonValueAt } from './scoring/json-rows.js';
export {
  type RefusedRow,
  type ScoreAnswer,
  ScoreRequest,
  type ScoringProgress,
  type Timings,
} from './scoring/score-request.js';
export { sideBySide } from './side-by-side.js';
export {
  type CallControl,
  createService,
  type PlanJobControl,
  type Readiness,
  type ScoreControl,
  type Service,
  type ServicePorts,
  type ServiceSettings,
  type ServiceUsage,
  type Undecoded,
  type WorkJobControl,
} from './service.js';

/** Registering: every check first, then the claim of a version. Nothing is written before all checks have passed. */
import { pipe } from 'fp-ts/lib/function.js';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import * as T from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure } from '../failure.js';
import type { Gate } from '../model/metrics-gate.js';
import { modelIdOf } from '../model/names.js';
import { Registration } from '../model/registration.js';
import { type JsonObject, openDocument, sealDocument } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import { type Checked, checkExperiment, type CheckPorts } from './check-experiment.js';
import { beginKeyed, type KeyedAttempt, readKeyed } from './idempotency.js';
import {
  changeModelState,
  isArchived,
  isDeleted,
  type ModelState,
  noteRegistered,
  readModelState,
  type StateRead,
  twinOf,
  withNewAlias,
  withRegistered,
} from './model-state.js';
import { findCommitted, findPublished, publish } from './publish.js';
import type { RegistryPorts } from './registry-ports.js';
import type { RegisterRequest } from './requests.js';
import { highestVersion } from './versions.js';

export type RegisterPorts = RegistryPorts & CheckPorts;

export interface RegisterSettings {
  readonly gates?: Readonly<Record<string, Gate>>;
  readonly registeredBy?: string;
  readonly environment?: string;
}

/** What became of a request to register. */
export interface Registered {
  readonly registration: Registration;
  /** `existing`: the idempotency key had made it before. `dry-run`: every check passed and nothing was written. */
  readonly outcome: 'created' | 'existing' | 'dry-run';
  /** An earlier version that has the very same artifact, among the twenty registered last; null when there is none. */
  readonly sameArtifactAs: number | null;
  /** What was not as asked although the version was registered, each a sentence. */
  readonly warnings: ReadonlyArray<string>;
}

/**
 * Registers. Fails `NotFound`, `InvalidInput` (experiment), `GateRejected`, `ArtifactUnreadable`, `SignatureMismatch` (golden rows),
 * `Conflict` (another request under the same idempotency key), and as the store does.
 */
export const register =
  (ports: RegisterPorts, settings: RegisterSettings) =>
  (request: RegisterRequest, call: CallOptions): TE.TaskEither<Failure, Registered> =>
    pipe(
      readKeyed(ports)(request, call),
      TE.chain((keyed) =>
        pipe(
          keyed,
          O.match(
            () => TE.right<Failure, O.Option<Registration>>(O.none),
            ({ registrationId, searchFrom }) =>
              (request.dry_run === true ? findCommitted : findPublished)(ports)(
                modelIdOf(request),
                registrationId,
                searchFrom,
                call,
              ),
          ),
        ),
      ),
      TE.chain(
        O.match(
          () => registerNew(ports, settings, request, call),
          (registration) =>
            pipe(
              readModelState(ports)(modelIdOf(request), call),
              TE.chain((seen) =>
                request.dry_run === true
                  ? TE.right(existingIn(seen.state, registration))
                  : settle(ports, request, registration, 'existing', seen, call),
              ),
              // It is registered, whatever became of the model's state.
              TE.orElse((failed) =>
                TE.right<Failure, Registered>({
                  registration,
                  outcome: 'existing',
                  sameArtifactAs: null,
                  warnings: request.alias === undefined ? [] : [aliasNotSet(registration, request.alias, failed)],
                }),
              ),
            ),
        ),
      ),
    );

const registerNew = (
  ports: RegisterPorts,
  settings: RegisterSettings,
  request: RegisterRequest,
  call: CallOptions,
): TE.TaskEither<Failure, Registered> =>
  pipe(
    checkExperiment(ports, settings.gates)(request, call),
    TE.map((checked) => ({ checked, draft: registrationAs(ports, settings, request, checked) })),
    TE.chainFirstEitherK(({ draft }) => checkDraft(ports, draft)),
    TE.bind('seen', () => readModelState(ports)(modelIdOf(request), call)),
    TE.chain(({ checked, draft, seen }) => {
      if (request.dry_run === true) return dryRun(ports, request, draft, seen.state, call);
      return pipe(
        nextToTry(ports, request, seen.state, call),
        TE.chain((next) => beginKeyed(ports)(request, next, call)),
        TE.chain(({ registrationId, searchFrom }: KeyedAttempt) =>
          publish(ports)(
            {
              model: modelIdOf(request),
              registrationId,
              artifact: checked.experiment.artifact,
              tries: request.idempotency_key === undefined ? 'one' : 'many',
              registrationAs: draft(registrationId),
            },
            searchFrom,
            call,
          ),
        ),
        TE.chain((registration) => settle(ports, request, registration, 'created', seen, call)),
      );
    }),
  );

const registrationAs = (
  { host }: RegisterPorts,
  settings: RegisterSettings,
  request: RegisterRequest,
  { experiment, gate, report, signature, goldenRows, pushDown }: Checked,
) => {
  const fields = {
    description: request.description ?? experiment.metadata.description ?? '',
    original_experiment: { name: experiment.name, version: experiment.version, metadata: experiment.metadata },
    model_info: experiment.modelInfo,
    metrics: experiment.metrics,
    parameters: experiment.parameters,
    validation_metrics: gate,
    validation_report: report,
    validation_skipped: request.skip_validation === true,
    golden_rows_checked: goldenRows,
    artifact: {
      file: 'pipeline.onnx',
      format: 'onnx',
      bytes: experiment.artifact.length,
      sha256: host.sha256(experiment.artifact),
    },
    signature,
    bigquery_ml: pushDown,
    registered_at: new Date(host.nowMs()).toISOString(),
    registered_by: request.registered_by ?? settings.registeredBy ?? 'unknown',
    environment: request.environment ?? settings.environment ?? 'unknown',
    metadata: request.metadata ?? {},
  };
  return (registrationId: string) =>
    (version: number): JsonObject => ({
      schema_version: 1,
      registration_id: registrationId,
      model_type: request.model_type,
      name: request.name,
      version,
      status: 'registered',
      ...fields,
    });
};

/**
 * Reads back what would be stored: an intent that nobody can read would stand in the way of every later version. JSON makes null of
 * the NaN that Python's `model_info.json` may hold.
 */
const checkDraft = (
  { host }: RegisterPorts,
  draft: (registrationId: string) => (version: number) => JsonObject,
): E.Either<Failure, Registration> =>
  pipe(
    sealDocument(host)(draft(host.randomId())(1)),
    openDocument(host)(Registration, 'The registration that this experiment would get'),
    E.mapLeft((unreadable): Failure => ({ ...unreadable, tag: 'InvalidInput' })),
  );

/** The first version that may be free. The hint is committed, so the one above it can be claimed without a look. */
const nextToTry = (
  ports: RegistryPorts,
  request: RegisterRequest,
  { latest_hint }: ModelState,
  call: CallOptions,
): TE.TaskEither<Failure, number> =>
  latest_hint > 0
    ? TE.right(latest_hint + 1)
    : pipe(
        highestVersion(ports)(modelIdOf(request), latest_hint, call),
        TE.map((highest) => highest + 1),
      );

/** What would be registered, under the version that is free now. */
const dryRun = (
  ports: RegistryPorts,
  request: RegisterRequest,
  draft: (registrationId: string) => (version: number) => JsonObject,
  state: ModelState,
  call: CallOptions,
): TE.TaskEither<Failure, Registered> =>
  pipe(
    highestVersion(ports)(modelIdOf(request), state.latest_hint, call),
    TE.map((highest) => sealDocument(ports.host)(draft(ports.host.randomId())(highest + 1))),
    TE.chainEitherK(openDocument(ports.host)(Registration, 'The registration')),
    TE.map((registration) => ({
      registration,
      outcome: 'dry-run',
      sameArtifactAs: twinOf(state, registration),
      warnings: [],
    })),
  );

/** After the commit: notes it in the state as it was seen, and sets the alias. The version is registered whatever comes of it. */
const settle = (
  ports: RegistryPorts,
  request: RegisterRequest,
  registration: Registration,
  outcome: 'created' | 'existing',
  seen: StateRead,
  call: CallOptions,
): TE.TaskEither<Failure, Registered> =>
  pipe(
    request.alias === undefined
      ? pipe(
          noteRegistered(ports)(registration, seen, call),
          T.map((): ReadonlyArray<string> => []),
        )
      : setAlias(ports, request.alias, registration, seen, call),
    TE.fromTask,
    TE.map((warnings) => {
      const { warnings: sinceThen, ...existing } = existingIn(seen.state, registration);
      return { ...existing, outcome, warnings: [...sinceThen, ...warnings] };
    }),
  );

/** What an earlier try registered, and what became of it since. */
const existingIn = (state: ModelState, registration: Registration): Registered => {
  const { version } = registration;
  const became = isDeleted(state, version) ? 'deleted' : isArchived(state, version) ? 'archived' : undefined;
  return {
    registration,
    outcome: 'existing',
    sameArtifactAs: twinOf(state, registration),
    warnings: became === undefined ? [] : [`Version ${version} was ${became} since it was registered.`],
  };
};

const aliasNotSet = ({ version }: Registration, alias: string, { message }: Failure): string =>
  `Version ${version} is registered, and the alias ${alias} was not set: ${message}`;

/** Notes what was registered, under the alias; what was not as asked, as sentences. */
const setAlias = (
  ports: RegistryPorts,
  alias: string,
  registration: Registration,
  seen: StateRead,
  call: CallOptions,
): T.Task<ReadonlyArray<string>> => {
  const { version, registered_by: by } = registration;
  const at = new Date(ports.host.nowMs()).toISOString();
  return pipe(
    changeModelState(ports)(
      modelIdOf(registration),
      (state) =>
        isArchived(state, version) || isDeleted(state, version)
          ? fail('Conflict', 'it was archived or deleted meanwhile.')
          : E.right(withNewAlias(alias, version, at, by)(withRegistered(registration)(state))),
      call,
      seen,
    ),
    TE.match(
      (failed) => [aliasNotSet(registration, alias, failed)],
      ({ aliases }) =>
        aliases[alias]?.version === version
          ? []
          : [`The alias ${alias} stays on version ${aliases[alias]?.version}, to which it was moved later.`],
    ),
  );
};

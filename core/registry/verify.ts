/** Verifies what is stored against its digests, and finishes what a dead process left unfinished. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure } from '../failure.js';
import type { ModelId } from '../model/names.js';
import type { VersionRecord } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import { everyModel } from './every-model.js';
import { readIntent } from './intent.js';
import { layout } from './layout.js';
import { isDeleted, type ModelState, readModelState } from './model-state.js';
import { restoreRecord, rollForward } from './publish.js';
import type { RegistryPorts } from './registry-ports.js';
import type { VerifyRequest } from './requests.js';
import { findVersion, requireModel } from './resolve.js';
import { listIntentNumbers, listVersionNumbers, readVersion } from './versions.js';

/** A version, or a model's own documents (without a version), that is not as it was written. */
export interface VerifyProblem {
  readonly model_type: string;
  readonly name: string;
  readonly version: number | null;
  readonly detail: string;
}

/** A version that was left unfinished, or had lost its record: it is registered now, or given up because its artifact was lost. */
export interface FinishedVersion {
  readonly model_type: string;
  readonly name: string;
  readonly version: number;
  readonly status: 'registered' | 'aborted';
}

export interface VerifyReport {
  /** Versions whose record and artifact were read and digested again; legacy, aborted and deleted ones have nothing to digest. */
  readonly versions_verified: number;
  readonly problems: ReadonlyArray<VerifyProblem>;
  /** Versions that were left unfinished, or had lost their record, and are whole now. */
  readonly finished: ReadonlyArray<FinishedVersion>;
}

/**
 * Reads everything that the request names, one model after the other. Damage is no failure: it is what the report tells. Fails
 * `InvalidInput`, `NotFound` when a model or version that is named is not there, and as the store does.
 */
export const verify =
  (ports: RegistryPorts) =>
  (request: VerifyRequest, call: CallOptions): TE.TaskEither<Failure, VerifyReport> =>
    pipe(
      TE.fromEither(checkRequest(request)),
      TE.chain(() => everyModel(ports)(request, call)),
      TE.chain(TE.traverseSeqArray((model) => verifyModel(ports, model, request, call))),
      TE.map((reports) => ({
        versions_verified: reports.reduce((sum, report) => sum + report.versions_verified, 0),
        problems: reports.flatMap(({ problems }) => problems),
        finished: reports.flatMap(({ finished }) => finished),
      })),
    );

const checkRequest = ({ model_type, model_name, model_version }: VerifyRequest): E.Either<Failure, void> =>
  (model_version !== undefined && model_name === undefined) || (model_name !== undefined && model_type === undefined)
    ? fail('InvalidInput', 'A version is named with its model_name, and a model_name with its model_type.')
    : E.right(undefined);

const verifyModel = (
  ports: RegistryPorts,
  model: ModelId,
  request: VerifyRequest,
  call: CallOptions,
): TE.TaskEither<Failure, VerifyReport> => {
  const place = { model_type: model.modelType, name: model.name };
  return pipe(
    TE.Do,
    // Listed first: what is listed and not finished then is finished next, so that a registration in progress is no problem.
    TE.bind('listed', () => listVersionNumbers(ports)(model, call)),
    TE.bind('claimed', () => listIntentNumbers(ports)(model, call)),
    TE.bind('rolled', () => damageOr(rollForward(ports)(model, call), O.none)),
    TE.let('unfinished', ({ rolled }) => (O.isSome(rolled.found) ? [rolled.found.value] : [])),
    TE.bind('read', () =>
      damageOr(
        pipe(
          readModelState(ports)(model, call),
          TE.map(({ state }): ModelState | undefined => state),
        ),
        undefined,
      ),
    ),
    TE.bind('versions', ({ listed, claimed, unfinished, read }) => {
      const known = [...listed, ...claimed, ...unfinished.map(({ version }) => version), ...versionsNamed(read.found)];
      return chooseVersions(
        ports,
        model,
        request,
        [...new Set(known)].sort((a, b) => a - b),
        call,
      );
    }),
    TE.bind('found', ({ versions, read }) =>
      pipe(
        versions,
        TE.traverseSeqArray((version) => verifyVersion(ports, model, version, read.found, call)),
      ),
    ),
    TE.map(({ unfinished, rolled, read, found }) => ({
      versions_verified: found.filter((one) => one.isVerified).length,
      problems: [
        ...[...read.damage, ...rolled.damage]
          .filter((detail) => !found.some(({ damage }) => damage.includes(detail)))
          .map((detail) => ({ ...place, version: null, detail })),
        ...found.flatMap(({ version, damage }) => damage.map((detail) => ({ ...place, version, detail }))),
      ],
      finished: [
        ...unfinished.map(({ version, ending }): FinishedVersion => {
          const status = ending === 'committed' ? 'registered' : 'aborted';
          return { ...place, version, status };
        }),
        ...found
          .filter(({ isRestored }) => isRestored)
          .map(({ version }): FinishedVersion => ({ ...place, version, status: 'registered' })),
      ],
    })),
  );
};

/** The versions of which the state says something: all of them were committed. */
const versionsNamed = (state: ModelState | undefined): ReadonlyArray<number> =>
  state === undefined
    ? []
    : [
        ...(state.latest_hint > 0 ? [state.latest_hint] : []),
        ...state.recent_artifacts.map(({ version }) => version),
        ...Object.values(state.aliases).map(({ version }) => version),
        ...[...Object.keys(state.archived), ...Object.keys(state.deleted)].map(Number),
      ];

/** The versions that are meant. Fails `NotFound` when there is none of those that are named. */
const chooseVersions = (
  ports: RegistryPorts,
  model: ModelId,
  { model_name, model_version: only }: VerifyRequest,
  versions: ReadonlyArray<number>,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<number>> => {
  if (only !== undefined) {
    return versions.includes(only)
      ? TE.right([only])
      : pipe(
          findVersion(ports, model, only, call),
          TE.map(() => [only]),
        );
  }
  return versions.length === 0 && model_name !== undefined ? requireModel(ports)(model, call) : TE.right(versions);
};

/** What was found, and what is damaged. */
interface Found<A> {
  readonly found: A;
  readonly damage: ReadonlyArray<string>;
}

const damageOr = <A>(reading: TE.TaskEither<Failure, A>, otherwise: A): TE.TaskEither<Failure, Found<A>> =>
  pipe(
    reading,
    TE.map((found): Found<A> => ({ found, damage: [] })),
    TE.orElse((failed) =>
      failed.tag === 'ArtifactUnreadable'
        ? TE.right<Failure, Found<A>>({ found: otherwise, damage: [failed.message] })
        : TE.left(failed),
    ),
  );

interface VerifiedRecord {
  readonly isVerified: boolean;
  readonly damage: ReadonlyArray<string>;
}

interface VerifiedVersion extends VerifiedRecord {
  readonly version: number;
  /** Its record was lost, and is there again. */
  readonly isRestored: boolean;
}

const noRecord = "There is no registration.json. Restore the version's folder from a copy.";

/** Not verified, and why; without a reason because there is nothing to digest. */
const unverified = (...damage: ReadonlyArray<string>): VerifiedRecord => ({ isVerified: false, damage });

/** Its record and artifact, and its intent, which a retry under an idempotency key reads and which holds the record once more. */
const verifyVersion = (
  ports: RegistryPorts,
  model: ModelId,
  version: number,
  state: ModelState | undefined,
  call: CallOptions,
): TE.TaskEither<Failure, VerifiedVersion> =>
  pipe(
    TE.Do,
    TE.apS('before', readVersion(ports)(model, version, call)),
    TE.apS('intent', damageOr(readIntent(ports, model, version, call), O.none)),
    TE.bind('restored', ({ before, intent }) =>
      O.isNone(before) && O.isSome(intent.found)
        ? damageOr(restoreRecord(ports)(model, intent.found.value, call), false)
        : TE.right<Failure, Found<boolean>>({ found: false, damage: [] }),
    ),
    TE.bind('record', ({ before, restored }) =>
      restored.found ? readVersion(ports)(model, version, call) : TE.right(before),
    ),
    TE.bind('verified', ({ record, intent }) => {
      if (O.isSome(record)) return verifyRecord(ports, model, record.value, state, call);
      // A damaged intent says itself what to do.
      return TE.right(intent.damage.length > 0 ? unverified() : unverified(noRecord));
    }),
    TE.map(({ verified: { isVerified, damage }, intent, restored }) => ({
      version,
      isVerified,
      isRestored: restored.found,
      damage: [...damage, ...intent.damage, ...restored.damage],
    })),
  );

const verifyRecord = (
  { store, host }: RegistryPorts,
  model: ModelId,
  record: VersionRecord,
  state: ModelState | undefined,
  call: CallOptions,
): TE.TaskEither<Failure, VerifiedRecord> => {
  const { version } = record;
  if (record.kind === 'unreadable') return TE.right(unverified(record.failure.message));
  if (record.kind !== 'registered' || (state !== undefined && isDeleted(state, version))) return TE.right(unverified());
  const { sha256 } = record.registration.artifact;
  return pipe(
    store.get(layout.artifact(model, version), call),
    TE.map(
      O.match(
        () => unverified('The artifact is gone. Restore it from a copy.'),
        ({ bytes }) =>
          host.sha256(bytes) === sha256
            ? { isVerified: true, damage: [] }
            : unverified(
                `The artifact was changed after it was registered: its SHA-256 is not ${sha256}. Restore it from a copy.`,
              ),
      ),
    ),
  );
};

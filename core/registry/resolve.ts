/** From a model reference to the registration that scores. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure, failTask, failure, nearest } from '../failure.js';
import { type ModelId, type ModelReference, showModel, type VersionSelector } from '../model/names.js';
import type { Registration, VersionRecord } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import {
  aliasNamed,
  isArchived,
  isDeleted,
  type ModelState,
  readModelState,
  readModelStateAgain,
  type StateRead,
} from './model-state.js';
import type { RegistryPorts } from './registry-ports.js';
import { highestVersion, isCommitted, listFolders, listVersionNumbers, readVersion } from './versions.js';

/** A version's record, and the state that it was found under. */
export interface ResolvedVersion {
  readonly record: VersionRecord;
  readonly state: ModelState;
}

/**
 * Finds the version that is meant: `latest` is the highest that can be scored. Fails `NotFound` with what there is, or what was near.
 */
export const resolveVersion =
  (ports: RegistryPorts) =>
  ({ model, selector }: ModelReference, call: CallOptions): TE.TaskEither<Failure, ResolvedVersion> =>
    pipe(
      readModelState(ports)(model, call),
      TE.chain(({ state }) =>
        pipe(
          findRecord(ports, model, selector, state, state.latest_hint, call),
          TE.map(({ record }) => ({ record, state })),
        ),
      ),
    );

/** What a reference means for scoring, and all that it takes to look cheaply whether it still does. */
export interface Resolved {
  readonly registration: Registration;
  readonly read: StateRead;
  /** The highest committed version, as far as it was looked for. */
  readonly highest: number;
}

/** As `resolveVersion`, for scoring. Fails `ArtifactUnreadable` when that version is legacy, aborted or damaged. */
export const resolveScorable =
  (ports: RegistryPorts) =>
  (reference: ModelReference, call: CallOptions): TE.TaskEither<Failure, Resolved> =>
    pipe(
      readModelState(ports)(reference.model, call),
      TE.chain((read) => resolveUnder(ports, reference, read, read.state.latest_hint, call)),
    );

/**
 * Looks whether the reference still means what was `seen`, and where not, what it means now. An alias costs one conditional read, and latest
 * a look at the next version besides. Fails as `resolveScorable`.
 */
export const resolveAgain =
  (ports: RegistryPorts) =>
  (reference: ModelReference, seen: Resolved, call: CallOptions): TE.TaskEither<Failure, Resolved> => {
    const { model, selector } = reference;
    return pipe(
      TE.Do,
      TE.apS('read', readModelStateAgain(ports)(model, seen.read, call)),
      TE.apS('grown', selector.kind === 'latest' ? isCommitted(ports)(model, seen.highest + 1, call) : TE.right(false)),
      TE.chain(({ read, grown }) =>
        read === seen.read && !grown ? TE.right(seen) : resolveUnder(ports, reference, read, seen.highest, call),
      ),
    );
  };

const resolveUnder = (
  ports: RegistryPorts,
  { model, selector }: ModelReference,
  read: StateRead,
  highestSeen: number,
  call: CallOptions,
): TE.TaskEither<Failure, Resolved> =>
  pipe(
    findRecord(ports, model, selector, read.state, Math.max(highestSeen, read.state.latest_hint), call),
    TE.chainEitherK(({ record, highest }) =>
      pipe(
        scorable(model, record, read.state),
        E.map((registration) => ({ registration, read, highest })),
      ),
    ),
  );

/** The registration, when it can be scored: an archived version can, for it was pinned. */
const scorable = (model: ModelId, record: VersionRecord, state: ModelState): E.Either<Failure, Registration> => {
  const which = `Version ${record.version} of ${showModel(model)}`;
  if (isDeleted(state, record.version)) {
    return fail('NotFound', `${which} was deleted: its record is kept, its artifact is gone. Use another version.`);
  }
  switch (record.kind) {
    case 'registered':
      return E.right(record.registration);
    case 'legacy':
      return fail('ArtifactUnreadable', `${which} is a Python pickle, which is listed and never loaded. ${exportCure}`);
    case 'aborted':
      return fail('ArtifactUnreadable', `${which} was never finished: its artifact was lost. Use another version.`);
    case 'unreadable':
      return E.left(record.failure);
  }
};

const exportCure = 'Export it to ONNX with examples/export_sklearn.py and register that.';

interface FoundRecord {
  readonly record: VersionRecord;
  readonly highest: number;
}

const findRecord = (
  ports: RegistryPorts,
  model: ModelId,
  selector: VersionSelector,
  state: ModelState,
  hint: number,
  call: CallOptions,
): TE.TaskEither<Failure, FoundRecord> => {
  const numbered = (version: number) =>
    pipe(
      findVersion(ports, model, version, call),
      TE.map((record) => ({ record, highest: hint })),
    );
  switch (selector.kind) {
    case 'version':
      return numbered(selector.version);
    case 'alias': {
      const alias = aliasNamed(state, selector.alias);
      return alias === undefined
        ? orNoModel(ports, model, noAlias(model, selector.alias, state), call)
        : numbered(alias.version);
    }
    case 'latest':
      return findLatest(ports, model, state, hint, call);
  }
};

const noAlias = (model: ModelId, alias: string, state: ModelState): Failure => {
  const known = Object.keys(state.aliases);
  const there = known.length === 0 ? 'It has no aliases.' : `It has ${known.join(', ')}.`;
  return failure('NotFound', `${showModel(model)} has no alias "${alias}". ${there}`);
};

/** The numbered version's record. Fails `NotFound` with what there is. */
export const findVersion = (
  ports: RegistryPorts,
  model: ModelId,
  version: number,
  call: CallOptions,
): TE.TaskEither<Failure, VersionRecord> =>
  pipe(
    readVersion(ports)(model, version, call),
    TE.chain(
      O.match(
        () =>
          pipe(
            listVersionNumbers(ports)(model, call),
            TE.chain((versions): TE.TaskEither<Failure, VersionRecord> => {
              // Its own folder may be there, of a registration that is not finished.
              const others = versions.filter((other) => other !== version);
              if (others.length === 0) return noModel(ports, model, call);
              const shown = others.length > 5 ? `${others[0]} to ${others.at(-1)}` : others.join(', ');
              return failTask('NotFound', `${showModel(model)} has no version ${version}. It has ${shown}.`);
            }),
          ),
        TE.right,
      ),
    ),
  );

/** Walks down from the highest version to the first that can be scored. */
const findLatest = (
  ports: RegistryPorts,
  model: ModelId,
  state: ModelState,
  hint: number,
  call: CallOptions,
): TE.TaskEither<Failure, FoundRecord> => {
  const walkDown = (version: number, highest: VersionRecord | undefined): TE.TaskEither<Failure, VersionRecord> => {
    if (version === 0) return highest === undefined ? noModel(ports, model, call) : noScorable(model, highest);
    return pipe(
      readVersion(ports)(model, version, call),
      TE.chain(
        O.match(
          () => walkDown(version - 1, highest),
          (record) =>
            isLatestOf(state, record)
              ? TE.right<Failure, VersionRecord>(record)
              : walkDown(version - 1, highest ?? record),
        ),
      ),
    );
  };
  return pipe(
    highestVersion(ports)(model, hint, call),
    TE.chain((highest) =>
      pipe(
        walkDown(highest, undefined),
        TE.map((record) => ({ record, highest })),
      ),
    ),
  );
};

/** Damage is not passed over in silence: a damaged version is the latest, and fails. */
const isLatestOf = (state: ModelState, { kind, version }: VersionRecord): boolean =>
  (kind === 'registered' || kind === 'unreadable') && !isArchived(state, version) && !isDeleted(state, version);

const noScorable = (model: ModelId, highest: VersionRecord): TE.TaskEither<Failure, never> =>
  failTask(
    'NotFound',
    highest.kind === 'legacy'
      ? `${showModel(model)} has only Python pickles (up to version ${highest.version}), which are never the latest. ${exportCure}`
      : `${showModel(model)} has no version that can be scored: all are archived, deleted or unfinished.`,
  );

/** Fails `NotFound`, with what was near, when the model has no version of any kind. */
export const requireModel =
  (ports: RegistryPorts) =>
  (model: ModelId, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<number>> =>
    pipe(
      listVersionNumbers(ports)(model, call),
      TE.chain((versions) => (versions.length === 0 ? noModel(ports, model, call) : TE.right(versions))),
    );

const orNoModel = (
  ports: RegistryPorts,
  model: ModelId,
  otherwise: Failure,
  call: CallOptions,
): TE.TaskEither<Failure, never> =>
  pipe(
    requireModel(ports)(model, call),
    TE.chain(() => TE.left(otherwise)),
  );

/** Names what is near: the model type when that is unknown, else the model. */
const noModel = ({ store }: RegistryPorts, model: ModelId, call: CallOptions): TE.TaskEither<Failure, never> =>
  pipe(
    TE.Do,
    TE.apS('types', listFolders(store)(layout.registered, call)),
    TE.apS('names', listFolders(store)(layout.modelType(model.modelType), call)),
    TE.chain(({ types, names }) => {
      if (types.length === 0) return failTask('NotFound', 'No model is registered here yet. Register one first.');
      return types.includes(model.modelType)
        ? failTask(
            'NotFound',
            `There is no model "${model.name}" of type ${model.modelType}.${near(model.name, names)}`,
          )
        : failTask('NotFound', `There is no model of type "${model.modelType}".${near(model.modelType, types)}`);
    }),
  );

/** What is wanted may itself have a folder, without a version that is finished. */
const near = (wanted: string, folders: ReadonlyArray<string>): string => {
  const candidates = folders.filter((folder) => folder !== wanted);
  if (candidates.length === 0) return '';
  const found = nearest(wanted, candidates);
  if (found !== undefined) return ` Did you mean ${found}?`;
  const more = candidates.length - 5;
  return ` There is ${candidates.slice(0, 5).join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
};

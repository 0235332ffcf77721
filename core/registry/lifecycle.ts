/** What can happen to a registered version: promote, roll back, archive, restore, delete. Its own files never change. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, type Failure, failTask } from '../failure.js';
import { type ModelId, showModel } from '../model/names.js';
import type { Registration, VersionRecord } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import {
  type AliasMove,
  aliasesOf,
  aliasNamed,
  changeModelState,
  isArchived,
  isDeleted,
  type ModelState,
  readModelState,
  withMove,
} from './model-state.js';
import type { RegistryPorts } from './registry-ports.js';
import {
  type AliasRequest,
  type HistoryRequest,
  modelOf,
  type PromoteRequest,
  referenceOf,
  type VersionRequest,
} from './requests.js';
import { findVersion, requireModel, resolveVersion } from './resolve.js';

/** Where an alias is after it was asked to move. */
export interface AliasMoved {
  readonly model_type: string;
  readonly name: string;
  readonly alias: string;
  readonly version: number;
  /** Where it was; null when it is new, the same version when it did not move. */
  readonly from: number | null;
}

/** Every move of every alias of a model, oldest first. */
export interface AliasHistory {
  readonly model_type: string;
  readonly name: string;
  readonly moves: ReadonlyArray<AliasMove & { readonly alias: string }>;
}

/** What a version became. */
export interface VersionChanged {
  readonly model_type: string;
  readonly name: string;
  readonly version: number;
  readonly status: 'registered' | 'archived' | 'deleted';
  /** That it was so before, for a reason that stays on record instead of the one that was given now. */
  readonly warning?: string;
}

/**
 * Sets an alias on a version. Fails `InvalidInput`, `NotFound`, `Conflict` when the alias was moved by somebody else meanwhile, or when the version
 * is archived, deleted or no registration; `ArtifactUnreadable` when its artifact is gone, or of another length.
 */
export const promote =
  (ports: RegistryPorts) =>
  (request: PromoteRequest, call: CallOptions): TE.TaskEither<Failure, AliasMoved> =>
    pipe(
      TE.fromEither(referenceOf(request)),
      TE.chain((reference) => resolveVersion(ports)(reference, call)),
      TE.chain(({ record, state }) => moveAlias(ports, request, record, 'promote', state, call)),
    );

/**
 * Moves an alias back to where it was before it was promoted to where it is. Fails `NotFound` (model, alias), `Conflict` when
 * there is nothing to go back to, when that version cannot be scored, is archived or deleted, or when somebody else moved it meanwhile; `ArtifactUnreadable` as
 * `promote` does.
 */
export const rollback =
  (ports: RegistryPorts) =>
  (request: AliasRequest, call: CallOptions): TE.TaskEither<Failure, AliasMoved> => {
    const model = modelOf(request);
    return pipe(
      resolveVersion(ports)({ model, selector: { kind: 'alias', alias: request.alias } }, call),
      TE.chain(({ state }) => {
        const before = previousOf(state, request.alias);
        return before === undefined
          ? failTask(
              'Conflict',
              `The alias ${request.alias} of ${showModel(model)} was on no version before this one. Promote the version that you want.`,
            )
          : pipe(
              findVersion(ports, model, before, call),
              TE.chain((record) => moveAlias(ports, request, record, 'rollback', state, call)),
            );
      }),
    );
  };

/** Where the alias was before it was promoted to where it is: a promotion puts a version on top of a pile, a rollback takes it off. */
const previousOf = (state: ModelState, alias: string): number | undefined => {
  const pile: number[] = [];
  for (const { how, to } of movesOf(state, alias)) {
    if (how === 'promote') pile.push(to);
    else pile.pop();
  }
  return pile.at(-2);
};

const movesOf = (state: ModelState, alias: string): ReadonlyArray<AliasMove> => aliasNamed(state, alias)?.history ?? [];

/** Right when the artifact is there, whole by its length: its digest is computed when it is loaded. Fails `ArtifactUnreadable`. */
const checkArtifact = (
  { store }: RegistryPorts,
  model: ModelId,
  { version, artifact: { bytes } }: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, void> =>
  pipe(
    store.head(layout.artifact(model, version), call),
    TE.chain(
      O.match(
        () =>
          failTask(
            'ArtifactUnreadable',
            `The artifact of version ${version} of ${showModel(model)} is gone. Restore it from a copy.`,
          ),
        ({ sizeBytes }) =>
          sizeBytes === bytes
            ? TE.right(undefined)
            : failTask(
                'ArtifactUnreadable',
                `The artifact of version ${version} of ${showModel(model)} has ${sizeBytes} bytes and was registered with ${bytes}. Restore it from a copy.`,
              ),
      ),
    ),
  );

/** Moves the request's alias to the version, unless it was moved since `seen` was read. */
const moveAlias = (
  ports: RegistryPorts,
  request: AliasRequest,
  record: VersionRecord,
  how: AliasMove['how'],
  seen: ModelState,
  call: CallOptions,
): TE.TaskEither<Failure, AliasMoved> => {
  const model = modelOf(request);
  const { alias, by } = request;
  const { version } = record;
  const which = `Version ${version} of ${showModel(model)}`;
  if (record.kind !== 'registered')
    return failTask('Conflict', `${which} cannot be scored, so no alias can be set on it.`);
  const at = new Date(ports.host.nowMs()).toISOString();
  const from = aliasNamed(seen, alias)?.version ?? null;
  return pipe(
    isDeleted(seen, version) ? TE.right(undefined) : checkArtifact(ports, model, record.registration, call),
    TE.chain(() =>
      changeModelState(ports)(
        model,
        (state) => {
          const now = aliasNamed(state, alias)?.version ?? null;
          if (now === version) return E.right(state);
          // Also when it was moved away and back.
          if (movesOf(state, alias).length !== movesOf(seen, alias).length) {
            return fail(
              'Conflict',
              `The alias ${alias} of ${showModel(model)} was moved to version ${now} meanwhile. Look again, and move it if you still want to.`,
            );
          }
          if (isDeleted(state, version)) return fail('Conflict', `${which} was deleted.`);
          if (isArchived(state, version)) return fail('Conflict', `${which} is archived. Restore it first.`);
          return E.right(withMove(alias, version, how, at, by ?? 'unknown')(state));
        },
        call,
      ),
    ),
    TE.map(() => ({ model_type: model.modelType, name: model.name, alias, version, from })),
  );
};

/** The moves of a model's aliases. Fails `NotFound` when there is no such model. */
export const history =
  (ports: RegistryPorts) =>
  (request: HistoryRequest, call: CallOptions): TE.TaskEither<Failure, AliasHistory> => {
    const model = modelOf(request);
    return pipe(
      readModelState(ports)(model, call),
      TE.chainFirst(({ state }) =>
        Object.keys(state.aliases).length > 0 ? TE.right<Failure, unknown>(null) : requireModel(ports)(model, call),
      ),
      TE.map(({ state }) => ({
        model_type: model.modelType,
        name: model.name,
        moves: Object.entries(state.aliases)
          .flatMap(([alias, { history: moves }]) => moves.map((move) => ({ alias, ...move })))
          .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)),
      })),
    );
  };

/** Makes a version score only when it is pinned. Fails `NotFound`, `Conflict` when an alias is on it or it was deleted. */
export const archive = (ports: RegistryPorts) => mark(ports, 'archived');

/** Undoes `archive`. Fails `NotFound`, `Conflict` when the version was deleted. */
export const restore =
  (ports: RegistryPorts) =>
  (request: VersionRequest, call: CallOptions): TE.TaskEither<Failure, VersionChanged> =>
    changeVersion(ports, request, call, 'registered', (state, version) => {
      const { [`${version}`]: _, ...archived } = state.archived;
      return isArchived(state, version) ? { ...state, archived } : state;
    });

/**
 * Deletes a version's artifact for good; its number and its record stay. That it is deleted is recorded before the artifact
 * goes. Fails `NotFound`, `Conflict` when an alias is on it, or when it is a Python pickle.
 */
export const deleteVersion =
  (ports: RegistryPorts) =>
  (request: VersionRequest, call: CallOptions): TE.TaskEither<Failure, VersionChanged> =>
    pipe(
      mark(ports, 'deleted')(request, call),
      TE.chainFirst(({ version }) => ports.store.delete(layout.artifact(modelOf(request), version), call)),
    );

const mark =
  (ports: RegistryPorts, status: 'archived' | 'deleted') =>
  (request: VersionRequest, call: CallOptions): TE.TaskEither<Failure, VersionChanged> => {
    const made = {
      at: new Date(ports.host.nowMs()).toISOString(),
      by: request.by ?? 'unknown',
      reason: request.reason ?? '',
    };
    return changeVersion(ports, request, call, status, (state, version) =>
      `${version}` in state[status] ? state : { ...state, [status]: { ...state[status], [`${version}`]: made } },
    );
  };

/** Changes what the state says of one numbered version. */
const changeVersion = (
  ports: RegistryPorts,
  request: VersionRequest,
  call: CallOptions,
  status: VersionChanged['status'],
  change: (state: ModelState, version: number) => ModelState,
): TE.TaskEither<Failure, VersionChanged> => {
  const model = modelOf(request);
  const which = `Version ${request.model_version} of ${showModel(model)}`;
  return pipe(
    resolveVersion(ports)({ model, selector: { kind: 'version', version: request.model_version } }, call),
    TE.chain(({ record }) =>
      changeModelState(ports)(
        model,
        (state) => {
          const aliases = aliasesOf(state, record.version);
          if (status === 'deleted' && record.kind === 'legacy') {
            return fail(
              'Conflict',
              `${which} is a Python pickle, whose files are never touched from here. Archive it, or remove its files yourself.`,
            );
          }
          if (status !== 'deleted' && isDeleted(state, record.version))
            return fail('Conflict', `${which} was deleted.`);
          if (status !== 'registered' && aliases.length > 0) {
            return fail(
              'Conflict',
              `${which} is under the alias ${aliases.join(' and ')}. Promote another version first.`,
            );
          }
          return E.right(change(state, record.version));
        },
        call,
      ),
    ),
    TE.map((state) => ({
      model_type: model.modelType,
      name: model.name,
      version: request.model_version,
      status,
      ...reasonKept(state, request, status),
    })),
  );
};

/** A warning when another reason than the one given is on record. */
const reasonKept = (
  state: ModelState,
  { model_version: version, reason }: VersionRequest,
  status: VersionChanged['status'],
): Pick<VersionChanged, 'warning'> => {
  const kept = status === 'registered' ? undefined : state[status][`${version}`];
  if (status === 'registered' || kept === undefined || reason === undefined || kept.reason === reason) return {};
  const cure = status === 'archived' ? ' To record another one, restore it and archive it again.' : '';
  return {
    warning: `It was ${status} before (${kept.at}, ${kept.by}), and that reason stays: "${kept.reason}".${cure}`,
  };
};

/** A model's movable state: its aliases with their history, what is archived or deleted, and what was registered lately. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as T from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import { type Failure, failTask } from '../failure.js';
import { type ModelId, modelIdOf, ModelName, ModelType, showModel, Version } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import { openDocument, sealDocument } from '../model/sealed-document.js';
import type { StoredObject, StoreToken } from '../ports/artifact-store.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';

/** One move of an alias; `from` is null for the first. */
export const AliasMove = t.readonly(
  t.type({
    from: t.union([Version, t.null]),
    to: Version,
    how: t.keyof({ promote: null, rollback: null }),
    at: t.string,
    by: t.string,
  }),
);
export type AliasMove = t.TypeOf<typeof AliasMove>;

/** What was done to a version: when, by whom and why. */
const Mark = t.readonly(t.type({ at: t.string, by: t.string, reason: t.string }));

/** By version. */
const Marks = t.readonly(t.record(t.string, Mark));

/** `model.json`. */
export const ModelState = t.readonly(
  t.type({
    schema_version: t.literal(1),
    model_type: ModelType,
    name: ModelName,
    /** A committed version; there may be later ones. */
    latest_hint: t.number,
    /** The artifacts of the latest versions, as far as they are known: at most `mostRecent`, the newest last. */
    recent_artifacts: t.readonlyArray(t.readonly(t.type({ version: Version, sha256: t.string }))),
    aliases: t.readonly(
      t.record(t.string, t.readonly(t.type({ version: Version, history: t.readonlyArray(AliasMove) }))),
    ),
    archived: Marks,
    deleted: Marks,
  }),
);
export type ModelState = t.TypeOf<typeof ModelState>;

/** A state and the token it was read under; no token when nothing is stored yet. */
export interface StateRead {
  readonly state: ModelState;
  readonly token: O.Option<StoreToken>;
}

const emptyState = (model: ModelId): ModelState => ({
  schema_version: 1,
  model_type: model.modelType,
  name: model.name,
  latest_hint: 0,
  recent_artifacts: [],
  aliases: {},
  archived: {},
  deleted: {},
});

/** The state as it is now. Fails as the store does, and `ArtifactUnreadable` when the document is damaged. */
export const readModelState =
  (ports: RegistryPorts) =>
  (model: ModelId, call: CallOptions): TE.TaskEither<Failure, StateRead> =>
    pipe(ports.store.get(layout.modelState(model), call), TE.chainEitherK(opened(ports, model)));

/** As `readModelState`; the very same object as `seen` when nothing was written since. */
export const readModelStateAgain =
  (ports: RegistryPorts) =>
  (model: ModelId, seen: StateRead, call: CallOptions): TE.TaskEither<Failure, StateRead> =>
    O.isNone(seen.token)
      ? pipe(
          readModelState(ports)(model, call),
          TE.map((read) => (O.isNone(read.token) ? seen : read)),
        )
      : pipe(
          ports.store.getIfChanged(layout.modelState(model), seen.token.value, call),
          TE.chainEitherK((found) => (found === 'unchanged' ? E.right(seen) : opened(ports, model)(found))),
        );

const opened =
  ({ host }: RegistryPorts, model: ModelId) =>
  (found: O.Option<StoredObject>): E.Either<Failure, StateRead> =>
    pipe(
      found,
      O.match(
        () => E.right({ state: emptyState(model), token: O.none }),
        ({ bytes, token }) =>
          pipe(
            openDocument(host)(ModelState, `${layout.modelState(model)}`)(bytes),
            E.mapLeft((failed) => ({
              ...failed,
              message: `${failed.message} In a local folder it is the last file of .model.json.generations beside it, if there is one.`,
            })),
            E.map((state) => ({ state, token: O.some(token) })),
          ),
      ),
    );

/** How often a change is tried against others' changes. */
const attempts = 20;

/**
 * Applies `change` to the state as it is, or first to that which was `seen`, again when somebody else changed it meanwhile; its left is the failure. Writes nothing when
 * it answers with the very same object. Who lost pauses, longer each time and with jitter, so that of many all get through. Fails `Conflict`
 * when others were faster every time.
 */
export const changeModelState =
  (ports: RegistryPorts) =>
  (
    model: ModelId,
    change: (state: ModelState) => E.Either<Failure, ModelState>,
    call: CallOptions,
    seen?: StateRead,
  ): TE.TaskEither<Failure, ModelState> => {
    const attempt = (left: number, read: TE.TaskEither<Failure, StateRead>): TE.TaskEither<Failure, ModelState> =>
      pipe(
        read,
        TE.chain(({ state, token }) => {
          const changed = change(state);
          if (E.isLeft(changed)) return TE.left(changed.left);
          if (changed.right === state) return toLast(state);
          return pipe(
            replaceState(ports, model, changed.right, token, call),
            TE.map(() => changed.right),
            TE.orElse((failed) => againAfter(failed, left)),
          );
        }),
      );
    /** Who asks is told that it is so, and another process may have written it a moment ago. */
    const toLast = (state: ModelState): TE.TaskEither<Failure, ModelState> =>
      pipe(
        ports.store.head(layout.modelState(model), call),
        TE.map(() => state),
      );
    const readAgain = readModelState(ports)(model, call);
    const againAfter = (failed: Failure, left: number): TE.TaskEither<Failure, ModelState> => {
      const lost = failed.tag === 'Conflict' || failed.tag === 'AlreadyExists';
      if (!lost && !failed.ambiguous) return TE.left(failed);
      if (left > 1) {
        return pipe(
          TE.fromTask<void, Failure>(() =>
            ports.host.pause(jitterOf(ports) * Math.min(2 ** (attempts - left + 3), 250)),
          ),
          TE.chain(() => attempt(left - 1, readAgain)),
        );
      }
      return lost
        ? failTask('Conflict', `The aliases of ${showModel(model)} were changed by others at the same time. Try again.`)
        : TE.left(failed);
    };
    return attempt(attempts, seen === undefined ? readAgain : TE.right(seen));
  };

const replaceState = (
  { store, host }: RegistryPorts,
  model: ModelId,
  state: ModelState,
  token: StateRead['token'],
  call: CallOptions,
): TE.TaskEither<Failure, StoreToken> =>
  store.put(
    layout.modelState(model),
    sealDocument(host)(state),
    O.isSome(token) ? { kind: 'matches', token: token.value } : { kind: 'absent' },
    call,
  );

/** How long a registration waits for the state to be written that others do without. */
const noteTimeoutMs = 1_000;

/**
 * Notes what was registered in the state as it was seen: one try, since whoever changed it meanwhile noted something as late, and a
 * bucket takes one write a second of an object. Without it the latest version is found by probing on.
 */
export const noteRegistered =
  (ports: RegistryPorts) =>
  (registration: Registration, { state, token }: StateRead, call: CallOptions): T.Task<unknown> => {
    const noted = withRegistered(registration)(state);
    const deadlineMs = Math.min(call.deadlineMs, ports.host.nowMs() + noteTimeoutMs);
    return noted === state
      ? T.of(undefined)
      : replaceState(ports, modelIdOf(registration), noted, token, { ...call, deadlineMs });
  };

/** From 0 to 1, at random. */
export const jitterOf = ({ host }: RegistryPorts): number => Number.parseInt(host.randomId().slice(0, 4), 16) / 0xffff;

/** How many artifacts a state knows. */
const mostRecent = 20;

/** The state with the hint at this version or later, and its artifact among the recent ones; the same state when that is so. */
export const withRegistered =
  ({ version, artifact: { sha256 } }: Pick<Registration, 'version' | 'artifact'>) =>
  (state: ModelState): ModelState => {
    const others = state.recent_artifacts.filter((known) => known.version !== version);
    const recent = [...others, { version, sha256 }].sort((a, b) => a.version - b.version).slice(-mostRecent);
    return state.latest_hint >= version &&
      recent.every((known, i) => known.version === state.recent_artifacts[i]?.version)
      ? state
      : { ...state, latest_hint: Math.max(state.latest_hint, version), recent_artifacts: recent };
  };

/** The first of the recent versions before this one that has its very artifact; null when there is none. */
export const twinOf = (
  state: ModelState,
  { version, artifact }: Pick<Registration, 'version' | 'artifact'>,
): number | null =>
  state.recent_artifacts.find((known) => known.sha256 === artifact.sha256 && known.version < version)?.version ?? null;

/** The state with `alias` set on `version`, unless it already was there once: a late retry moves no alias back. */
export const withNewAlias =
  (alias: string, version: number, at: string, by: string) =>
  (state: ModelState): ModelState => {
    const current = aliasNamed(state, alias);
    return current?.history.some((move) => move.to === version)
      ? state
      : withMove(alias, version, 'promote', at, by)(state);
  };

/** The state with `alias` on `version`; the same state when it is there. */
export const withMove =
  (alias: string, version: number, how: AliasMove['how'], at: string, by: string) =>
  (state: ModelState): ModelState => {
    const current = aliasNamed(state, alias);
    if (current?.version === version) return state;
    const move = { from: current?.version ?? null, to: version, how, at, by };
    return {
      ...state,
      aliases: { ...state.aliases, [alias]: { version, history: [...(current?.history ?? []), move] } },
    };
  };

/** Whether the version only scores when it is pinned. */
export const isArchived = ({ archived }: ModelState, version: number): boolean => `${version}` in archived;

/** Whether the version's artifact is gone for good. */
export const isDeleted = ({ deleted }: ModelState, version: number): boolean => `${version}` in deleted;

/** The alias of this name; an object's inherited `constructor` is none. */
export const aliasNamed = ({ aliases }: ModelState, name: string): ModelState['aliases'][string] | undefined =>
  Object.hasOwn(aliases, name) ? aliases[name] : undefined;

/** The aliases that are on `version`, sorted. */
export const aliasesOf = (state: ModelState, version: number): ReadonlyArray<string> =>
  Object.entries(state.aliases)
    .filter(([, alias]) => alias.version === version)
    .map(([name]) => name)
    .sort();

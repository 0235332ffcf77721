/** Reads of the registry: lists, and one version's record. No artifact is ever loaded. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { brief } from '../decode.js';
import { type Failure, failTask } from '../failure.js';
import { Gate } from '../model/metrics-gate.js';
import { type ModelId, ModelName, ModelType, parseModelReference, selectorOf } from '../model/names.js';
import type { Registration, VersionRecord } from '../model/registration.js';
import type { JsonObject } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import { sideBySide } from '../side-by-side.js';
import { layout } from './layout.js';
import { aliasesOf, type ModelState, readModelState } from './model-state.js';
import type { RegistryPorts } from './registry-ports.js';
import { type InfoRequest, modelOf, type ModelsRequest } from './requests.js';
import { resolveVersion } from './resolve.js';
import { listFolders, listVersionNumbers, type ReadVersion } from './versions.js';

/** A registered version, with the aliases that are on it now. */
export type RegisteredVersion = Omit<Registration, 'status'> & LifecycleStatus;

/** How a version stands now. */
export type LifecycleStatus = {
  /** An archived version scores only when it is pinned; of a deleted one the record is kept. */
  readonly status: 'registered' | 'archived' | 'deleted';
  readonly archived_at?: string;
  readonly archive_reason?: string;
  readonly deleted_at?: string;
  readonly delete_reason?: string;
  readonly aliases: ReadonlyArray<string>;
  /** Why the aliases are not known. */
  readonly aliases_unreadable?: string;
};

/** A version that cannot be scored. */
export type UnscorableVersion = JsonObject & {
  readonly model_type: string;
  readonly name: string;
  readonly version: number;
  /** `aborted`, `unreadable` (`detail` says why), or what the Python system wrote (with `format: "pickle"`). */
  readonly status: string;
  readonly aliases: ReadonlyArray<string>;
};

/** Any version, as lists show it. */
export type ListedVersion = RegisteredVersion | UnscorableVersion;

export interface ModelsPage {
  /** By model type, sorted by name and version. */
  readonly models: Readonly<Record<string, ReadonlyArray<ListedVersion>>>;
  /** Present when there is more. */
  readonly nextPageToken?: string;
}

export interface InfoAnswer {
  readonly info: {
    readonly registration: ListedVersion;
    readonly model_info: JsonObject;
    readonly original_experiment: JsonObject;
    readonly validation_metrics: Gate;
  };
  /** Changes when the registration or its aliases do. 64 hex digits. */
  readonly tag: string;
}

export interface BrowsePorts extends RegistryPorts {
  readonly readVersion: ReadVersion;
}

/** The registered versions that the request asks for. Names come first; documents are read only for what is shown. */
export const browseModels =
  (ports: BrowsePorts) =>
  (request: ModelsRequest, call: CallOptions): TE.TaskEither<Failure, ModelsPage> =>
    pipe(
      findModels(ports, request, call),
      TE.chain((models) =>
        sideBySide(models, (model) => (request.latest === true ? latestOf : numbersOf)(ports, model, call)),
      ),
      TE.chain((found) => {
        const all = found.flat();
        const from = beginAfter(request, all);
        if (from === undefined) {
          return failTask(
            'InvalidInput',
            `The page token "${brief(request.page_token ?? '')}" is none that was given out. Begin without one.`,
          );
        }
        const page = all.slice(from, request.limit === undefined ? undefined : from + request.limit);
        const last = page.at(-1);
        const more = last !== undefined && from + page.length < all.length ? { nextPageToken: tokenOf(last) } : {};
        return pipe(
          readStates(ports, page, call),
          TE.chain((states) => sideBySide(page, (entry) => list(ports, entry, states, call))),
          TE.map((versions) => ({ models: byType(versions.filter(O.isSome).map(({ value }) => value)), ...more })),
        );
      }),
    );

/** One version, and what users look at first. */
export const browseInfo =
  (ports: RegistryPorts) =>
  (request: InfoRequest, call: CallOptions): TE.TaskEither<Failure, InfoAnswer> => {
    const model = modelOf(request);
    if (request.version !== undefined && request.alias !== undefined) {
      return failTask('InvalidInput', 'A version and an alias were both given: name one of them.');
    }
    return pipe(
      resolveVersion(ports)({ model, selector: selectorOf(request.version, request.alias) }, call),
      TE.map(({ record, state }) => {
        const registration = listed(model, record, E.right(state));
        return {
          info: {
            registration,
            model_info: objectAt(registration, 'model_info'),
            original_experiment: objectAt(registration, 'original_experiment'),
            validation_metrics: Gate.is(registration.validation_metrics) ? registration.validation_metrics : {},
          },
          tag: ports.host.sha256(ports.host.utf8.encode(JSON.stringify(registration))),
        };
      }),
    );
  };

interface VersionEntry {
  readonly model: ModelId;
  readonly version: number;
}

const tokenOf = ({ model, version }: VersionEntry): string => `${model.modelType}/${model.name}@${version}`;

/**
 * Where the page begins. A token is a place in the order and no entry, so that what is registered meanwhile ends nobody's paging; with
 * `latest` a model that was shown is done. Undefined when it is no token.
 */
const beginAfter = ({ page_token, latest }: ModelsRequest, all: ReadonlyArray<VersionEntry>): number | undefined => {
  if (page_token === undefined) return 0;
  const last = parseModelReference(page_token);
  if (E.isLeft(last) || last.right.selector.kind !== 'version') return undefined;
  const { model, selector } = last.right;
  const place = { model, version: latest === true ? Number.POSITIVE_INFINITY : selector.version };
  const begin = all.findIndex((entry) => isAfter(entry, place));
  return begin === -1 ? all.length : begin;
};

const isAfter = (a: VersionEntry, b: VersionEntry): boolean => {
  if (a.model.modelType !== b.model.modelType) return a.model.modelType > b.model.modelType;
  return a.model.name === b.model.name ? a.version > b.version : a.model.name > b.model.name;
};

/** The models that match, sorted by type and name. Folders that are no names are passed over. */
const findModels = (
  ports: RegistryPorts,
  request: ModelsRequest,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<ModelId>> =>
  pipe(
    request.model_type === undefined
      ? listFolders(ports.store)(layout.registered, call)
      : TE.right([request.model_type]),
    TE.map((types) => types.filter(ModelType.is)),
    TE.chain((types) =>
      sideBySide(types, (modelType) =>
        pipe(
          request.name === undefined
            ? listFolders(ports.store)(layout.modelType(modelType), call)
            : TE.right([request.name]),
          TE.map((names) => names.filter(ModelName.is).map((name) => ({ modelType, name }))),
        ),
      ),
    ),
    TE.map((models) => models.flat()),
  );

const numbersOf = (
  ports: RegistryPorts,
  model: ModelId,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<VersionEntry>> =>
  pipe(
    listVersionNumbers(ports)(model, call),
    TE.map((versions) => versions.map((version) => ({ model, version }))),
  );

const latestOf = (
  ports: RegistryPorts,
  model: ModelId,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<VersionEntry>> =>
  pipe(
    resolveVersion(ports)({ model, selector: { kind: 'latest' } }, call),
    TE.map(({ record }): ReadonlyArray<VersionEntry> => [{ model, version: record.version }]),
    TE.orElse((failed) => (failed.tag === 'NotFound' ? TE.right([]) : TE.left(failed))),
  );

/** A model's state, or how it is damaged: damage to one model breaks no list of them. */
type StateOrDamage = E.Either<Failure, ModelState>;

/** The state of every model on the page, each read once. */
const readStates = (
  ports: RegistryPorts,
  page: ReadonlyArray<VersionEntry>,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyMap<ModelId, StateOrDamage>> =>
  pipe(
    sideBySide([...new Set(page.map(({ model }) => model))], (model) =>
      pipe(
        readModelState(ports)(model, call),
        TE.map(({ state }): StateOrDamage => E.right(state)),
        TE.orElse((failed) => (failed.tag === 'ArtifactUnreadable' ? TE.right(E.left(failed)) : TE.left(failed))),
        TE.map((state) => [model, state] as const),
      ),
    ),
    TE.map((pairs) => new Map(pairs)),
  );

const list = (
  { readVersion }: BrowsePorts,
  { model, version }: VersionEntry,
  states: ReadonlyMap<ModelId, StateOrDamage>,
  call: CallOptions,
): TE.TaskEither<Failure, O.Option<ListedVersion>> =>
  pipe(
    readVersion(model, version, call),
    TE.map(
      O.map((record) => {
        const state = states.get(model);
        if (state === undefined) throw new Error(`the state of ${tokenOf({ model, version })} was not read`);
        return listed(model, record, state);
      }),
    ),
  );

const listed = (model: ModelId, record: VersionRecord, state: StateOrDamage): ListedVersion => {
  const lifecycle = E.isLeft(state)
    ? { aliases: [], aliases_unreadable: state.left.message }
    : { aliases: aliasesOf(state.right, record.version), ...statusOf(state.right, record.version) };
  const place = { model_type: model.modelType, name: model.name, version: record.version, ...lifecycle };
  switch (record.kind) {
    case 'registered':
      return { ...record.registration, ...lifecycle };
    case 'legacy':
      return { ...record.document, status: legacyStatus(record.document), ...place, format: 'pickle' };
    case 'aborted':
      return { ...place, status: 'aborted' };
    case 'unreadable':
      return { ...place, status: 'unreadable', detail: record.failure.message };
  }
};

/** What the lifecycle makes of a version; the stored file never changes. */
const statusOf = ({ archived, deleted }: ModelState, version: number): Partial<LifecycleStatus> => {
  const deletion = deleted[`${version}`];
  const archive = archived[`${version}`];
  if (deletion !== undefined) return { status: 'deleted', deleted_at: deletion.at, delete_reason: deletion.reason };
  if (archive !== undefined) return { status: 'archived', archived_at: archive.at, archive_reason: archive.reason };
  return {};
};

const legacyStatus = ({ status }: JsonObject): string => (typeof status === 'string' ? status : 'registered');

const byType = (versions: ReadonlyArray<ListedVersion>): ModelsPage['models'] => {
  const types = new Map<string, ListedVersion[]>();
  for (const version of versions) {
    const known = types.get(version.model_type);
    if (known === undefined) types.set(version.model_type, [version]);
    else known.push(version);
  }
  return Object.fromEntries(types);
};

const objectAt = (of: JsonObject, field: string): JsonObject => {
  const value = of[field];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
};

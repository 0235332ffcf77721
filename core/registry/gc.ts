/** Garbage collection: removes what registrations that died left staged, and when asked, versions that were archived long ago. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { ModelId } from '../model/names.js';
import type { CallOptions } from '../ports/host.js';
import { everyModel } from './every-model.js';
import { layout } from './layout.js';
import { aliasesOf, changeModelState, isDeleted, type ModelState, readModelState } from './model-state.js';
import { rollForward } from './publish.js';
import type { RegistryPorts } from './registry-ports.js';
import type { GcRequest } from './requests.js';
import { listFolders } from './versions.js';

/** One artifact that was removed, or would be. */
export interface Removed {
  /** `staged`: of a registration that ended long ago; `archived`: of a version that is deleted now; `deleted`: of one that was deleted before. */
  readonly kind: 'staged' | 'archived' | 'deleted';
  readonly key: string;
  readonly bytes: number;
}

export interface GcReport {
  readonly removed: ReadonlyArray<Removed>;
  readonly bytes_freed: number;
  /** Models that were passed over, and why. */
  readonly problems: ReadonlyArray<{ readonly model_type: string; readonly name: string; readonly detail: string }>;
  readonly dry_run: boolean;
}

const dayMs = 24 * 3_600_000;

/**
 * Finishes what was left unfinished, then removes staged artifacts older than `older_than_ms` (a day), artifacts of deleted versions that an
 * interrupted deletion left, and with `keep`, all but the `keep` highest archived versions of each model that were archived so long ago.
 * Fails as the store does; a model whose documents are damaged is passed over.
 */
export const gc =
  (ports: RegistryPorts) =>
  (request: GcRequest, call: CallOptions): TE.TaskEither<Failure, GcReport> => {
    const beforeMs = ports.host.nowMs() - (request.older_than_ms ?? dayMs);
    return pipe(
      everyModel(ports)({}, call),
      TE.chain(TE.traverseSeqArray((model) => collectModel(ports, model, request, beforeMs, call))),
      TE.chain((models) =>
        pipe(
          collectStaged(ports, request, beforeMs, call),
          TE.map((staged): GcReport => {
            const removed = [...staged, ...models.flatMap((each) => each.removed)];
            return {
              removed,
              bytes_freed: removed.reduce((sum, { bytes }) => sum + bytes, 0),
              problems: models.flatMap(({ problems }) => problems),
              dry_run: request.dry_run === true,
            };
          }),
        ),
      ),
    );
  };

type Collected = Pick<GcReport, 'removed' | 'problems'>;

const collectModel = (
  ports: RegistryPorts,
  model: ModelId,
  request: GcRequest,
  beforeMs: number,
  call: CallOptions,
): TE.TaskEither<Failure, Collected> =>
  pipe(
    request.dry_run === true ? TE.right(O.none) : rollForward(ports)(model, call),
    TE.chain(() => markArchived(ports, model, request, beforeMs, call)),
    TE.chain(({ state, marked }) =>
      pipe(
        Object.keys(state.deleted).map(Number),
        TE.traverseSeqArray((version) =>
          remove(
            ports,
            request,
            marked.includes(version) ? 'archived' : 'deleted',
            layout.artifact(model, version),
            Number.POSITIVE_INFINITY,
            call,
          ),
        ),
      ),
    ),
    TE.map((removed): Collected => ({ removed: removed.flat(), problems: [] })),
    TE.orElse((failed) =>
      failed.tag === 'ArtifactUnreadable'
        ? TE.right<Failure, Collected>({
            removed: [],
            problems: [{ model_type: model.modelType, name: model.name, detail: failed.message }],
          })
        : TE.left(failed),
    ),
  );

/** A model's state, and the versions that were deleted in it just now, or would be. */
interface Marked {
  readonly state: ModelState;
  readonly marked: ReadonlyArray<number>;
}

/** Records the deletion of what was archived, all at once, before any artifact goes. A Python pickle has none of ours. */
const markArchived = (
  ports: RegistryPorts,
  model: ModelId,
  { keep, dry_run, by }: GcRequest,
  beforeMs: number,
  call: CallOptions,
): TE.TaskEither<Failure, Marked> => {
  const mark = {
    at: new Date(ports.host.nowMs()).toISOString(),
    by: by ?? 'unknown',
    reason: 'archived long ago (gc)',
  };
  return pipe(
    TE.Do,
    TE.bind('read', () => readModelState(ports)(model, call)),
    TE.bind('wanted', ({ read: { state } }) =>
      withArtifact(ports, model, keep === undefined ? [] : outdated(state, keep, beforeMs), call),
    ),
    TE.chain(({ read, wanted }) => {
      const change = (state: ModelState): Marked => {
        // As it is by now: some may have been restored.
        const marked = outdated(state, 0, beforeMs).filter((version) => wanted.includes(version));
        const deleted = { ...state.deleted, ...Object.fromEntries(marked.map((version) => [`${version}`, mark])) };
        return { state: marked.length === 0 ? state : { ...state, deleted }, marked };
      };
      if (dry_run === true || wanted.length === 0) return TE.right<Failure, Marked>(change(read.state));
      let marked: ReadonlyArray<number> = [];
      return pipe(
        changeModelState(ports)(
          model,
          (state) => {
            const changed = change(state);
            marked = changed.marked;
            return E.right(changed.state);
          },
          call,
          read,
        ),
        TE.map((state): Marked => ({ state, marked })),
      );
    }),
  );
};

const withArtifact = (
  { store }: RegistryPorts,
  model: ModelId,
  versions: ReadonlyArray<number>,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<number>> =>
  pipe(
    versions,
    TE.traverseSeqArray((version) =>
      pipe(
        store.head(layout.artifact(model, version), call),
        TE.map((head) => (O.isSome(head) ? [version] : [])),
      ),
    ),
    TE.map((present) => present.flat()),
  );

/** The archived versions that are not deleted yet, without the `keep` highest, as far as they were archived before then. */
const outdated = (state: ModelState, keep: number, beforeMs: number): ReadonlyArray<number> =>
  Object.keys(state.archived)
    .map(Number)
    .filter((version) => !isDeleted(state, version) && aliasesOf(state, version).length === 0)
    .sort((a, b) => b - a)
    .slice(keep)
    .filter((version) => Date.parse(state.archived[`${version}`]?.at ?? '') < beforeMs);

const collectStaged = (
  ports: RegistryPorts,
  request: GcRequest,
  beforeMs: number,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<Removed>> =>
  pipe(
    listFolders(ports.store)(layout.staging, call),
    TE.chain(TE.traverseSeqArray((id) => remove(ports, request, 'staged', layout.staged(id), beforeMs, call))),
    TE.map((removed) => removed.flat()),
  );

/** Removes the artifact, where there is one that was written before then. */
const remove = (
  { store }: RegistryPorts,
  request: GcRequest,
  kind: Removed['kind'],
  key: string,
  beforeMs: number,
  call: CallOptions,
): TE.TaskEither<Failure, ReadonlyArray<Removed>> =>
  pipe(
    store.head(key, call),
    TE.chain(
      O.match(
        () => TE.right<Failure, ReadonlyArray<Removed>>([]),
        ({ sizeBytes, modifiedMs }) =>
          modifiedMs >= beforeMs
            ? TE.right([])
            : pipe(
                request.dry_run === true ? TE.right(undefined) : store.delete(key, call),
                TE.map(() => [{ kind, key, bytes: sizeBytes }]),
              ),
      ),
    ),
  );

/** Reads of one model's versions: a version's record, the numbers there are, and the highest of them. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import { type ModelId, versionOfFolder } from '../model/names.js';
import { readVersionRecord, type VersionRecord } from '../model/registration.js';
import type { ArtifactStore, Listing } from '../ports/artifact-store.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';

/** What is stored as one version; none when nothing is committed there. */
export type ReadVersion = (
  model: ModelId,
  version: number,
  call: CallOptions,
) => TE.TaskEither<Failure, O.Option<VersionRecord>>;

export const readVersion =
  (ports: RegistryPorts): ReadVersion =>
  (model, version, call) =>
    pipe(readSizedVersion(ports, model, version, call), TE.map(O.map(({ record }) => record)));

const readSizedVersion = (
  { store, host }: RegistryPorts,
  model: ModelId,
  version: number,
  call: CallOptions,
): TE.TaskEither<Failure, O.Option<{ readonly record: VersionRecord; readonly sizeBytes: number }>> => {
  const key = layout.registration(model, version);
  return pipe(
    store.get(key, call),
    TE.map(
      O.map(({ bytes }) => ({
        record: readVersionRecord(host)(key, model, version, bytes),
        sizeBytes: bytes.length,
      })),
    ),
  );
};

/**
 * As `readVersion`, except that a record of ours is read once: it never changes. Beyond `limitBytes` as stored, those that were read longest ago
 * are read again. What the Python system wrote may change, and what is damaged may be mended: both are read each time.
 */
export const rememberVersions = (ports: RegistryPorts, limitBytes: number): ReadVersion => {
  const remembered = new Map<string, { readonly record: VersionRecord; readonly sizeBytes: number }>();
  let totalBytes = 0;
  return (model, version, call) => {
    const key = layout.registration(model, version);
    const known = remembered.get(key);
    if (known !== undefined) return TE.right(O.some(known.record));
    return pipe(
      readSizedVersion(ports, model, version, call),
      TE.map(
        O.map(({ record, sizeBytes }) => {
          const isImmutable = record.kind === 'registered' || record.kind === 'aborted';
          if (isImmutable && !remembered.has(key)) {
            remembered.set(key, { record, sizeBytes });
            totalBytes += sizeBytes;
          }
          for (const [oldest, { sizeBytes: freed }] of remembered) {
            if (totalBytes <= limitBytes) break;
            remembered.delete(oldest);
            totalBytes -= freed;
          }
          return record;
        }),
      ),
    );
  };
};

/** Whether a version is committed. */
export const isCommitted =
  ({ store }: RegistryPorts) =>
  (model: ModelId, version: number, call: CallOptions): TE.TaskEither<Failure, boolean> =>
    pipe(store.head(layout.registration(model, version), call), TE.map(O.isSome));

/** All that is directly in `folder`, page after page. */
const listAll = (
  store: ArtifactStore,
  folder: string,
  call: CallOptions,
): TE.TaskEither<Failure, Pick<Listing, 'objects' | 'folders'>> => {
  const from = (
    found: Pick<Listing, 'objects' | 'folders'>,
    page: { limit: number; pageToken?: string },
  ): TE.TaskEither<Failure, Pick<Listing, 'objects' | 'folders'>> =>
    pipe(
      store.list(folder, page, call),
      TE.chain(({ objects, folders, nextPageToken }) => {
        const all = { objects: [...found.objects, ...objects], folders: [...found.folders, ...folders] };
        return nextPageToken === undefined ? TE.right(all) : from(all, { limit: page.limit, pageToken: nextPageToken });
      }),
    );
  return from({ objects: [], folders: [] }, { limit: 1000 });
};

/** The names of all folders in `folder`, sorted. */
export const listFolders =
  (store: ArtifactStore) =>
  (folder: string, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<string>> =>
    pipe(
      listAll(store, folder, call),
      TE.map(({ folders }) => [...folders].sort()),
    );

const numbersIn = (folders: ReadonlyArray<string>): ReadonlyArray<number> =>
  folders
    .map(versionOfFolder)
    .filter((version) => version !== undefined)
    .sort((a, b) => a - b);

/** The numbers that version folders hold, ascending; a folder may belong to a version that is not committed yet. */
export const listVersionNumbers =
  ({ store }: RegistryPorts) =>
  (model: ModelId, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<number>> =>
    pipe(listFolders(store)(layout.model(model), call), TE.map(numbersIn));

/** The numbers of intents, ascending: of all that were claimed by the protocol, whatever became of their folders. */
export const listIntentNumbers =
  ({ store }: RegistryPorts) =>
  (model: ModelId, call: CallOptions): TE.TaskEither<Failure, ReadonlyArray<number>> => {
    const folder = layout.intents(model);
    return pipe(
      listAll(store, folder, call),
      TE.map(({ objects }) => numbersIn(objects.map(({ key }) => key.slice(folder.length + 1).replace(/\.json$/, '')))),
    );
  };

/**
 * The highest committed version, 0 when there is none. From a hint (a committed version, or 0 for no hint) it gallops: above a
 * version that was made by the protocol there are no holes, so "N+1 is absent" proves that N is the highest. Without a hint the
 * folders are listed, and a pickle counts also without a record: its number was given.
 */
export const highestVersion =
  (ports: RegistryPorts) =>
  (model: ModelId, hint: number, call: CallOptions): TE.TaskEither<Failure, number> =>
    hint > 0
      ? gallop(ports, model, hint, call)
      : pipe(
          listVersionNumbers(ports)(model, call),
          TE.chain((versions) => highestTaken(ports, model, versions, call)),
          TE.chain((highest) => (highest === 0 ? TE.right(0) : gallop(ports, model, highest, call))),
        );

/** The last of `versions` that is committed, or that the Python system gave to a pickle whose record is missing. */
const highestTaken = (
  ports: RegistryPorts,
  model: ModelId,
  versions: ReadonlyArray<number>,
  call: CallOptions,
): TE.TaskEither<Failure, number> => {
  const last = versions.at(-1);
  if (last === undefined) return TE.right(0);
  return pipe(
    isCommitted(ports)(model, last, call),
    TE.chain((committed) =>
      committed ? TE.right(true) : pipe(ports.store.head(layout.pickle(model, last), call), TE.map(O.isSome)),
    ),
    TE.chain((taken) => (taken ? TE.right(last) : highestTaken(ports, model, versions.slice(0, -1), call))),
  );
};

/** Doubles the step while versions are there, then halves the gap. */
const gallop = (
  ports: RegistryPorts,
  model: ModelId,
  from: number,
  call: CallOptions,
): TE.TaskEither<Failure, number> => {
  const search = (there: number, absent: number): TE.TaskEither<Failure, number> => {
    if (absent - there <= 1) return TE.right(there);
    const middle = Math.floor((there + absent) / 2);
    return pipe(
      isCommitted(ports)(model, middle, call),
      TE.chain((committed) => (committed ? search(middle, absent) : search(there, middle))),
    );
  };
  const climb = (there: number, step: number): TE.TaskEither<Failure, number> =>
    pipe(
      isCommitted(ports)(model, there + step, call),
      TE.chain((committed) => (committed ? climb(there + step, step * 2) : search(there, there + step))),
    );
  return climb(from, 1);
};

/** Experiments below a folder of any artifact store. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as A from 'fp-ts/lib/ReadonlyArray.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  type ExperimentListing,
  type ExperimentSource,
  type Failure,
  failTask,
  type Listing,
  nearest,
  versionOfFolder,
} from '../../core/index.js';
import { artifactFile, readExperimentFiles } from './experiment-files.js';

/** Experiments that are listed at a time. */
const concurrency = 16;

interface Wanted {
  readonly modelType: string;
  readonly name: string;
  readonly version?: number;
}

/** Reads experiments from `store` below the folder `root` (`''` when the store itself holds `{model_type}/`). */
export const artifactStoreExperimentSource = (options: {
  readonly store: ArtifactStore;
  readonly root: string;
}): ExperimentSource => {
  const { store, root } = options;
  const location = root === '' ? store.location : `${store.location}/${root}`;
  const folderOf = (...segments: ReadonlyArray<string>) => [root, ...segments].filter((s) => s !== '').join('/');

  const entriesOf = entriesIn(store);
  const foldersOf = (folder: string, call: CallOptions) =>
    pipe(
      entriesOf(folder, call),
      TE.map(({ folders }) => folders),
    );
  const versionsOf = (modelType: string, name: string, call: CallOptions) =>
    pipe(foldersOf(folderOf(modelType, name), call), TE.map(versionsAmong));

  const listOne = (modelType: string, name: string, call: CallOptions): TaskEither<Failure, ExperimentListing> =>
    pipe(
      versionsOf(modelType, name, call),
      TE.flatMap(
        TE.traverseArray((version) =>
          pipe(
            store.head(`${folderOf(modelType, name, `v${version}`)}/${artifactFile}`, call),
            TE.map(O.map(() => version)),
          ),
        ),
      ),
      TE.map((versions) => ({ modelType, name, versions: A.compact(versions) })),
    );

  /** Says why there is no such version, and what there is. */
  const absent = ({ modelType, name, version }: Wanted, versions: ReadonlyArray<number>, call: CallOptions) => {
    if (version !== undefined && versions.length > 0) {
      const names = versions.map((v) => `v${v}`);
      return failTask(
        'NotFound',
        `There is no v${version} of ${modelType}/${name} in ${location}.${hint(`v${version}`, names)}`,
      );
    }
    return pipe(
      foldersOf(folderOf(modelType), call),
      TE.flatMap((names) => {
        if (names.includes(name))
          return failTask('NotFound', `${modelType}/${name} in ${location} holds no versions (v1, v2, …).`);
        if (names.length > 0)
          return failTask(
            'NotFound',
            `There is no experiment ${modelType}/${name} in ${location}.${hint(name, names)}`,
          );
        return pipe(
          foldersOf(root, call),
          TE.flatMap((types) =>
            failTask(
              'NotFound',
              `There is no experiment of model type ${modelType} in ${location}.${hint(modelType, types)}`,
            ),
          ),
        );
      }),
    );
  };

  const chooseVersion = (wanted: Wanted, call: CallOptions): TaskEither<Failure, number> =>
    pipe(
      versionsOf(wanted.modelType, wanted.name, call),
      TE.flatMap((versions) => {
        const version = wanted.version ?? versions.at(-1);
        return version !== undefined && versions.includes(version) ? TE.right(version) : absent(wanted, versions, call);
      }),
    );

  return {
    location,

    list: (call) =>
      pipe(
        foldersOf(root, call),
        TE.flatMap(
          TE.traverseArray((modelType) =>
            pipe(foldersOf(folderOf(modelType), call), TE.map(A.map((name) => ({ modelType, name })))),
          ),
        ),
        TE.map((byType) => A.chunksOf(concurrency)(byType.flat())),
        TE.flatMap(TE.traverseSeqArray(TE.traverseArray(({ modelType, name }) => listOne(modelType, name, call)))),
        TE.map((chunks) => chunks.flat().filter(({ versions }) => versions.length > 0)),
      ),

    read: (wanted, call) =>
      pipe(
        chooseVersion(wanted, call),
        TE.flatMap((version) => {
          const { modelType, name } = wanted;
          const key = folderOf(modelType, name, `v${version}`);
          return pipe(
            entriesOf(key, call),
            TE.map(({ files }) => ({ what: `${modelType}/${name} v${version}`, key, files })),
            TE.flatMap(readExperimentFiles(store, call)),
            TE.map((files) => ({ modelType, name, version, ...files })),
          );
        }),
      ),
  };
};

interface Entries {
  readonly folders: ReadonlyArray<string>;
  readonly files: ReadonlyArray<string>;
}

/** Everything directly in the folder, sorted, page by page. */
const entriesIn =
  (store: ArtifactStore) =>
  (folder: string, call: CallOptions): TaskEither<Failure, Entries> =>
  async () => {
    const folders: string[] = [];
    const files: string[] = [];
    let page: { readonly limit: number; readonly pageToken?: string } | undefined = { limit: 1000 };
    while (page !== undefined) {
      const listed: E.Either<Failure, Listing> = await store.list(folder, page, call)();
      if (E.isLeft(listed)) return listed;
      const { folders: subfolders, objects, nextPageToken }: Listing = listed.right;
      folders.push(...subfolders);
      files.push(...objects.map(({ key }) => key.slice(key.lastIndexOf('/') + 1)));
      page = nextPageToken === undefined ? undefined : { limit: 1000, pageToken: nextPageToken };
    }
    return E.right({ folders: folders.sort(), files: files.sort() });
  };

const versionsAmong = (folders: ReadonlyArray<string>): ReadonlyArray<number> =>
  folders
    .map(versionOfFolder)
    .filter((version) => version !== undefined)
    .sort((a, b) => a - b);

/** ` Did you mean b? There are a, b.` */
const hint = (wanted: string, there: ReadonlyArray<string>): string => {
  if (there.length === 0) return ' There is nothing there.';
  const near = nearest(wanted, there);
  const shown = there.slice(0, 10).join(', ');
  const more = there.length > 10 ? ` and ${there.length - 10} more` : '';
  return `${near === undefined ? '' : ` Did you mean ${near}?`} There ${there.length === 1 ? 'is' : 'are'} ${shown}${more}.`;
};

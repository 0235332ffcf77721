/** Experiments below a folder of any artifact store. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  type ExperimentListing,
  ExperimentName,
  type ExperimentSource,
  type Failure,
  type FailureTag,
  failTask,
  type Listing,
  ModelType,
  nearest,
  sideBySide,
  versionOfFolder,
} from '../../core/index.js';
import { artifactFile, readExperimentFiles } from './experiment-files.js';

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

  const foldersOf = foldersIn(store);
  const versionsOf = (modelType: string, name: string, call: CallOptions) =>
    pipe(foldersOf(folderOf(modelType, name), call), TE.map(versionsAmong));

  const headOfArtifact = (modelType: string, name: string, version: number, call: CallOptions) =>
    store.head(`${folderOf(modelType, name, `v${version}`)}/${artifactFile}`, call);

  /** Versions that hold an artifact, a few requests at a time: a bucket may have thousands. */
  const listWith = (
    call: CallOptions,
    orElse: ReturnType<typeof passOver>,
  ): TaskEither<Failure, ReadonlyArray<ExperimentListing>> =>
    pipe(
      foldersOf(root, call),
      TE.flatMap((modelTypes) =>
        sideBySide(modelTypes.filter(ModelType.is), (modelType) =>
          pipe(
            orElse([], foldersOf(folderOf(modelType), call)),
            TE.map((names) => names.filter(ExperimentName.is).map((name) => ({ modelType, name }))),
          ),
        ),
      ),
      TE.flatMap((byType) =>
        sideBySide(byType.flat(), ({ modelType, name }) =>
          pipe(
            orElse([], versionsOf(modelType, name, call)),
            TE.map((versions) => ({ modelType, name, versions })),
          ),
        ),
      ),
      TE.bindTo('experiments'),
      TE.bind('held', ({ experiments }) =>
        sideBySide(
          experiments.flatMap(({ modelType, name, versions }) =>
            versions.map((version) => ({ modelType, name, version })),
          ),
          ({ modelType, name, version }) => orElse(O.none, headOfArtifact(modelType, name, version, call)),
        ),
      ),
      TE.map(({ experiments, held }) => {
        const heads = held.values();
        return experiments
          .map(({ versions, ...of }) => ({
            ...of,
            versions: versions.filter(() => O.isSome(heads.next().value ?? O.none)),
          }))
          .filter(({ versions }) => versions.length > 0);
      }),
    );

  /** Says why there is no such version, and what there is. */
  const absent = ({ modelType, name, version }: Wanted, versions: ReadonlyArray<number>, call: CallOptions) => {
    if (version !== undefined && versions.length > 0) {
      const names = versions.map((v) => `v${v}`);
      return failTask(
        'NotFound',
        `There is no v${version} of ${modelType}/${name} in ${location}. There ${names.length === 1 ? 'is' : 'are'} ${shorten(names)}.`,
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
        const { modelType, name } = wanted;
        const highest = versions.at(-1);
        if (wanted.version !== undefined && versions.includes(wanted.version)) return TE.right(wanted.version);
        // A list leaves out what the store refuses, and a version that is a link must not give way to the one before it.
        return pipe(
          headOfArtifact(modelType, name, wanted.version ?? (highest ?? 0) + 1, call),
          TE.flatMap(() =>
            wanted.version === undefined && highest !== undefined ? TE.right(highest) : absent(wanted, versions, call),
          ),
        );
      }),
    );

  return {
    location,

    list: (call) => async () => {
      const refusals: Failure[] = [];
      const listed = await listWith(call, passOver(refusals))();
      const [first] = refusals;
      // With nothing to show, "there are none" would be a lie.
      return E.isRight(listed) && listed.right.length === 0 && first !== undefined ? E.left(first) : listed;
    },

    read: (wanted, call) =>
      pipe(
        chooseVersion(wanted, call),
        TE.flatMap((version) => {
          const { modelType, name } = wanted;
          const key = folderOf(modelType, name, `v${version}`);
          return pipe(
            foldersOf(key, call),
            TE.map((folders) => ({ what: `${modelType}/${name} v${version}`, key, folders })),
            TE.flatMap(readExperimentFiles(store, call)),
            TE.map((files) => ({ modelType, name, version, ...files })),
          );
        }),
      ),
  };
};

/** The names of all folders directly in the folder, sorted, page by page. */
const foldersIn =
  (store: ArtifactStore) =>
  (folder: string, call: CallOptions): TaskEither<Failure, ReadonlyArray<string>> =>
  async () => {
    const folders: string[] = [];
    let page: { readonly limit: number; readonly pageToken?: string } | undefined = { limit: 1000 };
    while (page !== undefined) {
      const listed: E.Either<Failure, Listing> = await store.list(folder, page, call)();
      if (E.isLeft(listed)) return listed;
      const { folders: found, nextPageToken }: Listing = listed.right;
      folders.push(...found);
      page = nextPageToken === undefined ? undefined : { limit: 1000, pageToken: nextPageToken };
    }
    return E.right(folders.sort());
  };

/** What a store answers about one place that is not as it should be, rather than about itself. */
const ofOnePlace: ReadonlyArray<FailureTag> = ['InvalidInput', 'PermissionDenied'];

/** `instead` when one place is refused, which `refusals` remembers. */
const passOver =
  (refusals: Failure[]) =>
  <A>(instead: A, task: TaskEither<Failure, A>): TaskEither<Failure, A> =>
    pipe(
      task,
      TE.orElse((failed) => {
        if (!ofOnePlace.includes(failed.tag)) return TE.left(failed);
        refusals.push(failed);
        return TE.right(instead);
      }),
    );

const versionsAmong = (folders: ReadonlyArray<string>): ReadonlyArray<number> =>
  folders
    .map(versionOfFolder)
    .filter((version) => version !== undefined)
    .sort((a, b) => a - b);

/** ` Did you mean b? There are a, b.` */
const hint = (wanted: string, there: ReadonlyArray<string>): string => {
  if (there.length === 0) return ' There is nothing there.';
  const near = nearest(wanted, there);
  return `${near === undefined ? '' : ` Did you mean ${near}?`} There ${there.length === 1 ? 'is' : 'are'} ${shorten(there)}.`;
};

const shorten = (names: ReadonlyArray<string>): string =>
  `${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`;

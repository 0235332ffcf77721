/** Places that people name: a folder, or an address of a bucket or a table. */
import { lstat, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { decode, fail, type Failure, failure, parseBucketAddress, parseBucketPrefix, text } from '../core/index.js';
import { bucketGrammar, datasetGrammar, folderGrammar, schemeGrammar } from './settings-file.js';

/** Where models are registered; `location` is for people, `root` is absolute. */
export type Registry =
  | { readonly kind: 'local'; readonly root: string; readonly location: string }
  | { readonly kind: 'gcs'; readonly bucket: string; readonly prefix: string; readonly location: string };

const Place = text(
  'Place',
  new RegExp(`^(?:gs://${bucketGrammar}/?$|${folderGrammar})`, 's'),
  'must be a folder, or gs:// with the name of a bucket and perhaps a prefix, such as gs://bgg-models/prod',
);

/** The place that the flag named. Fails `InvalidInput` for what is neither a folder nor a bucket, such as `s3://…`. */
export const parsePlace = (flag: string, address: string): E.Either<Failure, Registry> =>
  pipe(
    address,
    decode(Place, flag),
    E.map((place) => (isBucketAddress(place) ? bucketAt(place) : folderAt(place))),
  );

const Table = text(
  'Table',
  new RegExp(`^${datasetGrammar}\\.[^.]+$`),
  'must name a table, such as bigquery://project.dataset.predictions, with the id of the project',
);

/** The dataset's address, and the table in it that the flag named, perhaps with a partition behind a `$`. Fails `InvalidInput`. */
export const parseTable = (
  flag: string,
  address: string,
): E.Either<Failure, { readonly dataset: string; readonly table: string }> =>
  pipe(
    address,
    decode(Table, flag),
    E.map((named) => {
      const at = named.lastIndexOf('.');
      return { dataset: named.slice(0, at), table: named.slice(at + 1) };
    }),
  );

/** Whether it names a place in Google Cloud Storage. */
export const isBucketAddress = (path: string): boolean => path.startsWith('gs://');

/** Whether it names a place in BigQuery. */
export const isWarehouseAddress = (path: string): boolean => path.startsWith('bigquery://');

/** Whether it names a place elsewhere, as `gs://b/x` and `file:///x` do. */
export const isAddress = (path: string): boolean => new RegExp(`^${schemeGrammar}`).test(path);

/** The folder of a job: an address, or a folder of this machine, which may be relative to the working folder. Fails `InvalidInput` for other addresses. */
export const jobFolderAt = (folder: string): E.Either<Failure, string> => {
  if (!isAddress(folder)) return E.right(resolve(folder));
  const address = folder.replace(/\/+$/, '');
  return pipe(
    parseBucketAddress(address),
    E.bimap(
      ({ message }) =>
        failure(
          'InvalidInput',
          `FOLDER must be the folder of a job, on this machine or in a bucket (gs://bucket/predictions.parquet.job/JOB_ID): ${message}`,
        ),
      () => address,
    ),
  );
};

/** A folder, which may be relative to the working folder. */
export const folderAt = (folder: string): Registry => {
  const root = resolve(folder);
  return { kind: 'local', root, location: `local folder ${root}` };
};

/**
 * That the registry's folder is not there, as a sentence; undefined when it is, or when the store tells: a bucket, a link to nothing, a folder
 * that is refused. Fails `InvalidInput` when a file is in its place, or above it, naming what named it.
 */
export const absenceOf =
  ({
    registry,
    told,
  }: {
    readonly registry: Registry;
    /** Each setting, and what named it. */
    readonly told: ReadonlyArray<{ readonly name: string; readonly origin: string }>;
  }): TE.TaskEither<Failure, string | undefined> =>
  async () => {
    if (registry.kind !== 'local') return E.right(undefined);
    const { root } = registry;
    const origin = told.find(({ name }) => name === 'local_dir')?.origin ?? '';
    // The name of a settings file may have spaces, too.
    const [, named = `local_dir of ${origin}`] = /^(?:flag|environment|\.env) (.+)$/.exec(origin) ?? [];
    const is = await stat(root).then(
      (stats) => (stats.isDirectory() ? 'there' : 'a file'),
      async ({ code }: NodeJS.ErrnoException) => {
        if (code === 'ENOTDIR') return 'below a file';
        const isLink = await lstat(root).then(
          () => true,
          () => false,
        );
        return code !== 'ENOENT' || isLink ? 'there' : 'absent';
      },
    );
    if (is === 'there') return E.right(undefined);
    return is === 'absent'
      ? E.right(
          `There is no folder ${root}, so nothing is registered there: correct ${named}, or register a model, which makes the folder.`,
        )
      : fail(
          'InvalidInput',
          `${named} names ${root}, which is ${is}: give it the folder of the registry, which holds models/ or is not there yet.`,
        );
  };

/** What is not there yet is made by the first output. Fails `InvalidInput` when a file is in its place, or above it, or when an address is none. */
export const checkOutputRoot =
  (outputRoot: string): TE.TaskEither<Failure, void> =>
  async () => {
    if (isWarehouseAddress(outputRoot)) return E.right(undefined);
    if (isBucketAddress(outputRoot)) {
      return pipe(
        parseBucketPrefix(`${outputRoot.replace(/\/+$/, '')}/`),
        E.map(() => undefined),
      );
    }
    const fits = await stat(outputRoot).then(
      (stats) => stats.isDirectory(),
      ({ code }: NodeJS.ErrnoException) => code !== 'ENOTDIR',
    );
    return fits
      ? E.right(undefined)
      : fail(
          'InvalidInput',
          `The output root ${outputRoot} is a file, or below one: let SCOREKEEPER_OUTPUT_ROOT (output_root) name a folder.`,
        );
  };

/** A bucket and its prefix, by a `gs://` address. */
export const bucketAt = (address: string): Registry => {
  const location = address.replace(/\/$/, '');
  const [bucket = '', ...prefix] = location.slice('gs://'.length).split('/');
  return { kind: 'gcs', bucket, prefix: prefix.join('/'), location };
};

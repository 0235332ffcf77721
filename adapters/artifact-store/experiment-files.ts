/** The files of one experiment's version, decoded. */
import * as Ap from 'fp-ts/lib/Apply.js';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import {
  type ArtifactStore,
  type CallOptions,
  decode,
  type Experiment,
  ExperimentMetadata,
  type Failure,
  failTask,
  failure,
  Golden,
  Metrics,
  ModelInfo,
  parseJson,
  type StoredObject,
} from '../../core/index.js';

export const artifactFile = 'pipeline.onnx';

/** What the version's files say, but for which version it is. */
export type ExperimentFiles = Omit<Experiment, 'modelType' | 'name' | 'version'>;

/** A version's folder in the store, the folders in it, and what to call it in a message. */
export interface VersionFolder {
  readonly what: string;
  readonly key: string;
  readonly folders: ReadonlyArray<string>;
}

/**
 * Reads them side by side. Each is asked for by name rather than looked for in a list, which may leave out what the store
 * refuses: only what is absent is empty.
 */
export const readExperimentFiles =
  (store: ArtifactStore, call: CallOptions) =>
  ({ what, key, folders }: VersionFolder): TaskEither<Failure, ExperimentFiles> => {
    const folder = [artifactFile, ...Object.values(documents), unreadGolden].find((file) => folders.includes(file));
    if (folder !== undefined) {
      return failTask('InvalidInput', `${folder} of ${what} is a folder: put the file itself there.`);
    }

    const isThere = (file: string) => pipe(store.head(`${key}/${file}`, call), TE.map(O.isSome));

    const bytesOf = (file: string) =>
      pipe(store.get(`${key}/${file}`, call), TE.map(O.map(({ bytes }: StoredObject) => bytes)));

    const found = <A>(file: string, codec: t.Decoder<unknown, A>): TaskEither<Failure, O.Option<A>> =>
      pipe(
        bytesOf(file),
        TE.flatMapEither(
          O.traverse(E.Applicative)((bytes) =>
            pipe(parse(bytes, `${file} of ${what}`), E.flatMap(decode(codec, `${file} of ${what}`))),
          ),
        ),
      );

    const orEmpty = <A extends object>(file: string, codec: t.Decoder<unknown, A>, empty: A) =>
      pipe(found(file, codec), TE.map(O.getOrElse(() => empty)));

    const unfinished = pipe(
      isThere('pipeline.pkl'),
      TE.flatMap((pickled) => failTask('NotFound', whyNoArtifact(what, pickled))),
    );

    return pipe(
      sequence({
        artifact: pipe(
          bytesOf(artifactFile),
          TE.flatMap((bytes) => (O.isSome(bytes) ? TE.right(bytes.value) : unfinished)),
        ),
        metadata: orEmpty(documents.metadata, ExperimentMetadata, {}),
        train: orEmpty(documents.train, Metrics, {}),
        tune: orEmpty(documents.tune, Metrics, {}),
        test: orEmpty(documents.test, Metrics, {}),
        parameters: orEmpty(documents.parameters, t.UnknownRecord, {}),
        modelInfo: orEmpty(documents.modelInfo, ModelInfo, {}),
        golden: found(documents.golden, Golden),
        unread: isThere(unreadGolden),
      }),
      TE.flatMap(({ train, tune, test, golden, unread, ...rest }) =>
        // Nothing that was meant as a check is passed over in silence.
        unread && O.isNone(golden)
          ? failTask(
              'InvalidInput',
              `${what} holds a ${unreadGolden}, which is not read: write its rows and predictions as ${documents.golden}.`,
            )
          : TE.right({
              ...rest,
              metrics: { train, tune, test },
              ...(O.isSome(golden) ? { golden: golden.value } : {}),
            }),
      ),
    );
  };

const documents = {
  metadata: 'metadata.json',
  train: 'train_metrics.json',
  tune: 'tune_metrics.json',
  test: 'test_metrics.json',
  parameters: 'parameters.json',
  modelInfo: 'model_info.json',
  golden: 'golden.json',
};

const unreadGolden = 'golden.parquet';

const sequence = Ap.sequenceS(TE.ApplyPar);

const whyNoArtifact = (what: string, pickled: boolean): string =>
  pickled
    ? `${what} holds only a pipeline.pkl: export it as ${artifactFile} beside it, as examples/export_sklearn.py does.`
    : `${what} holds no ${artifactFile}: the training run did not finish, or did not export it.`;

const utf8 = new TextDecoder('utf-8', { fatal: true });

const parse = (bytes: Uint8Array, what: string): E.Either<Failure, unknown> =>
  pipe(
    E.tryCatch(
      () => utf8.decode(bytes),
      () => 'it is not UTF-8',
    ),
    E.flatMap(parseJson),
    E.mapLeft((reason) => failure('InvalidInput', `${what} is not JSON (${reason}).`)),
  );

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
  failure,
  Golden,
  Metrics,
  ModelInfo,
  parseJson,
} from '../../core/index.js';

export const artifactFile = 'pipeline.onnx';

/** What the version's files say, but for which version it is. */
export type ExperimentFiles = Omit<Experiment, 'modelType' | 'name' | 'version'>;

/** A version's folder in the store, the files that are there, and what to call it in a message. */
export interface VersionFolder {
  readonly what: string;
  readonly key: string;
  readonly files: ReadonlyArray<string>;
}

/** Reads them side by side. Absent documents are empty. */
export const readExperimentFiles =
  (store: ArtifactStore, call: CallOptions) =>
  (folder: VersionFolder): TaskEither<Failure, ExperimentFiles> => {
    const unfit = whyUnfit(folder);
    if (unfit !== undefined) return TE.left(unfit);

    const bytesOf = (file: string) =>
      pipe(
        store.get(`${folder.key}/${file}`, call),
        TE.flatMapEither(E.fromOption(() => failure('NotFound', `${file} of ${folder.what} was removed meanwhile.`))),
        TE.map(({ bytes }) => bytes),
      );

    const found = <A>(file: string, codec: t.Decoder<unknown, A>): TaskEither<Failure, O.Option<A>> =>
      folder.files.includes(file)
        ? pipe(
            bytesOf(file),
            TE.flatMapEither((bytes) => parse(bytes, `${file} of ${folder.what}`)),
            TE.flatMapEither(decode(codec, `${file} of ${folder.what}`)),
            TE.map(O.some),
          )
        : TE.right(O.none);

    const orEmpty = <A extends object>(file: string, codec: t.Decoder<unknown, A>, empty: A) =>
      pipe(found(file, codec), TE.map(O.getOrElse(() => empty)));

    return pipe(
      sequence({
        artifact: bytesOf(artifactFile),
        metadata: orEmpty('metadata.json', ExperimentMetadata, {}),
        train: orEmpty('train_metrics.json', Metrics, {}),
        tune: orEmpty('tune_metrics.json', Metrics, {}),
        test: orEmpty('test_metrics.json', Metrics, {}),
        parameters: orEmpty('parameters.json', t.UnknownRecord, {}),
        modelInfo: orEmpty('model_info.json', ModelInfo, {}),
        golden: found('golden.json', Golden),
      }),
      TE.map(({ train, tune, test, golden, ...rest }) => ({
        ...rest,
        metrics: { train, tune, test },
        ...(O.isSome(golden) ? { golden: golden.value } : {}),
      })),
    );
  };

const sequence = Ap.sequenceS(TE.ApplyPar);

const whyUnfit = ({ what, files }: VersionFolder): Failure | undefined => {
  if (!files.includes(artifactFile)) {
    return files.includes('pipeline.pkl')
      ? failure(
          'NotFound',
          `${what} holds only a pipeline.pkl: export it as ${artifactFile} beside it, as examples/export_sklearn.py does.`,
        )
      : failure('NotFound', `${what} holds no ${artifactFile}: the training run did not finish, or did not export it.`);
  }
  // Nothing that was meant as a check is passed over in silence.
  if (files.includes('golden.parquet') && !files.includes('golden.json')) {
    return failure(
      'InvalidInput',
      `${what} holds a golden.parquet, which is not read: write its rows and predictions as golden.json.`,
    );
  }
  return undefined;
};

const parse = (bytes: Uint8Array, what: string): E.Either<Failure, unknown> =>
  pipe(
    parseJson(new TextDecoder().decode(bytes)),
    E.mapLeft((reason) => failure('InvalidInput', `${what} is not JSON (${reason}).`)),
  );

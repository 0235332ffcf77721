/** What `score` and `job plan` have in common: a model, a source and an output, named as people name them. */
import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, normalize, resolve } from 'node:path';
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  fail,
  type Failure,
  type ModelReference,
  nearest,
  parseBucketAddress,
  parseModelReference,
  ScoreRequest,
} from '../../core/index.js';
import type { Overrides } from '../composition/compose.js';
import { isAddress, isBucketAddress, isWarehouseAddress, parseTable } from '../places.js';
import type { Settings } from '../settings.js';
import { BaseCommand, type Session } from './base-command.js';
import { decodeFlags, numeric, present, referenceHelp, scored } from './references.js';
import { keepYoungGenerationSmall } from './young-generation.js';

/** What `--help` says of the model, the years and the output. */
export const scoringHelp = [
  referenceHelp,
  'Both years are included. The extension of --output tells its format: .parquet, .csv, .ndjson or .jsonl.',
  'A relative --output is below the output root (SCOREKEEPER_OUTPUT_ROOT, by default the working folder, and with a bucket gs://BUCKET/predictions/). On the command line --output is your own choice: an absolute path, one that climbs with .. from the working folder, or an address (gs://bucket/predictions.parquet) may leave the output root. Only requests over REST are held to it.',
].join('\n\n');

export abstract class ScoringCommand extends BaseCommand {
  reference = Option.String({ name: 'REF' });
  source = Option.String('--source', {
    description:
      'NAME|FILE: Read this source of the settings, or this .parquet, .csv, .ndjson or .jsonl file, which may be gs://BUCKET/FILE (default: the source of the model type)',
  });
  startYear = Option.String('--start-year', { description: 'YEAR: Score rows of this year and later' });
  endYear = Option.String('--end-year', { description: 'YEAR: Score rows of this year and earlier' });
  output = Option.String('--output', {
    description:
      'FILE: Write the predictions to this file, which may be gs://BUCKET/FILE, or to the table bigquery://PROJECT.DATASET.TABLE (default: stdout)',
  });
  onError = Option.String('--on-error', {
    description: 'fail|skip: Fail at a row that does not fit the model, or leave such rows out (default: fail)',
  });

  /** Has the request answered by a service over the source and the output that it names. */
  protected withRequest<A>(
    use: (session: Session, request: ScoreRequest) => TE.TaskEither<Failure, A>,
  ): TE.TaskEither<Failure, A> {
    keepYoungGenerationSmall();
    return pipe(
      E.Do,
      E.apS('reference', parseModelReference(this.reference)),
      E.apS('output', placeOutput(this.output)),
      E.chainFirst(() => checkSource(this.source)),
      E.bind('request', ({ reference, output }) => this.request(reference, output.location)),
      TE.fromEither,
      TE.flatMap(({ request, output }) =>
        this.withService(
          (session) => use(session, request),
          (settings) => E.right({ ...output.overrides, ...this.sourceFile(settings, request.model_type) }),
        ),
      ),
    );
  }

  private request(reference: ModelReference, location: string | undefined): E.Either<Failure, ScoreRequest> {
    return decodeFlags(ScoreRequest, { data_source: '--source', output_location: '--output' })(
      present({
        ...scored(reference),
        start_year: numeric(this.startYear),
        end_year: numeric(this.endYear),
        data_source: this.source,
        output_location: location,
        on_error: this.onError,
      }),
    );
  }

  /** A `--source` that no setting declares and that is a file, or is written like one, is read as one, with the keys of the type's own source. */
  private sourceFile({ sources, modelTypes }: Settings, modelType: string): Overrides {
    const name = this.source;
    if (name === undefined || Object.hasOwn(sources, name)) return {};
    if (!existsSync(name) && !isWrittenLikeAFile(name, Object.keys(sources))) return {};
    const keys = sources[modelTypes[modelType]?.source ?? '']?.keys ?? [];
    return { sourceFile: { name, keys } };
  }
}

/** It has a slash or an extension; one that no source file has may also be a mistake in the name of a source. */
const isWrittenLikeAFile = (name: string, sources: ReadonlyArray<string>): boolean =>
  /[/\\]|\.(?:parquet|csv|ndjson|jsonl)$/i.test(name) ||
  (/\.[a-z]\w{0,7}$/i.test(name) && nearest(name, sources) === undefined);

/** Of addresses, only those of buckets are read. */
const checkSource = (given: string | undefined): E.Either<Failure, void> =>
  given !== undefined && isAddress(given) && !isBucketAddress(given)
    ? fail(
        'InvalidInput',
        `--source must be a source of the settings, a file of this machine, or an address in a bucket (gs://bucket/name): nothing is read from ${given}.`,
      )
    : E.right(undefined);

interface Output {
  readonly location?: string;
  readonly overrides?: Overrides;
}

/** An absolute output, an address, or one that climbs, is its owner's own choice: the root is then the folder that it names. */
const placeOutput = (given: string | undefined): E.Either<Failure, Output> => {
  if (given === undefined) return E.right({});
  if (/(?:^|[/\\])\.{0,2}$/.test(given))
    return fail('InvalidInput', `--output must name a file, such as predictions.parquet, got "${given}".`);
  if (isWarehouseAddress(given)) {
    return pipe(
      parseTable('--output', given),
      E.map(({ dataset, table }) => ({ location: table, overrides: { outputRoot: dataset } })),
    );
  }
  // `normalize` would make a folder of the scheme.
  if (isBucketAddress(given)) {
    const at = given.lastIndexOf('/');
    return pipe(
      parseBucketAddress(given),
      E.map(() => ({ location: given.slice(at + 1), overrides: { outputRoot: given.slice(0, at) } })),
    );
  }
  if (isAddress(given))
    return fail(
      'InvalidInput',
      `--output must be a file of this machine, an address in a bucket (gs://bucket/name), or a table (bigquery://project.dataset.table): nothing is written to ${given}.`,
    );
  const path = normalize(given);
  return E.right(
    isAbsolute(path) || path.split(/[/\\]/).includes('..')
      ? { location: basename(path), overrides: { outputRoot: resolve(dirname(path)) } }
      : { location: path.replaceAll('\\', '/') },
  );
};

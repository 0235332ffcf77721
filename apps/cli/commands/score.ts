/** `score`: a scoring job, from a source through a model to a file or stdout. */
import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, normalize, resolve } from 'node:path';
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  fail,
  type Failure,
  failTask,
  type ModelReference,
  nearest,
  parseModelReference,
  type ScoreAnswer,
  ScoreRequest,
} from '../../../core/index.js';
import type { Overrides } from '../../composition/compose.js';
import { isAddress, parseTable } from '../../places.js';
import { isWarehouseAddress, type Settings } from '../../settings.js';
import { BaseCommand, type Session } from '../base-command.js';
import { type Progress, startProgress } from '../progress.js';
import { decodeFlags, numeric, present, referenceHelp, scored } from '../references.js';
import { renderReport } from '../report.js';
import { processCountOf, scoreWithProcesses } from '../sharded-score.js';

export class ScoreCommand extends BaseCommand {
  static override paths = [['score']];

  static override usage = {
    description: 'Scores rows from a source with one version of a model.',
    examples: [
      [
        'Games of 2020 to 2025 from the source of the model type, to a Parquet file',
        '$0 score rating/production_rating_model --start-year 2020 --end-year 2025 --output predictions.parquet',
      ],
      [
        'A file, with the version under an alias',
        '$0 score rating/production_rating_model@champion --source new-games.csv --output predictions.csv',
      ],
      [
        'A large file, with all processors',
        '$0 score rating/production_rating_model --source games.parquet --processes auto --output predictions.parquet',
      ],
      [
        'Predictions as NDJSON on stdout, the report on stderr',
        '$0 score rating/production_rating_model@3 --source games | head',
      ],
    ] satisfies Array<[string, string]>,
    details: [
      referenceHelp,
      'Both years are included. The extension of --output tells its format: .parquet, .csv, .ndjson or .jsonl.',
      'A relative --output is below the output root (SCOREKEEPER_OUTPUT_ROOT, by default the working folder). On the command line --output is your own choice: an absolute path, or one that climbs with .., may leave the output root. Only requests over REST are held to it.',
    ].join('\n\n'),
  };

  reference = Option.String({ name: 'REF' });
  source = Option.String('--source', {
    description:
      'NAME|FILE: Read this source of the settings, or this .parquet, .csv, .ndjson or .jsonl file (default: the source of the model type)',
  });
  startYear = Option.String('--start-year', { description: 'YEAR: Score rows of this year and later' });
  endYear = Option.String('--end-year', { description: 'YEAR: Score rows of this year and earlier' });
  output = Option.String('--output', {
    description:
      'FILE: Write the predictions to this file, or the table bigquery://PROJECT.DATASET.TABLE (default: stdout)',
  });
  processes = Option.String('--processes', {
    description:
      'N|auto: Score with N processes, or with auto: one for each processor; a run that was stopped or killed goes on where it was (needs --output; default: in this process)',
  });
  overwrite = Option.Boolean('--overwrite', false, {
    description: 'With --processes: score again what was scored before',
  });
  onError = Option.String('--on-error', {
    description: 'fail|skip: Fail at a row that does not fit the model, or leave such rows out (default: fail)',
  });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      E.Do,
      E.apS('reference', parseModelReference(this.reference)),
      E.apS('output', placeOutput(this.output)),
      E.bind('request', ({ reference, output }) => this.request(reference, output.location)),
      E.apS('processCount', this.processes === undefined ? E.right(undefined) : processCountOf(this.processes)),
      TE.fromEither,
      TE.flatMap(({ request, output, processCount }) =>
        this.withService(
          (session) =>
            processCount === undefined
              ? this.scoreHere(session, request)
              : this.scoreAside(session, request, processCount),
          (settings) => E.right({ ...output.overrides, ...this.sourceFile(settings, request.model_type) }),
        ),
      ),
      TE.map((answer) => this.report(answer)),
    );
  }

  /** In this process. */
  private scoreHere({ service, cancellation }: Session, request: ScoreRequest): TE.TaskEither<Failure, ScoreAnswer> {
    return async () => {
      const progress: Progress = await startProgress(this.isTerminal('stderr'));
      const control = { cancellation, onProgress: progress.tell, inlineRowLimit: Number.MAX_SAFE_INTEGER };
      try {
        return await service.score(request, control)();
      } finally {
        progress.stop();
      }
    };
  }

  /** In processes of their own. */
  private scoreAside(
    session: Session,
    request: ScoreRequest,
    processCount: number,
  ): TE.TaskEither<Failure, ScoreAnswer> {
    const { root } = session.ports.sink;
    if (isWarehouseAddress(root))
      return failTask('InvalidInput', `Several processes write a file, and ${root} has tables: leave --processes out.`);
    return scoreWithProcesses(session, {
      request,
      repetition: this.overwrite ? 'again' : 'done',
      processCount,
      flags: Object.entries(this.flags()).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}=${value}`],
      ),
      startProgress: () => startProgress(this.isTerminal('stderr')),
      say: (line) => this.say(line),
      command: ['scorekeeper', ...process.argv.slice(2)].map(quoted).join(' '),
    });
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

  private report(answer: ScoreAnswer): void {
    if (this.json) return this.printJson(answer);
    if (answer.predictions === null)
      return this.print(renderReport(answer, this.colorsOf('stdout'), this.widthOf('stdout')));
    this.printLines(answer.predictions);
    this.say(renderReport(answer, this.colorsOf('stderr'), this.widthOf('stderr')));
  }
}

/** For a shell. */
const quoted = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** It has a slash or an extension; one that no source file has may also be a mistake in the name of a source. */
const isWrittenLikeAFile = (name: string, sources: ReadonlyArray<string>): boolean =>
  /[/\\]|\.(?:parquet|csv|ndjson|jsonl)$/i.test(name) ||
  (/\.[a-z]\w{0,7}$/i.test(name) && nearest(name, sources) === undefined);

interface Output {
  readonly location?: string;
  readonly overrides?: Overrides;
}

/** An absolute output, or one that climbs, is its owner's own choice: the root is then the folder that it names. */
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
  if (isAddress(given))
    return fail(
      'InvalidInput',
      `--output must be a file of this machine, or a table (bigquery://project.dataset.table): nothing is written to ${given} by this version.`,
    );
  const path = normalize(given);
  return E.right(
    isAbsolute(path) || path.split(/[/\\]/).includes('..')
      ? { location: basename(path), overrides: { outputRoot: resolve(dirname(path)) } }
      : { location: path.replaceAll('\\', '/') },
  );
};

/** `score`: a scoring job, from a source through a model to a file or stdout. */
import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, normalize, resolve } from 'node:path';
import { Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, parseModelReference, type ScoreAnswer } from '../../../core/index.js';
import type { Overrides } from '../../composition/compose.js';
import type { Settings } from '../../settings.js';
import { BaseCommand } from '../base-command.js';
import { type Progress, startProgress } from '../progress.js';
import { numeric, present, scored } from '../references.js';
import { renderReport } from '../report.js';

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
        'Predictions as NDJSON on stdout, the report on stderr',
        '$0 score rating/production_rating_model@3 --source games | head',
      ],
    ] satisfies Array<[string, string]>,
    details:
      'Both years are included. The output’s extension tells its format: .parquet, .csv, .ndjson or .jsonl. A relative --output is below the output root (SCOREKEEPER_OUTPUT_ROOT, by default the working folder).',
  };

  reference = Option.String({ name: 'REF' });
  source = Option.String('--source', {
    description: 'NAME|FILE: a source from the settings, or a .parquet, .csv or .ndjson file',
  });
  startYear = Option.String('--start-year', { description: 'YEAR: the first one' });
  endYear = Option.String('--end-year', { description: 'YEAR: the last one' });
  output = Option.String('--output', { description: 'FILE: where the predictions go (default: stdout)' });
  onError = Option.String('--on-error', {
    description: 'fail|skip: what a row that does not fit the model does (default: fail)',
  });

  perform(): TE.TaskEither<Failure, void> {
    const output: Output = this.output === undefined ? {} : placeOutput(this.output);
    return pipe(
      TE.fromEither(parseModelReference(this.reference)),
      TE.flatMap((reference) =>
        this.withService(
          ({ service, cancellation }) => {
            const request = present({
              ...scored(reference),
              start_year: numeric(this.startYear),
              end_year: numeric(this.endYear),
              data_source: this.source,
              output_location: output.location,
              on_error: this.onError,
            });
            return async () => {
              const progress: Progress = await startProgress(this.isTerminal('stderr'));
              const control = { cancellation, onProgress: progress.tell, inlineRowLimit: Number.MAX_SAFE_INTEGER };
              try {
                return await service.score(request, control)();
              } finally {
                progress.stop();
              }
            };
          },
          (settings) => E.right({ ...output.overrides, ...this.sourceFile(settings, reference.model.modelType) }),
        ),
      ),
      TE.map((answer) => this.report(answer)),
    );
  }

  /** A `--source` that no setting declares and that is a file, or is written like one, is read as one, with the keys of the type's own source. */
  private sourceFile({ sources, modelTypes }: Settings, modelType: string): Overrides {
    const name = this.source;
    if (name === undefined || Object.hasOwn(sources, name)) return {};
    if (!existsSync(name) && !/[/\\]|\.(?:parquet|csv|ndjson|jsonl)$/i.test(name)) return {};
    const keys = sources[modelTypes[modelType]?.source ?? '']?.keys ?? [];
    return { sourceFile: { name, keys } };
  }

  private report(answer: ScoreAnswer): void {
    if (this.json) return this.printJson(answer);
    if (answer.predictions === null) return this.print(renderReport(answer, this.colorsOf('stdout')));
    this.printLines(answer.predictions);
    this.say(renderReport(answer, this.colorsOf('stderr')));
  }
}

interface Output {
  readonly location?: string;
  readonly overrides?: Overrides;
}

/** An absolute output, or one that climbs, is its owner's own choice: the root is then the folder that it names. */
const placeOutput = (given: string): Output => {
  const path = normalize(given);
  return isAbsolute(path) || path.split(/[/\\]/).includes('..')
    ? { location: basename(path), overrides: { outputRoot: resolve(dirname(path)) } }
    : { location: path.replaceAll('\\', '/') };
};

/** What every command has: the flags for registry and settings, its streams, and how its failures and bugs end. */
import { type BaseContext, Command, Option } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import picocolors from 'picocolors';
import { cancellationOf } from '../../adapters/node-host.js';
import { type Cancellation, type Failure, failure } from '../../core/index.js';
import type { Composition, Overrides } from '../composition/compose.js';
import { failureTable } from '../failure-table.js';
import { absenceOf } from '../places.js';
import { problemOf } from './problem.js';
import { type Flags, loadSettings, type Settings } from '../settings.js';

/** Where a command runs. */
export interface Context extends BaseContext {
  /** The variables of `env` that `.env` set. */
  readonly fromEnvironmentFile: ReadonlySet<string>;
}

export type Colors = ReturnType<typeof picocolors.createColors>;

/** What a command works with while it runs. */
export interface Session extends Composition {
  /** Comes with SIGINT and SIGTERM. */
  readonly cancellation: Cancellation;
}

export abstract class BaseCommand extends Command<Context> {
  json = Option.Boolean('--json', false, { description: 'Print one JSON document on stdout, also of a failure' });
  settingsFile = Option.String('--settings', {
    description: 'FILE: Read the settings from this file (default: ./scorekeeper.json)',
  });
  local = Option.String('--local', { description: 'DIR: Use the registry in this folder' });
  bucket = Option.String('--bucket', {
    description: 'NAME[/prefix]: Use the registry in this Google Cloud Storage bucket',
  });

  /** Whether its one document is printed. */
  private hasDocument = false;

  /** Does what the command is for. */
  abstract perform(): TE.TaskEither<Failure, void>;

  /** What must be given: clipanion's own check would say "Command not found". */
  protected needed(): Readonly<Record<string, string | undefined>> {
    return {};
  }

  override async validateAndExecute(): Promise<number> {
    const missing = Object.entries(this.needed()).flatMap(([name, value]) => (value === undefined ? [name] : []));
    if (missing.length > 0)
      return this.tell(failure('InvalidInput', `${this.path.join(' ')} needs ${missing.join(', ')}; see --help.`));
    return this.execute();
  }

  override async execute(): Promise<number> {
    try {
      const outcome = await this.perform()();
      return E.isLeft(outcome) ? this.tell(outcome.left) : 0;
    } catch (bug) {
      this.say(
        `This is a bug in Scorekeeper, please report it: ${bug instanceof Error ? (bug.stack ?? bug.message) : bug}`,
      );
      return 1;
    }
  }

  /** A line on stderr, where messages go. */
  protected say(line: string): void {
    this.context.stderr.write(`${line}\n`);
  }

  protected sayRegistry({ registry }: Settings): void {
    this.say(this.colorsOf('stderr').dim(`registry: ${registry.location}`));
  }

  /** Before anything is asked of the registry: whether a folder that it is in can be one, and is there. */
  protected checkFolder(settings: Settings): TE.TaskEither<Failure, void> {
    return pipe(
      absenceOf(settings),
      TE.flatMapEither((absence) => (absence === undefined ? E.right(undefined) : this.withoutFolder(absence))),
    );
  }

  /** What comes of a registry whose folder is not there, which `sentence` says: it is read as an empty one. */
  protected withoutFolder(sentence: string): E.Either<Failure, void> {
    this.say(sentence);
    return E.right(undefined);
  }

  /** Data on stdout. */
  protected print(text: string): void {
    this.context.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  protected printJson(document: unknown): void {
    this.hasDocument = true;
    this.print(JSON.stringify(document, null, 2));
  }

  /** NDJSON. */
  protected printLines(rows: ReadonlyArray<unknown>): void {
    for (let at = 0; at < rows.length; at += 1000) {
      this.print(
        rows
          .slice(at, at + 1000)
          .map((row) => JSON.stringify(row))
          .join('\n'),
      );
    }
  }

  protected flags(): Flags {
    return { settings: this.settingsFile, local: this.local, bucket: this.bucket };
  }

  /** The flags of registry and settings that were given, for a command line that is to mean the same. */
  protected flagWords(): ReadonlyArray<string> {
    return Object.entries(this.flags()).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  }

  protected settings(): TE.TaskEither<Failure, Settings> {
    const { env, fromEnvironmentFile } = this.context;
    return pipe(
      TE.tryCatch(
        async () => process.cwd(),
        () => failure('NotFound', 'The working folder is gone: change into one that is there.'),
      ),
      TE.flatMap((workingDir) => loadSettings(this.flags(), { env, fromEnvironmentFile, workingDir })),
    );
  }

  /** Composes a service as the settings and what `overridesFor` makes of them say, says which registry it is, and closes it after `use`. */
  protected withService<A>(
    use: (session: Session) => TE.TaskEither<Failure, A>,
    overridesFor: (settings: Settings) => E.Either<Failure, Overrides> = () => E.right({}),
  ): TE.TaskEither<Failure, A> {
    return interruptible((cancellation) =>
      pipe(
        this.settings(),
        TE.tapIO((settings) => () => this.sayRegistry(settings)),
        TE.tap((settings) => this.checkFolder(settings)),
        TE.bindTo('settings'),
        TE.bind('overrides', ({ settings }) => TE.fromEither(overridesFor(settings))),
        TE.flatMapTask(({ settings, overrides }) => async () => {
          // The container and the adapters take a while to load: not for help or a wrong flag.
          const { compose } = await import('../composition/compose.js');
          return compose(settings, overrides);
        }),
        TE.flatMap((composition) => async () => {
          try {
            return await use({ ...composition, cancellation })();
          } finally {
            await composition.close();
          }
        }),
      ),
    );
  }

  /** Colours where the stream is a terminal that has them and nobody said NO_COLOR (https://no-color.org). */
  protected colorsOf(stream: 'stdout' | 'stderr'): Colors {
    const { env } = this.context;
    return picocolors.createColors(this.isTerminal(stream) && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
  }

  protected isTerminal(stream: 'stdout' | 'stderr'): boolean {
    const target = this.context[stream];
    return 'isTTY' in target && target.isTTY === true;
  }

  /** How many characters a line of the terminal has; elsewhere lines are as long as they need to be. */
  protected widthOf(stream: 'stdout' | 'stderr'): number {
    const target = this.context[stream];
    const columns = this.isTerminal(stream) && 'columns' in target ? Number(target.columns) : 0;
    return columns > 0 ? columns : Number.POSITIVE_INFINITY;
  }

  private tell(failed: Failure): number {
    const { tag, message, problems, problemTotal } = failed;
    this.say(`${this.colorsOf('stderr').red(tag)}: ${message}`);
    const untold = problems.filter(({ detail }) => !message.includes(detail) && !namesFeatureOf(detail, message));
    for (const { pointer, detail } of untold) this.say(saysItsPlace(detail) ? `  ${detail}` : `  ${pointer} ${detail}`);
    if (untold.length > 0 && problemTotal > problems.length) this.say(`  and ${problemTotal - problems.length} more`);
    if (this.json && !this.hasDocument) this.printJson(problemOf(failed));
    return failureTable[tag].exit;
  }
}

/** Of a value, its row and column; a pointer would say it a second time. */
const saysItsPlace = (detail: string): boolean => /^row \d+, column "/.test(detail);

/** Whether the message names the missing feature that the detail is about. */
const namesFeatureOf = (detail: string, message: string): boolean => {
  const name = /^the feature "(.*)" \(\w+\) is missing/.exec(detail)?.[1];
  return name !== undefined && message.includes(name);
};

/** SIGINT and SIGTERM cancel what runs; a second one ends the process at once. */
const interruptible =
  <A>(work: (cancellation: Cancellation) => TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> =>
  async () => {
    const stop = new AbortController();
    const forget = (): void => void process.off('SIGINT', abort).off('SIGTERM', abort);
    const abort = (): void => {
      forget();
      stop.abort();
    };
    process.on('SIGINT', abort).on('SIGTERM', abort);
    try {
      return await work(cancellationOf(stop.signal))();
    } finally {
      forget();
    }
  };

/** Runs one command line: finds the command, parses, runs it, and answers with the exit code. */
import { readFileSync } from 'node:fs';
import { Cli, type Command, type CommandClass } from 'clipanion';
import * as E from 'fp-ts/lib/Either.js';
import { failure, nearest } from '../../core/index.js';
import { failureTable } from '../failure-table.js';
import { bindValues } from './arguments.js';
import type { Context } from './base-command.js';
import { problemOf } from './problem.js';

const binaryName = 'scorekeeper';

/** Only the command that is asked for is loaded. */
const commands: Readonly<Record<string, () => Promise<CommandClass<Context>>>> = {
  register: async () => (await import('./commands/register.js')).RegisterCommand,
  models: async () => (await import('./commands/models.js')).ModelsCommand,
  'models show': async () => (await import('./commands/models-show.js')).ModelsShowCommand,
  versions: async () => (await import('./commands/versions.js')).VersionsCommand,
  promote: async () => (await import('./commands/promote.js')).PromoteCommand,
  rollback: async () => (await import('./commands/rollback.js')).RollbackCommand,
  history: async () => (await import('./commands/history.js')).HistoryCommand,
  archive: async () => (await import('./commands/archive.js')).ArchiveCommand,
  restore: async () => (await import('./commands/restore.js')).RestoreCommand,
  delete: async () => (await import('./commands/delete.js')).DeleteCommand,
  verify: async () => (await import('./commands/verify.js')).VerifyCommand,
  gc: async () => (await import('./commands/gc.js')).GcCommand,
  copy: async () => (await import('./commands/copy.js')).CopyCommand,
  experiments: async () => (await import('./commands/experiments.js')).ExperimentsCommand,
  score: async () => (await import('./commands/score.js')).ScoreCommand,
  'job plan': async () => (await import('./commands/job-plan.js')).JobPlanCommand,
  'job work': async () => (await import('./commands/job-work.js')).JobWorkCommand,
  'job finish': async () => (await import('./commands/job-finish.js')).JobFinishCommand,
  'job resume': async () => (await import('./commands/job-resume.js')).JobResumeCommand,
  'job status': async () => (await import('./commands/job-status.js')).JobStatusCommand,
  predict: async () => (await import('./commands/predict.js')).PredictCommand,
  serve: async () => (await import('./commands/serve.js')).ServeCommand,
  doctor: async () => (await import('./commands/doctor.js')).DoctorCommand,
};

/** Data goes to the context's stdout, messages to its stderr. */
export const runCommandLine = async (
  args: ReadonlyArray<string>,
  context: Pick<Context, 'env' | 'fromEnvironmentFile' | 'stdin' | 'stdout' | 'stderr'>,
): Promise<number> => {
  const { stderr } = context;
  const refuse = (why: string, name: string): number => {
    stderr.write(`${why}\n${binaryName}${name} --help shows how it is used.\n`);
    if (args.includes('--json'))
      context.stdout.write(`${JSON.stringify(problemOf(failure('InvalidInput', why)), null, 2)}\n`);
    return failureTable.InvalidInput.exit;
  };
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  const cli = new Cli<Context>({ binaryName, binaryVersion: version });
  const [one = '', two = ''] = args;
  const name = [`${one} ${two}`, one].find((path) => Object.hasOwn(commands, path));
  const load = commands[name ?? ''];
  if (one === '--version') {
    context.stdout.write(`${version}\n`);
    return 0;
  }
  if (one === '' || args.includes('--help') || args.includes('-h')) {
    const { renderAll, renderOne } = await import('./help.js');
    for (const wanted of load === undefined ? Object.values(commands) : [load]) cli.register(await wanted());
    context.stdout.write(`${load === undefined ? renderAll(cli) : renderOne(cli)}\n`);
    return 0;
  }
  if (load === undefined) {
    const below = Object.keys(commands).filter((path) => path.startsWith(`${one} `));
    if (below.length > 0) return refuse(`"${[one, two].join(' ').trim()}" is no command: ${below.join(', ')} are.`, '');
    const near = nearest(one, Object.keys(commands));
    return refuse(`There is no command "${one}"${near === undefined ? '' : `; did you mean ${near}?`}`, '');
  }
  cli.register(await load());
  const bound = bindValues(
    args,
    cli.definitions().flatMap(({ options }) => options),
  );
  if (E.isLeft(bound)) return refuse(bound.left, ` ${name}`);
  let command: Command<Context>;
  try {
    command = cli.process([...bound.right], context);
  } catch (error) {
    // The library's own message goes on with the usage.
    const [why = ''] = `${error instanceof Error ? error.message : error}`.split('\n');
    const given = bound.right.filter((word) => !word.startsWith('-')).length - `${name}`.split(' ').length;
    return refuse(refusalOf(why, cli.definitions()[0]?.usage ?? '', given), ` ${name}`);
  }
  return cli.run(command, context);
};

/** What the library says, as a sentence that tells what to do; `given` are the arguments besides options. */
const refusalOf = (why: string, usage: string, given: number): string => {
  const [, flag] = /^Not enough arguments to option (--\S+)\.$/.exec(why) ?? [];
  if (flag !== undefined) return `${flag} needs a value; one that begins with -- is written ${flag}=VALUE.`;
  const [, extra] = /^Extraneous positional argument \((.*)\)\.$/.exec(why) ?? [];
  if (extra !== undefined) return `${extra} is one argument too many: ${usage} takes no more.`;
  const missing = `An argument is missing: ${usage} is how it is called.`;
  if (why === 'Not enough positional arguments.') return missing;
  // What it says of an option behind arguments that are not as they should be.
  if (!why.startsWith('Command not found')) return why;
  return given < (usage.match(/</g)?.length ?? 0) ? missing : `There is one argument too many: ${usage} takes no more.`;
};

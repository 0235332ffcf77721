#!/usr/bin/env node
/** The command line's entry point: parses, runs one command, sets the exit code. */
import { readFileSync } from 'node:fs';
import { Cli, type Command } from 'clipanion';
import picocolors from 'picocolors';
import { failureTable } from '../failure-table.js';
import { loadEnvironmentFile } from '../settings.js';
import { DoctorCommand } from './commands/doctor.js';
import { ExperimentsCommand } from './commands/experiments.js';
import { ModelsCommand } from './commands/models.js';
import { ModelsShowCommand } from './commands/models-show.js';
import { PredictCommand } from './commands/predict.js';
import { RegisterCommand } from './commands/register.js';
import { ScoreCommand } from './commands/score.js';
import { ServeCommand } from './commands/serve.js';
import { VersionsCommand } from './commands/versions.js';
import { renderHelp } from './help.js';

const binaryName = 'scorekeeper';

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version;

const run = async (args: ReadonlyArray<string>): Promise<number> => {
  const cli = new Cli({ binaryName, binaryVersion: version() });
  for (const command of [
    RegisterCommand,
    ModelsCommand,
    ModelsShowCommand,
    VersionsCommand,
    ExperimentsCommand,
    ScoreCommand,
    PredictCommand,
    ServeCommand,
    DoctorCommand,
  ]) {
    cli.register(command);
  }
  if (args[0] === '--version') {
    process.stdout.write(`${cli.binaryVersion}\n`);
    return 0;
  }
  if (args.length === 0 || args.includes('--help') || args.includes('-h')) {
    const firstOption = args.findIndex((arg) => arg.startsWith('-'));
    const colors = picocolors.createColors(process.stdout.isTTY === true && !process.env['NO_COLOR']);
    process.stdout.write(`${renderHelp(cli, args.slice(0, firstOption < 0 ? 0 : firstOption), colors)}\n`);
    return 0;
  }
  let command: Command;
  try {
    command = cli.process([...args], {});
  } catch (error) {
    // The library's own message goes on with every usage it knows.
    const reason = error instanceof Error ? error.message.split('\n')[0]?.replace('; did you mean one of:', '.') : error;
    process.stderr.write(`${reason} ${binaryName} --help tells what there is.\n`);
    return failureTable.InvalidInput.exit;
  }
  return cli.run(command, {});
};

// Whoever reads stdout may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

loadEnvironmentFile();
process.exitCode = await run(process.argv.slice(2));

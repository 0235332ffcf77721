#!/usr/bin/env node
/** The command line's entry point: reads `.env`, runs the command on the process's streams, sets the exit code. */
import * as E from 'fp-ts/lib/Either.js';
import { failureTable } from '../failure-table.js';
import { loadEnvironmentFile } from './environment-file.js';
import { runCommandLine } from './run.js';
import { openStandardOutput } from './standard-output.js';

// Messages that nobody can be told change nothing.
process.stderr.on('error', () => undefined);

const environmentFile = loadEnvironmentFile();
if (E.isLeft(environmentFile)) {
  const { tag, message } = environmentFile.left;
  process.stderr.write(`${tag}: ${message}\n`);
  process.exitCode = failureTable[tag].exit;
} else {
  const { env, stdin, stderr } = process;
  const context = { env, fromEnvironmentFile: environmentFile.right, stdin, stdout: openStandardOutput(), stderr };
  process.exitCode = await runCommandLine(process.argv.slice(2), context);
}

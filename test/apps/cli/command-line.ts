/** Runs the command line as it ships: a process of its own, in a folder of its own, with nothing in its environment. Or in this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../../../../', import.meta.url));

export const games = join(checkout, 'examples', 'games');
export const onnxFixtures = join(checkout, 'test', 'support', 'onnx');
const main = join(checkout, 'dist', 'apps', 'cli', 'main.js');

/** Most commands live for half a second: it is not worth their while to optimise code, and a test suite starts hundreds. */
const flags = ['--no-opt'];

/** A new empty folder, which goes when the process does. */
export const emptyFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-cli-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
}

/** Starts a command whose stdin stays open; `before` begins its command line, as `nice` would. */
export const start = (
  cwd: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  before: ReadonlyArray<string> = [],
): Running => {
  const [program, ...words] = [...before, process.execPath, ...flags, main, ...args];
  const child = spawn(program ?? '', words, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...env },
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ended = Promise.all([code, text(child.stdout), text(child.stderr)]).then(([status, stdout, stderr]) => ({
    code: status,
    stdout,
    stderr,
  }));
  return { child, ended };
};

/** Runs a command to its end, with `input` on stdin. */
export const run = (
  cwd: string,
  args: ReadonlyArray<string>,
  {
    input = '',
    env = {},
    before = [],
  }: {
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly before?: ReadonlyArray<string>;
  } = {},
): Promise<Ran> => {
  const { child, ended } = start(cwd, args, env, before);
  // A command that reads no rows does not wait for them.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return ended;
};

/**
 * Runs a command as `run` does, but in this process, which takes a tenth of the time. The working folder is the process's,
 * so only one runs at a time: in tests that are serial.
 */
export const runHere = async (
  cwd: string,
  args: ReadonlyArray<string>,
  { input = '', env = {} }: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> => {
  const { runCommandLine } = await import('../../../apps/cli/run.js');
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  process.chdir(cwd);
  const code = await runCommandLine(args, {
    ...{ env: { HOME: cwd, ...env }, fromEnvironmentFile: new Set<string>() },
    ...{ stdin: Readable.from([input]), stdout, stderr },
  });
  stdout.end();
  stderr.end();
  const [out, err] = await said;
  return { code, stdout: out, stderr: err };
};

/** Resolves once stderr shows `pattern`. */
export const shown = ({ child, ended }: Running, pattern: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let seen = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      const found = pattern.exec(seen);
      if (found !== null) resolve(found);
    });
    ended.then(() => reject(new Error(`it ended without ${pattern}: ${seen}`)), reject);
  });

/** Every file below a folder, sorted. */
export const filesIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
};

/** An experiment of passing metrics around one artifact: bytes of its own, or a fixture. */
export const writeExperiment = async (
  folder: string,
  artifact: Uint8Array | string,
  modelInfo: object = {},
): Promise<void> => {
  const version = join(folder, 'v1');
  await mkdir(version, { recursive: true });
  if (typeof artifact === 'string') await cp(artifact, join(version, 'pipeline.onnx'));
  else await writeFile(join(version, 'pipeline.onnx'), artifact);
  await writeFile(join(version, 'test_metrics.json'), JSON.stringify({ r2: 0.9, rmse: 0.1 }));
  await writeFile(join(version, 'model_info.json'), JSON.stringify(modelInfo));
};

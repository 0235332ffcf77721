/**
 * Programs that start fast, since a storm starts twenty of them a second: the modules joined into one script, and of that a start-up snapshot
 * (https://nodejs.org/api/cli.html#--build-snapshot), in which everything is loaded and compiled already.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const flags = ['--no-opt', '--single-threaded-gc', '--no-deprecation'];

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const { resolve: resolveOurs } = createRequire(import.meta.url);

/** Compiles the source file `entry` (its path in the repository) and all that it imports into one script in `folder`, and answers with its path. */
export const joinModules = async (entry: string, folder: string): Promise<string> => {
  const compiler = join(resolveOurs('typescript/package.json'), '../bin/tsc');
  const options = '--target ES2023 --module commonjs --moduleResolution bundler --types node --skipLibCheck --noCheck';
  const compiled = join(folder, 'compiled');
  const places = ['--rootDir', repository, '--outDir', compiled, join(repository, entry)];
  await run(process.execPath, [compiler, '--ignoreConfig', ...options.split(' '), ...places], { cwd: repository });
  const script = join(folder, 'joined.cjs');
  const text = await joined(join(compiled, entry.replace(/\.ts$/, '.js')), compiled);
  // One letter beyond Latin-1 would make the text, which a snapshot holds, twice as long.
  await writeFile(
    script,
    text.replace(/[^\0-\x7f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
  return script;
};

/** Runs the script until it is done, and keeps what is in its memory then. What starts a process from that comes before the arguments. */
export const makeSnapshot = async (script: string, folder: string): Promise<ReadonlyArray<string>> => {
  const blob = join(folder, 'snapshot.blob');
  await run(process.execPath, [...flags, '--snapshot-blob', blob, '--build-snapshot', script]);
  return ['--snapshot-blob', blob, 'from-a-snapshot'];
};

/** Starts Node, to be talked to, and to live for about a second: it is not worth its while to optimise code, nor to have many threads. */
export const startNode = (args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [...flags, ...args], {
    // Nothing else of ours: with NODE_EXTRA_CA_CERTS every start would read a few hundred certificates.
    env: { UV_THREADPOOL_SIZE: '1' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

/** One script of a CommonJS module and of all that it requires, each run when it is first required. */
const joined = async (entry: string, compiled: string): Promise<string> => {
  const numbers = new Map<string, number>();
  const functions: string[] = [];

  const add = async (path: string): Promise<number> => {
    const known = numbers.get(path);
    if (known !== undefined) return known;
    const number = numbers.size;
    numbers.set(path, number);
    const text = await readFile(path, 'utf8');
    const body = path.endsWith('.json') ? `module.exports = ${text}` : await withNumbers(path, text);
    functions[number] = `(module, exports) => {${body}\n}`;
    return number;
  };

  /** The text, in which other modules are asked for by their numbers. */
  const withNumbers = async (path: string, text: string): Promise<string> => {
    const isOurs = !relative(compiled, path).startsWith('..');
    const { resolve } = createRequire(path);
    let changed = text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
    for (const [call, , wanted = ''] of text.matchAll(/\brequire\((["'])([^"'\n]+)\1\)/g)) {
      // What was compiled stands apart from the packages.
      const found = resolved(isOurs && !wanted.startsWith('.') ? resolveOurs : resolve, wanted);
      if (found !== undefined) changed = changed.replaceAll(call, `load(${await add(found)})`);
    }
    return changed;
  };

  await add(entry);
  return `
const loaded = [];
const load = (number) => {
  if (loaded[number] === undefined) {
    loaded[number] = { exports: {} };
    modules[number](loaded[number], loaded[number].exports);
  }
  return loaded[number].exports;
};
const modules = [${functions.join(',\n')}];
load(0);
`;
};

/** Undefined for Node's own, and for what is not there: some packages ask for others in functions that nobody calls. */
const resolved = (resolve: NodeJS.RequireResolve, wanted: string): string | undefined => {
  if (isBuiltin(wanted)) return undefined;
  try {
    return resolve(wanted);
  } catch {
    return undefined;
  }
};

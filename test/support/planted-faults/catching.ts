/** Runs test files in processes of their own, as they are and with a fault planted, and tells which test catches it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PlantedFault, planted } from './faults.js';
import type { Planting } from './hooks.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const ava = join(root, 'node_modules/ava/entrypoints/cli.mjs');
const plant = new URL('./plant.js', import.meta.url).href;
const timeoutMs = 240_000;

/** A test, and the file below `dist/test/` that it is in. */
export interface Catch {
  readonly check: string;
  readonly test: string;
}

interface Outcome {
  readonly passed: ReadonlyArray<string>;
  /** Also what AVA says that is no test: that a file could not be loaded, or ended badly. */
  readonly failed: ReadonlyArray<string>;
}

/** AVA runs a file only by the configuration that has it. */
const configOf = (check: string): string => (check.endsWith('.deep.test.js') ? 'ava.deep.config.js' : 'ava.config.js');

const runCheck = (check: string, environment: NodeJS.ProcessEnv): Promise<Outcome> =>
  new Promise((resolve) => {
    // What a run with a fault in it reaches is no coverage.
    const { NODE_V8_COVERAGE: _, ...inherited } = process.env;
    execFile(
      process.execPath,
      [ava, '--config', configOf(check), '--tap', '--fail-fast', join(root, 'dist/test', check)],
      {
        cwd: root,
        env: { ...inherited, ...environment },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 2 ** 26,
      },
      (_error, stdout) => {
        const titles = (verdict: string) =>
          [...stdout.matchAll(new RegExp(`^${verdict} \\d+ - (.*)$`, 'gm'))].map(([, title = '']) => title);
        resolve({ passed: titles('ok'), failed: titles('not ok') });
      },
    );
  });

/** The tests of a file, all of which pass while nothing is planted. */
const testsOf = async (check: string): Promise<ReadonlyArray<string>> => {
  const { passed, failed } = await runCheck(check, {});
  if (failed.length > 0 || passed.length === 0)
    throw new Error(`Without any fault, ${check} fails: ${failed[0] ?? 'it has no tests'}`);
  return passed;
};

/**
 * Tells of one fault after the other which test catches it first; undefined when none does. Each file is run once as it is, and has to pass.
 * Rejects when a fault cannot be planted, or when a file breaks with it so that none of its tests could tell.
 */
export const faultCatcher = (): ((fault: PlantedFault) => Promise<Catch | undefined>) => {
  const tests = new Map<string, Promise<ReadonlyArray<string>>>();
  const testsOnce = (check: string): Promise<ReadonlyArray<string>> => {
    const known = tests.get(check) ?? testsOf(check);
    tests.set(check, known);
    return known;
  };

  return async (fault) => {
    planted(await readFile(join(root, 'dist', fault.file), 'utf8'), fault);
    const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-planted-'));
    try {
      for (const check of fault.checks) {
        const known = await testsOnce(check);
        const trace = join(folder, 'trace');
        const planting: Planting = { fault, trace };
        const { failed } = await runCheck(check, {
          NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${plant}`,
          PLANTED_FAULT: JSON.stringify(planting),
        });
        if (!existsSync(trace)) throw new Error(`${check} does not load dist/${fault.file}.`);
        const test = failed.find((title) => known.includes(title));
        if (test !== undefined) return { check, test };
        if (failed[0] !== undefined) throw new Error(`With "${fault.name}", ${check} breaks: ${failed[0]}`);
      }
      return undefined;
    } finally {
      await rm(folder, { recursive: true });
    }
  };
};

/** Does the work on all of them, two at a time. */
export const inPairs = async <A, B>(
  all: ReadonlyArray<A>,
  work: (each: A) => Promise<B>,
): Promise<ReadonlyArray<B>> => {
  const results: B[] = [];
  const left = [...all.entries()];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all([worker(), worker()]);
  return results;
};

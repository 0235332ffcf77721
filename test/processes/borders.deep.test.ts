/** Breaks each border between the layers on purpose, in a copy of the tree, and proves that the guards bite. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What of the tree the compiler and the linter need to judge it. */
const copied = [
  'core',
  'adapters',
  'apps',
  'test/contracts',
  'test/tsconfig.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'package.json',
  '.oxlintrc.json',
];

/** A file to plant, its text, and everything that must be said of it; nothing, when it is allowed. */
type Case = readonly [path: string, text: string, ...bites: ReadonlyArray<string>];

const imports = 'no-restricted-imports';

const cases: ReadonlyArray<Case> = [
  // core: fp-ts, io-ts and its own files, no Node, no DOM, no clock
  ['core/border.ts', "export * as E from 'fp-ts/lib/Either.js'; export * as t from 'io-ts';"],
  ['core/model/border.ts', "export { border } from '../border-leaf.js';"],
  ['core/border-leaf.ts', 'export const border = new Date(0).toISOString();'],
  ['core/border-node.ts', "export { readFile } from 'node:fs';", 'TS2591', imports],
  ['core/border-bare-node.ts', "export { readFile } from 'fs';", 'TS2591', imports],
  ['core/border-node-later.ts', "export const later = import('node:fs');", 'TS2591', imports],
  ['core/border-computed.ts', 'export const later = (name: string) => import(name);', 'no-dynamic-require'],
  ['core/border-adapter.ts', "export { border } from '../adapters/border/leaf.js';", 'TS6059', 'TS6307', imports],
  ['core/border-app.ts', "export type { Border } from '../apps/http/border-leaf.js';", 'TS6059', 'TS6307', imports],
  ['core/border-built.ts', "export * from '../dist/adapters/border/leaf.js';", imports],
  ['core/model/border-barrel.ts', "export type { Failure } from '../index.js';", imports],
  ['core/border-onnx.ts', "export { Tensor } from 'onnxruntime-node';", imports],
  ['core/border-onnx-type.ts', "export type T = import('onnxruntime-node').Tensor;", 'consistent-type-imports'],
  ['core/border-inversify.ts', "export { Container } from 'inversify';", imports],
  ['core/border-koa.ts', "export { default as Koa } from 'koa';", imports],
  ['core/border-es6.ts', "export * from 'fp-ts/es6/Either';", imports],
  ['core/border-timer.ts', 'setTimeout(() => undefined, 1);', 'TS2304'],
  ['core/border-process.ts', 'export const home = process.env;', 'TS2591'],
  ['core/border-buffer.ts', "export const bytes = Buffer.from('');", 'TS2591'],
  ['core/border-dom.ts', 'export const abort = new AbortController();', 'TS2304'],
  ['core/border-encoder.ts', 'export const encoder = new TextEncoder();', 'TS2304'],
  ['core/border-global.ts', 'export const now = () => globalThis.performance.now();', 'TS7017'],
  ['core/border-console.ts', "console.log('');", 'TS2584', 'no-console'],
  ['core/border-clock.ts', 'export const now = () => Date.now();', 'no-restricted-properties'],
  ['core/border-random.ts', 'export const dice = () => Math.random();', 'no-restricted-properties'],
  ['core/border-default.ts', 'export default 1;', 'no-default-export'],
  [
    'core/border-cycle.ts',
    "import { b } from './border-cycle-back.js'; export const a = (): number => b();",
    'no-cycle',
  ],
  [
    'core/border-cycle-back.ts',
    "import { a } from './border-cycle.js'; export const b = (): number => a();",
    'no-cycle',
  ],

  // adapters: core's barrel, their own folder, node: and their own package
  ['adapters/border/leaf.ts', 'export const border = 1;'],
  ['adapters/border/fine.ts', "export { fail } from '../../core/index.js'; export { border } from './leaf.js';"],
  ['adapters/border/fine-node.ts', "export { readFile } from 'node:fs/promises'; export { sep } from 'node:path';"],
  [
    'adapters/border/app.ts',
    "export type { Border } from '../../apps/http/border-leaf.js';",
    'TS6059',
    'TS6307',
    imports,
  ],
  ['adapters/border/past-barrel.ts', "export { fail } from '../../core/failure.js';", imports],
  ['adapters/border/sibling.ts', "export { other } from '../border-other/leaf.js';", imports],
  ['adapters/border/sibling-file.ts', "export { other } from '../border-leaf.js';", imports],
  ['adapters/border-other/leaf.ts', 'export const other = 1;'],
  ['adapters/border-leaf.ts', 'export const other = 1;'],
  ['adapters/border-down.ts', "export { other } from './border-other/leaf.js';", imports],
  ['adapters/border/inversify.ts', "export { Container } from 'inversify';", imports],
  ['adapters/border/metadata.ts', "import 'reflect-metadata';", imports],
  ['adapters/border/koa.ts', "export { default as Koa } from 'koa';", imports],
  ['adapters/border/clipanion.ts', "export { Cli } from 'clipanion';", imports],
  ['adapters/border/onnx.ts', "export { Tensor } from 'onnxruntime-node';", imports],
  ['adapters/onnxruntime/border-onnx.ts', "export { Tensor } from 'onnxruntime-node';"],
  ['adapters/onnxruntime/border-duckdb.ts', "export { DuckDBInstance } from '@duckdb/node-api';", imports],
  ['adapters/duckdb/border-duckdb.ts', "export { DuckDBInstance } from '@duckdb/node-api';"],
  ['adapters/border/pbf.ts', "export { PbfReader } from 'pbf';", imports],
  ['adapters/onnxruntime/border-pbf.ts', "export { PbfReader } from 'pbf';"],
  ['adapters/duckdb/border-cache.ts', "export { LRUCache } from 'lru-cache';", imports],
  ['adapters/lru-cache/border-cache.ts', "export { LRUCache } from 'lru-cache';"],
  ['adapters/arrow/border-arrow.ts', "export { Schema } from 'apache-arrow';"],
  ['adapters/csv/border-arrow.ts', "export { Schema } from 'apache-arrow';", imports],
  ['apps/http/border-arrow.ts', "export { Schema } from 'apache-arrow';", imports],
  ['adapters/csv/border-csv.ts', "export { parse } from 'csv-parse';"],
  ['adapters/border/csv.ts', "export { parse } from 'csv-parse';", imports],
  ['apps/http/border-csv.ts', "export { parse } from 'csv-parse';", imports],
  ['adapters/border-sketch.ts', "export { DDSketch } from '@datadog/sketches-js';"],
  ['adapters/memory/border-storage.ts', "export * from '@google-cloud/storage';", imports],
  ['adapters/bigquery/border-warehouse.ts', "export { BigQuery } from '@google-cloud/bigquery';"],
  ['adapters/bigquery/border-cloud.ts', "export { raise } from '../google-cloud/errors.js';"],
  ['adapters/bigquery/border-storage.ts', "export * from '@google-cloud/storage';", imports],
  ['adapters/bigquery/border-sibling.ts', "export { storage } from '../google-cloud-storage/errors.js';", imports],
  ['adapters/google-cloud/border-auth.ts', "export { GoogleAuth } from 'google-auth-library';"],
  ['adapters/cloud-run/border-auth.ts', "export { GoogleAuth } from 'google-auth-library';", imports],
  ['adapters/cloud-run/border-warehouse.ts', "export { BigQuery } from '@google-cloud/bigquery';", imports],
  ['adapters/memory/border-cloud.ts', "export { raise } from '../google-cloud/errors.js';", imports],
  ['adapters/border/console.ts', "console.error('');", 'no-console'],
  ['adapters/border/environment.ts', 'export const home = process.env;', 'no-process-env'],

  // apps: core's barrel and the adapters; inversify in composition only; no adapter's package
  ['apps/http/border-leaf.ts', 'export interface Border { readonly border: true }'],
  ['apps/http/border-fine.ts', "export { fail } from '../../core/index.js'; export { default as Koa } from 'koa';"],
  ['apps/composition/border-fine.ts', "import 'reflect-metadata'; export { Container } from 'inversify';"],
  ['apps/cli/commands/border-fine.ts', "export { fail } from '../../../core/index.js';"],
  ['apps/cli/commands/border-past-barrel.ts', "export { fail } from '../../../core/failure.js';", imports],
  ['apps/composition/border-adapter.ts', "export { border } from '../../adapters/border/leaf.js';"],
  ['apps/composition/border-onnx.ts', "export { Tensor } from 'onnxruntime-node';", imports],
  ['apps/http/border-metrics.ts', "export { Registry } from 'prom-client';"],
  ['apps/cli/border-metrics.ts', "export { Registry } from 'prom-client';", imports],
  ['apps/composition/border-metrics.ts', "export { Registry } from 'prom-client';", imports],
  ['adapters/border/metrics.ts', "export { Registry } from 'prom-client';", imports],
  ['core/border-metrics.ts', "export { Registry } from 'prom-client';", imports],
  ['apps/http/border-inversify.ts', "export { Container } from 'inversify';", imports],
  ['apps/cli/border-inversify.ts', "export { Container } from 'inversify';", imports],
  ['apps/border-metadata.ts', "import 'reflect-metadata';", imports],
  ['apps/cli/border-duckdb.ts', "export { DuckDBInstance } from '@duckdb/node-api';", imports],
  ['apps/cli/border-past-barrel.ts', "export { fail } from '../../core/failure.js';", imports],
  ['apps/border-past-barrel.ts', "export { fail } from '../core/failure.js';", imports],
  ['apps/http/border-test.ts', "export type { Contract } from '../../test/contracts/contract.js';", 'TS6307', imports],

  // published contracts: no test runner, nothing that is not published
  ['test/contracts/border-fine.ts', "export { fail } from '../../core/index.js'; export { equal } from 'node:assert';"],
  ['test/contracts/border-ava.ts', "export { default as test } from 'ava';", imports],
  ['test/contracts/border-adapter.ts', "export { border } from '../../adapters/border/leaf.js';", imports],

  // everywhere
  ['apps/border-floating.ts', 'const work = async () => 1; work();', 'no-floating-promises'],
  ['apps/border-unused.ts', 'const task = () => 1; task;', 'no-unused-expressions'],
  ['apps/border-any.ts', 'export const decode = (value: any) => String(value);', 'no-explicit-any'],
];

/** Runs a package's command in the copy; its exit code and what it printed. */
const run = (folder: string, command: string, args: ReadonlyArray<string>) =>
  new Promise<{ code: unknown; output: string }>((resolve) => {
    const options = { cwd: folder, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [join(root, 'node_modules', command), ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    );
  });

interface Verdict {
  readonly code: unknown;
  readonly output: string;
  /** What is said of each file, by its path. */
  readonly said: ReadonlyMap<string, ReadonlyArray<string>>;
}

const judge = async (folder: string, command: string, args: ReadonlyArray<string>, line: RegExp): Promise<Verdict> => {
  const { code, output } = await run(folder, command, args);
  const said = new Map<string, ReadonlyArray<string>>();
  for (const [, path = '', rule = ''] of output.matchAll(line)) {
    said.set(path, [...(said.get(path) ?? []), rule]);
  }
  return { code, output, said };
};

const compile = (folder: string) =>
  judge(folder, 'typescript/bin/tsc', ['-b', '--pretty', 'false'], /^(\S+?)\(\d+,\d+\): error (TS\d+)/gm);

const lint = (folder: string) =>
  judge(folder, 'oxlint/bin/oxlint', ['-f', 'unix'], /^(\S+?):\d+:\d+: .*\[\w+\/[\w-]+\(([\w-]+)\)\]$/gm);

const plant = async (folder: string, planted: ReadonlyArray<Case>) => {
  for (const [path, text] of planted) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${text}\n`, { flag: 'wx' });
  }
};

/** The compiler judges these without the others: a package's types bring Node's types into the layer that imports it. */
const isCompiled = ([, , ...bites]: Case) => bites.length === 0 || bites.some((bite) => bite.startsWith('TS'));

let copy = '';
let untouched: ReadonlyArray<Verdict> = [];
let broken: ReadonlyArray<Verdict> = [];

test.before(async () => {
  copy = await mkdtemp(join(tmpdir(), 'scorekeeper-borders-'));
  for (const path of copied) {
    await cp(join(root, path), join(copy, path), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  untouched = [await compile(copy), await lint(copy)];
  await plant(copy, cases.filter(isCompiled));
  const compiled = await compile(copy);
  await plant(
    copy,
    cases.filter((planted) => !isCompiled(planted)),
  );
  broken = [compiled, await lint(copy)];
});

test.after.always(() => rm(copy, { recursive: true, force: true }));

test('the tree as it is passes the compiler and the linter', (t) => {
  for (const { code, output, said } of untouched) {
    t.is(code, 0, output);
    t.deepEqual([...said], []);
  }
  t.is(untouched.length, 2);
});

test('a broken border fails the compiler and the linter', (t) => {
  t.true(broken.every(({ code }) => code !== 0));
});

for (const [path, text, ...bites] of cases) {
  test(`${bites.length > 0 ? bites.join(', ') : 'nothing'} is said of ${path}: ${text}`, (t) => {
    const said = broken.flatMap((verdict) => verdict.said.get(path) ?? []);
    t.deepEqual(
      bites.length > 0 ? bites.filter((bite) => !said.includes(bite)) : said,
      [],
      `it said: ${said.join(', ')}`,
    );
  });
}

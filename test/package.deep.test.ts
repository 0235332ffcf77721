/** Tests the package as it ships: what importing it loads, what is in it, and that every door of it opens. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const rootUrl = pathToFileURL(root).href;

/** Imports its argument and prints the URL of everything that was loaded, by `import` or by `require`, one a line. */
const tracer = `
  import { createRequire, register } from 'node:module';
  import { pathToFileURL } from 'node:url';
  const hooks = \`
    import { writeSync } from 'node:fs';
    export const load = (url, context, next) => { writeSync(1, url + '\\\\n'); return next(url, context); };
  \`;
  register('data:text/javascript,' + encodeURIComponent(hooks));
  await import(process.argv[1]);
  for (const file of Object.keys(createRequire(process.cwd() + '/').cache)) console.log(pathToFileURL(file).href);
`;

const loadedBy = async (specifier: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', tracer, specifier], { cwd: root });
  return [...new Set(stdout.trim().split('\n'))];
};

const isOurs = (url: string) =>
  ['dist/core/', 'node_modules/fp-ts/', 'node_modules/io-ts/'].some((folder) => url.startsWith(rootUrl + folder));

test('importing the package loads core, fp-ts and io-ts only', async (t) => {
  const loaded = await loadedBy('scorekeeper-ml');
  t.deepEqual(
    loaded.filter((url) => !isOurs(url)),
    [],
  );
  t.true(loaded.includes(`${rootUrl}dist/core/index.js`));
  t.true(loaded.some((url) => url.startsWith(`${rootUrl}node_modules/fp-ts/`)));
  t.true(loaded.some((url) => url.startsWith(`${rootUrl}node_modules/io-ts/`)));
});

for (const specifier of ['koa', 'node:fs', 'inversify']) {
  test(`the same check would see that ${specifier} was loaded`, async (t) => {
    const loaded = await loadedBy(specifier);
    t.true(loaded.some((url) => !isOurs(url)));
  });
}

const packed = run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, maxBuffer: 2 ** 26 }).then(
  ({ stdout }): ReadonlyArray<string> => {
    const [tarball] = Object.values(JSON.parse(stdout) as Record<string, { files: ReadonlyArray<{ path: string }> }>);
    return (tarball?.files ?? []).map(({ path }) => path);
  },
);

const shipped = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|docs\/.+|examples\/export_sklearn\.py)$/,
  /^dist\/(core|adapters|apps)\/[a-z0-9/-]+\.(js|d\.ts)$/,
  /^dist\/test\/contracts\/[a-z0-9-]+\.(js|d\.ts)$/,
];

test('the package holds the compiled layers, the contracts and its papers, and nothing else', async (t) => {
  const files = await packed;
  t.deepEqual(
    files.filter((file) => !shipped.some((allowed) => allowed.test(file))),
    [],
  );
});

for (const file of [
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'docs/scoring.md',
  'examples/export_sklearn.py',
  'package.json',
  'dist/core/index.js',
  'dist/core/index.d.ts',
  'dist/adapters/memory/artifact-store.js',
  'dist/apps/cli/main.js',
  'dist/apps/http/app.js',
  'dist/apps/http/app.d.ts',
  'dist/test/contracts/artifact-store.js',
]) {
  test(`the package holds ${file}`, async (t) => {
    t.true((await packed).includes(file));
  });
}

/** The module names behind `./name/*`, one for each compiled file in the folder. */
const modulesIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  const names = await readdir(new URL(folder, rootUrl), { recursive: true });
  return names.filter((name) => name.endsWith('.js')).map((name) => name.slice(0, -3).replaceAll('\\', '/'));
};

test('every subpath and command of the package leads to a file, with types, that is in the package', async (t) => {
  const { exports, bin } = JSON.parse(await readFile(new URL('package.json', rootUrl), 'utf8')) as {
    exports: Record<string, string>;
    bin: Record<string, string>;
  };
  const files = await packed;
  const wanted = Object.values(bin);
  for (const [subpath, target] of Object.entries(exports)) {
    const names = subpath.endsWith('*') ? await modulesIn(target.replace(/\*.*$/, '')) : [''];
    t.true(names.length > 0, `${subpath} leads to nothing`);
    for (const name of names) {
      const url = import.meta.resolve(`scorekeeper-ml${subpath.slice(1).replace('*', name)}`);
      const path = url.slice(rootUrl.length);
      wanted.push(path, path.replace(/\.js$/, '.d.ts'));
    }
  }
  t.deepEqual(
    wanted.filter((path) => !files.includes(path)),
    [],
  );
});

/** The packages that a declaration file and those that it leads to take types from. */
const typePackagesOf = async (path: string, seen = new Set<string>()): Promise<ReadonlyArray<string>> => {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = await readFile(new URL(path, rootUrl), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map(([, specifier = '']) => specifier);
  const found = specifiers.filter((specifier) => !/^(?:\.|node:)/.test(specifier));
  for (const specifier of specifiers.filter((each) => each.startsWith('.'))) {
    const next = new URL(specifier.replace(/\.js$/, '.d.ts'), new URL(path, rootUrl)).href.slice(rootUrl.length);
    found.push(...(await typePackagesOf(next, seen)));
  }
  return found.map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
};

test('who takes a door of the package has the types that it needs with it', async (t) => {
  const { dependencies } = JSON.parse(await readFile(new URL('package.json', rootUrl), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const doors = (await packed).filter((file) =>
    /^dist\/(?:core\/index|adapters\/.*|apps\/http\/app|test\/contracts\/.*)\.d\.ts$/.test(file),
  );
  const seen = new Set<string>();
  const needed = new Set<string>();
  for (const door of doors) for (const name of await typePackagesOf(door, seen)) needed.add(name);
  t.true(needed.has('koa') && needed.has('fp-ts'));
  for (const name of needed) {
    t.true(Object.hasOwn(dependencies, name), `${name} is installed with the package`);
    const folder = new URL(`node_modules/${name}/`, rootUrl);
    const ships = (await readdir(folder, { recursive: true })).some((file) => /\.d\.[cm]?ts$/.test(file));
    t.true(ships || Object.hasOwn(dependencies, `@types/${name}`), `types of ${name} are installed with the package`);
  }
});

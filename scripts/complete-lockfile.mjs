/**
 * Adds to package-lock.json the platform packages that npm left out because the registry in use does not offer them
 * (a mirror often has its own platform's only). Without them `npm ci` refuses the lock file, here and everywhere.
 * Run it after `npm install` has changed the lock file; it changes nothing when nothing is missing.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const has = (name, parent) =>
  `node_modules/${name}` in lock.packages || `${parent}/node_modules/${name}` in lock.packages;

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** What the package's name says of where it runs: `@duckdb/node-bindings-linux-x64-musl`. */
const platformOf = (name) => {
  const words = name.split(/[/-]/);
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  const abi = words.at(-1) ?? '';
  if (abi === 'eabi' || abi === 'gnueabihf' || abi === 'musleabihf') {
    return { os, cpu: ['arm'] };
  }
  return { ...(os.length > 0 && { os }), ...(cpu.length > 0 && { cpu }), ...(abi === 'musl' && { libc: ['musl'] }) };
};

const added = {};
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (has(name, parent)) {
      continue;
    }
    const platform = platformOf(name);
    if (!/^\d+\.\d+\.\d+/.test(version) || platform.cpu === undefined) {
      throw new Error(`${parent} wants ${name}@${version}, which says neither its version nor its platform`);
    }
    const { os, cpu, libc } = platform;
    added[`node_modules/${name}`] = {
      version,
      cpu,
      ...(entry.dev && { dev: true }),
      ...(libc && { libc }),
      optional: true,
      ...(os && { os }),
    };
  }
}

const sorted = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => a.localeCompare(b, 'en'));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(`${Object.keys(added).length} platform packages added: ${Object.keys(added).join(' ')}`);

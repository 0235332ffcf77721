/** Faults of the protocol and of its adapters, each a small change of one compiled file, that the tests have to catch. */

export interface PlantedFault {
  /** What is wrong then. */
  readonly name: string;
  /** The compiled file, below `dist/`. */
  readonly file: string;
  /** What stands there exactly once, and what is put in its place. */
  readonly text: string;
  readonly instead: string;
  /** The test files, below `dist/test/`, that are run until one catches it. */
  readonly checks: ReadonlyArray<string>;
}

const inCore: ReadonlyArray<PlantedFault> = [
  {
    name: 'the record is created before the artifact',
    file: 'core/registry/publish.js',
    text: "pipe(copyArtifact(ports, model, intent, call), TE.chain((present) => commit(ports, model, intent, present ? 'committed' : 'aborted', call)))",
    instead:
      "pipe(commit(ports, model, intent, 'committed', call), TE.chainFirst(() => copyArtifact(ports, model, intent, call)))",
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a commit whose answer was lost is not read back',
    file: 'core/registry/publish.js',
    text: 'pipe(store.get(key, call), TE.chain(O.match(() => TE.left(failed), ({ bytes }) => endingBy(',
    instead: 'pipe(TE.left(failed), TE.chain(O.match(() => TE.left(failed), ({ bytes }) => endingBy(',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a commit that was refused is acknowledged without comparing what stands there',
    file: 'core/registry/publish.js',
    text: "isOurs ? 'committed' : 'aborted'",
    instead: "'committed'",
    checks: ['core/publish.test.js'],
  },
  {
    name: 'an intent that was refused is not read back: two own the number',
    file: 'core/registry/publish.js',
    text: 'readIntent(ports, draft.model, version, call), TE.chain(O.match(() => TE.left(failed), TE.right))',
    instead: 'TE.right(intent)',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a number is claimed before the artifact is staged',
    file: 'core/registry/publish.js',
    text: 'pipe(stage(ports, draft, call), TE.chain(() => claim(from)),',
    instead: 'pipe(claim(from), TE.chainFirst(() => stage(ports, draft, call)),',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a number that is taken is passed over without finishing it',
    file: 'core/registry/publish.js',
    text: 'pipe(help(ports, draft.model, intent, call), TE.map(() => intent.version))',
    instead: 'TE.right(intent.version)',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a retry jumps over the number that its first try took',
    file: 'core/registry/publish.js',
    text: "draft.tries === 'one'",
    instead: "draft.tries !== 'none'",
    checks: ['core/idempotency.test.js', 'core/publish.test.js'],
  },
  {
    name: "another's artifact passes for the version's own",
    file: 'core/registry/publish.js',
    text: 'host.sha256(bytes) === registration.artifact.sha256',
    instead: 'true',
    checks: ['core/publish.test.js'],
  },
  {
    name: 'the highest number is that of a listing, and nobody probes whether it is committed',
    file: 'core/registry/versions.js',
    text: 'TE.chain((versions) => highestTaken(ports, model, versions, call))',
    instead: 'TE.map((versions) => versions.at(-1) ?? 0)',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'the hint is believed, and nobody probes beyond it',
    file: 'core/registry/versions.js',
    text: '? gallop(ports, model, hint, call)',
    instead: '? TE.right(hint)',
    checks: ['core/version-numbers.test.js'],
  },
  {
    name: 'a retry looks for its first try one number too late',
    file: 'core/registry/idempotency.js',
    text: 'record.latest_seen + 1',
    instead: 'record.latest_seen + 2',
    checks: ['core/crashes.test.js'],
  },
  {
    name: 'a change of the state that lost against another is not made again',
    file: 'core/registry/model-state.js',
    text: 'if (left > 1)',
    instead: 'if (left > attempts)',
    checks: ['core/model-state.test.js'],
  },
  {
    name: 'a version is moved to without looking where the alias is by now',
    file: 'core/registry/lifecycle.js',
    text: 'movesOf(state, alias).length !== movesOf(seen, alias).length',
    instead: 'false',
    checks: ['core/lifecycle.test.js'],
  },
  {
    name: 'a deleted artifact is gone before the state says so',
    file: 'core/registry/lifecycle.js',
    text: "pipe(mark(ports, 'deleted')(request, call), TE.chainFirst(({ version }) => ports.store.delete(layout.artifact(modelOf(request), version), call)))",
    instead:
      "pipe(ports.store.delete(layout.artifact(modelOf(request), request.model_version), call), TE.chain(() => mark(ports, 'deleted')(request, call)))",
    checks: ['core/lifecycle.test.js'],
  },
];

const powerCuts = ['adapters/local-filesystem/power-cuts.deep.test.js'];
const localContract = ['adapters/local-filesystem/artifact-store.test.js'];

const inFolder: ReadonlyArray<PlantedFault> = [
  {
    name: 'a file is not synced before it is named',
    file: 'adapters/local-filesystem/durable.js',
    text: 'await handle.sync();',
    instead: '',
    checks: powerCuts,
  },
  {
    name: 'the name of a file is not synced',
    file: 'adapters/local-filesystem/writes.js',
    text: 'await syncNearest(dirname(path));\n            if (generation === 1)',
    instead: 'if (generation === 1)',
    checks: powerCuts,
  },
  {
    name: 'the name of a new folder is not synced',
    file: 'adapters/local-filesystem/durable.js',
    text: "await unless(['EEXIST'], mkdir(folder));\n    await syncFolder(dirname(folder));",
    instead: "await unless(['EEXIST'], mkdir(folder));",
    checks: powerCuts,
  },
  {
    name: 'the name of a folder that another process made is believed to be synced',
    file: 'adapters/local-filesystem/durable.js',
    text: 'await syncForOthers(dirname(folder));',
    instead: '',
    checks: powerCuts,
  },
  {
    name: 'an object that another process made is believed to be synced',
    file: 'adapters/local-filesystem/writes.js',
    text: 'await syncForOthers(dirname(state.file.path));',
    instead: '',
    checks: powerCuts,
  },
  {
    name: 'a version that another process committed is counted before it is synced',
    file: 'adapters/local-filesystem/artifact-store.js',
    text: 'await syncForOthers(dirname(file.path));',
    instead: '',
    checks: powerCuts,
  },
  {
    name: 'an intent that another process created is believed to be synced',
    file: 'core/registry/publish.js',
    text: 'toLast(ports, model, intent, call), TE.chain(() => finishAndTidy(ports, model, intent, call))',
    instead: 'finishAndTidy(ports, model, intent, call)',
    checks: powerCuts,
  },
  {
    name: 'an intent that another process created is finished by a verification before it is synced',
    file: 'core/registry/publish.js',
    text: 'toLast(ports, model, intent, call), TE.chain(() => help(ports, model, intent, call))',
    instead: 'help(ports, model, intent, call)',
    checks: powerCuts,
  },
  {
    name: 'a change that another process made is acknowledged before it is synced',
    file: 'core/registry/model-state.js',
    text: 'pipe(ports.store.head(layout.modelState(model), call), TE.map(() => state))',
    instead: 'TE.right(state)',
    checks: powerCuts,
  },
  {
    name: 'a deletion is not synced',
    file: 'adapters/local-filesystem/writes.js',
    text: 'await syncNearest(dirname(path));\n    // Whoever made',
    instead: '// Whoever made',
    checks: powerCuts,
  },
  {
    name: 'a file is copied over whatever has its name: an unconditional write',
    file: 'adapters/local-filesystem/writes.js',
    text: 'link(source, path).then(() => true)',
    instead: "import('node:fs/promises').then((fs) => fs.copyFile(source, path)).then(() => true)",
    checks: localContract,
  },
  {
    name: 'a compare-and-swap does not compare',
    file: 'adapters/local-filesystem/writes.js',
    text: 'tokenOf(file.generation, file.stats) === condition.token',
    instead: 'true',
    checks: localContract,
  },
  {
    name: 'the states before the last one are pruned',
    file: 'adapters/local-filesystem/writes.js',
    text: 'return tokenOf(generation, stats);',
    instead:
      'if (generation > 2) await unlink(pathOfGeneration(target.path, generation - 1)); return tokenOf(generation, stats);',
    checks: localContract,
  },
];

const inBucket: ReadonlyArray<PlantedFault> = [
  {
    name: 'an upload has no precondition',
    file: 'adapters/google-cloud-storage/transfer.js',
    text: 'preconditionOpts: { ifGenerationMatch: generation }',
    instead: 'preconditionOpts: {}',
    checks: ['adapters/crash-points.deep.test.js'],
  },
  {
    name: 'a copy has no precondition',
    file: 'adapters/google-cloud-storage/artifact-store.js',
    text: "let query = { ifGenerationMatch: '0' };;",
    instead: 'let query = {};;',
    checks: ['adapters/google-cloud-storage/artifact-store.test.js'],
  },
  {
    name: 'the later rounds of a copy have no precondition',
    file: 'adapters/google-cloud-storage/artifact-store.js',
    text: '{ ...query, rewriteToken: token }',
    instead: '{ rewriteToken: token }',
    checks: ['adapters/google-cloud-storage/artifact-store.test.js'],
  },
  {
    name: 'that an earlier try of a write may have happened is forgotten',
    file: 'adapters/google-cloud/persistently.js',
    text: 'inDoubt ||= result.left.ambiguous;',
    instead: 'inDoubt = result.left.ambiguous;',
    checks: ['adapters/google-cloud-storage/faults.deep.test.js'],
  },
  {
    name: 'a write without an answer is taken for one that did not happen',
    file: 'adapters/google-cloud/errors.js',
    text: 'return !notConnected.includes',
    instead: 'return false && !notConnected.includes',
    checks: ['adapters/google-cloud-storage/faults.deep.test.js'],
  },
];

export const plantedFaults: ReadonlyArray<PlantedFault> = [...inCore, ...inFolder, ...inBucket];

/** The file's text with the fault in it. Throws when what it replaces is not there exactly once: the fault has to be written anew. */
export const planted = (text: string, fault: PlantedFault): string => {
  const [before, after, ...more] = text.split(fault.text);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`dist/${fault.file} does not hold exactly once what "${fault.name}" replaces: ${fault.text}`);
  }
  return `${before}${fault.instead}${after}`;
};

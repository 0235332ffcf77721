/**
 * Performs the Dockerfile's own instructions in empty folders, without Docker, then starts what the image would start:
 * it must answer /health, and end with exit code 0 on SIGTERM. The same entry point must register a model, plan, work at and finish a
 * job, and find with `doctor` that all is well.
 *
 *   node scripts/image-steps.mjs [--target STAGE]    with a target: perform that stage, start nothing
 *
 * Each stage is a folder in the place of the image's file system; the base image is the Node that runs this. USER is
 * checked, not performed. An instruction, a flag or a variable that this does not know fails, so nothing is skipped.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, matchesGlob } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DockerfileParser } from 'dockerfile-ast';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({ options: { target: { type: 'string' } } });

/** The files of the checkout that `docker build .` would send: tracked or new, and not in .dockerignore. */
const contextFiles = () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isIgnored = (file) => ignored.some((glob) => matchesGlob(file, glob) || matchesGlob(file, `${glob}/**`));
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)) && !isIgnored(file));
};

/** The Dockerfile's stages: `{ name, base, instructions }`, in order. */
const parseStages = (text) => {
  const stages = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const name = instruction.getBuildStage() ?? String(stages.length);
      stages.push({ name, base: instruction.getImage(), instructions: [] });
    } else {
      stages.at(-1).instructions.push(instruction);
    }
  }
  return stages;
};

const plain = (value) => {
  if (value.includes('$')) {
    throw new Error(`variables are not performed here: ${value}`);
  }
  return value;
};

/** Copies as COPY does: several sources, or a slash at the end, mean into the folder; a folder means what is in it. */
const copy = (from, to, names) => {
  const target = names.at(-1);
  const destination = join(to, target);
  for (const name of names.slice(0, -1)) {
    const source = join(from, name);
    const isInto = !statSync(source).isDirectory() && (target.endsWith('/') || names.length > 2 || target === '.');
    const path = isInto ? join(destination, basename(source)) : destination;
    mkdirSync(dirname(path), { recursive: true });
    cpSync(source, path, { recursive: true, verbatimSymlinks: true });
  }
};

/** The environment without what `npm run` added: a nested npm would take this project for its own. */
const outerEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^npm_config_(local_)?prefix$/.test(name)),
);

/** How each instruction changes a stage's state, or what it does in the stage's folder. */
const perform = {
  WORKDIR: (state, instruction) => {
    const path = join('/', instruction.getArguments()[0].getValue());
    mkdirSync(join(state.folder, plain(path)), { recursive: true });
    return { ...state, workdir: path };
  },
  ENV: (state, instruction) => {
    const added = instruction.getProperties().map((property) => [property.getName(), plain(property.getValue())]);
    return { ...state, env: { ...state.env, ...Object.fromEntries(added) } };
  },
  COPY: (state, instruction, folders) => {
    const flags = instruction.getFlags();
    if (flags.some((flag) => flag.getName() !== 'from')) {
      throw new Error(`only --from is performed here: COPY ${instruction.getRawArgumentsContent()}`);
    }
    const from = folders.get(flags[0]?.getValue() ?? 'context');
    const names = instruction.getArguments().map((argument) => plain(argument.getValue()));
    copy(from, join(state.folder, state.workdir), names);
    return state;
  },
  RUN: (state, instruction) => {
    if (instruction.getFlags().length > 0) {
      throw new Error(`flags are not performed here: RUN ${instruction.getRawArgumentsContent()}`);
    }
    const cwd = join(state.folder, state.workdir);
    const env = { ...outerEnvironment, ...state.env };
    execFileSync('/bin/sh', ['-c', instruction.getRawArgumentsContent()], { cwd, env, stdio: 'inherit' });
    return state;
  },
  USER: (state, instruction) => ({ ...state, user: instruction.getArguments()[0].getValue() }),
  EXPOSE: (state) => state,
  ENTRYPOINT: (state, instruction) => ({ ...state, entrypoint: execForm(instruction) }),
  CMD: (state, instruction) => ({ ...state, command: execForm(instruction) }),
};

const execForm = (instruction) => {
  const words = instruction.getJSONStrings().map((word) => word.getJSONValue());
  if (words.length === 0) {
    throw new Error(`${instruction.getKeyword()} must be in exec form, or a shell stands between Node and SIGTERM`);
  }
  return words;
};

/** The stages that `target` needs, in order: what a build performs. */
const neededBy = (stages, target) => {
  const needed = new Set([target]);
  for (const stage of stages.toReversed()) {
    if (needed.has(stage.name)) {
      needed.add(stage.base);
      for (const flag of stage.instructions.flatMap((instruction) => instruction.getFlags?.() ?? [])) {
        needed.add(flag.getValue());
      }
    }
  }
  return stages.filter((stage) => needed.has(stage.name));
};

/** Performs the stages up to `target` below `place`; the state that the last one leaves. */
const build = (stages, target, place) => {
  const folders = new Map([['context', join(place, 'context')]]);
  for (const file of contextFiles()) {
    cpSync(join(root, file), join(place, 'context', file), { recursive: true });
  }
  const states = new Map();
  for (const stage of neededBy(stages, target)) {
    const folder = join(place, 'stages', stage.name);
    folders.set(stage.name, folder);
    mkdirSync(folder, { recursive: true });
    const base = states.get(stage.base);
    if (base !== undefined) {
      cpSync(base.folder, folder, { recursive: true, verbatimSymlinks: true });
    }
    let state = { workdir: '/', env: {}, user: 'root', entrypoint: [], command: [], ...base, folder };
    console.log(`\n[${stage.name}] FROM ${stage.base}, performed by Node ${process.version}`);
    for (const instruction of stage.instructions) {
      const keyword = instruction.getKeyword();
      console.log(`[${stage.name}] ${keyword} ${instruction.getArgumentsContent()}`);
      if (perform[keyword] === undefined) {
        throw new Error(`${keyword} is not performed here`);
      }
      state = perform[keyword](state, instruction, folders);
    }
    states.set(stage.name, state);
  }
  return states.get(target);
};

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const startLimitMs = 30_000;
const stopLimitMs = 20_000;

/** The status of GET `url` once it is `wanted`, or the last one there was when the time is over or the process ended. */
const statusOf = async (url, wanted, hasEnded) => {
  const end = Date.now() + startLimitMs;
  let status;
  while (status !== wanted && Date.now() < end && !hasEnded()) {
    await sleep(100);
    status = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      (answer) => answer.status,
      () => undefined,
    );
  }
  return status;
};

const need = (isMet, sentence) => {
  if (!isMet) {
    throw new Error(sentence);
  }
  console.log(`ok: ${sentence}`);
};

/** Folders that stand for what the image is given from outside, both empty, and the environment of its processes: its own, and nothing of ours. */
const surround = (image, place) => {
  const home = join(place, 'home');
  const registry = join(place, 'registry');
  mkdirSync(home);
  mkdirSync(registry);
  const store = { SCOREKEEPER_STORE: 'local', SCOREKEEPER_LOCAL_DIR: registry };
  return { home, registry, env: { PATH: process.env.PATH, HOME: home, ...image.env, ...store } };
};

/** The image's entry point with these words. */
const commandOf = (image, words) => {
  // An absolute path is one of the image's.
  const inFolder = (word) => (word.startsWith('/') ? join(image.folder, word) : word);
  return [...image.entrypoint.map(inFolder), ...words];
};

/** Runs one command of the image in the registry's folder; what it printed. */
const run = (image, { registry, env }, words, more = {}) => {
  const [command, ...args] = commandOf(image, words);
  console.log(`$ scorekeeper ${words.join(' ')}`);
  const stdio = ['ignore', 'pipe', 'inherit'];
  return execFileSync(command, args, { cwd: registry, env: { ...env, ...more }, stdio })
    .toString()
    .trim();
};

/** Registers a model of the examples, scores a table of theirs as a job of two workers, and has everything looked at. */
const work = (image, surroundings) => {
  const games = join(root, 'examples/games');
  const settings = ['--settings', join(games, 'scorekeeper.json')];
  const experiment = ['--experiment', 'best_rating_model', '--experiments', join(games, 'models/experiments')];
  run(image, surroundings, ['register', '--model-type', 'rating', ...experiment, '--name', 'ratings']);
  const asked = ['rating/ratings', '--output', 'predictions.parquet', ...settings];
  const folder = run(image, surroundings, ['job', 'plan', ...asked]);
  for (const index of ['0', '1']) {
    const place = { CLOUD_RUN_TASK_INDEX: index, CLOUD_RUN_TASK_COUNT: '2' };
    run(image, surroundings, ['job', 'work', folder], place);
  }
  const { job_id: job, performance_diagnostics: found } = JSON.parse(
    run(image, surroundings, ['job', 'finish', folder, '--json']),
  );
  const { rows_read: read, total_scored: scored } = found;
  need(
    scored > 0 && scored === read && existsSync(join(surroundings.registry, 'predictions.parquet')),
    `a job's workers score every row (${scored} of ${read}, job ${job})`,
  );
  const { ok, checks } = JSON.parse(run(image, surroundings, ['doctor', ...settings, '--json']));
  need(ok && checks.length > 0, `doctor finds ${checks.map(({ name }) => name).join(', ')} well`);
};

/** Starts the image's process, asks it, and stops it. */
const start = async (image, { env }) => {
  const port = await freePort();
  const [command, ...args] = commandOf(image, image.command);
  const began = Date.now();
  const service = spawn(command, args, {
    cwd: join(image.folder, image.workdir),
    env: { ...env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    service.once('exit', (code, signal) => resolve({ code, signal }));
    service.once('error', (error) => resolve({ code: error.message, signal: null }));
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    const health = await statusOf(`${url}/health`, 200, () => hasEnded);
    need(
      health === 200,
      `/health answers 200 (it answered ${health ?? 'nothing'}, ${Date.now() - began} ms after the start)`,
    );
    const ready = await statusOf(`${url}/ready`, 200, () => hasEnded);
    need(ready === 200, `/ready answers 200 (it answered ${ready ?? 'nothing'})`);
    service.kill('SIGTERM');
    const { code, signal } = await Promise.race([ended, sleep(stopLimitMs, { code: 'none in time', signal: null })]);
    need(code === 0, `SIGTERM ends it with exit code 0 (${signal ?? code})`);
  } finally {
    service.kill('SIGKILL');
  }
};

const place = mkdtempSync(join(tmpdir(), 'scorekeeper-image-'));
try {
  const stages = parseStages(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  const image = build(stages, options.target ?? stages.at(-1).name, place);
  if (image === undefined) {
    throw new Error(`the Dockerfile has no stage ${options.target}`);
  }
  if (options.target === undefined) {
    const packages = join(image.folder, image.workdir, 'node_modules');
    console.log('');
    need(!['root', '0'].includes(image.user), `it does not run as root (it runs as ${image.user})`);
    need(!existsSync(join(packages, 'typescript')), 'no development package is installed');
    const kilobytes = Number(execFileSync('du', ['-sk', packages]).toString().split('\t')[0]);
    console.log(`node_modules: ${Math.round(kilobytes / 1024)} MB`);
    const surroundings = surround(image, place);
    await start(image, surroundings);
    work(image, surroundings);
    const left = readdirSync(surroundings.home).join(', ') || 'empty';
    need(left === 'empty', `nothing is left in its home (${left})`);
  }
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}

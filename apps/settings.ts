/** Settings: flags, then environment, then `scorekeeper.json`, then defaults, each value with where it came from. */
import { availableParallelism, homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type * as t from 'io-ts';
import { decode, fail, type Failure, failure, parseJson } from '../core/index.js';
import { readText } from './named-file.js';
import { bucketAt, folderAt, isBucketAddress, isWarehouseAddress, type Registry } from './places.js';
import { repeatedKey } from './repeated-key.js';
import {
  type CloudRunJobs,
  decodeSettingsFile,
  defaults,
  type Field,
  fields,
  type Limits,
  limits,
  type SettingsFile,
  type SourceSettings,
  type Values,
} from './settings-file.js';

/**
 * The environment variable of each setting; an empty one counts as absent.
 *
 * `SCOREKEEPER_STORE` (`local` or `gcs`), `GCS_BUCKET_NAME` (the bucket), `SCOREKEEPER_LOCAL_DIR`, `SCOREKEEPER_OUTPUT_ROOT`,
 * `SCOREKEEPER_ARTIFACT_CACHE_DIR`, `SCOREKEEPER_SOURCE_CACHE_DIR`, `SCOREKEEPER_REFRESH_MS`, `PORT`, `HOST`, `SCOREKEEPER_WORKERS`, `SCOREKEEPER_REGISTERED_BY`, `SCOREKEEPER_ENVIRONMENT`,
 * `SCOREKEEPER_SCORING_JOBS`, and for the limits `SCOREKEEPER_BODY_BYTES`, `SCOREKEEPER_SPOOL_BYTES`, `SCOREKEEPER_JSON_DEPTH`, `SCOREKEEPER_INLINE_ROWS`, `SCOREKEEPER_REQUEST_TIMEOUT_MS`,
 * `SCOREKEEPER_CONCURRENT_REQUESTS`, `SCOREKEEPER_SHUTDOWN_GRACE_MS`, `SCOREKEEPER_MODEL_CACHE_BYTES`, `SCOREKEEPER_ARTIFACT_CACHE_BYTES`,
 * `SCOREKEEPER_SOURCE_CACHE_BYTES`. `SCOREKEEPER_SETTINGS` names the settings file.
 */
const variableOf = (field: Field): string =>
  field === 'bucket'
    ? 'GCS_BUCKET_NAME'
    : field === 'port' || field === 'host'
      ? field.toUpperCase()
      : `SCOREKEEPER_${field.toUpperCase()}`;

/** What the command line says, as text. */
export interface Flags {
  readonly settings?: string | undefined;
  readonly local?: string | undefined;
  readonly bucket?: string | undefined;
  readonly port?: string | undefined;
  readonly host?: string | undefined;
  readonly workers?: string | undefined;
}

/** Where this runs. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The variables of `env` that came from `.env`. */
  readonly fromEnvironmentFile?: ReadonlySet<string>;
  readonly workingDir: string;
}

/** One resolved setting and where it came from: `flag --local`, `environment PORT`, `.env PORT`, `scorekeeper.json`, `default`. */
export interface ResolvedSetting {
  readonly name: string;
  readonly value: unknown;
  readonly origin: string;
}

export interface Settings {
  readonly registry: Registry;
  /** A folder, absolute, or a `gs://` address. */
  readonly outputRoot: string;
  /** Absolute. */
  readonly artifactCacheDir: string;
  /** Absolute. */
  readonly sourceCacheDir: string;
  readonly refreshMs: number;
  readonly port: number;
  readonly host: string;
  /** How many processes serve. */
  readonly workers: number;
  readonly limits: Limits;
  readonly sources: Readonly<Record<string, SourceSettings>>;
  readonly modelTypes: NonNullable<SettingsFile['model_types']>;
  readonly registeredBy: string | undefined;
  readonly environment: string | undefined;
  readonly cloudRunJobs: CloudRunJobs | undefined;
  /** Where requests that read a source and write an output are scored. */
  readonly scoringJobs: 'here' | 'cloud-run-jobs';
  /** What relative paths in sources are relative to. */
  readonly sourcesDir: string;
  /** Every setting, for people who wonder where a value came from. */
  readonly told: ReadonlyArray<ResolvedSetting>;
}

/** Reads the settings file and resolves every setting. Fails as `resolveSettings` does, `NotFound` when a named file is not there, and `PermissionDenied`. */
export const loadSettings = (flags: Flags, surroundings: Surroundings): TE.TaskEither<Failure, Settings> => {
  const named = flags.settings ?? (surroundings.env['SCOREKEEPER_SETTINGS'] || undefined);
  const name = named ?? 'scorekeeper.json';
  if (name === '') return TE.fromEither(fail('InvalidInput', '--settings must name a file.'));
  const path = resolve(surroundings.workingDir, name);
  const absent = `There is no settings file ${name}: name another with --settings or SCOREKEEPER_SETTINGS.`;
  return pipe(
    readText(path, `The settings file ${name}`, absent),
    TE.orElse((failed) => (named === undefined && failed.tag === 'NotFound' ? TE.right('{}') : TE.left(failed))),
    TE.flatMapEither((json) =>
      pipe(
        parseJson(json),
        E.mapLeft((reason) => failure('InvalidInput', `${name} is not JSON (${reason}).`)),
        E.tap(() => {
          const key = repeatedKey(json);
          return key === undefined
            ? E.right(undefined)
            : fail('InvalidInput', `${name} has ${key} twice, and only one of them would count: keep one.`);
        }),
      ),
    ),
    TE.flatMapEither((content) => resolveSettings(flags, surroundings, { name, dir: dirname(path), content })),
  );
};

/**
 * Every setting from flags, else environment, else settings file, else default.
 *
 * Which registry: `--local` or `--bucket`; else `SCOREKEEPER_STORE`; else Google Cloud Storage when `GCS_BUCKET_NAME` is set; else what the
 * settings file says, in the same way; else the local folder.
 *
 * Fails `InvalidInput` when something does not decode or contradicts something else, naming it.
 */
export const resolveSettings = (
  flags: Flags,
  surroundings: Surroundings,
  file: { readonly name: string; readonly dir: string; readonly content: unknown },
): E.Either<Failure, Settings> =>
  pipe(
    E.Do,
    E.apS('flagLayer', flagLayer(flags, surroundings.workingDir)),
    E.apS('environmentLayer', environmentLayer(surroundings)),
    E.apS('content', decodeSettingsFile(file.name, file.content)),
    E.map(({ flagLayer: first, environmentLayer: second, content }) =>
      settle([first, second, fileLayer(content, file)], content, file, surroundings),
    ),
    E.filterOrElse(
      ({ scoringJobs, cloudRunJobs }) => scoringJobs === 'here' || cloudRunJobs !== undefined,
      () =>
        failure(
          'InvalidInput',
          `scoring_jobs is "cloud-run-jobs", and ${file.name} does not say which job that is: give it cloud_run_jobs.`,
        ),
    ),
  );

/** What one place says, its paths absolute. */
interface Layer {
  readonly values: Values;
  readonly originOf: (field: Field) => string;
}

/** `--local` and `--bucket` choose the store as well as its place. */
const flagLayer = (flags: Flags, workingDir: string): E.Either<Failure, Layer> => {
  const { local, bucket, port, host, workers } = flags;
  if (local !== undefined && bucket !== undefined) {
    return fail('InvalidInput', '--local and --bucket name two registries: give one of them.');
  }
  const store = local !== undefined ? 'local' : bucket !== undefined ? 'gcs' : undefined;
  const flagOf = (field: Field): string =>
    field === 'store' ? (store === 'local' ? '--local' : '--bucket') : field === 'local_dir' ? '--local' : `--${field}`;
  return pipe(
    decodeTexts({ store, local_dir: local, bucket, port, host, workers }, flagOf),
    E.map((values) => ({ values: absolute(values, workingDir), originOf: (field) => `flag ${flagOf(field)}` })),
  );
};

const environmentLayer = ({
  env,
  fromEnvironmentFile = new Set(),
  workingDir,
}: Surroundings): E.Either<Failure, Layer> =>
  pipe(
    decodeTexts(
      Object.fromEntries(fieldNames.map((field) => [field, env[variableOf(field)] || undefined])),
      variableOf,
    ),
    E.map((values) => ({
      values: absolute(values, workingDir),
      originOf: (field) => {
        const name = variableOf(field);
        return `${fromEnvironmentFile.has(name) ? '.env' : 'environment'} ${name}`;
      },
    })),
  );

const fileLayer = (content: SettingsFile, { name, dir }: { readonly name: string; readonly dir: string }): Layer => {
  const { limits: fileLimits, sources: _sources, model_types: _types, cloud_run_jobs: _jobs, ...values } = content;
  return { values: absolute({ ...values, ...fileLimits }, dir), originOf: () => name };
};

const fieldNames = Object.keys(fields) as ReadonlyArray<Field>;

/** Decodes what came as text: a setting that is a number reads as one. */
const decodeTexts = (
  texts: Readonly<Partial<Record<Field, string | undefined>>>,
  nameOf: (field: Field) => string,
): E.Either<Failure, Values> => {
  const values: Record<string, unknown> = {};
  for (const field of fieldNames) {
    const given = texts[field];
    if (given === undefined) continue;
    const codec: t.Decoder<unknown, unknown> & { readonly is: (u: unknown) => boolean } = fields[field];
    const number = /^\d+$/.test(given) && codec.is(Number(given));
    const decoded = decode(codec, nameOf(field))(number ? Number(given) : given);
    if (E.isLeft(decoded)) return decoded;
    values[field] = decoded.right;
  }
  return E.right(values);
};

const absolute = (values: Values, dir: string): Values => ({
  ...values,
  ...(values.local_dir === undefined ? {} : { local_dir: resolve(dir, values.local_dir) }),
  ...(values.artifact_cache_dir === undefined ? {} : { artifact_cache_dir: resolve(dir, values.artifact_cache_dir) }),
  ...(values.source_cache_dir === undefined ? {} : { source_cache_dir: resolve(dir, values.source_cache_dir) }),
  ...(values.output_root === undefined || isBucketAddress(values.output_root) || isWarehouseAddress(values.output_root)
    ? {}
    : { output_root: resolve(dir, values.output_root) }),
});

const settle = (
  layers: ReadonlyArray<Layer>,
  content: SettingsFile,
  file: { readonly name: string; readonly dir: string },
  { env, workingDir }: Surroundings,
): Settings => {
  const store = chooseStore(layers);
  const everything = [...layers, { values: absolute(defaults, workingDir), originOf: () => 'default' }];
  const told = fieldNames
    .filter((field) => field !== 'store' && field !== (store.value === 'local' ? 'bucket' : 'local_dir'))
    .flatMap((name): ReadonlyArray<ResolvedSetting> => {
      const layer = everything.find(({ values }) => values[name] !== undefined);
      return layer === undefined ? [] : [{ name, value: layer.values[name], origin: layer.originOf(name) }];
    });
  const values = Object.fromEntries(told.map(({ name, value }) => [name, value])) as Values &
    Required<Pick<Values, keyof typeof defaults>>;
  const registry = store.value === 'local' ? folderAt(values.local_dir) : bucketAt(`gs://${values.bucket}`);
  const outputRoot =
    values.output_root ?? (registry.kind === 'local' ? workingDir : `gs://${registry.bucket}/predictions/`);
  const artifactCacheDir = values.artifact_cache_dir ?? join(cacheHome(env), 'scorekeeper', 'artifacts');
  const sourceCacheDir = values.source_cache_dir ?? join(cacheHome(env), 'scorekeeper', 'sources');
  const sources = content.sources ?? {};
  const modelTypes = content.model_types ?? {};
  return {
    registry,
    outputRoot,
    artifactCacheDir,
    sourceCacheDir,
    refreshMs: values.refresh_ms,
    port: values.port,
    host: values.host,
    workers: values.workers === 'auto' ? availableParallelism() : values.workers,
    limits: Object.fromEntries(Object.keys(limits).map((name) => [name, values[name as keyof Limits]])) as Limits,
    sources,
    modelTypes,
    registeredBy: values.registered_by,
    environment: values.environment,
    cloudRunJobs: content.cloud_run_jobs,
    scoringJobs: values.scoring_jobs,
    sourcesDir: file.dir,
    told: [
      store,
      ...told,
      ...Object.entries({
        output_root: outputRoot,
        artifact_cache_dir: artifactCacheDir,
        source_cache_dir: sourceCacheDir,
      })
        .filter(([name]) => values[name as Field] === undefined)
        .map(([name, value]) => ({ name, value, origin: 'default' })),
      ...Object.entries({ sources, model_types: modelTypes, cloud_run_jobs: content.cloud_run_jobs ?? {} }).flatMap(
        ([name, entries]) =>
          Object.entries(entries).map(([key, value]) => ({ name: `${name}.${key}`, value, origin: file.name })),
      ),
    ],
  };
};

/** https://specifications.freedesktop.org/basedir-spec: a relative path counts as none. */
const cacheHome = (env: Surroundings['env']): string => {
  const named = env['XDG_CACHE_HOME'] ?? '';
  return isAbsolute(named) ? named : join(homedir(), '.cache');
};

const chooseStore = (layers: ReadonlyArray<Layer>): ResolvedSetting & { readonly value: Registry['kind'] } => {
  for (const { values, originOf } of layers) {
    if (values.store !== undefined) return { name: 'store', value: values.store, origin: originOf('store') };
    if (values.bucket !== undefined) return { name: 'store', value: 'gcs', origin: originOf('bucket') };
  }
  return { name: 'store', value: defaults.store, origin: 'default' };
};

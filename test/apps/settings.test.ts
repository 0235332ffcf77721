/** Settings: which registry, what wins over what, where values come from, and what is refused. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { repeatedKey } from '../../apps/repeated-key.js';
import { type Flags, loadSettings, resolveSettings, type Settings } from '../../apps/settings.js';
import type { Failure } from '../../core/index.js';
import { emptyFolder } from './cli/command-line.js';

type Env = Readonly<Record<string, string>>;

const resolveFrom = (flags: Flags, env: Env, content: unknown): E.Either<Failure, Settings> =>
  resolveSettings(flags, { env, workingDir: '/srv' }, { name: 'conf/scorekeeper.json', dir: '/srv/conf', content });

const originOf = (settings: Settings, name: string): string | undefined =>
  settings.told.find((told) => told.name === name)?.origin;

const file = 'conf/scorekeeper.json';

// flags, environment, settings file → location, where the choice comes from, where the place comes from
const registries: ReadonlyArray<readonly [Flags, Env, object, string, string, string]> = [
  [{}, {}, {}, 'local folder /srv', 'default', 'default'],
  [{}, { SCOREKEEPER_LOCAL_DIR: 'reg' }, {}, 'local folder /srv/reg', 'default', 'environment SCOREKEEPER_LOCAL_DIR'],
  [
    {},
    { SCOREKEEPER_LOCAL_DIR: '/srv/reg' },
    {},
    'local folder /srv/reg',
    'default',
    'environment SCOREKEEPER_LOCAL_DIR',
  ],
  [{}, { GCS_BUCKET_NAME: 'b-1' }, {}, 'gs://b-1', 'environment GCS_BUCKET_NAME', 'environment GCS_BUCKET_NAME'],
  [
    {},
    { GCS_BUCKET_NAME: 'b-1/prod' },
    {},
    'gs://b-1/prod',
    'environment GCS_BUCKET_NAME',
    'environment GCS_BUCKET_NAME',
  ],
  [{}, { GCS_BUCKET_NAME: '' }, {}, 'local folder /srv', 'default', 'default'],
  [
    {},
    { GCS_BUCKET_NAME: 'b-1', SCOREKEEPER_LOCAL_DIR: 'reg' },
    {},
    'gs://b-1',
    'environment GCS_BUCKET_NAME',
    'environment GCS_BUCKET_NAME',
  ],
  [{}, { SCOREKEEPER_STORE: 'gcs' }, {}, 'gs://bgg-models', 'environment SCOREKEEPER_STORE', 'default'],
  [
    {},
    { SCOREKEEPER_STORE: 'gcs', GCS_BUCKET_NAME: 'b-1' },
    {},
    'gs://b-1',
    'environment SCOREKEEPER_STORE',
    'environment GCS_BUCKET_NAME',
  ],
  [
    {},
    { SCOREKEEPER_STORE: 'local', GCS_BUCKET_NAME: 'b-1' },
    {},
    'local folder /srv',
    'environment SCOREKEEPER_STORE',
    'default',
  ],
  [
    { local: 'reg' },
    { SCOREKEEPER_STORE: 'gcs', GCS_BUCKET_NAME: 'b-1' },
    {},
    'local folder /srv/reg',
    'flag --local',
    'flag --local',
  ],
  [
    { local: 'reg' },
    { SCOREKEEPER_LOCAL_DIR: 'other' },
    { store: 'gcs' },
    'local folder /srv/reg',
    'flag --local',
    'flag --local',
  ],
  [{ local: 'a:b/c' }, {}, {}, 'local folder /srv/a:b/c', 'flag --local', 'flag --local'],
  [{ bucket: 'bgg-models/prod' }, {}, {}, 'gs://bgg-models/prod', 'flag --bucket', 'flag --bucket'],
  [
    { bucket: 'b-2' },
    { SCOREKEEPER_STORE: 'local', GCS_BUCKET_NAME: 'b-1' },
    {},
    'gs://b-2',
    'flag --bucket',
    'flag --bucket',
  ],
  [{}, {}, { store: 'gcs' }, 'gs://bgg-models', file, 'default'],
  [{}, {}, { store: 'gcs', bucket: 'b-3' }, 'gs://b-3', file, file],
  [{}, {}, { bucket: 'b-3' }, 'gs://b-3', file, file],
  [{}, {}, { local_dir: 'reg' }, 'local folder /srv/conf/reg', 'default', file],
  [{}, {}, { store: 'local', local_dir: 'reg', bucket: 'b-3' }, 'local folder /srv/conf/reg', file, file],
  [
    {},
    { SCOREKEEPER_STORE: 'local' },
    { store: 'gcs', bucket: 'b-3' },
    'local folder /srv',
    'environment SCOREKEEPER_STORE',
    'default',
  ],
  [
    {},
    { GCS_BUCKET_NAME: 'b-1' },
    { store: 'local' },
    'gs://b-1',
    'environment GCS_BUCKET_NAME',
    'environment GCS_BUCKET_NAME',
  ],
  [{}, { SCOREKEEPER_LOCAL_DIR: 'reg' }, { store: 'gcs' }, 'gs://bgg-models', file, 'default'],
];

for (const [flags, env, content, location, choice, place] of registries) {
  test(`registry of ${JSON.stringify({ flags, env, content })} is ${location}`, (t) => {
    const resolved = resolveFrom(flags, env, content);
    if (E.isLeft(resolved)) return t.fail(resolved.left.message);
    const { registry } = resolved.right;
    t.is(registry.location, location);
    t.is(originOf(resolved.right, 'store'), choice);
    t.is(originOf(resolved.right, registry.kind === 'local' ? 'local_dir' : 'bucket'), place);
    if (registry.kind === 'gcs')
      t.is(`gs://${[registry.bucket, registry.prefix].filter((part) => part !== '').join('/')}`, location);
  });
}

test('a variable that .env set is told as its own', (t) => {
  const env = { PORT: '2', HOST: '::1' };
  const surroundings = { env, fromEnvironmentFile: new Set(['PORT']), workingDir: '/srv' };
  const resolved = resolveSettings({}, surroundings, { name: file, dir: '/srv/conf', content: {} });
  if (E.isLeft(resolved)) return t.fail(resolved.left.message);
  t.is(originOf(resolved.right, 'port'), '.env PORT');
  t.is(originOf(resolved.right, 'host'), 'environment HOST');
});

// flags, environment, settings file → setting, its value, its origin
const precedence: ReadonlyArray<readonly [Flags, Env, object, string, unknown, string]> = [
  [{}, {}, {}, 'port', 8080, 'default'],
  [{}, {}, { port: 1 }, 'port', 1, file],
  [{}, { PORT: '2' }, { port: 1 }, 'port', 2, 'environment PORT'],
  [{ port: '3' }, { PORT: '2' }, { port: 1 }, 'port', 3, 'flag --port'],
  [{}, {}, {}, 'host', '127.0.0.1', 'default'],
  [{ host: '::1' }, { HOST: '0.0.0.0' }, {}, 'host', '::1', 'flag --host'],
  [{}, {}, {}, 'workers', 1, 'default'],
  [{}, {}, { workers: 'auto' }, 'workers', 'auto', file],
  [{}, { SCOREKEEPER_WORKERS: '2' }, { workers: 'auto' }, 'workers', 2, 'environment SCOREKEEPER_WORKERS'],
  [{ workers: 'auto' }, { SCOREKEEPER_WORKERS: '2' }, {}, 'workers', 'auto', 'flag --workers'],
  [{}, {}, {}, 'body_bytes', 33_554_432, 'default'],
  [{}, {}, { limits: { body_bytes: 10 } }, 'body_bytes', 10, file],
  [
    {},
    { SCOREKEEPER_BODY_BYTES: '20' },
    { limits: { body_bytes: 10 } },
    'body_bytes',
    20,
    'environment SCOREKEEPER_BODY_BYTES',
  ],
  [{}, { SCOREKEEPER_JSON_DEPTH: '5' }, {}, 'json_depth', 5, 'environment SCOREKEEPER_JSON_DEPTH'],
  [{}, { SCOREKEEPER_INLINE_ROWS: '5' }, {}, 'inline_rows', 5, 'environment SCOREKEEPER_INLINE_ROWS'],
  [
    {},
    { SCOREKEEPER_REQUEST_TIMEOUT_MS: '5' },
    {},
    'request_timeout_ms',
    5,
    'environment SCOREKEEPER_REQUEST_TIMEOUT_MS',
  ],
  [
    {},
    { SCOREKEEPER_CONCURRENT_REQUESTS: '5' },
    {},
    'concurrent_requests',
    5,
    'environment SCOREKEEPER_CONCURRENT_REQUESTS',
  ],
  [{}, { SCOREKEEPER_SHUTDOWN_GRACE_MS: '0' }, {}, 'shutdown_grace_ms', 0, 'environment SCOREKEEPER_SHUTDOWN_GRACE_MS'],
  [{}, { SCOREKEEPER_MODEL_CACHE_BYTES: '5' }, {}, 'model_cache_bytes', 5, 'environment SCOREKEEPER_MODEL_CACHE_BYTES'],
  [
    {},
    { SCOREKEEPER_SCORING_JOBS: 'cloud-run-jobs' },
    { cloud_run_jobs: { project: 'games-project', location: 'europe-west1', job: 'worker' } },
    'scoring_jobs',
    'cloud-run-jobs',
    'environment SCOREKEEPER_SCORING_JOBS',
  ],
  [{}, { SCOREKEEPER_REGISTERED_BY: 'ci' }, {}, 'registered_by', 'ci', 'environment SCOREKEEPER_REGISTERED_BY'],
  [{}, {}, { environment: 'production' }, 'environment', 'production', file],
  [{}, {}, {}, 'output_root', '/srv', 'default'],
  [{}, {}, { output_root: 'out' }, 'output_root', '/srv/conf/out', file],
  [{}, { SCOREKEEPER_OUTPUT_ROOT: 'out' }, {}, 'output_root', '/srv/out', 'environment SCOREKEEPER_OUTPUT_ROOT'],
  [{ bucket: 'b-1/prod' }, {}, {}, 'output_root', 'gs://b-1/predictions/', 'default'],
  [{}, {}, { output_root: 'bigquery://shop-1.games' }, 'output_root', 'bigquery://shop-1.games', file],
  [{}, {}, {}, 'refresh_ms', 2_000, 'default'],
  [{}, { SCOREKEEPER_REFRESH_MS: '0' }, { refresh_ms: 5 }, 'refresh_ms', 0, 'environment SCOREKEEPER_REFRESH_MS'],
  [{}, {}, { limits: { artifact_cache_bytes: 7 } }, 'artifact_cache_bytes', 7, file],
  [{}, {}, {}, 'artifact_cache_dir', join(homedir(), '.cache/scorekeeper/artifacts'), 'default'],
  [{}, { XDG_CACHE_HOME: '/c' }, {}, 'artifact_cache_dir', '/c/scorekeeper/artifacts', 'default'],
  [{}, { XDG_CACHE_HOME: 'c' }, {}, 'artifact_cache_dir', join(homedir(), '.cache/scorekeeper/artifacts'), 'default'],
  [{}, {}, { artifact_cache_dir: 'near' }, 'artifact_cache_dir', '/srv/conf/near', file],
  [{}, { XDG_CACHE_HOME: '/c' }, {}, 'source_cache_dir', '/c/scorekeeper/sources', 'default'],
  [{}, {}, { source_cache_dir: 'near' }, 'source_cache_dir', '/srv/conf/near', file],
  [{}, {}, { limits: { source_cache_bytes: 7 } }, 'source_cache_bytes', 7, file],
];

for (const [flags, env, content, name, value, origin] of precedence) {
  test(`${name} of ${JSON.stringify({ flags, env, content })} is ${JSON.stringify(value)}`, (t) => {
    const resolved = resolveFrom(flags, env, content);
    if (E.isLeft(resolved)) return t.fail(resolved.left.message);
    t.like(
      resolved.right.told.find((told) => told.name === name),
      { value, origin },
    );
  });
}

const worker = { project: 'games-project', location: 'europe-west1', job: 'scorekeeper-worker' };

test('the job of Cloud Run is told field by field', (t) => {
  const resolved = resolveFrom({}, {}, { cloud_run_jobs: { ...worker, tasks: 4, task_timeout_seconds: 3600 } });
  if (E.isLeft(resolved)) return t.fail(resolved.left.message);
  t.deepEqual(resolved.right.cloudRunJobs, { ...worker, tasks: 4, task_timeout_seconds: 3600 });
  t.deepEqual(
    resolved.right.told.filter(({ name }) => name.startsWith('cloud_run_jobs')),
    [...Object.entries(worker), ['tasks', 4], ['task_timeout_seconds', 3600]].map(([name, value]) => ({
      name: `cloud_run_jobs.${name}`,
      value,
      origin: file,
    })),
  );
});

test('auto is as many workers as this process may have processors', (t) => {
  const resolved = resolveFrom({ workers: 'auto' }, {}, {});
  t.is(E.isRight(resolved) ? resolved.right.workers : resolved.left.message, availableParallelism());
});

const games = { kind: 'duckdb', files: { games: 'games.parquet' }, sql: 'select 1' };

// what is wrong, flags, environment, settings file → what the sentence says
const refusals: ReadonlyArray<readonly [string, Flags, Env, unknown, RegExp]> = [
  [
    'a job without a region',
    {},
    {},
    { cloud_run_jobs: { project: 'games-project', job: 'worker' } },
    /\/cloud_run_jobs\/location must be a region of Google Cloud, such as europe-west1, got/,
  ],
  [
    'a job whose name is no name, and too many tasks',
    {},
    {},
    { cloud_run_jobs: { ...worker, job: 'jobs/worker', tasks: 10_001 } },
    /\/cloud_run_jobs\/job must be the name of a job.*; \/cloud_run_jobs\/tasks must be an integer from 1 to 10000/,
  ],
  [
    'a place for jobs that is not described',
    {},
    { SCOREKEEPER_SCORING_JOBS: 'cloud-run-jobs' },
    {},
    /scoring_jobs is "cloud-run-jobs", and .*scorekeeper\.json does not say which job that is: give it cloud_run_jobs/,
  ],
  ['both registry flags', { local: '.', bucket: 'b-1' }, {}, {}, /--local and --bucket name two registries/],
  ['an empty folder', { local: '' }, {}, {}, /--local is not valid: must be a folder .*, got ""/],
  [
    'a bucket for a folder',
    { local: 'gs://b-1/prod' },
    {},
    {},
    /--local is not valid: must be a folder .*named with --bucket/,
  ],
  [
    'another address for a folder',
    {},
    { SCOREKEEPER_LOCAL_DIR: 's3://b-1' },
    {},
    /SCOREKEEPER_LOCAL_DIR is not valid: .*got "s3:\/\/b-1"/,
  ],
  ['a mangled address for a folder', {}, {}, { local_dir: 'gs:/b-1' }, /\/local_dir must be a folder/],
  [
    'an output root in another store',
    {},
    { SCOREKEEPER_OUTPUT_ROOT: 's3://b-1' },
    {},
    /SCOREKEEPER_OUTPUT_ROOT is not valid: .*begins with gs:/,
  ],
  ['a bucket with gs://', { bucket: 'gs://b-1' }, {}, {}, /--bucket is not valid: .*without gs:\/\//],
  ['a bucket that climbs', { bucket: 'b-1/../x' }, {}, {}, /--bucket is not valid/],
  ['an unknown store', {}, { SCOREKEEPER_STORE: 's3' }, {}, /SCOREKEEPER_STORE is not valid: .*"s3"/],
  [
    'a port that is no number',
    {},
    { PORT: 'eighty' },
    {},
    /PORT is not valid: must be an integer from 0 to 65535, got "eighty"/,
  ],
  ['a port beyond', { port: '65536' }, {}, {}, /--port is not valid/],
  [
    'no workers',
    { workers: '0' },
    {},
    {},
    /--workers is not valid: must be an integer from 1 to 256, or auto, got "0"/,
  ],
  [
    'workers by another word',
    {},
    {},
    { workers: 'all' },
    /\/workers must be an integer from 1 to 256, or auto, got "all"/,
  ],
  ['a limit of nothing', {}, { SCOREKEEPER_INLINE_ROWS: '0' }, {}, /SCOREKEEPER_INLINE_ROWS is not valid/],
  ['a list', {}, {}, [], /conf\/scorekeeper.json is not valid: must be an object/],
  ['an unknown field', {}, {}, { sorces: {} }, /\/sorces is an unknown field \(did you mean sources\?\)/],
  ['an unknown limit', {}, {}, { limits: { rows: 1 } }, /\/limits\/rows is an unknown field/],
  [
    'an unknown field of a source',
    {},
    {},
    { sources: { games: { ...games, query: '' } } },
    /\/sources\/games\/query is an unknown field/,
  ],
  [
    'an unknown kind of source',
    {},
    {},
    { sources: { games: { ...games, kind: 'oracle' } } },
    /\/sources\/games\/kind must be "duckdb" or "bigquery", got "oracle"/,
  ],
  [
    'a dataset without its project',
    {},
    { SCOREKEEPER_OUTPUT_ROOT: 'bigquery://predictions' },
    {},
    /SCOREKEEPER_OUTPUT_ROOT is not valid: must be a folder .* or a dataset, such as bigquery:\/\/project\.dataset/,
  ],
  [
    'a source that is no object',
    {},
    {},
    { sources: { games: [] } },
    /\/sources\/games must be an object, got an array/,
  ],
  [
    'a BigQuery source with files',
    {},
    {},
    { sources: { games: { ...games, kind: 'bigquery' } } },
    /\/sources\/games\/files is an unknown field \(known are kind, sql, sql_file, keys, project, /,
  ],
  [
    'a BigQuery source without a query',
    {},
    {},
    { sources: { games: { kind: 'bigquery' } } },
    /\/sources\/games needs exactly one of sql and sql_file/,
  ],
  [
    'a ceiling with a unit',
    {},
    {},
    { sources: { games: { kind: 'bigquery', sql: '', maximum_bytes_billed: '10 GB' } } },
    /\/sources\/games\/maximum_bytes_billed must be an integer from 1 to /,
  ],
  [
    'a label with capitals',
    {},
    {},
    { sources: { games: { kind: 'bigquery', sql: '', labels: { Team: 'games' } } } },
    /\/sources\/games\/labels\/Team must be 1 to 63 small letters, digits, _ and -/,
  ],
  [
    'a file in a store of another kind',
    {},
    {},
    { sources: { games: { ...games, files: { games: 's3://games/games.parquet' } } } },
    /\/sources\/games\/files\/games must be a file of this machine, or an address that begins with gs:\/\//,
  ],
  [
    'a source without a query',
    {},
    {},
    { sources: { games: { kind: 'duckdb', files: {} } } },
    /\/sources\/games needs exactly one of sql and sql_file/,
  ],
  [
    'a source with two',
    {},
    {},
    { sources: { games: { ...games, sql_file: 'q.sql' } } },
    /\/sources\/games needs exactly one of/,
  ],
  [
    'a source called inline',
    {},
    {},
    { sources: { inline: games } },
    /\/sources\/inline must be .*neither "query" nor "inline"/,
  ],
  [
    'an undeclared source',
    {},
    {},
    { sources: { games }, model_types: { rating: { source: 'game' } } },
    /\/model_types\/rating\/source names no declared source: "game" \(did you mean games\?\)/,
  ],
  [
    'an undeclared source among none',
    {},
    {},
    { model_types: { rating: { source: 'toString' } } },
    /declare it under sources/,
  ],
  ['a bad model type', {}, {}, { model_types: { Rating: {} } }, /\/model_types\/Rating must be 1 to 64/],
  [
    'a bad gate',
    {},
    {},
    { model_types: { rating: { gate: { r2: 1 } } } },
    /\/model_types\/rating\/gate\/r2 must begin with min_ or max_/,
  ],
];

for (const [what, flags, env, content, sentence] of refusals) {
  test(`refuses ${what}`, (t) => {
    const resolved = resolveFrom(flags, env, content);
    if (E.isRight(resolved)) return t.fail('it was taken');
    t.is(resolved.left.tag, 'InvalidInput');
    t.regex(resolved.left.message, sentence);
  });
}

test('the settings file is found in the working folder, by --settings or by SCOREKEEPER_SETTINGS', async (t) => {
  const workingDir = await emptyFolder();
  const load = async (flags: Flags, env: Env): Promise<string | number> => {
    const loaded = await loadSettings(flags, { env, workingDir })();
    return E.isLeft(loaded) ? `${loaded.left.tag}: ${loaded.left.message}` : loaded.right.port;
  };
  t.is(await load({}, {}), 8080);
  await writeFile(join(workingDir, 'scorekeeper.json'), '{"port": 1}');
  await writeFile(join(workingDir, 'other.json'), '{"port": 2}');
  await writeFile(join(workingDir, 'broken.json'), '{"port": ');
  t.is(await load({}, {}), 1);
  t.is(await load({}, { SCOREKEEPER_SETTINGS: 'other.json' }), 2);
  t.is(await load({ settings: 'scorekeeper.json' }, { SCOREKEEPER_SETTINGS: 'other.json' }), 1);
  t.regex(`${await load({ settings: 'none.json' }, {})}`, /^NotFound: There is no settings file none.json/);
  t.regex(`${await load({ settings: 'broken.json' }, {})}`, /^InvalidInput: broken.json is not JSON/);
  t.regex(`${await load({ settings: '.' }, {})}`, /^InvalidInput: The settings file \. cannot be read/);
  await writeFile(join(workingDir, 'twice.json'), '{"limits": {"json_depth": 3}, "port": 1, "limits": {}}');
  t.is(
    await load({ settings: 'twice.json' }, {}),
    'InvalidInput: twice.json has /limits twice, and only one of them would count: keep one.',
  );
});

const repetitions: ReadonlyArray<readonly [json: string, key: string | undefined]> = [
  ['{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}', undefined],
  ['{"a": "a", "b": "\\": {\\"b\\": {", "c": "}"}', undefined],
  ['"a"', undefined],
  ['{"a": {"b": {}, "c": 1}, "d": {"e": {"f": 1,\n"f" : 2}}}', '/d/e/f'],
  ['{"a": {"b": "{"}, "\\u0061": 1}', '/a'],
  ['[{"a": [{"b": 1, "b": 2}]}]', '/a/b'],
  ['{"__proto__": 1, "__proto__": 2}', '/__proto__'],
];
for (const [json, key] of repetitions) {
  test(`a key that is there twice is found in ${json}`, (t) => {
    t.notThrows(() => JSON.parse(json));
    t.is(repeatedKey(json), key);
  });
}

/** Rows that BigQuery exports to a bucket are those that come page by page, once or not at all; a job over them ends, whoever dies. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BigquerySourceOptions } from '../../../adapters/bigquery/data-source.js';
import { duckdbBatchStage } from '../../../adapters/duckdb/batch-stage.js';
import { duckdbExportedFiles } from '../../../adapters/duckdb/exported-files.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { duckdbStagedSource } from '../../../adapters/duckdb/staged-source.js';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { googleCloudStorageBucketFiles } from '../../../adapters/google-cloud-storage/bucket-files.js';
import { googleCloudStorageJobRows } from '../../../adapters/google-cloud-storage/job-folder.js';
import { googleCloudStoragePredictionSink } from '../../../adapters/google-cloud-storage/prediction-sink.js';
import { localFilesystemBucketFileCache } from '../../../adapters/local-filesystem/bucket-file-cache.js';
import { failTask, type OpenJobFolder, type StagedRows, type WantedColumn } from '../../../core/index.js';
import { finishJob } from '../../../core/jobs/finish-job.js';
import { jobStatus } from '../../../core/jobs/job-status.js';
import { type JobPorts, planJob } from '../../../core/jobs/plan-job.js';
import { workShards } from '../../../core/jobs/work-shards.js';
import { rememberResolved } from '../../../core/registry/remember-resolved.js';
import { cancellable } from '../../contracts/cancellable.js';
import { collect, countedRows, type Rows } from '../../contracts/sample-rows.js';
import type { CannedTable } from '../../support/fake-bigquery/golden.js';
import type { Rule } from '../../support/fake-bigquery/server.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { rightOf, scoringService, sums, unhurried } from '../../support/scoring.js';
import { left, readRows, removeTemporaryFolders, right, temporaryFolder } from '../duckdb/files.js';
import { asKeys, call, cannedOf, inAFake, opened, sourceIn } from './in-a-fake.js';

test.after.always(removeTemporaryFolders);

const sql = 'SELECT * FROM games';

/** A warehouse that exports to a bucket, and what reads there. */
const withABucket = async (t: ExecutionContext, fileRowLimit = 3) => {
  const bucket = await startFakeGcs({ buckets: ['games'] });
  t.teardown(bucket.close);
  const files = googleCloudStorageBucketFiles({ apiEndpoint: bucket.url });
  const fake = await inAFake(t, {
    fileRowLimit,
    pageRowLimit: 5,
    upload: (path, address) => right(files.upload(path, address, call)),
  });
  const folder = await temporaryFolder();
  const copies = localFilesystemBucketFileCache({ files, folder: join(folder, 'cache'), limitBytes: 2 ** 20 });
  const readExport = duckdbExportedFiles({ copies });
  const source = (options: Partial<BigquerySourceOptions> = {}) =>
    sourceIn(fake, { sql, stage: duckdbBatchStage(), readExport, pagedValueLimit: 0, ...options });
  const openFor = (name: string, options: Partial<BigquerySourceOptions> = {}, limits = call) =>
    opened(source(options), {}, limits, {
      jobId: 'job',
      stagePath: join(folder, name, 'source.parquet'),
      stagePrefix: `gs://games/out put/x.parquet.job/1/${name}-`,
    });
  const stage = async (name: string, wanted: ReadonlyArray<WantedColumn>, options?: Partial<BigquerySourceOptions>) => {
    const games = await openFor(name, options);
    const staged = await right(games.stage?.(wanted) ?? failTask('InvalidInput', ''));
    await games.close();
    return staged;
  };
  const failureOf = async (name: string, options?: Partial<BigquerySourceOptions>) => {
    const games = await openFor(name, options);
    const failed = await left(games.stage?.(asKeys(['row'])) ?? failTask('InvalidInput', ''));
    await games.close();
    return failed;
  };
  /** The rows of some range. */
  const readStaged = async (
    rows: StagedRows,
    wanted: ReadonlyArray<WantedColumn>,
    begin: number,
    end: number,
  ): Promise<Rows> => {
    const options = { keys: [], baseDir: folder, copies };
    const part = await right(duckdbStagedSource(rows, { begin, end }, options).open({}, call));
    const found = await collect(part.read(wanted));
    await part.close();
    return found;
  };
  const namesBelow = async (prefix: string) =>
    (await right(files.list(prefix, call))).map(({ address }) => address.slice(prefix.length));
  return { bucket, files, fake, folder, copies, source, openFor, stage, failureOf, readStaged, namesBelow };
};

/** How the statement has the column, and each of these values. */
interface Exported {
  readonly item: string;
  readonly type: string;
  readonly cells: ReadonlyArray<string | null>;
}

const as = (item: string, type: string, ...cells: ReadonlyArray<string | null>): Exported => ({ item, type, cells });

/** Values as the API tells them, and what Google's documentation says of the SQL that stands for them in an export. */
const columns: Readonly<
  Record<string, readonly [type: string, cells: ReadonlyArray<string | null>, key: Exported, feature?: Exported]>
> = {
  i: [
    'INTEGER',
    ['0', '9223372036854775807', '-9223372036854775808', null],
    as('`i`', 'INTEGER', '0', '9223372036854775807', '-9223372036854775808', null),
  ],
  'a "f"': [
    'FLOAT',
    ['NaN', 'Infinity', '-Infinity', '-1.0E-7'],
    as('`a "f"`', 'FLOAT', 'NaN', 'Infinity', '-Infinity', '-1.0E-7'),
  ],
  b: ['BOOLEAN', ['true', 'false', null, 'true'], as('`b`', 'BOOLEAN', 'true', 'false', null, 'true')],
  s: ['STRING', ['', '00123', "it's 🎲\n", null], as('`s`', 'STRING', '', '00123', "it's 🎲\n", null)],
  n: [
    'NUMERIC',
    ['12.5', '-0.000000001', '99999999999999999999999999999.999999999', null],
    as('CAST(`n` AS STRING) AS `n`', 'STRING', '12.5', '-0.000000001', '99999999999999999999999999999.999999999', null),
    as('CAST(`n` AS FLOAT64) AS `n`', 'FLOAT', '12.5', '-1e-9', '1e29', null),
  ],
  bn: [
    'BIGNUMERIC',
    ['1267650600228229401496703205376', null, '0', '-0.5'],
    as('CAST(`bn` AS STRING) AS `bn`', 'STRING', '1267650600228229401496703205376', null, '0', '-0.5'),
    as('CAST(`bn` AS FLOAT64) AS `bn`', 'FLOAT', '1.2676506002282294e+30', null, '0', '-0.5'),
  ],
  d: [
    'DATE',
    ['2020-02-29', '0001-01-01', '9999-12-31', null],
    as('CAST(`d` AS STRING) AS `d`', 'STRING', '2020-02-29', '0001-01-01', '9999-12-31', null),
  ],
  t: [
    'TIME',
    ['12:00:00', '23:59:59.500000', '00:00:10.000001', null],
    as("FORMAT_TIME('%H:%M:%E*S', `t`) AS `t`", 'STRING', '12:00:00', '23:59:59.5', '00:00:10.000001', null),
  ],
  dt: [
    'DATETIME',
    ['0999-01-01T00:00:00', '2020-01-01T10:20:30.120000', '9999-12-31T23:59:59.999999', null],
    as(
      "FORMAT_DATETIME('%E4Y-%m-%dT%H:%M:%E*S', `dt`) AS `dt`",
      'STRING',
      ...['0999-01-01T00:00:00', '2020-01-01T10:20:30.12', '9999-12-31T23:59:59.999999', null],
    ),
  ],
  ts: [
    'TIMESTAMP',
    ['-62135596800000000', '1577836800120000', '253402300799999999', '-1'],
    as(
      "FORMAT_TIMESTAMP('%E4Y-%m-%dT%H:%M:%E*SZ', `ts`, 'UTC') AS `ts`",
      'STRING',
      ...['0001-01-01T00:00:00Z', '2020-01-01T00:00:00.12Z'],
      ...['9999-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    ),
  ],
};
const names = Object.keys(columns);

const tableOf = (all: ReadonlyArray<readonly [type: string, cells: ReadonlyArray<string | null>]>): CannedTable => ({
  fields: all.map(([type], i) => ({ name: names[i] ?? '', type })),
  rows: [0, 1, 2, 3].map((row) => all.map(([, cells]) => cells[row])),
});

for (const role of ['key', 'feature'] as const) {
  test(`every type as a ${role} has the same values page by page, staged from pages, and exported`, async (t) => {
    const { fake, source, stage, readStaged, namesBelow } = await withABucket(t);
    const exported = Object.values(columns).map(([, , key, feature = key]) => (role === 'key' ? key : feature));
    const statement = `SELECT ${exported.map(({ item }) => item).join(', ')} FROM (\n${sql}\n)`;
    fake.knows({ sql, answer: () => tableOf(Object.values(columns).map(([type, cells]) => [type, cells])) });
    fake.knows({ sql: statement, answer: () => tableOf(exported.map(({ type, cells }) => [type, cells])) });
    const wanted = names.map((name) => ({ name, role }));

    const games = await opened(source());
    const direct = await collect(games.read(wanted));
    await games.close();
    t.is(
      fake.statements().filter((sent) => sent === statement).length,
      0,
      'rows of one process are selected as before',
    );
    for (const [name, limit] of [
      ['exported', 39],
      ['paged', 40],
    ] as const) {
      const { rows, rowGroups } = await stage(name, wanted, { pagedValueLimit: limit });
      t.deepEqual(rowGroups, name === 'exported' ? [3, 1] : [4]);
      const parts = [await readStaged(rows, wanted, 0, 2), await readStaged(rows, wanted, 2, 4)];
      for (const one of names) {
        t.deepEqual(
          parts.flatMap(({ cells }) => cells.get(one) ?? []),
          direct.cells.get(one),
          `${name} ${one}`,
        );
        t.is(parts[0]?.types.get(one), direct.types.get(one), one);
      }
    }
    t.is(fake.jobs().filter(({ insert }) => insert.configuration?.query?.query === statement).length, 1, 'paid once');
    t.deepEqual(await namesBelow('gs://games/out put/x.parquet.job/1/'), [
      'exported-000000000000.parquet',
      'exported-000000000001.parquet',
    ]);
  });
}

const counted = { sql, answer: () => cannedOf(countedRows(8)) };

test('the export of a result is one job, of the table that has it', async (t) => {
  const { fake, stage, readStaged } = await withABucket(t);
  fake.knows(counted);
  const wanted = asKeys(['row']);
  const { rows } = await stage('a', wanted, { labels: { team: 'games' } });
  const [query, extract, ...others] = fake.jobs();
  t.deepEqual(others, []);
  t.deepEqual(extract?.insert, {
    jobReference: { projectId: 'games-project', jobId: extract?.jobId, location: 'US' },
    configuration: {
      labels: { team: 'games' },
      extract: {
        sourceTable: { projectId: 'games-project', datasetId: '_results', tableId: `anon_${query?.jobId}` },
        destinationUris: ['gs://games/out put/x.parquet.job/1/a-*.parquet'],
        destinationFormat: 'PARQUET',
        compression: 'SNAPPY',
      },
    },
  });
  t.is(fake.counts().results, 1, 'one page told how many rows there are');
  t.deepEqual(
    rows.files.map(({ row_count }) => row_count),
    [3, 3, 2],
  );
  t.deepEqual((await readStaged(rows, wanted, 2, 7)).cells.get('row'), [2n, 3n, 4n, 5n, 6n]);
});

test('without columns, without a bucket and without rows, rows are staged here', async (t) => {
  const { fake, source, stage, folder } = await withABucket(t);
  fake.knows(counted);
  t.deepEqual((await stage('nothing', [])).rowGroups, [8]);
  const games = await opened(source(), {}, call, { jobId: 'job', stagePath: join(folder, 'here', 'source.parquet') });
  const { rows } = await right(games.stage?.(asKeys(['row'])) ?? failTask('InvalidInput', ''));
  t.is(rows.files[0]?.path, join(folder, 'here', 'source.parquet'));
  await games.close();
  fake.knows({ sql, answer: () => cannedOf(countedRows(0)) });
  t.is((await stage('empty', asKeys(['label']))).rows.files[0]?.row_count, 0);
  t.is(fake.counts().extract, undefined);
});

const passing: ReadonlyArray<Rule> = [
  { on: 'extract', fault: { kind: 'lost' } },
  { on: 'extract', fault: { kind: 'refusal', status: 503, reason: 'backendError' }, times: 2 },
  { on: 'get', fault: { kind: 'refusal', status: 503, reason: 'backendError' }, times: 3, after: 1 },
  { on: 'get', fault: { kind: 'cut' } },
];
for (const rule of passing) {
  test(`${JSON.stringify(rule.fault)} on ${rule.on}: one query and one export, all rows`, async (t) => {
    const { fake, stage } = await withABucket(t);
    fake.knows(counted);
    fake.nextJob({});
    fake.nextJob({ polls: 2 });
    fake.fault(rule);
    t.deepEqual((await stage('a', asKeys(['row']))).rowGroups, [3, 3, 2]);
    t.is(fake.jobs().length, 2);
  });
}

const lasting = [
  [
    {
      status: 400,
      reason: 'invalid',
      message: 'Cannot read and write in different locations: source: EU, destination: US',
    },
    'InvalidInput',
    /^BigQuery exports to buckets that are where the data is, .* is elsewhere: name an output in one that is there/,
  ],
  [
    {
      status: 403,
      reason: 'accessDenied',
      message: 'Access Denied: BigQuery BigQuery: Permission denied while writing data.',
    },
    'PermissionDenied',
    /write to the job's bucket \(storage\.objects\.create\): give it the role roles\/storage\.objectUser/,
  ],
  [
    { status: 503, reason: 'backendError', message: 'Error encountered during execution' },
    'Unavailable',
    /BigQuery is not available: try again/,
  ],
] as const;
for (const [failure, tag, sentence] of lasting) {
  test(`an export that fails late, ${failure.reason}, is told; the next begins anew with the same query`, async (t) => {
    const { fake, stage, failureOf } = await withABucket(t);
    fake.knows(counted);
    fake.nextJob({});
    fake.nextJob({ polls: 1, failure });
    const failed = await failureOf('a');
    t.is(failed.tag, tag);
    t.regex(failed.message, sentence);
    t.deepEqual((await stage('b', asKeys(['row']))).rowGroups, [3, 3, 2]);
    t.is(fake.jobs().length, 3, 'one query');
  });
}

test('files that are fewer or more than the rows are told', async (t) => {
  const { fake, failureOf } = await withABucket(t);
  fake.knows(counted);
  fake.nextJob({});
  fake.nextJob({ fileCount: 2 });
  const fewer = await failureOf('fewer');
  t.is(fewer.tag, 'Unavailable');
  t.regex(fewer.message, /^BigQuery exported 6 of 8 rows to gs:\/\/games\/.*fewer-\*\.parquet: try again/);
  fake.nextJob({ fileCount: 4 });
  t.is((await failureOf('more')).tag, 'NotFound');
});

test('columns that changed since the dry run are told, and nothing is exported', async (t) => {
  const { fake, failureOf } = await withABucket(t);
  fake.knows(counted);
  fake.nextJob({ fields: [{ name: 'row', type: 'STRING' }] });
  t.regex((await failureOf('a')).message, /^The column "row" .* was of the type INT64 and is of the type STRING now: /);
  t.is(fake.counts().extract, undefined);
});

test('an export that nobody waits for any more is cancelled in BigQuery', async (t) => {
  const { fake, openFor } = await withABucket(t);
  fake.knows(counted);
  fake.nextJob({});
  fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const cancellation = cancellable();
  const games = await openFor('a', {}, { ...call, cancellation });
  const failed = left(games.stage?.(asKeys(['row'])) ?? failTask('InvalidInput', ''));
  while (fake.jobs().length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  cancellation.abort();
  t.is((await failed).tag, 'Cancelled');
  t.is(fake.jobs()[1]?.failure?.reason, 'stopped');
  await games.close();
});

test('a job over exported rows is killed before it has a plan, planned again, and leaves nothing but its documents', async (t) => {
  const rowCount = 95;
  const { bucket, files, fake, folder, copies, source, namesBelow } = await withABucket(t, 7);
  fake.knows({
    sql,
    tables: { 'games-project.games.features': 1000 },
    answer: () => ({
      fields: [
        { name: 'id', type: 'INTEGER' },
        { name: 'a', type: 'FLOAT' },
        { name: 'b', type: 'FLOAT' },
      ],
      rows: Array.from({ length: rowCount }, (_, row) => [`${1000 + row}`, `${row}`, '1']),
    }),
  });
  const staging = (root: string) => duckdbPredictionSink({ root });
  let isMortal = true;
  const jobFolder: OpenJobFolder = (path) => {
    const [, prefix = ''] = /^gs:\/\/games\/(.+)$/.exec(path) ?? [];
    const documents = googleCloudStorageArtifactStore({ bucket: 'games', prefix, apiEndpoint: bucket.url });
    return {
      ...googleCloudStorageJobRows({
        folder: path,
        files,
        staging,
        readStaged: (rows, keys, range) => duckdbStagedSource(rows, range, { keys, baseDir: path, copies }),
      }),
      documents: {
        ...documents,
        put: (...asked) => (isMortal ? failTask('Unavailable', 'This process is dead.') : documents.put(...asked)),
      },
    };
  };
  const { ports } = await scoringService({ sources: { rows: source({ keys: ['id'] }) } });
  const sink = googleCloudStoragePredictionSink({ root: 'gs://games/out', files, staging });
  const all: JobPorts = { ...ports, ...rememberResolved(ports, 0), sink, jobFolder };
  const request = { ...sums, data_source: 'rows', output_location: 'x.parquet' };
  // Two files, and the last one alone.
  const plan = planJob(all, { shardRows: 20 })(request, 'done', unhurried);

  t.is((await left(plan)).message, 'This process is dead.');
  isMortal = false;
  const job = rightOf(await plan());
  t.is(job.shard_count, 7);
  t.is(job.row_count, rowCount);
  t.is(fake.jobs().length, 3, 'one query, and an export each time');
  t.is((await namesBelow(`${job.path}/`)).filter((name) => name.startsWith('source-')).length, 28);
  t.deepEqual(rightOf(await jobStatus(all)(job.path, unhurried)()).source_files, []);

  rightOf(await workShards(all)(job.path, { index: 0, count: 1 }, () => undefined, unhurried)());
  rightOf(await finishJob(all)(job.path, unhurried)());
  t.deepEqual(
    (await namesBelow(`${job.path}/`)).filter((name) => !/^[._]/.test(name)),
    [],
  );
  const output = 'gs://games/out/x.parquet';
  const [found] = await right(files.list(output, call));
  const path = join(folder, 'x.parquet');
  await right(found === undefined ? failTask('NotFound', output) : files.download(found, path, 'whole', call));
  const { cells } = await readRows(path);
  t.deepEqual(
    cells.get('id'),
    Array.from({ length: rowCount }, (_, row) => BigInt(1000 + row)),
  );
  t.deepEqual(
    cells.get('prediction'),
    Array.from({ length: rowCount }, (_, row) => 4 + 2 * row),
  );
});

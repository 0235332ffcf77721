/** Tables as outputs: loaded once and whole, against a fake of the service. */
import { readdir } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { bigqueryPredictionSink } from '../../../adapters/bigquery/prediction-sink.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import type { CallOptions, FailureTag, PredictionSink, SinkSchema } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import { countedRows, sampleRows } from '../../contracts/sample-rows.js';
import type { FakeBigquery, FakeBigqueryOptions } from '../../support/fake-bigquery/server.js';
import { left, removeTemporaryFolders, right, temporaryFolder } from '../duckdb/files.js';
import { call, inAFake, quickRetries } from './in-a-fake.js';

test.after.always(removeTemporaryFolders);

interface Here {
  readonly fake: FakeBigquery;
  readonly sink: PredictionSink;
  /** What waits on this machine. */
  readonly staged: () => Promise<ReadonlyArray<string>>;
}

const inDataset = async (
  t: ExecutionContext,
  options: FakeBigqueryOptions & { readonly dataset?: string } = {},
): Promise<Here> => {
  const fake = await inAFake(t, options);
  const root = await temporaryFolder();
  const sink = bigqueryPredictionSink({
    project: 'games-project',
    dataset: options.dataset ?? 'predictions',
    staging: duckdbPredictionSink({ root }),
    apiEndpoint: fake.url,
    retries: quickRetries,
  });
  return { fake, sink, staged: () => readdir(root) };
};

const schemaOf = (rows: ReturnType<typeof countedRows>, jobId: string): SinkSchema => ({
  columns: Array.from(rows.columns, ([name, { type }]) => ({ name, type })),
  constants: [
    { name: 'model_version', type: 'int32', value: 3 },
    { name: 'job_id', type: 'string', value: jobId },
    { name: 'scored_at', type: 'timestamp', value: '2026-01-02T03:04:05.678Z' },
  ],
});

const begin = async (
  { sink }: Here,
  location: string,
  rows: ReturnType<typeof countedRows>,
  jobId: string,
  limits: CallOptions = call,
) => {
  const writer = await right(sink.open(location, schemaOf(rows, jobId), limits));
  await right(writer.write(rows));
  return writer;
};

const store = async (here: Here, location: string, rows: ReturnType<typeof countedRows>, jobId = 'a') =>
  right((await begin(here, location, rows, jobId)).commit);

test('an output becomes rows of a table, with its constants, and leaves nothing on this machine', async (t) => {
  const here = await inDataset(t, { location: 'europe-west3' });
  const written = await store(here, 'games', sampleRows());
  t.like(written, { location: 'bigquery://games-project.predictions.games', rowCount: 8 });
  const rows = here.fake.rows('predictions.games') ?? [];
  t.is(rows.length, 8);
  t.like(rows[3], { name: 'two\nlines', year_published: 2000, model_version: 3, job_id: 'a' });
  t.is(rows[4]?.['name'], null);
  t.regex(`${rows[0]?.['scored_at']}`, /^2026-01-02 03:04:05\.678/);
  t.deepEqual(await here.staged(), []);
  const [job] = here.fake.jobs();
  t.deepEqual(job?.insert, {
    jobReference: { projectId: 'games-project', jobId: job?.jobId, location: 'europe-west3' },
    configuration: {
      load: {
        sourceFormat: 'PARQUET',
        parquetOptions: { enumAsString: true },
        destinationTable: { projectId: 'games-project', datasetId: 'predictions', tableId: 'games' },
        writeDisposition: 'WRITE_APPEND',
        createDisposition: 'CREATE_IF_NEEDED',
      },
    },
  });
  t.is(await right(here.sink.resolve('games')), 'bigquery://games-project.predictions.games');
});

test('a table is appended to, one partition is replaced, and refused rows go to a table beside', async (t) => {
  const here = await inDataset(t);
  await store(here, 'games', countedRows(2), 'a');
  await store(here, 'games', countedRows(3), 'b');
  t.is(here.fake.rows('predictions.games')?.length, 5);
  await store(here, 'games$20240101', countedRows(7), 'c');
  await store(here, 'games$20240101', countedRows(4), 'd');
  t.is(here.fake.rows('predictions.games$20240101')?.length, 4);
  t.is(here.fake.rows('predictions.games')?.length, 5);
  await store(here, 'games$20240101.rejects.ndjson', countedRows(1), 'd');
  t.is(here.fake.rows('predictions.games_rejects')?.length, 1);
});

test('what a scoring has loaded is not loaded again', async (t) => {
  const here = await inDataset(t);
  for (const jobId of ['a', 'a', 'b']) t.is((await store(here, 'games', countedRows(10), jobId)).rowCount, 10);
  t.is(here.fake.rows('predictions.games')?.length, 20);
});

for (const kind of ['reset', 'lost', 'cut', 'proxy'] as const) {
  for (const on of ['dataset', 'load', 'get'] as const) {
    test(`${kind} on ${on} is tried again, and every row is there once`, async (t) => {
      const here = await inDataset(t);
      here.fake.fault({ fault: { kind }, on, times: 2 });
      await store(here, 'games', countedRows(100));
      t.is(here.fake.rows('predictions.games')?.length, 100);
      t.deepEqual(await here.staged(), []);
    });
  }
}

test('a load that failed is done anew by the next try of the same scoring', async (t) => {
  const here = await inDataset(t);
  here.fake.nextJob({ polls: 2, failure: { status: 503, reason: 'backendError', message: 'Backend Error' } });
  const writer = await begin(here, 'games', countedRows(10), 'a');
  t.is((await left(writer.commit)).tag, 'Unavailable');
  await writer.abort();
  t.deepEqual(await here.staged(), []);
  await store(here, 'games', countedRows(10), 'a');
  t.is(here.fake.rows('predictions.games')?.length, 10);
  t.is(here.fake.jobs()[1]?.jobId, `${here.fake.jobs()[0]?.jobId}_1`);
});

test('a table with other columns, a table that is not there, and a dataset that is not there', async (t) => {
  const here = await inDataset(t);
  await store(here, 'games', countedRows(2));
  const other = await begin(here, 'games', sampleRows(), 'b');
  const failed = await left(other.commit);
  t.is(failed.tag, 'InvalidInput');
  t.regex(failed.message, /^BigQuery refused what the output location asks for .*Provided Schema does not match Table/);
  await other.abort();
  const partition = await begin(here, 'nothing$20240101', countedRows(2), 'c');
  t.regex((await left(partition.commit)).message, /^There is no table games-project:predictions\.nothing/);
  await partition.abort();
  const nowhere = await inDataset(t, { dataset: 'gone' });
  const missing = await left(nowhere.sink.open('games', schemaOf(countedRows(1), 'a'), call));
  t.is(missing.tag, 'NotFound');
  t.regex(missing.message, /^There is no dataset games-project:gone: correct the name in the output location/);
  t.deepEqual([await here.staged(), await nowhere.staged()], [[], []]);
});

const refusals: ReadonlyArray<readonly [message: string, tag: FailureTag, sentence: RegExp]> = [
  [
    'Access Denied: Dataset p:predictions: Permission bigquery.tables.create denied on dataset p:predictions (or it may not exist).',
    'PermissionDenied',
    /^This account may not write to the dataset p:predictions \(bigquery\.tables\.create\): give it the role roles\/bigquery\.dataEditor/,
  ],
  [
    'Access Denied: Table p:predictions.games: Permission bigquery.tables.updateData denied on table p:predictions.games',
    'PermissionDenied',
    /^This account may not write to the table p:predictions\.games \(bigquery\.tables\.updateData\)/,
  ],
];
for (const [message, tag, sentence] of refusals) {
  test(`a load that is refused: ${message}`, async (t) => {
    const here = await inDataset(t);
    here.fake.fault({ fault: { kind: 'refusal', status: 403, reason: 'accessDenied', message }, on: 'load' });
    const writer = await begin(here, 'games', countedRows(2), 'a');
    const failed = await left(writer.commit);
    t.is(failed.tag, tag);
    t.regex(failed.message, sentence);
    t.false(failed.ambiguous);
    await writer.abort();
  });
}

test('a load that is cancelled is cancelled in BigQuery, too, and no row is there', async (t) => {
  const here = await inDataset(t);
  here.fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const cancellation = cancellable();
  const writer = await begin(here, 'games', countedRows(2), 'a', { ...call, cancellation });
  const committed = writer.commit();
  while (here.fake.jobs().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // By then it was answered that the job is there, and it is waited for.
  await new Promise((resolve) => setTimeout(resolve, 200));
  cancellation.abort();
  const failed = await committed;
  if (E.isRight(failed)) return t.fail('nobody waited');
  t.is(failed.left.tag, 'Cancelled');
  t.true(failed.left.ambiguous);
  t.regex(
    failed.left.message,
    / The rows may be in bigquery:\/\/games-project\.predictions\.games all the same: look for the job_id a there before you score again\.$/,
  );
  await writer.abort();
  t.is(here.fake.jobs()[0]?.failure?.reason, 'stopped');
  t.is(here.fake.rows('predictions.games'), undefined);
  t.deepEqual(await here.staged(), []);
});

test('abort and clear leave nothing, and the table as it was', async (t) => {
  const here = await inDataset(t);
  await store(here, 'games', countedRows(2));
  const aborted = await begin(here, 'games', countedRows(2), 'b');
  await aborted.abort();
  await aborted.abort();
  await right((await begin(here, 'games', countedRows(2), 'c')).clear);
  t.is(here.fake.rows('predictions.games')?.length, 2);
  t.deepEqual(await here.staged(), []);
});

for (const location of ['', 'a.b', 'a/b', '../a', 'a$', 'a$x', 'a b', '`a`', 'a$1$2', `${'a'.repeat(1001)}`]) {
  test(`no table is called ${JSON.stringify(location.slice(0, 20))}`, async (t) => {
    const here = await inDataset(t);
    t.is((await left(here.sink.resolve(location))).tag, 'InvalidInput');
    t.is((await left(here.sink.open(location, schemaOf(countedRows(1), 'a'), call))).tag, 'InvalidInput');
    t.deepEqual(here.fake.counts(), {});
  });
}

test('several processes cannot write one table', async (t) => {
  const { sink } = await inDataset(t);
  t.is((await left(sink.join('games', { columns: [], constants: [] }, [], call))).tag, 'InvalidInput');
  t.is((await left(sink.digest('games', call))).tag, 'InvalidInput');
});

/** What a person is told when BigQuery refuses, and what the source does when it fails half-way: nothing is lost, repeated, or paid for twice. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import type { Failure, FailureTag } from '../../../core/index.js';
import { cancellable } from '../../contracts/cancellable.js';
import { type Cell, cellsOf, collect, countedRows } from '../../contracts/sample-rows.js';
import type { Refusal } from '../../support/fake-bigquery/golden.js';
import { startFakeBigquery } from '../../support/fake-bigquery/server.js';
import { randomFrom } from '../../support/fake-gcs/faults.js';
import { asKeys, call, cannedOf, failureIn, failureOf, inAFake, opened, sourceIn } from './in-a-fake.js';

const whole = 'SELECT * FROM games';
const counted = { sql: whole, answer: () => cannedOf(countedRows(35)) };

const refusals: ReadonlyArray<readonly [Refusal, tag: FailureTag, sentence: RegExp]> = [
  [
    {
      status: 400,
      reason: 'invalidQuery',
      message: 'Syntax error: Expected end of input but got identifier "games" at [2:7]',
    },
    'InvalidInput',
    /^The source's SQL, line 2, column 7: Syntax error: Expected end of input but got identifier "games"\.$/,
  ],
  [
    { status: 400, reason: 'invalidQuery', message: 'Query parameters are not supported here' },
    'InvalidInput',
    /^The source's SQL: Query parameters are not supported here\.$/,
  ],
  [
    { status: 404, reason: 'notFound', message: 'Not found: Table p:games.ratings was not found in location EU' },
    'NotFound',
    /^There is no table p:games\.ratings in location EU: correct the name in the source's SQL, or set location to where the data is \(404/,
  ],
  [
    { status: 404, reason: 'notFound', message: 'Not found: Dataset p:games was not found in location US' },
    'NotFound',
    /^There is no dataset p:games in location US: .*set location/,
  ],
  [
    {
      status: 403,
      reason: 'accessDenied',
      message: 'Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.',
    },
    'PermissionDenied',
    /^This account may not run queries in project games-project: give it the role roles\/bigquery\.jobUser on that project/,
  ],
  [
    {
      status: 403,
      reason: 'accessDenied',
      message:
        'Access Denied: Table p:games.ratings: User does not have permission to query table p:games.ratings, or perhaps it does not exist.',
    },
    'PermissionDenied',
    /^This account may not read the table p:games\.ratings \(bigquery\.tables\.getData\): give it the role roles\/bigquery\.dataViewer/,
  ],
  [
    { status: 403, reason: 'accessNotConfigured', message: 'BigQuery API has not been used in project 1 before' },
    'PermissionDenied',
    /gcloud services enable bigquery\.googleapis\.com --project games-project/,
  ],
  [
    { status: 403, reason: 'billingNotEnabled', message: 'Billing has not been enabled' },
    'PermissionDenied',
    /enable billing/,
  ],
  [
    { status: 401, reason: 'required', message: 'Login Required.' },
    'PermissionDenied',
    /gcloud auth application-default login/,
  ],
  [
    { status: 403, reason: 'quotaExceeded', message: 'Quota exceeded: Your project exceeded quota' },
    'Unavailable',
    /^A quota of BigQuery in project games-project is used up: wait until it is renewed/,
  ],
  [
    { status: 403, reason: 'rateLimitExceeded', message: 'Exceeded rate limits' },
    'Unavailable',
    /^BigQuery asks for fewer requests in project games-project: try again/,
  ],
  [
    { status: 503, reason: 'backendError', message: 'Backend Error' },
    'Unavailable',
    /^BigQuery is not available: try again \(503 backendError: /,
  ],
  [{ status: 400, reason: 'resourcesExceeded', message: 'Resources exceeded' }, 'TooLarge', /more than BigQuery gives/],
  [
    { status: 400, reason: 'invalid', message: 'Unknown label' },
    'InvalidInput',
    /^BigQuery refused what the source's SQL asks for \(400 invalid: Unknown label\)/,
  ],
];
for (const [refusal, tag, sentence] of refusals) {
  test(`a dry run that is refused with ${refusal.status} ${refusal.reason}: ${refusal.message}`, async (t) => {
    const fake = await inAFake(t);
    fake.knows({ sql: whole, refusal });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, tag);
    t.regex(failed?.message ?? '', sentence);
  });
}

const lateFailures: ReadonlyArray<readonly [Refusal, tag: FailureTag, sentence: RegExp]> = [
  [
    { status: 400, reason: 'invalidQuery', message: 'Bad int64 value: many' },
    'DataUnreadable',
    /^The source's SQL: Bad int64 value: many\.$/,
  ],
  [
    { status: 400, reason: 'invalidQuery', message: 'division by zero: 1 / 0 at [3:8]' },
    'DataUnreadable',
    /^The source's SQL, line 2, column 8: division by zero: 1 \/ 0\.$/,
  ],
  [{ status: 503, reason: 'jobBackendError', message: 'The job failed' }, 'Unavailable', /try again/],
  [
    { status: 400, reason: 'resourcesExceeded', message: 'Resources exceeded during query execution' },
    'TooLarge',
    /simplify/,
  ],
  [{ status: 400, reason: 'stopped', message: 'Job execution was cancelled' }, 'Cancelled', /by somebody else/],
];
for (const [failure, tag, sentence] of lateFailures) {
  test(`a job that runs a while and fails with ${failure.reason}: ${failure.message}`, async (t) => {
    const fake = await inAFake(t);
    fake.knows(counted);
    fake.nextJob({ polls: 2, failure });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, tag);
    t.regex(failed?.message ?? '', sentence);
  });
}

test('a query that would be billed for more than the ceiling, although its dry run told less, is TooLarge', async (t) => {
  const fake = await inAFake(t);
  fake.knows({ ...counted, bytes: 1 });
  const games = await opened(sourceIn(fake, { maximumBytesBilled: 1000 }));
  fake.knows({ ...counted, bytes: 10_485_760 });
  t.is((await failureIn(games.read(asKeys(['row']))))?.tag, 'TooLarge');
});

for (const kind of ['reset', 'lost', 'cut', 'proxy'] as const) {
  for (const on of ['dryRun', 'insert', 'results'] as const) {
    test(`${kind} on ${on}, also in the middle of the pages, is tried again: one query, every row once`, async (t) => {
      const fake = await inAFake(t, { pageRowLimit: 10 });
      fake.knows(counted);
      fake.fault({ fault: { kind }, on, after: on === 'results' ? 2 : 0, times: 2 });
      const games = await opened(sourceIn(fake));
      const found = await collect(games.read(asKeys(['row'])));
      t.deepEqual(
        found.cells.get('row'),
        Array.from({ length: 35 }, (_, i) => BigInt(i)),
      );
      t.is(fake.jobs().length, 1);
      await games.close();
    });
  }
}

for (const [status, reason] of [
  [503, 'backendError'],
  [429, 'rateLimitExceeded'],
  [403, 'rateLimitExceeded'],
  [500, 'internalError'],
] as const) {
  test(`${status} ${reason} in the middle of the pages is tried again, and told when it stays`, async (t) => {
    const fake = await inAFake(t, { pageRowLimit: 10 });
    fake.knows(counted);
    fake.fault({ fault: { kind: 'refusal', status, reason }, on: 'results', after: 2, times: 3 });
    t.is(await failureOf(sourceIn(fake)), undefined);
    fake.fault({ fault: { kind: 'refusal', status, reason }, on: 'results', after: 2, times: 4 });
    const failed = await failureOf(sourceIn(fake));
    t.is(failed?.tag, 'Unavailable');
  });
}

test('a service that is silent is given up after a while, tried again, and then told', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  // Loading the client library takes a while, too.
  t.is(await failureOf(sourceIn(fake)), undefined);
  fake.fault({ fault: { kind: 'silence' }, on: 'results', times: 1 });
  t.is(await failureOf(sourceIn(fake, { idleTimeoutMs: 2000 })), undefined);
  fake.fault({ fault: { kind: 'silence' }, on: 'dryRun', times: 4 });
  const failed = await failureOf(sourceIn(fake, { idleTimeoutMs: 50 }));
  t.is(failed?.tag, 'Unavailable');
  t.regex(
    failed?.message ?? '',
    /^BigQuery was silent for 50 ms about the dry run of a query in project games-project/,
  );
});

test('nobody there', async (t) => {
  const fake = await inAFake(t);
  const failed = await failureOf(sourceIn(fake, { apiEndpoint: 'http://127.0.0.1:9' }));
  t.is(failed?.tag, 'Unavailable');
  t.regex(
    failed?.message ?? '',
    /^BigQuery cannot be reached for the dry run of a query in project games-project \(ECONNREFUSED\)/,
  );
});

test.serial('no credentials, and a file of them that is not there', async (t) => {
  const fake = await inAFake(t);
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/no/such/key.json';
  t.teardown(() => delete process.env['GOOGLE_APPLICATION_CREDENTIALS']);
  const failed = await failureOf(sourceIn(fake, { apiEndpoint: 'https://127.0.0.1:9' }));
  t.is(failed?.tag, 'PermissionDenied');
  t.regex(
    failed?.message ?? '',
    /^There are no valid Google Cloud credentials for project games-project: log in with "gcloud auth application-default login"/,
  );
});

test('another project than the account may use', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  const failed = await failureOf(sourceIn(fake, { project: 'other' }));
  t.regex(failed?.message ?? '', /^This account may not run queries in project other: /);
});

test('another location than the data has', async (t) => {
  const fake = await inAFake(t, { location: 'europe-west3' });
  fake.knows(counted);
  const failed = await failureOf(sourceIn(fake, { location: 'US' }));
  t.is(failed?.tag, 'NotFound');
  t.regex(failed?.message ?? '', /in location US: .*set location to where the data is/);
});

test('a location that nobody named is found by the dry run and asked for from then on', async (t) => {
  const fake = await inAFake(t, { location: 'europe-west3', pageRowLimit: 20 });
  fake.knows(counted);
  t.is(await failureOf(sourceIn(fake)), undefined);
});

test('columns that change between the dry run and the query are told, by name', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  fake.nextJob({
    fields: [
      { name: 'row', type: 'INTEGER' },
      { name: 'half', type: 'STRING' },
      { name: 'label', type: 'STRING' },
    ],
  });
  const failed = await failureOf(sourceIn(fake));
  t.is(failed?.tag, 'DataUnreadable');
  t.regex(failed?.message ?? '', /^The column "half" .* was of the type FLOAT64 and is of the type STRING now: /);
  fake.nextJob({ fields: [{ name: 'row', type: 'INTEGER' }] });
  t.regex((await failureOf(sourceIn(fake)))?.message ?? '', /"half" .* is not there any more/);
});

test('the same scoring finds its query again, another one does not', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  for (const jobId of ['a', 'a', 'b']) t.is(await failureOf(sourceIn(fake), {}, call, { jobId }), undefined);
  t.is(fake.counts().insert, 3);
  t.is(fake.jobs().length, 2);
  t.regex(fake.jobs()[0]?.jobId ?? '', /^scorekeeper_[\da-f]{40}$/);
  t.is(await failureOf(sourceIn(fake, { labels: { team: 'x' } }), {}, call, { jobId: 'a' }), undefined);
  t.is(fake.jobs().length, 3, 'another query is another job');
  t.is(await failureOf(sourceIn(fake)), undefined);
  t.is(await failureOf(sourceIn(fake)), undefined);
  t.is(fake.jobs().length, 5, 'without a name every opening is a scoring of its own');
});

test('a query that failed, or whose results are gone, is run again under another id', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  fake.nextJob({ failure: { status: 400, reason: 'stopped', message: 'cancelled' } });
  t.is((await failureOf(sourceIn(fake), {}, call, { jobId: 'a' }))?.tag, 'Cancelled');
  t.is(await failureOf(sourceIn(fake), {}, call, { jobId: 'a' }), undefined);
  const [first, second] = fake.jobs();
  t.is(second?.jobId, `${first?.jobId}_1`);
  if (second !== undefined) second.endedMs -= 24 * 3_600_000;
  t.is(await failureOf(sourceIn(fake), {}, call, { jobId: 'a' }), undefined);
  t.is(fake.jobs()[2]?.jobId, `${first?.jobId}_2`);
});

test('a query that runs is cancelled in BigQuery when the call is cancelled', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const cancellation = cancellable();
  const games = await opened(sourceIn(fake), {}, { ...call, cancellation });
  const failed = failureIn(games.read(asKeys(['row'])));
  while (fake.counts().results === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  cancellation.abort();
  t.is((await failed)?.tag, 'Cancelled');
  await games.close();
  t.is(fake.jobs()[0]?.failure?.reason, 'stopped');
});

test('a query that runs when its time is up is cancelled in BigQuery', async (t) => {
  const fake = await inAFake(t);
  fake.knows(counted);
  fake.nextJob({ polls: Number.POSITIVE_INFINITY });
  const found = await sourceIn(fake).open({}, { ...call, deadlineMs: Date.now() + 1500 })();
  // On a slow machine it may be over sooner: that it ends so is what counts.
  if (E.isLeft(found)) return t.is(found.left.tag, 'DeadlineExceeded');
  t.is((await failureIn(found.right.read(asKeys(['row']))))?.tag, 'DeadlineExceeded');
  await found.right.close();
  t.is(fake.jobs()[0]?.failure?.reason, fake.jobs()[0] && 'stopped');
});

test('a reading that is left early leaves no query running, and does not cancel one that is done', async (t) => {
  const fake = await inAFake(t, { pageRowLimit: 10 });
  fake.knows(counted);
  const games = await opened(sourceIn(fake));
  for await (const batch of games.read(asKeys(['row']))) {
    t.true(E.isRight(batch));
    break;
  }
  await games.close();
  t.is(fake.counts().cancel, undefined);
});

test('under faults of every kind by chance every row is there once, or a failure is told, and no query is run twice', async (t) => {
  const random = randomFrom(7);
  const kinds = ['reset', 'lost', 'cut', 'proxy'] as const;
  let whole = 0;
  for (let round = 0; round < 40; round++) {
    const fake = await startFakeBigquery({ pageRowLimit: 5 });
    fake.knows(counted);
    for (const on of ['dryRun', 'insert', 'results'] as const) {
      for (let after = 0; after < 12; after++) {
        if (random() < 0.3) fake.fault({ fault: { kind: kinds[Math.floor(random() * 4)] ?? 'reset' }, on, after });
      }
    }
    const found = await sourceIn(fake).open({}, call)();
    if (E.isRight(found)) {
      const rows: Cell[] = [];
      let failed: Failure | undefined;
      for await (const batch of found.right.read(asKeys(['row']))) {
        if (E.isLeft(batch)) failed = batch.left;
        else rows.push(...cellsOf(batch.right.columns.get('row') ?? { type: 'json', values: [] }));
      }
      t.deepEqual(
        rows,
        Array.from({ length: rows.length }, (_, i) => BigInt(i)),
      );
      t.is(rows.length < 35, failed !== undefined);
      if (failed === undefined) whole++;
      else t.is(failed.tag, 'Unavailable');
      t.true(fake.jobs().length <= 1);
      await found.right.close();
    } else t.is(found.left.tag, 'Unavailable');
    await fake.close();
  }
  t.true(whole > 20, `${whole}`);
});

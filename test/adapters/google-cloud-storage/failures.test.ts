/** What a person is told when a bucket cannot be used. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import { mayHaveHappened, raised, toFailure } from '../../../adapters/google-cloud/errors.js';
import { storage } from '../../../adapters/google-cloud-storage/errors.js';
import { type FailureTag, failure } from '../../../core/index.js';
import { absent, bytesOf, call, refused } from '../../contracts/artifact-store-harness.js';
import { startFakeGcs } from '../../support/fake-gcs/server.js';
import { bucket, never, open } from './in-a-fake.js';

const answer = (code: number, message: string, reason = '') =>
  Object.assign(new Error(message), { code, errors: [{ reason }] });
const broken = (code: string) => Object.assign(new Error('it broke'), { code });

const table: ReadonlyArray<
  readonly [what: string, error: unknown, tag: FailureTag, sentence: RegExp, inDoubt: boolean]
> = [
  [
    'no bucket',
    answer(404, 'The specified bucket does not exist.'),
    'NotFound',
    /^There is no bucket gs:\/\/games: create it/,
    false,
  ],
  ['no login', answer(401, 'Anonymous caller'), 'PermissionDenied', /gcloud auth application-default login/, false],
  [
    'no credentials',
    new Error('Could not load the default credentials. Browse to https://cloud.google.com/docs/authentication.'),
    'PermissionDenied',
    /log in with "gcloud auth application-default login"/,
    false,
  ],
  ['a login that ran out', broken('invalid_grant'), 'Unavailable', /invalid_grant/, true],
  [
    'a login that ran out, by its message',
    Object.assign(new Error('invalid_grant'), { status: 400 }),
    'PermissionDenied',
    /log in with/,
    false,
  ],
  [
    'a machine without an account',
    Object.assign(new Error('Could not refresh access token: Request failed with status code 404'), { code: '404' }),
    'PermissionDenied',
    /log in with/,
    false,
  ],
  [
    'no right to read',
    answer(403, "x@y does not have storage.objects.get access. Permission 'storage.objects.get' denied."),
    'PermissionDenied',
    /lacks storage\.objects\.get: give it the role roles\/storage\.objectViewer on gs:\/\/games/,
    false,
  ],
  [
    'no right to write',
    answer(403, 'x@y does not have storage.objects.create access'),
    'PermissionDenied',
    /lacks storage\.objects\.create: give it the role roles\/storage\.objectUser/,
    false,
  ],
  [
    'a closed account',
    answer(403, 'The billing account is closed.'),
    'PermissionDenied',
    /billing account is closed/,
    false,
  ],
  ['too many requests', answer(429, 'slow down', 'rateLimitExceeded'), 'Unavailable', /asks for fewer requests/, false],
  [
    'too many requests, the old way',
    answer(403, 'slow', 'userRateLimitExceeded'),
    'Unavailable',
    /fewer requests/,
    false,
  ],
  ['a service in trouble', answer(503, 'Backend Error'), 'Unavailable', /not available for a\/b in gs:\/\/games/, true],
  ['a service too slow', answer(408, ''), 'Unavailable', /not available/, true],
  ['a plain object, from a chunk', { code: 503, message: 'Backend Error' }, 'Unavailable', /not available/, true],
  ['an upload that is gone', answer(410, 'Gone'), 'Unavailable', /broke off the upload/, false],
  [
    'damage on the way up',
    answer(400, 'Provided MD5 hash "a" doesn\'t match calculated MD5 hash "b".'),
    'Unavailable',
    /damaged on the way/,
    false,
  ],
  [
    'another refusal',
    answer(400, 'Invalid argument.'),
    'InvalidInput',
    /refused the request .* \(400: Invalid argument\.\)/,
    false,
  ],
  [
    'an organisation that forbids it',
    answer(412, "Request violates constraint 'constraints/gcp.restrictNonCmekServices'", 'conditionNotMet'),
    'InvalidInput',
    /violates constraint/,
    false,
  ],
  ['no network', broken('ENOTFOUND'), 'Unavailable', /cannot be reached .* \(ENOTFOUND\): check the network/, false],
  ['nobody listens', broken('ECONNREFUSED'), 'Unavailable', /cannot be reached/, false],
  ['a connection that broke', broken('ECONNRESET'), 'Unavailable', /connection .* failed .* \(ECONNRESET\)/, true],
];

for (const [what, error, tag, sentence, inDoubt] of table) {
  test(`${what} is told as ${tag}`, (t) => {
    const told = toFailure(storage)('a/b', 'gs://games/team')(error);
    t.is(told.tag, tag);
    t.regex(told.message, sentence);
    t.regex(told.message, /\.$/);
    t.is(mayHaveHappened(error), inDoubt);
  });
}

test('a bug is thrown, and an expected outcome is given back', (t) => {
  t.throws(() => toFailure(storage)('a', 'gs://games')(new TypeError('x is undefined')), { message: 'x is undefined' });
  const expected = failure('NotFound', 'There is none.');
  t.is(toFailure(storage)('a', 'gs://games')(raised(expected)), expected);
});

test('a bucket that is not there is told by every call', async (t) => {
  const { store } = await open(t, { bucket: 'elsewhere' });
  for (const each of [
    store.head('a', call),
    store.get('a', call),
    store.put('a', bytesOf('x'), absent, call),
    store.put('a', new Uint8Array(8 * 2 ** 20), absent, call),
    store.copyIfAbsent('a', 'b', call),
    store.list('', { limit: 1 }, call),
    store.delete('a', call),
  ]) {
    t.regex((await refused(each, 'NotFound')).message, /There is no bucket gs:\/\/elsewhere/);
  }
});

test('a right that is missing is told by every call', async (t) => {
  const { fake, store } = await open(t);
  fake.fault({ fault: { kind: 'status', status: 403 }, times: 1000 });
  for (const each of [
    store.head('a', call),
    store.get('a', call),
    store.put('a', bytesOf('x'), absent, call),
    store.put('a', new Uint8Array(8 * 2 ** 20), absent, call),
    store.copyIfAbsent('a', 'b', call),
    store.list('', { limit: 1 }, call),
    store.delete('a', call),
  ]) {
    t.regex((await refused(each, 'PermissionDenied')).message, /lacks storage\.objects\.create/);
  }
});

test('nobody at the address is told as that', async (t) => {
  // Nobody has a connection to it yet.
  const fake = await startFakeGcs();
  const store = googleCloudStorageArtifactStore({ bucket, apiEndpoint: fake.url, retries: never });
  await fake.close();
  t.regex((await refused(store.get('a', call), 'Unavailable')).message, /cannot be reached .* \(ECONNREFUSED\)/);
  t.regex((await refused(store.put('a', bytesOf('x'), absent, call), 'Unavailable')).message, /cannot be reached/);
});

for (const [what, options] of [
  ['a bucket with its scheme', { bucket: 'gs://games' }],
  ['a bucket in capitals', { bucket: 'Games' }],
  ['a bucket that is a mark of the client', { bucket: '{{projectId}}' }],
  ['a folder with a mark of the client', { prefix: 'a/{{projectId}}' }],
  ['a folder that leads out', { prefix: '../a' }],
  ['a folder from the root', { prefix: '/a' }],
  ['a folder that leaves no room', { prefix: `${'x'.repeat(150)}/${'x'.repeat(150)}` }],
] as const) {
  test(`${what} is refused`, async (t) => {
    const { fake, store } = await open(t, options);
    await refused(store.get('a', call), 'InvalidInput');
    await refused(store.list('', { limit: 1 }, call), 'InvalidInput');
    t.deepEqual(fake.counts(), {});
  });
}

test('the client is loaded by the first call, and a process that gave up on a silent bucket ends by itself', async (t) => {
  const { fake } = await open(t);
  fake.fault({ fault: { kind: 'silence' }, times: 1000 });
  const program = fileURLToPath(new URL('./give-up.js', import.meta.url));
  const child = spawn(process.execPath, [program, fake.url, bucket], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  const said: string[] = [];
  child.stdout.on('data', (chunk) => said.push(`${chunk}`));
  const timer = setTimeout(() => child.kill(), 10_000);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  t.is(code, 0);
  t.deepEqual(JSON.parse(said.join('')), { loadedBefore: false, loadedAfter: true, tag: 'DeadlineExceeded' });
});

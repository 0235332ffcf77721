/** A service that does not honour preconditions is refused before anything is written; one that does is asked once. */
import test, { type ExecutionContext } from 'ava';
import { googleCloudStorageArtifactStore } from '../../../adapters/google-cloud-storage/artifact-store.js';
import {
  absent,
  bytesOf,
  call,
  create,
  done,
  listAll,
  matches,
  refused,
} from '../../contracts/artifact-store-harness.js';
import { type FakeGcsOptions, startFakeGcs } from '../../support/fake-gcs/server.js';
import { bucket, never } from './in-a-fake.js';

const start = async (t: ExecutionContext, options: FakeGcsOptions) => {
  const fake = await startFakeGcs({ buckets: [bucket], ...options });
  t.teardown(() => fake.close());
  return {
    fake,
    make: () => googleCloudStorageArtifactStore({ bucket, prefix: 'teams', apiEndpoint: fake.url, retries: never }),
  };
};

const unfit: ReadonlyArray<
  readonly [what: string, ignores: NonNullable<FakeGcsOptions['ignoresGenerationMatch']>, told: RegExp]
> = [
  ['creates over what is there', (kind, generation) => kind === 'upload' && generation === '0', /it creates an object/],
  [
    'replaces whatever is there',
    (kind, generation) => kind === 'upload' && generation !== '0',
    /it replaces an object/,
  ],
  ['copies over what is there', (kind) => kind === 'rewrite', /it copies over an object/],
];

for (const [what, ignoresGenerationMatch, told] of unfit) {
  test(`a service that ${what} is refused by every write, and nothing is written`, async (t) => {
    const { make } = await start(t, { ignoresGenerationMatch });
    const store = make();
    for (const write of [
      store.put('a/b', bytesOf('x'), absent, call),
      store.put('a/b', bytesOf('x'), matches('1'), call),
      store.copyIfAbsent('a/b', 'a/c', call),
    ]) {
      const { message } = await refused(write, 'InvalidInput');
      t.regex(message, told);
      t.regex(message, /Use Google Cloud Storage itself, or a service that honours ifGenerationMatch\.$/);
    }
    t.deepEqual(await listAll(store, ''), { objects: [], folders: [] });
  });
}

test('the first write of a process asks three times, four where none was before, and no other write or read does', async (t) => {
  const { fake, make } = await start(t, {});
  const [one, other] = [make(), make()];
  await done(one.head('a/b', call));
  t.deepEqual(fake.counts(), { head: 1 });
  fake.forget();
  await create(one, 'a/b', 'x');
  t.deepEqual(fake.counts(), { upload: 4, rewrite: 1 });
  fake.forget();
  await create(other, 'a/c', 'x');
  t.deepEqual(fake.counts(), { upload: 3, rewrite: 1 });
  fake.forget();
  await Promise.all([create(one, 'a/d', 'x'), create(other, 'a/e', 'x')]);
  t.deepEqual(fake.counts(), { upload: 2 });
  t.deepEqual(
    (await listAll(one, '')).objects.map(({ key }) => key),
    [],
  );
});

test('writes at once prove the service together, and one that could not try it does so again', async (t) => {
  const { fake, make } = await start(t, {});
  const store = make();
  fake.fault({ on: 'rewrite', fault: { kind: 'status', status: 503 } });
  await refused(store.put('a/b', bytesOf('x'), absent, call), 'Unavailable');
  await Promise.all([create(store, 'a/b', 'x'), create(store, 'a/c', 'x'), create(store, 'a/d', 'x')]);
  t.is(fake.counts().rewrite, 2);
});

/** How many requests a bucket is asked for, through Google's own client, as docs/reliability.md tells it. */
import test, { type ExecutionContext } from 'ava';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { nodeHost } from '../../adapters/node-host.js';
import type { RegisterRequest } from '../../core/index.js';
import { type FakeGcs, startFakeGcs } from '../support/fake-gcs/server.js';
import { registryOver, request, right, scoreOne } from '../support/registry.js';

/** A registry in a bucket, and how many requests some work takes of it, over all kinds. */
const open = async (t: ExecutionContext) => {
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(fake.close);
  const make = () => googleCloudStorageArtifactStore({ bucket: 'games', apiEndpoint: fake.url });
  const { service, another } = await registryOver(make());
  const register = (fields: Partial<RegisterRequest> = {}) => right(service.register(request(fields)));
  return { fake, register, newProcess: (refreshMs = 0) => another(make(), { refreshMs }, nodeHost()) };
};

const requestsOf = async (fake: FakeGcs, work: () => Promise<unknown>): Promise<number> => {
  fake.forget();
  await work();
  return Object.values(fake.counts()).reduce((sum, count) => sum + count, 0);
};

test('a registration takes seven requests, and nine under an idempotency key', async (t) => {
  const { fake, register } = await open(t);
  // The first of a model lists its versions, and the first write of a process proves the service.
  const first = await requestsOf(fake, () => register());
  const plain = await requestsOf(fake, () => register());
  const aliased = await requestsOf(fake, () => register({ alias: 'champion' }));
  const keyed = await requestsOf(fake, () => register({ idempotency_key: 'k' }));
  const again = await requestsOf(fake, () => register({ idempotency_key: 'k' }));
  t.log(`first ${first}, plain ${plain}, with an alias ${aliased}, with a key ${keyed}, the same key again ${again}`);
  t.deepEqual({ plain, aliased, keyed }, { plain: 7, aliased: 7, keyed: 9 });
  t.is(first, 7 + 1 + 4);
  t.is(
    again,
    9,
    'the key, its intent read and looked at, a copy and a commit that are there and read, the staged, the state',
  );
});

test('scoring warm asks twice for latest, once for an alias, never for a number; cold three times, twice, twice', async (t) => {
  const { fake, register, newProcess } = await open(t);
  await register({ alias: 'champion' });
  const asked: Record<string, readonly [cold: number, warm: number]> = {};
  for (const [what, fields] of Object.entries({
    latest: {},
    alias: { model_alias: 'champion' },
    version: { model_version: 1 },
  })) {
    // Nothing is remembered for longer than the question, so that each looks; the artifact is fetched by the first.
    const service = newProcess();
    const cold = (await requestsOf(fake, () => right(scoreOne(service, fields)))) - 1;
    asked[what] = [cold, await requestsOf(fake, () => right(scoreOne(service, fields)))];
  }
  t.deepEqual(asked, { latest: [3, 2], alias: [2, 1], version: [2, 0] });
});

test('a service that nobody asks asks nothing', async (t) => {
  const { fake, register, newProcess } = await open(t);
  await register();
  const service = newProcess();
  await right(scoreOne(service));
  t.is(await requestsOf(fake, () => new Promise((resolve) => setTimeout(resolve, 300))), 0);
});

test('a version that was registered is served by two services that ask after the refresh time', async (t) => {
  const refreshMs = 100;
  const { register, newProcess } = await open(t);
  await register();
  const services = [newProcess(refreshMs), newProcess(refreshMs)];
  const versions = () =>
    Promise.all(services.map(async (service) => (await right(scoreOne(service))).model_details.version));
  t.deepEqual(await versions(), [1, 1]);
  await register();
  await new Promise((resolve) => setTimeout(resolve, refreshMs));
  t.deepEqual(await versions(), [2, 2]);
});

/** The chaos proxy: each fault really befalls a request, at the service or on its way back, and is counted. */
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { googleCloudStorageArtifactStore } from '../../adapters/google-cloud-storage/artifact-store.js';
import { absent, bytesOf, call, read } from '../contracts/artifact-store-harness.js';
import { startChaosProxy } from '../support/chaos-proxy.js';
import type { Chances } from '../support/fake-gcs/faults.js';
import { startFakeGcs } from '../support/fake-gcs/server.js';

/** A fake with one bucket, `games`, and how to talk to it past the proxy and through it. */
const open = async (t: ExecutionContext, chances: Chances, seed = 1) => {
  const fake = await startFakeGcs({ buckets: ['games'] });
  t.teardown(fake.close);
  const proxy = await startChaosProxy({ target: fake.url, seed, chances });
  t.teardown(proxy.close);
  const over = (url: string) => ({
    put: (name: string, body: string) =>
      fetch(`${url}/upload/storage/v1/b/games/o?uploadType=media&name=${name}`, { method: 'POST', body }),
    media: (name: string) => fetch(`${url}/storage/v1/b/games/o/${name}?alt=media`),
    head: (name: string) => fetch(`${url}/storage/v1/b/games/o/${name}`),
  });
  return { fake, proxy, past: over(fake.url), through: over(proxy.url) };
};

test('without faults everything passes as it is', async (t) => {
  const { past, through, proxy } = await open(t, {});
  t.is((await through.put('a', 'ä 1')).status, 200);
  t.is(await (await past.media('a')).text(), 'ä 1');
  const [direct, proxied] = [await past.media('a'), await through.media('a')];
  t.is(await proxied.text(), 'ä 1');
  for (const header of ['x-goog-generation', 'x-goog-hash', 'content-type', 'content-length']) {
    t.is(proxied.headers.get(header), direct.headers.get(header), header);
  }
  t.deepEqual(await (await through.head('a')).json(), await (await past.head('a')).json());
  t.deepEqual([(await through.media('none')).status, (await through.head('none')).status], [404, 404]);
  t.is(await (await through.media('none')).text(), 'No such object: games/none');
  t.deepEqual([proxy.requestCount(), proxy.faultCounts()], [6, {}]);
});

for (const status of ['429', '503'] as const) {
  test(`${status} is answered, and nothing is forwarded`, async (t) => {
    const { fake, proxy, past, through } = await open(t, { [status]: 1 });
    t.is((await through.put('a', 'x')).status, Number(status));
    t.is((await past.head('a')).status, 404);
    t.deepEqual([fake.counts(), proxy.faultCounts()], [{ head: 1 }, { [status]: 1 }]);
  });
}

test('a reset breaks the connection before anything is forwarded', async (t) => {
  const { fake, proxy, through } = await open(t, { reset: 1 });
  await t.throwsAsync(through.put('a', 'x'));
  t.deepEqual([fake.counts(), proxy.faultCounts()], [{}, { reset: 1 }]);
});

test('a lost acknowledgement breaks the connection after it was done', async (t) => {
  const { proxy, past, through } = await open(t, { lost: 1 });
  await t.throwsAsync(through.put('a', 'x'));
  t.is(await (await past.media('a')).text(), 'x');
  t.deepEqual(proxy.faultCounts(), { lost: 1 });
});

test('a cut answer breaks off in the middle', async (t) => {
  const { proxy, past, through } = await open(t, { cut: 1 });
  await past.put('a', '0123456789');
  const answer = await through.media('a');
  t.is(answer.headers.get('content-length'), '10');
  await t.throwsAsync(answer.text());
  t.deepEqual(proxy.faultCounts(), { cut: 1 });
});

test('a bit is flipped of what is downloaded and of what is uploaded, and of nothing else', async (t) => {
  const { proxy, past, through } = await open(t, { flip: 1 });
  const sent = '0123456789';
  /** The bits that differ from what was sent, a text of ones for each byte. */
  const flippedBits = async (answer: Response) =>
    [...new Uint8Array(await answer.arrayBuffer())].flatMap((byte, i) => {
      const changed = byte ^ sent.charCodeAt(i);
      return changed === 0 ? [] : [changed.toString(2).replaceAll('0', '')];
    });
  await past.put('a', sent);
  t.deepEqual(await flippedBits(await through.media('a')), ['1']);
  await fetch(`${proxy.url}/upload/storage/v1/b/games/o?uploadType=multipart&name=c`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/related; boundary=xx' },
    body: `--xx\r\nContent-Type: application/json\r\n\r\n{}\r\n--xx\r\nContent-Type: text/plain\r\n\r\n${sent}\r\n--xx--`,
  });
  t.deepEqual(await flippedBits(await past.media('c')), ['1']);
  t.deepEqual(proxy.faultCounts(), { flip: 2 });
  t.deepEqual(await (await through.head('a')).json(), await (await past.head('a')).json());
  t.deepEqual(proxy.faultCounts(), { flip: 2 });
});

const everyKind = { '503': 0.05, '429': 0.05, reset: 0.05, lost: 0.05, cut: 0.05, flip: 0.05 };

test('faults by chance are those of the seed', async (t) => {
  const run = async (seed: number) => {
    const { proxy, past, through } = await open(t, everyKind, seed);
    await past.put('a', 'x');
    for (let i = 0; i < 60; i++)
      await through.media('a').then(
        (answer) => answer.text().catch(() => ''),
        () => '',
      );
    return proxy.faultCounts();
  };
  const first = await run(5);
  t.deepEqual(await run(5), first);
  t.notDeepEqual(await run(6), first);
});

test('a store gets through faults of every kind', async (t) => {
  const { proxy } = await open(t, everyKind);
  const retries = { limit: 30, firstPauseMs: 1, budget: 10_000 };
  const store = googleCloudStorageArtifactStore({ bucket: 'games', apiEndpoint: proxy.url, retries });
  for (let i = 0; i < 60; i++) {
    const put = await store.put(`k${i}`, bytesOf(`value ${i}`), absent, call)();
    t.true(E.isRight(put) || put.left.ambiguous, JSON.stringify(put));
    t.is(await read(store, `k${i}`), `value ${i}`);
  }
  t.deepEqual(Object.keys(proxy.faultCounts()).sort(), Object.keys(everyKind).sort());
});

/** A model of ten thousand versions, in a folder and in a bucket: what lists and the latest cost, in requests and in time. */
import test, { type ExecutionContext } from 'ava';
import { type JsonObject, sealDocument } from '../../core/index.js';
import { layout } from '../../core/registry/layout.js';
import { listVersionNumbers } from '../../core/registry/versions.js';
import { type RawStore, rawStores } from '../support/raw-stores.js';
import { call, contentOf, host, makeRegistry, registerAll, registryOver, right } from '../support/registry.js';
import { recordedStore } from '../support/store-faults.js';

const versionCount = 10_000;
const model = { modelType: 'rating', name: 'prod' };
const ofModel = { model_type: 'rating', model_name: 'prod' };
const idOf = (version: number): string => `id-${version}`;
const numbers: ReadonlyArray<number> = Array.from({ length: versionCount }, (_, i) => i + 1);

/** Plants what 10,000 registrations leave, each record made from one that was registered. */
const plantVersions = async (raw: RawStore): Promise<JsonObject> => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{ alias: 'champion' }]);
  const content = await contentOf(store);
  const documentAt = (key: string): JsonObject => JSON.parse(content[key] ?? '');
  const template = documentAt(layout.registration(model, 1));
  const artifact = host.utf8.encode(content[layout.artifact(model, 1)] ?? '');
  const state = { ...documentAt(layout.modelState(model)), latest_hint: versionCount };
  await raw.plant(layout.modelState(model), sealDocument(host)(state));
  for (let from = 0; from < versionCount; from += 20) {
    await Promise.all(
      numbers.slice(from, from + 20).map(async (version) => {
        const record = { ...template, version, registration_id: idOf(version) };
        await raw.plant(layout.artifact(model, version), artifact);
        await raw.plant(layout.registration(model, version), sealDocument(host)(record));
      }),
    );
  }
  return state;
};

/** Runs `work` over services that have seen nothing yet, and tells what it asked of the store and how long it took. */
const measured = async <A>(
  t: ExecutionContext,
  raw: RawStore,
  what: string,
  work: (registry: Awaited<ReturnType<typeof registryOver>>) => Promise<A>,
): Promise<{ readonly answer: A; readonly calls: Readonly<Record<string, number>> }> => {
  const recorded = recordedStore(raw.open());
  const registry = await registryOver(recorded.store);
  const requestsBefore = raw.requestCount();
  const startedMs = performance.now();
  const answer = await work(registry);
  const tookMs = Math.round(performance.now() - startedMs);
  const calls: Record<string, number> = {};
  for (const { name } of recorded.calls) calls[name] = (calls[name] ?? 0) + 1;
  const requests = raw.requestCount() - requestsBefore;
  t.log(`${what}: ${tookMs} ms, calls ${JSON.stringify(calls)}${requests === 0 ? '' : `, ${requests} requests`}`);
  return { answer, calls };
};

for (const where of ['in a folder', 'in a bucket'] as const) {
  test.serial(`${where}: ten thousand versions are listed, and the latest is found`, async (t) => {
    const raw = await rawStores[where]();
    t.teardown(raw.close);
    const state = await plantVersions(raw);
    const listCalls = versionCount / 1000;

    const names = await measured(t, raw, 'the numbers of all', ({ store }) =>
      right(listVersionNumbers({ host, store })(model, call)),
    );
    t.deepEqual(names.answer, numbers);
    t.deepEqual(names.calls, { list: listCalls });

    const asked = { model_type: 'rating', name: 'prod' };
    for (const [what, page, from] of [
      ['the first page of 100 documents', {}, 1],
      ['a page of 100 from the middle', { page_token: 'rating/prod@5000' }, 5001],
      ['the last page', { page_token: 'rating/prod@9900' }, 9901],
    ] as const) {
      const { answer, calls } = await measured(t, raw, what, ({ service }) =>
        right(service.models({ ...asked, limit: 100, ...page })),
      );
      t.deepEqual(
        answer.models['rating']?.map(({ version, registration_id }) => [version, registration_id]),
        numbers.slice(from - 1, from + 99).map((version) => [version, idOf(version)]),
      );
      t.is(answer.nextPageToken, from + 99 === versionCount ? undefined : `rating/prod@${from + 99}`);
      t.deepEqual(calls, { list: listCalls, get: 101 });
    }

    const everything = await measured(t, raw, 'all documents', ({ service }) => right(service.models(asked)));
    t.deepEqual(
      everything.answer.models['rating']?.map(({ registration_id }) => registration_id),
      numbers.map(idOf),
    );
    t.deepEqual(everything.calls, { list: listCalls, get: versionCount + 1 });

    const latest = ({ service }: Awaited<ReturnType<typeof registryOver>>) => right(service.info(ofModel));
    for (const [what, hint, mostHeads] of [
      ['the latest, cold', versionCount, 1],
      ['the latest, cold, from a hint that is 100 versions old', versionCount - 100, 14],
      ['the latest, cold, from a hint at the first version', 1, 28],
    ] as const) {
      await raw.plant(layout.modelState(model), sealDocument(host)({ ...state, latest_hint: hint }));
      const { answer, calls } = await measured(t, raw, what, latest);
      t.is(answer.info.registration.version, versionCount);
      t.deepEqual([calls['list'], calls['get']], [undefined, 2]);
      t.true((calls['head'] ?? 0) <= mostHeads, `${calls['head']} heads`);
    }
    await right(raw.open().delete(layout.modelState(model), call));
    const lost = await measured(t, raw, 'the latest, cold, without model.json', latest);
    t.is(lost.answer.info.registration.version, versionCount);
    t.deepEqual(lost.calls, { list: listCalls, head: 2, get: 2 });
  });
}

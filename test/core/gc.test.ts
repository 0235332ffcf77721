/** Garbage collection: what it removes, what it leaves, and that being interrupted harms nothing. */
import test from 'ava';
import type { GcReport, GcRequest } from '../../core/index.js';
import {
  contentOf,
  left,
  makeRegistry,
  registerAll,
  request,
  right,
  scoreOne,
  tamper,
  write,
} from '../support/registry.js';
import { storeDyingAtCall } from '../support/store-faults.js';

const staged = (id: string) => `models/_registry/staging/${id}/pipeline.onnx`;
const artifact = (version: number) => `models/registered/rating/prod/v${version}/pipeline.onnx`;
const at = (version: number) => ({ model_type: 'rating', model_name: 'prod', model_version: version });
const removedBy = ({ removed }: GcReport) => removed.map(({ kind, key }) => `${kind} ${key}`);

/** Five versions: 2, 3 and 4 archived, and 5 under the alias. */
const filled = async () => {
  const registry = await makeRegistry();
  await registerAll(registry.service, [{}, {}, {}, {}, { alias: 'champion' }]);
  for (const version of [2, 3, 4]) await right(registry.service.archive(at(version)));
  return registry;
};

test('staged artifacts that are older go, and younger ones stay', async (t) => {
  const { store, service } = await filled();
  await write(store, staged('dead'), 'left over');
  t.deepEqual((await right(service.gc({}))).removed, [], 'a day is the default');
  const report = await right(service.gc({ older_than_ms: 0 }));
  t.deepEqual(report, {
    removed: [{ kind: 'staged', key: staged('dead'), bytes: 9 }],
    bytes_freed: 9,
    problems: [],
    dry_run: false,
  });
  t.deepEqual((await right(service.gc({ older_than_ms: 0 }))).removed, []);
});

test('archived versions go when it is asked, but for the highest, and keep their records and numbers', async (t) => {
  const { store, service } = await filled();
  const before = await contentOf(store);
  t.deepEqual((await right(service.gc({ older_than_ms: 0 }))).removed, []);
  t.deepEqual((await right(service.gc({ keep: 1 }))).removed, [], 'they were archived less than a day ago');
  const dry = await right(service.gc({ older_than_ms: 0, keep: 1, dry_run: true }));
  t.true(dry.dry_run);
  t.deepEqual(await contentOf(store), before);
  const report = await right(service.gc({ older_than_ms: 0, keep: 1, by: 'ana' }));
  t.deepEqual(removedBy(report), [`archived ${artifact(2)}`, `archived ${artifact(3)}`]);
  t.deepEqual(report.removed, dry.removed);
  const after = await contentOf(store);
  t.deepEqual(
    Object.keys(before).filter((key) => !(key in after)),
    [artifact(2), artifact(3)],
  );
  const { info } = await right(service.info({ model_type: 'rating', model_name: 'prod', version: 3 }));
  t.like(info.registration, { status: 'deleted', delete_reason: 'archived long ago (gc)' });
  t.is((await left(scoreOne(service, { model_version: 3 }))).tag, 'NotFound');
  t.is((await right(scoreOne(service, { model_version: 4 }))).model_details.version, 4);
  t.is((await registerAll(service, [{}]))[0]?.version, 6);
  t.deepEqual((await right(service.verify({}))).problems, []);
});

test('with nothing to keep, every archived version goes, and no other', async (t) => {
  const { service } = await filled();
  const report = await right(service.gc({ older_than_ms: 0, keep: 0 }));
  t.deepEqual(
    removedBy(report),
    [2, 3, 4].map((version) => `archived ${artifact(version)}`),
  );
  for (const version of [1, 5]) await right(scoreOne(service, { model_version: version }));
});

test('what an interrupted deletion left is removed, whatever its age', async (t) => {
  const { store, service } = await filled();
  const bytes = (await contentOf(store))[artifact(2)] ?? '';
  await right(service.deleteVersion(at(2)));
  await write(store, artifact(2), bytes);
  t.deepEqual(removedBy(await right(service.gc({}))), [`deleted ${artifact(2)}`]);
});

test('a registration that was only interrupted is finished, and not thrown away', async (t) => {
  const { store, service, another } = await filled();
  // The state, the staged artifact, the intent, and then the process is gone.
  t.is((await left(another(storeDyingAtCall(store, 4)).register(request({ description: 'late' })))).tag, 'Unavailable');
  t.deepEqual((await right(service.gc({ older_than_ms: 0 }))).removed, []);
  const { info } = await right(service.info({ model_type: 'rating', model_name: 'prod' }));
  t.like(info.registration, { version: 6, description: 'late' });
});

test('interrupted before any of its calls, it can be run again, and nothing in use is lost', async (t) => {
  const asked: GcRequest = { older_than_ms: 0, keep: 0 };
  for (let nth = 1; ; nth++) {
    const { store, service, another } = await filled();
    await write(store, staged('dead'), 'left over');
    const first = await another(storeDyingAtCall(store, nth)).gc(asked)();
    await right(service.gc(asked));
    const keys = Object.keys(await contentOf(store));
    t.deepEqual(
      keys.filter((key) => key.endsWith('.onnx')),
      [artifact(1), artifact(5)],
      `call ${nth}`,
    );
    t.deepEqual((await right(service.verify({}))).problems, []);
    if (first._tag === 'Right') break;
  }
});

test('a damaged model is passed over and told, and the others are collected', async (t) => {
  const { store, service } = await filled();
  await registerAll(service, [{ name: 'other' }]);
  await right(service.archive({ ...at(1), model_name: 'other' }));
  await tamper(store, 'models/_registry/rating/prod/model.json', (text) => text.replace('champion', 'champiom'));
  const report = await right(service.gc({ older_than_ms: 0, keep: 0 }));
  t.deepEqual(removedBy(report), ['archived models/registered/rating/other/v1/pipeline.onnx']);
  t.is(report.problems.length, 1);
  t.regex(report.problems[0]?.detail ?? '', /model\.json was changed/);
});

test('a pickle that was archived is not touched', async (t) => {
  const { store, service } = await makeRegistry();
  const folder = 'models/registered/rating/prod/v1';
  await write(store, `${folder}/registration.json`, { name: 'prod', version: 1 });
  await write(store, `${folder}/pipeline.pkl`, 'a pickle');
  await right(service.archive(at(1)));
  const before = await contentOf(store, folder);
  t.deepEqual((await right(service.gc({ older_than_ms: 0, keep: 0 }))).removed, []);
  t.deepEqual(await contentOf(store, folder), before);
  const { info } = await right(service.info({ model_type: 'rating', model_name: 'prod', version: 1 }));
  t.like(info.registration, { status: 'archived', format: 'pickle' });
});

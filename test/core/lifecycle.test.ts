/** What can happen to a registered version: promoted, rolled back, archived, restored, deleted; by one, by two at once, and by one that dies. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ArtifactStore, Service } from '../../core/index.js';
import {
  call,
  contentOf,
  left,
  makeRegistry,
  provenVersions,
  registerAll,
  registryOver,
  request,
  right,
  scoreOne,
  tamper,
  writeLegacy,
} from '../support/registry.js';
import { faults, storeAsleepAt, storeWithFault, wrapStore } from '../support/store-faults.js';

const prod = { model_type: 'rating', model_name: 'prod' };
const stateKey = 'models/_registry/rating/prod/model.json';
const folder = 'models/registered/rating/prod';

const promote = (service: Service, version: number, alias = 'champion') =>
  service.promote({ ...prod, alias, model_version: version });
const rollback = (service: Service, alias = 'champion') => service.rollback({ ...prod, alias });
const archive = (service: Service, version: number) => service.archive({ ...prod, model_version: version });
const restore = (service: Service, version: number) => service.restore({ ...prod, model_version: version });
const remove = (service: Service, version: number) => service.deleteVersion({ ...prod, model_version: version });

/** The version under the alias. */
const under = async (service: Service, alias = 'champion'): Promise<number> =>
  (await right(service.info({ ...prod, alias }))).info.registration.version;

const shown = async (service: Service, version: number) =>
  (await right(service.info({ ...prod, version }))).info.registration;

const moves = async (service: Service): Promise<ReadonlyArray<string>> =>
  (await right(service.history(prod))).moves.map(({ from, to, how }) => `${how} ${from} ${to}`);

/** A registry with this many versions. */
const registryWith = async (count: number, store: ArtifactStore = memoryArtifactStore()) => {
  const made = await registryOver(store);
  await registerAll(
    made.service,
    Array.from({ length: count }, () => ({})),
  );
  return made;
};

const targets: ReadonlyArray<readonly [what: string, fields: Readonly<Record<string, unknown>>, version: number]> = [
  ['the latest', {}, 3],
  ['a number', { model_version: 2 }, 2],
  ['another alias', { model_alias: 'challenger' }, 1],
];
for (const [what, fields, version] of targets) {
  test(`promoted to ${what}`, async (t) => {
    const { service } = await registryWith(3);
    await right(promote(service, 1, 'challenger'));
    t.deepEqual(await right(service.promote({ ...prod, alias: 'champion', by: 'ana', ...fields })), {
      model_type: 'rating',
      name: 'prod',
      alias: 'champion',
      version,
      from: null,
    });
    t.is(await under(service), version);
    t.is((await right(scoreOne(service, { model_alias: 'champion' }))).model_details.version, version);
    const last = (await right(service.history(prod))).moves.at(-1);
    t.like(last, { alias: 'champion', from: null, to: version, how: 'promote', by: 'ana' });
  });
}

test('promoting to where it is moves nothing', async (t) => {
  const { store, service } = await registryWith(1);
  await right(promote(service, 1));
  const before = await contentOf(store);
  t.like(await right(promote(service, 1)), { version: 1, from: 1 });
  t.deepEqual(await contentOf(store), before);
});

const refusals: ReadonlyArray<
  readonly [what: string, prepare: (service: Service, store: ArtifactStore) => Promise<unknown>, told: RegExp]
> = [
  ['an archived version', (service) => right(archive(service, 2)), /^Version 2 of rating\/prod is archived\. Restore/],
  ['a deleted version', (service) => right(remove(service, 2)), /^Version 2 of rating\/prod was deleted\.$/],
  [
    'a damaged version',
    (_, store) => tamper(store, `${folder}/v2/registration.json`, (text) => text.replace('rating', 'ratinh')),
    /^Version 2 of rating\/prod cannot be scored/,
  ],
  [
    'a legacy version',
    async (_, store) => {
      for (const file of ['registration.json', 'pipeline.onnx'])
        await right(store.delete(`${folder}/v2/${file}`, call));
      await writeLegacy(store, 2);
    },
    /^Version 2 of rating\/prod cannot be scored/,
  ],
];
for (const [what, prepare, told] of refusals) {
  test(`no alias is set on ${what}, nor rolled back to it`, async (t) => {
    const { store, service } = await registryWith(3);
    await right(promote(service, 2));
    await right(promote(service, 3));
    await prepare(service, store);
    for (const refused of [promote(service, 2), rollback(service)]) {
      const { tag, message } = await left(refused);
      t.is(tag, 'Conflict');
      t.regex(message, told);
    }
    t.is(await under(service), 3);
  });
}

test('no alias is set on a version that was never finished', async (t) => {
  const { store, service, another } = await registryWith(1);
  await another(storeWithFault(store, 'lost', 3, 'dead')).register(request())();
  for (const key of Object.keys(await contentOf(store, 'models/_registry/staging')))
    await right(store.delete(key, call));
  await registerAll(service, [{}]);
  t.deepEqual(
    (await provenVersions(store)).map(({ status }) => status),
    ['registered', 'aborted', 'registered'],
  );
  t.is((await left(promote(service, 2))).tag, 'Conflict');
});

test('no alias is set on a version whose artifact is gone, or was cut short', async (t) => {
  const { store, service } = await registryWith(3);
  for (const version of [1, 2]) await right(promote(service, version));
  await right(store.delete(`${folder}/v1/pipeline.onnx`, call));
  await tamper(store, `${folder}/v3/pipeline.onnx`, (text) => text.slice(1));
  const gone = 'The artifact of version 1 of rating/prod is gone. Restore it from a copy.';
  for (const moved of [promote(service, 1), rollback(service)]) {
    const { tag, message } = await left(moved);
    t.deepEqual([tag, message], ['ArtifactUnreadable', gone]);
  }
  const { tag, message } = await left(promote(service, 3));
  t.is(tag, 'ArtifactUnreadable');
  t.regex(message, /^The artifact of version 3 of rating\/prod has \d+ bytes and was registered with \d+\. Restore/);
  t.is(await under(service), 2);
});

test('what is not there cannot be promoted, and a version and an alias are not named together', async (t) => {
  const { service } = await registryWith(1);
  t.is((await left(promote(service, 2))).tag, 'NotFound');
  t.is((await left(service.promote({ ...prod, alias: 'a', model_alias: 'b' }))).tag, 'NotFound');
  t.is((await left(service.promote({ model_type: 'rating', model_name: 'none', alias: 'a' }))).tag, 'NotFound');
  t.is((await left(service.promote({ ...prod, alias: 'a', model_alias: 'b', model_version: 1 }))).tag, 'InvalidInput');
  t.is((await left(service.promote({ ...prod, alias: 'latest' }))).tag, 'InvalidInput');
});

test('of two who promote at once, each having looked, one succeeds and one is told of a conflict', async (t) => {
  for (const start of [0, 1]) {
    const { store, service, another } = await registryWith(3);
    if (start > 0) await right(promote(service, start));
    const slow = storeAsleepAt(store, 1);
    const sleeper = promote(another(slow.store), 2)();
    await slow.asleep;
    await right(promote(service, 3));
    slow.wake();
    const result = await sleeper;
    t.true(E.isLeft(result) && result.left.tag === 'Conflict');
    t.regex(E.isLeft(result) ? result.left.message : '', /^The alias champion of rating\/prod was moved to version 3/);
    t.is(await under(service), 3);
  }
});

test('an alias that was moved away and back meanwhile is a conflict as well', async (t) => {
  const { store, service, another } = await registryWith(3);
  await right(promote(service, 1));
  const slow = storeAsleepAt(store, 1);
  const sleeper = left(promote(another(slow.store), 3));
  await slow.asleep;
  await right(promote(service, 2));
  await right(rollback(service));
  slow.wake();
  t.is((await sleeper).tag, 'Conflict');
});

test('two who promote at once, in any order of their calls: no move is lost, and who fails is told of a conflict', async (t) => {
  let both = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const { store, service, another } = await registryWith(3);
      await right(promote(service, 1));
      let looked = 0;
      let lookedBeforeWrite = 0;
      const scheduled = wrapStore(store, ({ name, key, isWrite }) => (task) => async () => {
        const result = await scheduler.schedule(Promise.resolve(), `${name} ${key}`).then(task);
        if (!isWrite && key === stateKey) looked += 1;
        if (isWrite && lookedBeforeWrite === 0) lookedBeforeWrite = looked;
        return result;
      });
      const attempts = [2, 3].map((version) => promote(another(scheduled), version)());
      let settled = false;
      const results = Promise.all(attempts).finally(() => {
        settled = true;
      });
      while (!settled) {
        if (scheduler.count() > 0) await scheduler.waitOne();
        else await new Promise((resolve) => setImmediate(resolve));
      }
      const outcomes = await results;
      const won = outcomes.filter(E.isRight).length;
      both += won === 2 ? 1 : 0;
      const told = (await right(service.history(prod))).moves;
      t.is(told.length, 1 + won);
      t.true(told.every(({ from }, i) => from === (told[i - 1]?.to ?? null)));
      t.true(outcomes.every((outcome) => E.isRight(outcome) || outcome.left.tag === 'Conflict'));
      t.true(won >= 1);
    }),
    { numRuns: 60, seed: 3 },
  );
  // One after the other both may succeed.
  t.true(both < 60);
});

test('a registration meanwhile is no conflict', async (t) => {
  const { store, service, another } = await registryWith(2);
  const slow = storeAsleepAt(store, 1);
  const sleeper = right(promote(another(slow.store), 1));
  await slow.asleep;
  await registerAll(service, [{ alias: 'challenger' }]);
  slow.wake();
  await sleeper;
  t.is(await under(service), 1);
  t.is(await under(service, 'challenger'), 3);
});

for (const fault of faults) {
  test(`a move whose write was ${fault} is made once, or not at all`, async (t) => {
    const { store, service, another } = await registryWith(2);
    await right(promote(service, 1));
    const result = await promote(another(storeWithFault(store, fault, 1, 'alive')), 2)();
    t.is(E.isRight(result), fault !== 'refused');
    t.deepEqual(await moves(service), ['promote null 1', ...(fault === 'refused' ? [] : ['promote 1 2'])]);
  });
}

test('rollbacks go back one promotion each, and stop before the first', async (t) => {
  const { service } = await registryWith(3);
  for (const version of [1, 2, 3]) await right(promote(service, version));
  t.like(await right(rollback(service)), { version: 2, from: 3 });
  t.like(await right(rollback(service)), { version: 1, from: 2 });
  const { tag, message } = await left(rollback(service));
  t.is(tag, 'Conflict');
  t.regex(message, /was on no version before this one/);
  await right(promote(service, 3));
  t.like(await right(rollback(service)), { version: 1, from: 3 });
});

test('a version that was promoted twice is rolled back through once each: no toggle', async (t) => {
  const { service } = await registryWith(2);
  for (const version of [1, 2, 1]) await right(promote(service, version));
  t.like(await right(rollback(service)), { version: 2 });
  t.like(await right(rollback(service)), { version: 1 });
  t.is((await left(rollback(service))).tag, 'Conflict');
});

test('of two who roll back at once none goes back twice', async (t) => {
  const { store, service, another } = await registryWith(3);
  for (const version of [1, 2, 3]) await right(promote(service, version));
  const slow = storeAsleepAt(store, 1);
  const sleeper = rollback(another(slow.store))();
  await slow.asleep;
  await right(rollback(service));
  slow.wake();
  await sleeper;
  t.is(await under(service), 2);
});

test('a rollback needs an alias, and somewhere to go back to', async (t) => {
  const { service } = await registryWith(1);
  t.is((await left(rollback(service))).tag, 'NotFound');
  await right(promote(service, 1));
  t.is((await left(rollback(service))).tag, 'Conflict');
});

test('history tells every move of every alias, oldest first', async (t) => {
  const { service } = await registryWith(2);
  await right(service.promote({ ...prod, alias: 'champion', model_version: 1, by: 'ana' }));
  await right(service.promote({ ...prod, alias: 'challenger', model_version: 2, by: 'ben' }));
  await right(service.promote({ ...prod, alias: 'champion', model_version: 2 }));
  await right(service.rollback({ ...prod, alias: 'champion', by: 'eve' }));
  const told = await right(service.history(prod));
  t.like(told, { model_type: 'rating', name: 'prod' });
  t.deepEqual(
    told.moves.filter(({ alias }) => alias === 'champion').map(({ at: _, ...move }) => move),
    [
      { alias: 'champion', from: null, to: 1, how: 'promote', by: 'ana' },
      { alias: 'champion', from: 1, to: 2, how: 'promote', by: 'unknown' },
      { alias: 'champion', from: 2, to: 1, how: 'rollback', by: 'eve' },
    ],
  );
  t.is(told.moves.length, 4);
  const times = told.moves.map(({ at }) => at);
  t.deepEqual(times, [...times].sort());
  t.true(times.every((at) => new Date(at).toISOString() === at));
});

test('a model without aliases has an empty history, also when all its versions are archived; no model has none', async (t) => {
  const { service } = await registryWith(1);
  t.deepEqual((await right(service.history(prod))).moves, []);
  await right(archive(service, 1));
  t.deepEqual((await right(service.history(prod))).moves, []);
  t.is((await left(service.history({ model_type: 'rating', model_name: 'prot' }))).tag, 'NotFound');
});

test('a version under an alias is neither archived nor deleted, and the alias is named', async (t) => {
  const { store, service } = await registryWith(2);
  await right(promote(service, 1));
  await right(promote(service, 1, 'blue'));
  const before = await contentOf(store);
  for (const refused of [archive(service, 1), remove(service, 1)]) {
    const { tag, message } = await left(refused);
    t.is(tag, 'Conflict');
    t.regex(message, /^Version 1 of rating\/prod is under the alias blue and champion\. Promote another/);
  }
  t.deepEqual(await contentOf(store), before);
  await right(promote(service, 2));
  t.is((await left(archive(service, 1))).tag, 'Conflict');
});

test('an alias that comes while a version is archived or deleted keeps it', async (t) => {
  for (const change of [archive, remove]) {
    const { store, service, another } = await registryWith(2);
    const slow = storeAsleepAt(store, 1);
    const sleeper = left(change(another(slow.store), 1));
    await slow.asleep;
    await right(promote(service, 1));
    slow.wake();
    t.is((await sleeper).tag, 'Conflict');
    t.is((await right(scoreOne(service, { model_alias: 'champion' }))).model_details.version, 1);
  }
});

test('an archive that comes while a version is promoted keeps the alias away', async (t) => {
  const { store, service, another } = await registryWith(2);
  const slow = storeAsleepAt(store, 1);
  const sleeper = left(promote(another(slow.store), 1));
  await slow.asleep;
  await right(archive(service, 1));
  slow.wake();
  t.regex((await sleeper).message, /is archived/);
});

test('an archived version is never the latest, scores when it is pinned, and its files stay as they are', async (t) => {
  const { store, service, another } = await registryWith(3);
  const before = await contentOf(store, folder);
  t.deepEqual(await right(service.archive({ ...prod, model_version: 3, reason: 'too old', by: 'ana' })), {
    model_type: 'rating',
    name: 'prod',
    version: 3,
    status: 'archived',
  });
  t.is((await right(scoreOne(service))).model_details.version, 2);
  t.is((await right(scoreOne(another(), { model_version: 3 }))).model_details.version, 3);
  t.like(await shown(service, 3), { status: 'archived', archive_reason: 'too old' });
  t.deepEqual(await contentOf(store, folder), before);
  const { models } = await right(service.models({ latest: true }));
  t.deepEqual(
    models['rating']?.map(({ version }) => version),
    [2],
  );
  t.is((await registerAll(service, [{}]))[0]?.version, 4);
});

test('archiving twice keeps the first reason; restoring undoes it, also twice', async (t) => {
  const { store, service } = await registryWith(2);
  await right(service.archive({ ...prod, model_version: 2, reason: 'first' }));
  t.false('warning' in (await right(service.archive({ ...prod, model_version: 2, reason: 'first' }))));
  t.regex(
    (await right(service.archive({ ...prod, model_version: 2, reason: 'second' }))).warning ?? '',
    /^It was archived before \(.*, unknown\), and that reason stays: "first"\. To record another one, restore it and archive it again\.$/,
  );
  t.like(await shown(service, 2), { status: 'archived', archive_reason: 'first' });
  t.like(await right(restore(service, 2)), { version: 2, status: 'registered' });
  const restored = await contentOf(store);
  await right(restore(service, 2));
  t.deepEqual(await contentOf(store), restored);
  const { status, ...rest } = await shown(service, 2);
  t.is(status, 'registered');
  t.false('archive_reason' in rest);
  t.is((await right(scoreOne(service))).model_details.version, 2);
});

test('when everything is archived there is no latest, and a registration goes on', async (t) => {
  const { service } = await registryWith(2);
  for (const version of [1, 2]) await right(archive(service, version));
  const { tag, message } = await left(scoreOne(service));
  t.is(tag, 'NotFound');
  t.regex(message, /all are archived/);
  await registerAll(service, [{}]);
  t.is((await right(scoreOne(service))).model_details.version, 3);
});

test('what the Python system wrote can be archived, and is not deleted', async (t) => {
  const { store, service } = await makeRegistry();
  await writeLegacy(store, 1);
  await right(archive(service, 1));
  t.is((await shown(service, 1)).status, 'archived');
  const before = await contentOf(store);
  t.regex((await left(remove(service, 1))).message, /is a Python pickle/);
  t.deepEqual(await contentOf(store), before);
});

test('deleting removes the artifact and nothing else, and the number is never used again', async (t) => {
  const { store, service, another } = await registryWith(3);
  const before = await contentOf(store, folder);
  t.like(await right(service.deleteVersion({ ...prod, model_version: 3, reason: 'leaked', by: 'ana' })), {
    version: 3,
    status: 'deleted',
  });
  const { [`${folder}/v3/pipeline.onnx`]: _, ...kept } = before;
  t.deepEqual(await contentOf(store, folder), kept);
  t.like(await shown(service, 3), { status: 'deleted', delete_reason: 'leaked' });
  t.is((await right(scoreOne(service))).model_details.version, 2);
  for (const asked of [service, another()]) {
    const { tag, message } = await left(scoreOne(asked, { model_version: 3 }));
    t.is(tag, 'NotFound');
    t.regex(message, /^Version 3 of rating\/prod was deleted/);
  }
  t.is((await registerAll(another(), [{}]))[0]?.version, 4);
  for (const gone of [archive(service, 3), restore(service, 3)]) t.is((await left(gone)).tag, 'Conflict');
  t.is((await left(promote(service, 3))).tag, 'Conflict');
});

test('an archived and a damaged version can be deleted', async (t) => {
  const { store, service } = await registryWith(3);
  await right(archive(service, 2));
  await right(remove(service, 2));
  t.is((await shown(service, 2)).status, 'deleted');
  await tamper(store, `${folder}/v3/registration.json`, (text) => text.replace('rating', 'ratinh'));
  t.is((await left(scoreOne(service))).tag, 'ArtifactUnreadable');
  await right(remove(service, 3));
  t.is((await right(scoreOne(service))).model_details.version, 1);
});

test('who dies between the record of a deletion and the deletion leaves a deleted version, and a repeated delete finishes', async (t) => {
  const { store, service, another } = await registryWith(2);
  const dying = another(storeWithFault(store, 'refused', 2, 'alive'));
  await right(scoreOne(dying, { model_version: 2 }));
  t.is((await left(remove(dying, 2))).tag, 'Unavailable');
  const artifact = `${folder}/v2/pipeline.onnx`;
  t.true(artifact in (await contentOf(store)));
  t.is((await left(scoreOne(another(), { model_version: 2 }))).tag, 'NotFound');
  t.is((await left(scoreOne(dying, { model_version: 2 }))).tag, 'NotFound');
  t.is((await right(scoreOne(service))).model_details.version, 1);
  await right(remove(service, 2));
  t.false(artifact in (await contentOf(store)));
  await right(remove(service, 2));
});

test('who cannot record a deletion deletes nothing', async (t) => {
  const { store, another } = await registryWith(1);
  const before = await contentOf(store);
  t.is((await left(remove(another(storeWithFault(store, 'refused', 1, 'alive')), 1))).tag, 'Unavailable');
  t.deepEqual(await contentOf(store), before);
});

test('a damaged model.json stops every change, and is left as it is', async (t) => {
  const { store, service } = await registryWith(2);
  await right(promote(service, 1));
  await tamper(store, stateKey, (text) => text.replace('champion', 'champiom'));
  const before = await contentOf(store);
  for (const refused of [promote(service, 2), rollback(service)]) t.is((await left(refused)).tag, 'ArtifactUnreadable');
  for (const refused of [archive(service, 2), restore(service, 2), remove(service, 2)])
    t.is((await left(refused)).tag, 'ArtifactUnreadable');
  t.is((await left(service.history(prod))).tag, 'ArtifactUnreadable');
  t.deepEqual(await contentOf(store), before);
});

test('a registration sets no alias on a version that was archived or deleted before it could', async (t) => {
  for (const change of [archive, remove]) {
    const { store, service, another } = await registryWith(1);
    // Staged, intent, artifact, record, tidied: the sixth write sets the alias.
    const slow = storeAsleepAt(store, 6);
    const sleeper = right(another(slow.store).register(request({ alias: 'champion' })));
    await slow.asleep;
    await right(change(service, 2));
    slow.wake();
    const { registration, warnings } = await sleeper;
    t.is(registration.version, 2);
    t.regex(warnings.join(), /the alias champion was not set: it was archived or deleted meanwhile/);
    t.deepEqual(await moves(service), []);
  }
});

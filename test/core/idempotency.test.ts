/** Idempotency keys: one key is one registration, however often and at once it is asked for. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { ambiguous, failure, type Registered, type RegisterRequest } from '../../core/index.js';
import {
  call,
  contentOf,
  left,
  makeRegistry,
  provenVersions,
  registerAll,
  request,
  right,
  scoreOne,
  tamper,
} from '../support/registry.js';
import { recordedStore, storeWithFault, wrapStore } from '../support/store-faults.js';

const keyed = (fields: Partial<RegisterRequest> = {}) =>
  request({ idempotency_key: 'build-17', description: 'keyed', ...fields });

test('the same key again answers with the same registration as existing, and writes nothing', async (t) => {
  const { store, service, another } = await makeRegistry();
  const first = await right(service.register(keyed()));
  await registerAll(service, [{}]);
  const before = await contentOf(store);
  const recorded = recordedStore(store);
  const again = await right(another(recorded.store).register(keyed()));
  t.is(first.outcome, 'created');
  t.is(again.outcome, 'existing');
  t.deepEqual(again.registration, first.registration);
  t.deepEqual(await contentOf(store), before);
  t.is((await provenVersions(store)).length, 2);
});

test('a retry finds its version without the experiment, which may be gone', async (t) => {
  const { store, service, experiments } = await makeRegistry();
  const first = await right(service.register(keyed()));
  for (const key of Object.keys(await contentOf(experiments))) await right(experiments.delete(key, call));
  t.deepEqual((await right(service.register(keyed()))).registration, first.registration);
  t.is((await provenVersions(store)).length, 1);
});

test('a retry whose version has a damaged record is told so, and makes no second version', async (t) => {
  const { store, another } = await makeRegistry();
  await right(another().register(keyed()));
  await tamper(store, 'models/registered/rating/prod/v1/registration.json', (text) => text.replace('keyed', 'keyee'));
  const before = await contentOf(store);
  const failed = await left(another().register(keyed()));
  t.is(failed.tag, 'ArtifactUnreadable');
  t.regex(failed.message, /v1\/registration\.json was changed after it was written/);
  t.deepEqual(await contentOf(store), before);
});

test('a retry knows its version again when another tool wrote the record in other words', async (t) => {
  const { store, another } = await makeRegistry();
  const first = await right(another().register(keyed()));
  await tamper(store, 'models/registered/rating/prod/v1/registration.json', (text) => JSON.stringify(JSON.parse(text)));
  const again = await right(another().register(keyed()));
  t.is(again.outcome, 'existing');
  t.deepEqual(again.registration, first.registration);
  t.is((await provenVersions(store)).length, 1);
});

test('the same key ten times at once by two services is one version', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}]);
  const other = another();
  const all = await Promise.all(
    Array.from({ length: 10 }, (_, i) => right((i % 2 === 0 ? service : other).register(keyed({ alias: 'champion' })))),
  );
  t.is(new Set(all.map(({ registration }) => JSON.stringify(registration))).size, 1);
  t.deepEqual(
    (await provenVersions(store)).map(({ description }) => description),
    ['Gradient boosting', 'keyed'],
  );
  const state = JSON.parse((await contentOf(store))['models/_registry/rating/prod/model.json'] ?? '');
  t.is(state.aliases.champion.history.length, 1);
  t.deepEqual(Object.keys(await contentOf(store, 'models/_registry/staging')), []);
});

test('a try whose staged artifact was published by another try, before its own answer came, is that registration', async (t) => {
  const { store, service, another } = await makeRegistry();
  let first: Registered | undefined;
  const slow = wrapStore(store, ({ name, key }) => (task) => async () => {
    if (name !== 'put' || !key.startsWith('models/_registry/staging/') || first !== undefined) return task();
    await right(task);
    first = await right(service.register(keyed()));
    // The client sent it again, for it had no answer.
    return E.left(ambiguous(failure('AlreadyExists', `${key} is already there.`)));
  });
  const late = await right(another(slow).register(keyed()));
  t.deepEqual(late.registration, first?.registration);
  t.is((await provenVersions(store)).length, 1);
});

test('the same key ten times among ten others is one version of eleven', async (t) => {
  const { store, service } = await makeRegistry();
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      right(service.register(i % 2 === 0 ? keyed() : request({ description: `${i}` }))),
    ),
  );
  const descriptions = (await provenVersions(store)).map(({ description }) => description);
  t.is(descriptions.length, 11);
  t.is(descriptions.filter((description) => description === 'keyed').length, 1);
});

test('different keys are different versions, and no key is a version each time', async (t) => {
  const { service } = await makeRegistry();
  const made = await registerAll(service, [
    { idempotency_key: 'a' },
    { idempotency_key: 'b' },
    {},
    {},
    { idempotency_key: 'a' },
  ]);
  t.deepEqual(
    made.map(({ version }) => version),
    [1, 2, 3, 4, 1],
  );
});

const others: ReadonlyArray<readonly [what: string, fields: Partial<RegisterRequest>]> = [
  ['of another model', { name: 'prod-2' }],
  ['with another description', { description: 'other' }],
  ['without the description', {}],
  ['with another threshold', { gate: { min_r2: 0.1 } }],
  ['with an alias', { alias: 'champion' }],
  ['of a named experiment version', { experiment_version: 7 }],
];
for (const [what, fields] of others) {
  test(`another request under the key is a conflict, and changes nothing: ${what}`, async (t) => {
    const { store, service } = await makeRegistry();
    await right(service.register(keyed()));
    const before = await contentOf(store);
    const asked = what === 'without the description' ? request({ idempotency_key: 'build-17' }) : keyed(fields);
    const failed = await left(service.register(asked));
    t.is(failed.tag, 'Conflict');
    t.regex(failed.message, /"build-17" was used for another request/);
    t.deepEqual(await contentOf(store), before);
  });
}

test('the same request with its fields in another order is the same', async (t) => {
  const { service } = await makeRegistry();
  const one = keyed({ metadata: { a: '1', b: '2' }, gate: { min_r2: 0.1, max_rmse: 2 } });
  const two = {
    ...Object.fromEntries(Object.entries(one).reverse()),
    metadata: { b: '2', a: '1' },
    gate: { max_rmse: 2, min_r2: 0.1 },
    alias: undefined,
  };
  const first = await right(service.register(one));
  t.deepEqual((await right(service.register(two))).registration, first.registration);
});

test('the same request with a null for what it does not say is the same', async (t) => {
  const { service } = await makeRegistry();
  const first = await right(service.register(keyed()));
  const again = await right(service.register({ ...keyed(), alias: null, gate: null, experiment_version: null }));
  t.deepEqual([again.outcome, again.registration], ['existing', first.registration]);
});

test('a retry that comes late moves no alias back, and says so', async (t) => {
  const { service } = await makeRegistry();
  await right(service.register(keyed({ alias: 'champion' })));
  await registerAll(service, [{ alias: 'champion' }]);
  const again = await right(service.register(keyed({ alias: 'champion' })));
  t.is(again.outcome, 'existing');
  t.deepEqual(again.warnings, ['The alias champion stays on version 2, to which it was moved later.']);
  const { info } = await right(service.info({ model_type: 'rating', model_name: 'prod', alias: 'champion' }));
  t.is(info.registration.version, 2);
});

test('a retry sets the alias that the first try did not get to set', async (t) => {
  const { store, service, another } = await makeRegistry();
  // The seventh write of a registration with a key is that of model.json.
  const first = await right(
    another(storeWithFault(store, 'refused', 7, 'dead')).register(keyed({ alias: 'champion' })),
  );
  t.regex(first.warnings[0] ?? '', /the alias champion was not set/);
  const again = await right(service.register(keyed({ alias: 'champion' })));
  t.deepEqual(again.warnings, []);
  t.is(
    (await right(service.info({ model_type: 'rating', model_name: 'prod', alias: 'champion' }))).info.registration
      .version,
    1,
  );
});

test('a key whose first try was refused is free', async (t) => {
  const { service } = await makeRegistry();
  t.is((await left(service.register(keyed({ gate: { min_r2: 0.99 } })))).tag, 'GateRejected');
  t.is((await right(service.register(keyed()))).outcome, 'created');
});

test('a dry run leaves the key free', async (t) => {
  const { service } = await makeRegistry();
  t.is((await right(service.register(keyed({ dry_run: true })))).outcome, 'dry-run');
  t.is((await right(service.register(keyed()))).outcome, 'created');
});

test('a dry run under a key that was used says what a retry would, and writes nothing', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}]);
  const first = await right(service.register(keyed()));
  await registerAll(service, [{}]);
  const before = await contentOf(store);
  const again = await right(service.register(keyed({ dry_run: true })));
  t.deepEqual([again.outcome, again.registration], ['existing', first.registration]);
  t.is((await left(service.register(keyed({ dry_run: true, description: 'other' })))).tag, 'Conflict');
  t.deepEqual(await contentOf(store), before);
});

test('a dry run finishes nothing that a first try under the key left', async (t) => {
  const { store, service, another } = await makeRegistry();
  await another(storeWithFault(store, 'lost', 5, 'dead')).register(keyed())();
  const before = await contentOf(store);
  t.is((await right(service.register(keyed({ dry_run: true })))).outcome, 'dry-run');
  t.deepEqual(await contentOf(store), before);
  t.is((await right(service.register(keyed()))).outcome, 'existing');
});

test('a retry is told that its version was archived or deleted since', async (t) => {
  const { service } = await makeRegistry();
  await right(service.register(keyed()));
  const version = { model_type: 'rating', model_name: 'prod', model_version: 1 };
  await right(service.archive(version));
  t.deepEqual((await right(service.register(keyed()))).warnings, ['Version 1 was archived since it was registered.']);
  await right(service.deleteVersion(version));
  const deleted = ['Version 1 was deleted since it was registered.'];
  t.deepEqual((await right(service.register(keyed()))).warnings, deleted);
  t.deepEqual((await right(service.register(keyed({ dry_run: true })))).warnings, deleted);
});

for (const key of ['ключ', 'a'.repeat(10_000), '../../etc/passwd', 'a\u0000b']) {
  test(`any text but the empty one is a key: ${JSON.stringify(key).slice(0, 20)}`, async (t) => {
    const { store, service } = await makeRegistry();
    const first = await right(service.register(keyed({ idempotency_key: key })));
    t.deepEqual((await right(service.register(keyed({ idempotency_key: key })))).registration, first.registration);
    t.is((await provenVersions(store)).length, 1);
  });
}

test('an empty key is refused: it is an unset variable of many scripts', async (t) => {
  const { service } = await makeRegistry();
  const failed = await left(service.register(keyed({ idempotency_key: '' })));
  t.is(failed.tag, 'InvalidInput');
  t.like(failed.problems, [{ pointer: '/idempotency_key' }]);
});

for (const [when, nth, tag] of [
  ['staged', 3, 'Conflict'],
  ['claimed', 4, undefined],
] as const) {
  test(`a try that died when its artifact was ${when} is never finished with the artifact that the experiment has now`, async (t) => {
    const { store, service, another, experiments } = await makeRegistry();
    await left(another(storeWithFault(store, 'refused', nth, 'dead')).register(keyed()));
    await tamper(experiments, 'models/experiments/rating/best_rating_model/v7/pipeline.onnx', (text) =>
      text.replace('"intercepts":[1]', '"intercepts":[100]'),
    );
    const retried = await service.register(keyed())();
    t.is(E.isLeft(retried) ? retried.left.tag : undefined, tag);
    const { registration } = await right(service.register(request({ idempotency_key: 'new' })));
    t.is((await right(scoreOne(service))).predictions?.[0]?.['prediction'], 105);
    t.is((await provenVersions(store)).length, registration.version);
  });
}

test('a retry finds its own among many that came meanwhile', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(service, [{}, {}]);
  await another(storeWithFault(store, 'refused', 3, 'dead')).register(keyed())();
  await registerAll(
    service,
    Array.from({ length: 12 }, () => ({})),
  );
  const made = await right(service.register(keyed()));
  t.is(made.registration.version, 15);
  await registerAll(service, [{}]);
  const again = await right(service.register(keyed()));
  t.is(again.outcome, 'existing');
  t.deepEqual(again.registration, made.registration);
  t.is((await provenVersions(store)).length, 16);
});

test('a damaged key record fails the retry, and makes no second version', async (t) => {
  const { store, service } = await makeRegistry();
  await right(service.register(keyed()));
  const [key = ''] = Object.keys(await contentOf(store, 'models/_registry/keys'));
  await tamper(store, key, (text) => text.replace('"latest_seen": 0', '"latest_seen": 9'));
  t.is((await left(service.register(keyed()))).tag, 'ArtifactUnreadable');
  t.is((await provenVersions(store)).length, 1);
});

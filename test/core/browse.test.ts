/** Browsing: every version listed once, whatever it is, and what a page, a filter and a tag promise. */
import test from 'ava';
import * as O from 'fp-ts/lib/Option.js';
import {
  type ListedVersion,
  type ModelsPage,
  type ModelsRequest,
  type RegisterRequest,
  sealDocument,
  type Service,
} from '../../core/index.js';
import { rememberVersions } from '../../core/registry/versions.js';
import {
  call,
  contentOf,
  host,
  left,
  makeRegistry,
  registerAll,
  request,
  right,
  tamper,
  write,
  writeExperiment,
  writeLegacy,
} from '../support/registry.js';
import { recordedStore } from '../support/store-faults.js';

const shown = ({ models }: ModelsPage): ReadonlyArray<string> =>
  Object.entries(models).flatMap(([type, versions]) =>
    versions.map(({ name, version }) => `${type}/${name}@${version}`),
  );

/** What kinds of listed versions do not share. */
const fieldOf = (version: ListedVersion | undefined, field: string): unknown =>
  new Map(Object.entries(version ?? {})).get(field);

/** Five models of three types, and folders that are none. */
const filled = async () => {
  const registry = await makeRegistry();
  const { store, service, experiments } = registry;
  for (const type of ['complexity', 'rating-test'])
    await writeExperiment(experiments, {}, `${type}/best_rating_model/v1`);
  await registerAll(service, [
    { name: 'prod' },
    { name: 'prod', alias: 'champion' },
    { name: 'prod', alias: 'blue' },
    { name: 'prod-2' },
    { name: 'a.b' },
    { name: 'prod', model_type: 'complexity' },
    { name: 'prod', model_type: 'rating-test', alias: 'blue' },
  ]);
  await right(service.register(request({ alias: 'champion', idempotency_key: 'k' })));
  for (const key of [
    'models/registered/README.md',
    'models/registered/Rating/prod/v1/registration.json',
    'models/registered/rating/_old/v1/registration.json',
    'models/registered/rating/prod/notes/x.txt',
    'models/registered/rating/prod/v01/registration.json',
  ]) {
    await write(store, key, '{}');
  }
  return registry;
};

const all = [
  'complexity/prod@1',
  'rating/a.b@1',
  'rating/prod@1',
  'rating/prod@2',
  'rating/prod@3',
  'rating/prod@4',
  'rating/prod-2@1',
  'rating-test/prod@1',
];

const filters: ReadonlyArray<readonly [filter: ModelsRequest, versions: ReadonlyArray<string>]> = [
  [{}, all],
  [{ model_type: 'rating' }, all.slice(1, 7)],
  [{ model_type: 'rating-test' }, ['rating-test/prod@1']],
  [{ name: 'prod' }, all.filter((each) => each.includes('/prod@'))],
  [{ name: 'prod-2' }, ['rating/prod-2@1']],
  [{ model_type: 'rating', name: 'prod' }, all.slice(2, 6)],
  [{ latest: true }, ['complexity/prod@1', 'rating/a.b@1', 'rating/prod@4', 'rating/prod-2@1', 'rating-test/prod@1']],
  [{ latest: true, name: 'prod' }, ['complexity/prod@1', 'rating/prod@4', 'rating-test/prod@1']],
  [{ latest: false, model_type: 'complexity' }, ['complexity/prod@1']],
  [{ model_type: 'hurdle' }, []],
  [{ name: 'nothing' }, []],
  [{ name: 'nothing', latest: true }, []],
];
for (const [filter, versions] of filters) {
  test(`${JSON.stringify(filter)} lists ${versions.length} versions, sorted, and folders that are no names nowhere`, async (t) => {
    const { service } = await filled();
    const page = await right(service.models(filter));
    t.deepEqual(shown(page), versions);
    t.false('nextPageToken' in page);
  });
}

/** Every page, one after the other; `between` happens after each. */
const pages = async (
  service: Service,
  filter: ModelsRequest,
  between: () => Promise<unknown> = async () => undefined,
) => {
  const found: Array<ReadonlyArray<string>> = [];
  let token: string | undefined;
  do {
    const page: ModelsPage = await right(
      service.models({ ...filter, ...(token === undefined ? {} : { page_token: token }) }),
    );
    found.push(shown(page));
    token = page.nextPageToken;
    await between();
  } while (token !== undefined && found.length < 100);
  return found;
};

for (const filter of [{}, { latest: true }, { model_type: 'rating' }, { name: 'prod' }]) {
  test(`pages of any size cover ${JSON.stringify(filter)} exactly once, in order`, async (t) => {
    const { service } = await filled();
    const whole = shown(await right(service.models(filter)));
    for (const limit of [1, 2, 3, 5, whole.length, 10_000]) {
      const found = await pages(service, { ...filter, limit });
      t.deepEqual(found.flat(), whole);
      t.true(found.every((page) => page.length <= limit && page.length > 0));
      t.is(found.length, Math.ceil(whole.length / limit));
    }
  });
}

for (const filter of [{}, { latest: true }]) {
  test(`what is registered between the pages of ${JSON.stringify(filter)} ends no paging, and nothing else comes twice or never`, async (t) => {
    const { service } = await filled();
    const before = shown(await right(service.models(filter)));
    let rounds = 3;
    const registerMore = async () => rounds-- > 0 && registerAll(service, [{ name: 'a.b' }, { name: 'prod-2' }]);
    const found = (await pages(service, { ...filter, limit: 1 }, registerMore)).flat();
    t.is(new Set(found).size, found.length);
    const models = found.map((each) => each.split('@')[0]);
    t.deepEqual([...new Set(models)], [...new Set(before.map((each) => each.split('@')[0]))]);
    if ('latest' in filter) t.is(new Set(models).size, models.length, 'each model once');
    else
      t.deepEqual(
        before.filter((each) => !found.includes(each)),
        [],
      );
  });
}

for (const page_token of [
  '',
  'nonsense',
  'rating',
  'rating/prod',
  'rating/prod@champion',
  'rating/prod@latest',
  'Rating/prod@1',
  '../prod@1',
]) {
  test(`a page token that nobody gave out is refused: ${JSON.stringify(page_token)}`, async (t) => {
    const { service } = await filled();
    const failed = await left(service.models({ page_token }));
    t.is(failed.tag, 'InvalidInput');
    t.regex(failed.message, /Begin without one/);
  });
}

test('an empty registry lists nothing', async (t) => {
  const { service } = await makeRegistry();
  t.deepEqual(await right(service.models({})), { models: {} });
  t.deepEqual(await right(service.models({ latest: true, limit: 1 })), { models: {} });
});

test('a listed version is its registration and the aliases that are on it now', async (t) => {
  const { service } = await makeRegistry();
  const made = await registerAll(service, [
    { alias: 'champion' },
    { alias: 'blue' },
    { alias: 'champion' },
    { alias: 'constructor' },
  ]);
  const { models } = await right(service.models({}));
  const aliases = [[], ['blue'], ['champion'], ['constructor']];
  t.deepEqual<unknown, unknown>(
    models.rating,
    made.map((registration, i) => ({ ...registration, aliases: aliases[i] })),
  );
});

test('several aliases of a version are sorted', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{ alias: 'x' }]);
  const key = 'models/_registry/rating/prod/model.json';
  const state = JSON.parse((await contentOf(store))[key] ?? '');
  const aliases = { z: state.aliases.x, a: state.aliases.x, ...state.aliases };
  await tamper(store, key, () => host.utf8.decode(sealDocument(host)({ ...state, aliases })));
  t.deepEqual((await right(service.models({}))).models.rating?.[0]?.aliases, ['a', 'x', 'z']);
});

test('a damaged model.json hides its own aliases, says so, and breaks no list', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{ alias: 'x' }, { name: 'other', alias: 'y' }]);
  await tamper(store, 'models/_registry/rating/prod/model.json', (text) => text.replace('"x"', '"z"'));
  const { models } = await right(service.models({}));
  t.like(models.rating, [
    { name: 'other', aliases: ['y'] },
    { name: 'prod', aliases: [] },
  ]);
  t.regex(String(models.rating?.[1]?.['aliases_unreadable']), /model\.json was changed after it was written/);
});

test("Python's versions are listed as pickles among ours, and are nobody's latest", async (t) => {
  const { store, service } = await makeRegistry();
  for (const version of [1, 2, 5]) await writeLegacy(store, version);
  await writeLegacy(store, 3, 'only-pickles');
  await registerAll(service, [{}]);
  const { models } = await right(service.models({}));
  t.deepEqual(
    models.rating?.map((each) => [each.name, each.version, fieldOf(each, 'format') ?? null]),
    [
      ['only-pickles', 3, 'pickle'],
      ['prod', 1, 'pickle'],
      ['prod', 2, 'pickle'],
      ['prod', 5, 'pickle'],
      ['prod', 6, null],
    ],
  );
  t.like(models.rating?.[1], {
    status: 'registered',
    model_type: 'rating',
    description: 'a pickle',
    metrics: { test: { r2: null, rmse: null } },
    aliases: [],
  });
  t.deepEqual(shown(await right(service.models({ latest: true }))), ['rating/prod@6']);
});

const odd: Readonly<Record<string, readonly [text: string, status: string, format: string | undefined]>> = {
  'bare NaN': ['{"metrics": NaN}', 'registered', 'pickle'],
  'nothing in it': ['{}', 'registered', 'pickle'],
  'a status of its own': ['{"status": "archived"}', 'archived', 'pickle'],
  'a status that is no text': ['{"status": 3}', 'registered', 'pickle'],
  'another name and version in it': [
    '{"name": "other", "version": 99, "model_type": 7, "aliases": "x"}',
    'registered',
    'pickle',
  ],
  'no JSON': ['not json', 'unreadable', undefined],
  'a list': ['[1]', 'unreadable', undefined],
  'nothing at all': ['', 'unreadable', undefined],
  'a schema of the future': [host.utf8.decode(sealDocument(host)({ schema_version: 2 })), 'unreadable', undefined],
};
for (const [what, [text, status, format]] of Object.entries(odd)) {
  test(`a record breaks no listing: ${what}`, async (t) => {
    const { store, service } = await makeRegistry();
    await registerAll(service, [{ name: 'other' }]);
    await write(store, 'models/registered/rating/prod/v2/registration.json', text);
    const { models } = await right(service.models({}));
    t.is(models.rating?.length, 2);
    const entry = models.rating?.[1];
    t.like(entry, { model_type: 'rating', name: 'prod', version: 2, status, aliases: [] });
    t.is(fieldOf(entry, 'format'), format);
    t.is(status === 'unreadable', typeof fieldOf(entry, 'detail') === 'string');
    t.is(
      (await right(service.info({ model_type: 'rating', model_name: 'prod', version: 2 }))).info.registration.status,
      status,
    );
  });
}

test('a version that is not committed is not listed', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}]);
  await write(store, 'models/registered/rating/prod/v2/pipeline.onnx', 'x');
  t.deepEqual(shown(await right(service.models({}))), ['rating/prod@1']);
  t.deepEqual((await pages(service, { limit: 1 })).flat(), ['rating/prod@1']);
});

test('a list reads documents only for what it shows, and no artifact', async (t) => {
  const { store, service, another } = await makeRegistry();
  await registerAll(
    service,
    Array.from({ length: 8 }, (): Partial<RegisterRequest> => ({})),
  );
  const recorded = recordedStore(store);
  await right(another(recorded.store).models({ limit: 3 }));
  const reads = recorded.calls.filter(({ name }) => name === 'get').map(({ key }) => key);
  t.deepEqual(reads.sort(), [
    'models/_registry/rating/prod/model.json',
    ...[1, 2, 3].map((version) => `models/registered/rating/prod/v${version}/registration.json`),
  ]);
});

test('a record of ours is read once by a service; those of Python and damaged ones are read each time', async (t) => {
  const { store, service, another } = await makeRegistry();
  await writeLegacy(store, 1);
  await registerAll(service, [{}, {}]);
  await tamper(store, 'models/registered/rating/prod/v3/registration.json', (text) => text.replace('0.71', '0.72'));
  const recorded = recordedStore(store);
  const reader = another(recorded.store);
  const statuses = async () =>
    (await right(reader.models({}))).models.rating?.map(({ version, status }) => `${version} ${status}`);
  t.deepEqual(await statuses(), ['1 registered', '2 registered', '3 unreadable']);
  const before = recorded.calls.length;
  t.deepEqual(await statuses(), ['1 registered', '2 registered', '3 unreadable']);
  t.deepEqual(
    recorded.calls.slice(before).flatMap(({ name, key }) => (name === 'get' ? [key] : [])),
    [
      'models/_registry/rating/prod/model.json',
      'models/registered/rating/prod/v1/registration.json',
      'models/registered/rating/prod/v3/registration.json',
    ],
  );
});

test('records that are remembered stay within their bytes, and the oldest are read again', async (t) => {
  const { store, service } = await makeRegistry();
  await registerAll(service, [{}, {}, {}]);
  const recorded = recordedStore(store);
  const sizeBytes = (await contentOf(store))['models/registered/rating/prod/v1/registration.json']?.length ?? 0;
  const read = rememberVersions({ host, store: recorded.store }, 2.5 * sizeBytes);
  const prod = { modelType: 'rating', name: 'prod' };
  for (const version of [1, 2, 1, 2, 3, 3, 2, 1]) {
    const found = await right(read(prod, version, call));
    t.true(O.isSome(found) && found.value.kind === 'registered' && found.value.version === version);
  }
  t.deepEqual(
    recorded.calls.map(({ key }) => /v([0-9])/.exec(key)?.[1]),
    ['1', '2', '3', '1'],
  );
});

test('300 versions are listed, in the order of their numbers', async (t) => {
  const { store, service } = await makeRegistry();
  const [first] = await registerAll(service, [{}]);
  for (let version = 2; version <= 300; version++) {
    await write(
      store,
      `models/registered/rating/prod/v${version}/registration.json`,
      sealDocument(host)({ ...first, version }),
    );
  }
  const { models } = await right(service.models({}));
  t.deepEqual(
    models.rating?.map(({ version }) => version),
    Array.from({ length: 300 }, (_, i) => i + 1),
  );
  t.true(models.rating?.every(({ status }) => status === 'registered'));
  t.is((await pages(service, { limit: 7 })).flat().length, 300);
  t.is((await right(service.info({ model_type: 'rating', model_name: 'prod' }))).info.registration.version, 300);
});

const info = (service: Service) => right(service.info({ model_type: 'rating', model_name: 'prod', version: 1 }));

test('the tag of a version changes when its aliases do, and not else', async (t) => {
  const { service, another } = await makeRegistry();
  await registerAll(service, [{ alias: 'champion' }]);
  const first = await info(service);
  t.regex(first.tag, /^[0-9a-f]{64}$/);
  t.is((await info(another())).tag, first.tag);
  await registerAll(service, [{}, { name: 'prod-2', alias: 'champion' }]);
  t.is((await info(service)).tag, first.tag, 'another version, or another model');
  await registerAll(service, [{ alias: 'champion' }]);
  const moved = await info(service);
  t.deepEqual(moved.info.registration.aliases, []);
  t.not(moved.tag, first.tag);
});

test('info shows at a glance what users look for first', async (t) => {
  const { service } = await makeRegistry();
  const [made] = await registerAll(service, [{ gate: { min_r2: 0.6 } }]);
  const { info: answer } = await info(service);
  t.deepEqual<unknown, unknown>(answer, {
    registration: { ...made, aliases: [] },
    model_info: made?.model_info,
    original_experiment: made?.original_experiment,
    validation_metrics: { min_r2: 0.6, max_rmse: 1 },
  });
});

test('what could be registered is listed by type and name, with the versions that hold an artifact', async (t) => {
  const { service, experiments } = await makeRegistry();
  await writeExperiment(experiments, {}, 'rating/best_rating_model/v2');
  await writeExperiment(experiments, { 'pipeline.onnx': null }, 'rating/unfinished/v1');
  await writeExperiment(experiments, {}, 'hurdle/h/v1');
  t.deepEqual(await right(service.experiments()), [
    { modelType: 'hurdle', name: 'h', versions: [1] },
    { modelType: 'rating', name: 'best_rating_model', versions: [2, 7] },
  ]);
});

test('a store that does not answer fails a list, an info and a readiness as it is', async (t) => {
  const { service, store } = await makeRegistry();
  await registerAll(service, [{}]);
  const control = { deadlineMs: 0 };
  for (const failed of [
    await left(service.models({}, control)),
    await left(service.info({ model_type: 'rating', model_name: 'prod' }, control)),
    await left(service.ready(control)),
  ]) {
    t.is(failed.tag, 'DeadlineExceeded');
  }
  t.true('models_loaded' in (await right(service.ready())));
  t.true((await right(store.list('', { limit: 1 }, call))).folders.length === 1);
});

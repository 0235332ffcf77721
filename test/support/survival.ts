/** A registration that goes wrong in a process that may die of it, and what others find and do afterwards. */
import * as E from 'fp-ts/lib/Either.js';
import type { ArtifactStore, Host } from '../../core/index.js';
import { contentOf, host, provenVersions, registerAll, registryOver, request, right, scoreOne } from './registry.js';
import { wrapStore } from './store-faults.js';

/** What is registered: with a key and an alias, so that everything is written that a registration can write. */
export const ours = { description: 'ours', alias: 'champion', idempotency_key: 'k' };

/** The keys of its writes, in the order of the protocol, when it becomes version 2. */
export const writeKeys: ReadonlyArray<string> = [
  'models/_registry/keys/{}.json',
  'models/_registry/staging/{}/pipeline.onnx',
  'models/_registry/rating/prod/intents/v2.json',
  'models/registered/rating/prod/v2/pipeline.onnx',
  'models/registered/rating/prod/v2/registration.json',
  'models/_registry/staging/{}/pipeline.onnx',
  'models/_registry/rating/prod/model.json',
];

/** The store, and when it acknowledged the first commit of a version that went through it. */
const timedStore = (store: ArtifactStore) => {
  const began = performance.now();
  let committedMs = Number.POSITIVE_INFINITY;
  const timed = wrapStore(store, ({ name, key }) => (task) => async () => {
    const result = await task();
    if (name === 'put' && key.endsWith('/registration.json') && E.isRight(result))
      committedMs = Math.min(committedMs, performance.now() - began);
    return result;
  });
  return { timed, committedMs: () => committedMs };
};

/**
 * One version stands; ours goes wrong in the store that `broken` makes of its own; then another registers and ours is tried again, in
 * this order or the other. Each is a process with a store of its own, that of the other on the machine `otherHost`.
 */
export const survive = async (
  open: () => ArtifactStore,
  broken: (store: ArtifactStore) => ArtifactStore,
  order: 'other first' | 'retry first',
  otherHost: Host = host,
) => {
  const store = open();
  const { service, another } = await registryOver(store);
  await registerAll(service, [{}]);
  const first = await another(broken(open())).register(request(ours))();
  const { timed, committedMs } = timedStore(open());
  const retry = () => right(another(open()).register(request(ours)));
  const other = () => right(another(timed, {}, otherHost).register(request({ description: 'other' })));
  const retried = order === 'retry first' ? await retry() : await other().then(retry);
  if (order === 'retry first') await other();

  const stored = await provenVersions(store);
  const registered = stored.filter(({ status }) => status === 'registered');
  const own = registered.filter(({ description }) => description === 'ours');
  const champion = await right(service.info({ model_type: 'rating', model_name: 'prod', alias: 'champion' }));
  const scored = await right(scoreOne(service));
  return {
    /** How the broken try ended. */
    first,
    retried,
    descriptions: registered.map(({ description }) => description).sort(),
    ownId: own[0]?.registrationId,
    statuses: stored.map(({ status }) => status),
    champion: champion.info.registration.version,
    scored: scored.model_details.version,
    stale: Object.keys(await contentOf(store, 'models/_registry/staging')).length,
    /** From when the other began until its version was committed. */
    otherCommittedMs: committedMs(),
  };
};

export type Survived = Awaited<ReturnType<typeof survive>>;

/** What holds whatever went wrong. */
export const unharmed = ({ first, retried, descriptions, ownId, statuses, champion, scored }: Survived): boolean =>
  descriptions.join() === 'Gradient boosting,other,ours' &&
  retried.registration.registration_id === ownId &&
  (E.isLeft(first) || first.right.registration.registration_id === ownId) &&
  (E.isRight(first) || ['Unavailable', 'AlreadyExists'].includes(first.left.tag)) &&
  champion === retried.registration.version &&
  scored === statuses.length;

/** What holds however the calls of several processes on one registry interleave: each waits for fast-check's scheduler before and after it is made. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import type { ArtifactStore, RegisterRequest } from '../../core/index.js';
import { contentOf, host, provenVersions, registerAll, registryOver, request, right, write } from './registry.js';
import { faults, storeWithFault, wrapStore } from './store-faults.js';

/** How many interleavings, chosen by which seed. */
export interface Choice {
  readonly numRuns: number;
  readonly seed: number;
}

export interface Interleaving {
  /** The promise, as a sentence. */
  readonly name: string;
  /** Rejects with the schedule in which it does not hold. */
  readonly hold: (choice: Choice) => Promise<void>;
}

const ascending = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...numbers].sort((a, b) => a - b);

/** Every call of whoever goes through it waits for the scheduler before and after it is done, and so does every pause. */
const scheduledOver = (store: ArtifactStore, scheduler: fc.Scheduler) => {
  const pause = (): Promise<void> => scheduler.schedule(Promise.resolve());
  const scheduled = wrapStore(store, () => (task) => async () => {
    await pause();
    const result = await task();
    await pause();
    return result;
  });
  return { scheduled, scheduledHost: { ...host, pause } };
};

const fourRegistrations = async (scheduler: fc.Scheduler): Promise<void> => {
  const store = memoryArtifactStore();
  const { scheduled, scheduledHost } = scheduledOver(store, scheduler);
  const { service, another } = await registryOver(store);
  const register = (fields: Partial<RegisterRequest>) =>
    right(another(scheduled, {}, scheduledHost).register(request(fields)));
  const keyed = { idempotency_key: 'k', description: 'keyed', alias: 'champion' };
  const asked = Promise.all([
    register({ description: 'a' }),
    register(keyed),
    register(keyed),
    register({ description: 'b' }),
  ]);
  const [a, first, second, b] = await scheduler.waitFor(asked);
  assert.deepEqual((await provenVersions(store)).map(({ description }) => description).sort(), ['a', 'b', 'keyed']);
  assert.deepEqual(first.registration, second.registration);
  assert.deepEqual(ascending([a, first, b].map(({ registration }) => registration.version)), [1, 2, 3]);
  const { info } = await right(service.info({ model_type: 'rating', model_name: 'prod', alias: 'champion' }));
  assert.equal(info.registration.version, first.registration.version);
};

const oneOfThreeDies = async (
  scheduler: fc.Scheduler,
  fault: (typeof faults)[number],
  nth: number,
  inTheWay: boolean,
): Promise<void> => {
  const store = memoryArtifactStore();
  if (inTheWay) await write(store, 'models/registered/rating/prod/v2/pipeline.onnx', "somebody else's");
  const { scheduled, scheduledHost } = scheduledOver(store, scheduler);
  const { service, another } = await registryOver(store);
  const register = (fields: Partial<RegisterRequest>, through = scheduled) =>
    another(through, {}, scheduledHost).register(request(fields));
  const dying = { idempotency_key: 'k', description: 'dying' };
  const asked = Promise.all([
    right(register({ description: 'a' })),
    register(dying, storeWithFault(scheduled, fault, nth, 'dead'))(),
    right(register({ description: 'b' })),
  ]);
  const [a, , b] = await scheduler.waitFor(asked);
  const retried = await right(service.register(request(dying)));
  const stored = await provenVersions(store);
  const registered = stored.filter(({ status }) => status === 'registered');
  assert.deepEqual(registered.map(({ description }) => description).sort(), ['a', 'b', 'dying']);
  assert.equal(
    stored.length - registered.length,
    inTheWay ? 1 : 0,
    'at most the number that was in the way is given up',
  );
  assert.deepEqual(
    [a, retried, b].map(({ registration }) => stored[registration.version - 1]?.description),
    ['a', 'dying', 'b'],
  );
};

/** Two people promote, one archives, one registers under the alias, all at once. */
const fourChanges = async (scheduler: fc.Scheduler): Promise<void> => {
  const store = memoryArtifactStore();
  const { scheduled, scheduledHost } = scheduledOver(store, scheduler);
  const { service, another } = await registryOver(store);
  await registerAll(service, [{}, {}]);
  const person = () => another(scheduled, {}, scheduledHost);
  const version = (model_version: number) => ({ model_type: 'rating', model_name: 'prod', model_version });
  const asked = Promise.all([
    person().promote({ ...version(1), alias: 'champion' })(),
    person().promote({ ...version(2), alias: 'champion' })(),
    person().archive(version(1))(),
    person().register(request({ alias: 'champion' }))(),
  ]);
  const results = await scheduler.waitFor(asked);
  for (const result of results) {
    if (E.isLeft(result)) assert.equal(result.left.tag, 'Conflict', result.left.message);
  }
  const state = JSON.parse((await contentOf(store))['models/_registry/rating/prod/model.json'] ?? '');
  const { version: champion, history } = state.aliases.champion;
  const moves: ReadonlyArray<{ readonly from: number | null; readonly to: number }> = history;
  assert.deepEqual(
    moves.map(({ from }) => from),
    [null, ...moves.slice(0, -1).map(({ to }) => to)],
    'every move began where the one before it ended',
  );
  const [one, two, archived, registered] = results.map(({ _tag }) => _tag === 'Right');
  const promised = [...(one ? [1] : []), ...(two ? [2] : []), ...(registered ? [3] : [])];
  assert.deepEqual(ascending(moves.map(({ to }) => to)), promised, 'who was told that it moved, moved it');
  assert.equal(champion, moves.at(-1)?.to);
  assert.equal('1' in state.archived, archived);
  assert.ok(!(archived && champion === 1), 'no alias is on an archived version');
};

export const interleavings: ReadonlyArray<Interleaving> = [
  {
    name: 'however the calls of four registrations interleave, each is one version and none is lost',
    hold: (choice) => fc.assert(fc.asyncProperty(fc.scheduler(), fourRegistrations), choice),
  },
  {
    name: 'however they interleave, and wherever one of them dies or a foreign artifact stands, the others are registered',
    hold: (choice) =>
      fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.constantFrom(...faults),
          fc.integer({ min: 1, max: 8 }),
          fc.boolean(),
          oneOfThreeDies,
        ),
        choice,
      ),
  },
  {
    name: 'however two promotions, an archiving and a registration interleave, each is done or told of a conflict',
    hold: (choice) => fc.assert(fc.asyncProperty(fc.scheduler(), fourChanges), choice),
  },
];

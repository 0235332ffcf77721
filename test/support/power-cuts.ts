/** Registries on forgetful disks: what they were told is kept, and what a power cut after any step leaves of it. */
import assert from 'node:assert/strict';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { ArtifactStore, Failure, Service } from '../../core/index.js';
import type { Deed, StillSo } from './deeds.js';
import { registers } from './deeds.js';
import { storeOnDisk } from './forgetful-fs/adapter.js';
import { type Disk, makeDisk, type Turn } from './forgetful-fs/calls.js';
import { apply, emptyMedium, type Medium, onlySynced, type Survival, survivorOf } from './forgetful-fs/medium.js';
import { mount, withMounted } from './forgetful-fs/promises.js';
import { call, contentOf, host, makeRegistry, provenVersions, registryOver, right } from './registry.js';
import { asleepBefore } from './taking-turns.js';

/** What was asked of a service, between which steps of the disk. */
interface Answered {
  readonly deed: Deed;
  readonly begun: number;
  readonly ended: number;
  readonly stillSo: StillSo;
}

/**
 * What a write leaves under a key, undefined for nothing: after its first step it may be there, after its last one it must. One that is in doubt
 * never ends.
 */
interface Write {
  readonly key: string;
  readonly text: string | undefined;
  readonly begun: number;
  readonly ended: number;
}

/** What was done on a disk. */
export interface Run {
  readonly disk: Disk;
  readonly answers: ReadonlyArray<Answered>;
  readonly writes: ReadonlyArray<Write>;
  /** Where a store said that there is something already: from then on it must stay, whoever was writing it. */
  readonly refusals: ReadonlyArray<Pick<Write, 'key' | 'ended'>>;
}

/** Does deeds one after the other, as a process of its own. */
type Process = (deeds: ReadonlyArray<Deed>) => Promise<void>;

/** Lets processes work on one new disk; the script begins each, on calls that take turns. */
export const runOn = async (script: (begin: (turn?: Turn) => Process, disk: Disk) => Promise<void>): Promise<Run> => {
  const disk = makeDisk();
  const answers: Answered[] = [];
  const writes: Write[] = [];
  const refusals: Array<Pick<Write, 'key' | 'ended'>> = [];
  const unmounts: Array<() => void> = [];

  const note =
    <A>(key: string, textOf: () => Promise<string | undefined>, task: TaskEither<Failure, A>): TaskEither<Failure, A> =>
    async () => {
      const begun = disk.steps.length;
      const result = await task();
      const ended = disk.steps.length;
      if (E.isRight(result)) writes.push({ key, text: await textOf(), begun, ended });
      else if (result.left.ambiguous)
        writes.push({ key, text: await textOf(), begun, ended: Number.POSITIVE_INFINITY });
      else if (result.left.tag === 'AlreadyExists') refusals.push({ key, ended });
      return result;
    };
  const noted = (store: ArtifactStore): ArtifactStore => ({
    ...store,
    put: (key, bytes, condition, options) =>
      note(key, async () => host.utf8.decode(bytes), store.put(key, bytes, condition, options)),
    copyIfAbsent: (from, to, options) => note(to, () => textAt(store, to), store.copyIfAbsent(from, to, options)),
    delete: (key, options) => note(key, async () => undefined, store.delete(key, options)),
  });

  const { another } = await makeRegistry();
  const begin = (turn?: Turn): Process => {
    const { path, unmount } = mount(disk.callsOf(turn));
    unmounts.push(unmount);
    const service = another(noted(storeOnDisk(path)));
    return async (deeds) => {
      for (const deed of deeds) {
        const begun = disk.steps.length;
        const stillSo = await deed.ask(service);
        answers.push({ deed, begun, ended: disk.steps.length, stillSo });
      }
    };
  };
  try {
    await script(begin, disk);
  } finally {
    for (const unmount of unmounts) unmount();
  }
  return { disk, answers, writes, refusals };
};

const textAt = async (store: ArtifactStore, key: string): Promise<string | undefined> => {
  const found = await right(store.get(key, call));
  return O.isSome(found) ? host.utf8.decode(found.value.bytes) : undefined;
};

/** What may be under the key after the first `step` steps, and nothing else. */
const allowedAt = ({ writes, refusals }: Run, key: string, step: number): ReadonlyArray<string | undefined> => {
  const mine = writes.filter((write) => write.key === key);
  const told = Math.min(...refusals.filter((each) => each.key === key).map(({ ended }) => ended));
  const only = mine.length === 1 && mine[0]?.text !== undefined ? mine[0] : undefined;
  const all = [
    { text: undefined, begun: 0, ended: 0 },
    ...(only === undefined ? mine : [{ ...only, ended: Math.min(only.ended, told) }]),
  ];
  return all
    .filter(
      ({ begun, ended }, i) =>
        begun <= step && !all.slice(i + 1).some((later) => later.begun >= ended && later.ended <= step),
    )
    .map(({ text }) => text);
};

/**
 * Opens what a power cut after the first `step` steps leaves, and proves that nothing is lost or changed that was told by then, that
 * what was under way can be tried again, and that the next registration is one.
 */
const proveSurvivor = async (run: Run, medium: Medium, step: number, survival: Survival): Promise<void> => {
  const answered = run.answers.filter(({ ended }) => ended <= step);
  const underWay = run.answers.filter(({ begun, ended }) => begun < step && ended > step);
  const stillSo = async (service: Service): Promise<void> => {
    for (const answer of answered) await answer.stillSo(service);
  };
  await withMounted(makeDisk(survivorOf(medium, survival)), async (path) => {
    const store = storeOnDisk(path);
    const { service } = await registryOver(store);
    const content = await contentOf(store);
    for (const key of new Set([...Object.keys(content), ...run.writes.map((write) => write.key)])) {
      const allowed = allowedAt(run, key, step);
      assert.ok(allowed.includes(content[key]), `${key} holds ${content[key]}, and may hold ${allowed.join(' or ')}`);
    }
    await stillSo(service);
    const again: StillSo[] = [];
    for (const { deed } of underWay) again.push(await deed.ask(service));
    await registers({ description: 'the next' }).ask(service);
    await provenVersions(store);
    await stillSo(service);
    for (const still of again) await still(service);
  });
};

/**
 * Lets a process sleep before each of its syncs in turn while another does what `others` asks, and cuts the power wherever that one was told
 * something. Answers with how many power cuts that were.
 */
export const proveSleeps = async ({
  before = [],
  sleeper: sleepers,
  others,
}: {
  readonly before?: ReadonlyArray<Deed>;
  readonly sleeper: Deed;
  readonly others: ReadonlyArray<Deed>;
}): Promise<number> => {
  let count = 0;
  for (let nth = 1, isOver = false; !isOver; nth++) {
    const sleeper = asleepBefore('fsync', nth);
    let [asleep, awake] = [0, 0];
    const run = await runOn(async (begin, { steps }) => {
      await begin()(before);
      const late = begin(sleeper.turn)([sleepers]);
      isOver = await Promise.race([sleeper.asleep.then(() => false), late.then(() => true)]);
      asleep = steps.length;
      await begin()(others);
      awake = steps.length;
      sleeper.wake();
      await late;
    });
    const isWorth = whereSomethingWasTold(run);
    count += await provePowerCuts(
      run,
      [onlySynced],
      (step) => step === awake || (step > asleep && step < awake && isWorth(step)),
    );
  }
  return count;
};

/** Cuts the power after each step, or each that is `worth` it, and proves what each of the `survivals` leaves. Answers with how many that were. */
export const provePowerCuts = async (
  run: Run,
  survivals: ReadonlyArray<Survival>,
  worth: (step: number) => boolean = () => true,
): Promise<number> => {
  const medium = emptyMedium();
  let count = 0;
  for (const [i, step] of run.disk.steps.entries()) {
    apply(medium, step);
    if (!worth(i + 1)) continue;
    for (const survival of survivals) {
      try {
        await proveSurvivor(run, medium, i + 1, survival);
      } catch (error) {
        throw new Error(`The power was cut after step ${i + 1} of ${run.disk.steps.length}: ${error}`, {
          cause: error,
        });
      }
      count += 1;
    }
  }
  return count;
};

/** The last moments before a sync: until then nothing is added to what is sure to be left, and the most was told. */
export const beforeEachSync =
  ({ disk: { steps } }: Run) =>
  (step: number): boolean =>
    steps[step]?.kind === 'synced' || step === steps.length;

/** As `beforeEachSync`, where something was told since the sync before. */
export const whereSomethingWasTold = (run: Run): ((step: number) => boolean) => {
  const last = run.disk.steps.map((_, i) => i + 1).filter(beforeEachSync(run));
  const told = [...run.answers, ...run.writes, ...run.refusals].map(({ ended }) => last.find((step) => step >= ended));
  const steps = new Set(told);
  return (step) => steps.has(step);
};

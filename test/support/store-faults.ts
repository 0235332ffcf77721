/** Wrappers around an artifact store: writes that fail before or after they happened, processes that die, and calls that wait. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ambiguous, type ArtifactStore, type Failure, failure } from '../../core/index.js';

/** A call on its way to the store; `isWrite` for put, copy and delete. */
export interface StoreCall {
  readonly name: keyof Omit<ArtifactStore, 'location'>;
  readonly key: string;
  readonly isWrite: boolean;
}

/** Runs every call through `around`. */
export const wrapStore = (
  store: ArtifactStore,
  around: (about: StoreCall) => <A>(task: TE.TaskEither<Failure, A>) => TE.TaskEither<Failure, A>,
): ArtifactStore => ({
  location: store.location,
  head: (key, call) => around({ name: 'head', key, isWrite: false })(store.head(key, call)),
  get: (key, call) => around({ name: 'get', key, isWrite: false })(store.get(key, call)),
  getIfChanged: (key, token, call) =>
    around({ name: 'getIfChanged', key, isWrite: false })(store.getIfChanged(key, token, call)),
  put: (key, bytes, condition, call) =>
    around({ name: 'put', key, isWrite: true })(store.put(key, bytes, condition, call)),
  copyIfAbsent: (from, to, call) =>
    around({ name: 'copyIfAbsent', key: to, isWrite: true })(store.copyIfAbsent(from, to, call)),
  list: (folder, page, call) => around({ name: 'list', key: folder, isWrite: false })(store.list(folder, page, call)),
  delete: (key, call) => around({ name: 'delete', key, isWrite: true })(store.delete(key, call)),
});

/**
 * How a write goes wrong: `refused` did not happen and says so; `lost` did not happen, `unacknowledged` did, and neither knows; `echoed`
 * happened and was sent again by a client that had no answer, so that it answers as its own rival.
 */
export type Fault = 'refused' | 'lost' | 'unacknowledged' | 'echoed';
export const faults: ReadonlyArray<Fault> = ['refused', 'lost', 'unacknowledged', 'echoed'];

const unavailable = failure('Unavailable', 'The store did not answer.');

const faulty =
  (fault: Fault) =>
  <A>(task: TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> => {
    switch (fault) {
      case 'refused':
        return TE.left(unavailable);
      case 'lost':
        return TE.left(ambiguous(unavailable));
      case 'unacknowledged':
        return pipe(
          task,
          TE.chain(() => TE.left(ambiguous(unavailable))),
        );
      case 'echoed':
        return pipe(
          task,
          TE.chain(() => task),
        );
    }
  };

/** The store, as seen by a process whose `nth` write (from 1) goes wrong; `after` that it may be `dead`. */
export const storeWithFault = (
  store: ArtifactStore,
  fault: Fault,
  nth: number,
  after: 'alive' | 'dead',
): ArtifactStore => {
  let writes = 0;
  return wrapStore(store, ({ isWrite }) => (task) => async () => {
    if (isWrite) writes += 1;
    if (isWrite && writes === nth) return faulty(fault)(task)();
    return after === 'dead' && writes >= nth ? E.left(unavailable) : task();
  });
};

/** The store, as seen by a process that dies when its `nth` write was acknowledged. */
export const storeDyingAfterWrite = (store: ArtifactStore, nth: number): ArtifactStore => {
  let writes = 0;
  let isDead = false;
  return wrapStore(store, ({ isWrite }) => (task) => async () => {
    if (isDead) return E.left(unavailable);
    if (isWrite) writes += 1;
    const result = await task();
    isDead = writes === nth;
    return result;
  });
};

/** The store, as seen by a process that dies before its `nth` call, read or write. */
export const storeDyingAtCall = (store: ArtifactStore, nth: number): ArtifactStore => {
  let calls = 0;
  return wrapStore(store, () => (task) => async () => {
    calls += 1;
    return calls >= nth ? E.left(unavailable) : task();
  });
};

/** The store, and every call that went to it, in order. */
export const recordedStore = (
  store: ArtifactStore,
): { readonly store: ArtifactStore; readonly calls: ReadonlyArray<StoreCall> } => {
  const calls: StoreCall[] = [];
  const recorded = wrapStore(store, (about) => (task) => async () => {
    calls.push(about);
    return task();
  });
  return { store: recorded, calls };
};

/** The store, as seen by a process that falls asleep before its `nth` write; `asleep` settles then, and `wake` lets it go on. */
export const storeAsleepAt = (store: ArtifactStore, nth: number) => {
  let writes = 0;
  let fallAsleep = (): void => undefined;
  let wake = (): void => undefined;
  const asleep = new Promise<void>((resolve) => {
    fallAsleep = resolve;
  });
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const sleeping = wrapStore(store, ({ isWrite }) => (task) => async () => {
    if (isWrite) writes += 1;
    if (isWrite && writes === nth) {
      fallAsleep();
      await awake;
    }
    return task();
  });
  return { store: sleeping, asleep, wake: () => wake() };
};

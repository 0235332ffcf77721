/** A bucket whose service misbehaves: every call ends in time, and nothing is told that is not so. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { ArtifactStore, CallOptions, Failure } from '../../../core/index.js';
import {
  absent,
  bytesOf,
  call,
  create,
  done,
  matches,
  read,
  refused,
  textOf,
} from '../../contracts/artifact-store-harness.js';
import { cancellable } from '../../contracts/cancellable.js';
import type { Fault } from '../../support/fake-gcs/faults.js';
import { manyBytes, never, nowMs, open, untilQuiet, within } from './in-a-fake.js';

// The client takes longer to load than these tests wait.
test.before(async () => {
  await import('@google-cloud/storage');
});

const resumable = new Uint8Array(9 * 2 ** 20);

type Operation = (store: ArtifactStore, call: CallOptions) => TaskEither<Failure, unknown>;

const operations: Readonly<Record<string, Operation>> = {
  head: (store, options) => store.head('source', options),
  get: (store, options) => store.get('source', options),
  list: (store, options) => store.list('', { limit: 10 }, options),
  put: (store, options) => store.put('target', bytesOf('x'), absent, options),
  'put in chunks': (store, options) => store.put('target', resumable, absent, options),
  copy: (store, options) => store.copyIfAbsent('source', 'target', options),
  delete: (store, options) => store.delete('target', options),
};

const faults: ReadonlyArray<Fault> = [
  ...(['silence', 'deaf', 'reset', 'lost', 'unanswered', 'stall', 'cut'] as const).map((kind) => ({ kind })),
  ...[429, 500, 503].map((status) => ({ kind: 'status', status }) as const),
];

for (const [name, operation] of Object.entries(operations)) {
  test.serial(`${name} ends soon, truly and tidily, however the service misbehaves`, async (t) => {
    const check = async (fault: Fault): Promise<void> => {
      const hasty = { idleTimeoutMs: 200, retries: { limit: 1, firstPauseMs: 1, budget: 9 } };
      const { fake, store, patient } = await open(t, hasty);
      await create(patient, 'source', 'x');
      fake.fault({ fault, times: 1000 });
      const startedMs = nowMs();
      const result = await operation(store, within(2000))();
      const what = `${name} under ${JSON.stringify(fault)}`;
      t.true(nowMs() - startedMs < 30_000, what);
      t.true(E.isLeft(result), what);
      if (E.isLeft(result)) t.is(result.left.tag, 'Unavailable', `${what}: ${result.left.message}`);
      // What is deaf does not notice either that the client went away.
      if (fault.kind !== 'deaf') await untilQuiet(fake);
      fake.calm();
      const isThere = O.isSome(await done(patient.head('target', call)));
      if (E.isLeft(result) && !result.left.ambiguous) t.false(isThere, `${what}: ${result.left.message}`);
    };
    // Large bodies one after the other, for they keep the process too busy to be on time.
    if (name === 'put in chunks') for (const fault of faults) await check(fault);
    else await Promise.all(faults.map(check));
  });
}

for (const kind of ['silence', 'deaf', 'unanswered', 'stall'] as const) {
  test.serial(`the deadline is honoured under ${kind}`, async (t) => {
    const { fake, store } = await open(t, { retries: never });
    await create(store, 'source', 'x');
    for (const [name, operation] of Object.entries(operations)) {
      if (name === 'delete') await create(store, 'target', 'x');
      fake.fault({ fault: { kind }, times: 1000 });
      const startedMs = nowMs();
      const result = await operation(store, within(150))();
      const lateMs = nowMs() - startedMs - 150;
      t.true(lateMs < 20_000, `${name} ended ${lateMs} ms late`);
      t.is(E.isLeft(result) && result.left.tag, 'DeadlineExceeded', name);
      t.is(E.isLeft(result) && result.left.ambiguous, !['head', 'get', 'list'].includes(name), name);
      if (kind !== 'deaf') await untilQuiet(fake);
      fake.calm();
      await done(store.delete('target', call));
    }
  });
}

for (const kind of ['cut', 'reset', 'lost'] as const) {
  test.serial(`the deadline is honoured under ${kind}, however often the call is tried again`, async (t) => {
    const { fake, store } = await open(t, { retries: { limit: 1e6, firstPauseMs: 5, budget: 1e6 } });
    await create(store, 'source', 'x');
    for (const [name, operation] of Object.entries(operations)) {
      if (name === 'delete') await create(store, 'target', 'x');
      fake.fault({ fault: { kind }, times: 1e6 });
      const startedMs = nowMs();
      const result = await operation(store, within(150))();
      const lateMs = nowMs() - startedMs - 150;
      t.true(lateMs < 20_000, `${name} ended ${lateMs} ms late`);
      t.true(E.isLeft(result) && ['Unavailable', 'DeadlineExceeded'].includes(result.left.tag), name);
      await untilQuiet(fake);
      fake.calm();
      const isThere = O.isSome(await done(store.head('target', call)));
      if (E.isLeft(result) && !result.left.ambiguous) t.is(isThere, name === 'delete', name);
      await done(store.delete('target', call));
    }
  });
}

test.serial('a call that is cancelled on the way ends at once, and its requests with it', async (t) => {
  const { fake, store } = await open(t);
  await create(store, 'source', 'x');
  for (const [name, operation] of Object.entries(operations)) {
    fake.fault({ fault: { kind: 'silence' } });
    const cancellation = cancellable();
    const result = operation(store, { ...call, cancellation })();
    while (fake.openRequests() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    cancellation.abort();
    // The fake stays silent: that this settles at all is the cancellation's doing.
    const settled = await result;
    t.is(E.isLeft(settled) && settled.left.tag, 'Cancelled', name);
    await untilQuiet(fake);
  }
});

test.serial('a call is cancelled while it waits to try again', async (t) => {
  const { fake, store } = await open(t, { retries: { limit: 5, firstPauseMs: 1e7, budget: 9 } });
  fake.fault({ fault: { kind: 'lost' }, times: 1000 });
  const cancellation = cancellable();
  const result = store.put('a', bytesOf('x'), absent, { ...call, cancellation })();
  await new Promise((resolve) => setTimeout(resolve, 150));
  cancellation.abort();
  const settled = await result;
  t.like(settled, { left: { tag: 'Cancelled', ambiguous: true } });
  fake.calm();
  t.is(await read(store, 'a'), 'x');
});

test.serial('a write whose acknowledgement was lost is tried again, and its refusal is in doubt', async (t) => {
  const { fake, store, patient } = await open(t, { idleTimeoutMs: 300 });
  const source = await create(patient, 'source', 'x');
  for (const [kind, on] of [
    ['lost', 'upload'],
    ['unanswered', 'upload'],
    ['truncate', 'upload'],
    ['cut', 'chunk'],
  ] as const) {
    const bytes = on === 'chunk' ? resumable : bytesOf(kind);
    // The last of two chunks.
    fake.fault({ on, fault: { kind }, after: on === 'chunk' ? 1 : 0 });
    const key = `created-${kind}`;
    t.like(await store.put(key, bytes, absent, call)(), { left: { tag: 'AlreadyExists', ambiguous: true } }, kind);
    t.is((await read(patient, key))?.length, bytes.length);
  }
  fake.fault({ on: 'upload', fault: { kind: 'lost' } });
  const swapped = await store.put('source', bytesOf('y'), matches(source), call)();
  t.like(swapped, { left: { tag: 'Conflict', ambiguous: true } });
  t.is(await read(patient, 'source'), 'y');
  fake.fault({ on: 'rewrite', fault: { kind: 'lost' } });
  const copied = await store.copyIfAbsent('source', 'copy', call)();
  t.like(copied, { left: { tag: 'AlreadyExists', ambiguous: true } });
  fake.fault({ on: 'delete', fault: { kind: 'lost' } });
  await done(store.delete('copy', call));
});

test.serial('a write that was refused for a passing reason, and then succeeds, succeeded', async (t) => {
  const { fake, store } = await open(t);
  for (const [i, status] of [429, 503, 500, 502, 504, 408].entries()) {
    fake.fault({ fault: { kind: 'status', status }, times: 2 });
    await create(store, `k${i}`, 'x');
  }
  t.is(fake.counts().upload, 18);
});

test.serial('retries end before the deadline', async (t) => {
  const { fake, store } = await open(t, { retries: { limit: 1000, firstPauseMs: 20, budget: 1000 } });
  await create(store, 'a', 'x');
  fake.fault({ fault: { kind: 'status', status: 503 }, times: 1000 });
  const startedMs = nowMs();
  await refused(store.get('a', within(2_000)), 'Unavailable');
  t.true(nowMs() - startedMs < 30_000);
  t.true((fake.counts().media ?? 0) >= 2);
});

test.serial('all calls together spend one budget of retries, which success fills again', async (t) => {
  const { fake, store } = await open(t, { retries: { limit: 5, firstPauseMs: 1, budget: 7 } });
  await create(store, 'a', 'x');
  fake.fault({ fault: { kind: 'status', status: 503 }, times: 1000 });
  for (let i = 0; i < 10; i++) await refused(store.head('a', call), 'Unavailable');
  t.is(fake.counts().head, 10 + 7);
  fake.calm();
  for (let i = 0; i < 5; i++) await done(store.head('a', call));
  fake.forget();
  fake.fault({ fault: { kind: 'status', status: 503 }, times: 1000 });
  await refused(store.head('a', call), 'Unavailable');
  t.is(fake.counts().head, 2);
});

test.serial('what will not pass is not tried again', async (t) => {
  const { fake, store } = await open(t);
  for (const status of [400, 401, 403, 412]) {
    fake.forget();
    fake.fault({ fault: { kind: 'status', status } });
    t.true(E.isLeft(await store.put('a', bytesOf('x'), absent, call)()));
    t.deepEqual(fake.counts(), { upload: 1 });
  }
});

test.serial('one write a second of one object is waited for', async (t) => {
  const retries = { limit: 30, firstPauseMs: 200, budget: 100 };
  const { fake, store } = await open(t, { retries }, { rate: 'one write a second' });
  let token = await create(store, 'document', '0');
  const startedMs = nowMs();
  for (const text of ['1', '2']) token = await done(store.put('document', bytesOf(text), matches(token), call));
  t.true(nowMs() - startedMs >= 1900);
  t.is(await read(store, 'document'), '2');
  t.true((fake.counts().upload ?? 0) > 3);
});

test.serial('a flipped bit is never served, and never stored', async (t) => {
  const { fake, store } = await open(t, { retries: never });
  const bytes = manyBytes(10_000);
  await done(store.put('a', bytes, absent, call));
  fake.fault({ fault: { kind: 'flip' }, times: 1000 });
  for (let i = 0; i < 200; i++) {
    t.regex((await refused(store.get('a', call), 'Unavailable')).message, /did not arrive as it was stored/);
  }
  for (let i = 0; i < 100; i++) {
    t.regex((await refused(store.put('b', bytes, absent, call), 'Unavailable')).message, /damaged on the way/);
  }
  await refused(store.put('b', resumable, absent, call), 'Unavailable');
  fake.calm();
  t.true(O.isNone(await done(store.head('b', call))));
});

test.serial('a body that ends too early is never served', async (t) => {
  const { fake, store } = await open(t, { retries: never });
  await done(store.put('a', manyBytes(10_000), absent, call));
  fake.fault({ fault: { kind: 'truncate' }, times: 1000 });
  t.regex((await refused(store.get('a', call), 'Unavailable')).message, /arrived with 5000 of 10000 bytes/);
  await refused(store.list('', { limit: 10 }, call), 'Unavailable');
  await refused(store.head('a', call), 'Unavailable');
});

test.serial('a download that fails leaves the others alone', async (t) => {
  const { fake, store } = await open(t, { retries: never });
  await done(store.put('a', manyBytes(5 * 2 ** 20), absent, call));
  fake.fault({ on: 'head', fault: { kind: 'latency', durationMs: 300 } });
  const neighbour = store.head('a', call)();
  await new Promise((resolve) => setTimeout(resolve, 50));
  fake.fault({ on: 'media', fault: { kind: 'cut' } });
  fake.fault({ on: 'media', fault: { kind: 'stall' } });
  await refused(store.get('a', call), 'Unavailable');
  await refused(store.get('a', within(100)), 'DeadlineExceeded');
  t.true(E.isRight(await neighbour));
});

test.serial('under faults of every kind by chance nothing is told that is not so', async (t) => {
  const chances = {
    reset: 0.04,
    lost: 0.04,
    cut: 0.03,
    stall: 0.02,
    truncate: 0.03,
    flip: 0.04,
    '429': 0.05,
    '503': 0.05,
  };
  const retries = { limit: 20, firstPauseMs: 2, budget: 1e6 };
  const { fake, store, patient } = await open(t, { idleTimeoutMs: 250, retries }, { seed: 11, chances });
  const worker = async (number: number): Promise<void> => {
    for (let i = 0; i < 25; i++) {
      const key = `k/${number}-${i}`;
      const text = `${key}: ${'x'.repeat(i * 100)}`;
      const created = await store.put(key, bytesOf(text), absent, call)();
      if (E.isLeft(created)) t.true(created.left.ambiguous, created.left.message);
      t.is(await read(store, key), text);
      const copied = await store.copyIfAbsent(key, `copy/${number}-${i}`, call)();
      if (E.isLeft(copied)) t.true(copied.left.ambiguous, copied.left.message);
      await raise(store);
    }
  };
  await create(patient, 'counter', '[]');
  /** Writes a token of its own into the document until it is there, and no second time. */
  const raise = async (mine: ArtifactStore): Promise<void> => {
    const own = `${Math.random()}`;
    for (;;) {
      const found = O.toUndefined(await done(mine.get('counter', call)));
      const owns: ReadonlyArray<string> = JSON.parse(textOf(found?.bytes ?? bytesOf('[]')));
      if (owns.includes(own)) return;
      const result = await mine.put(
        'counter',
        bytesOf(JSON.stringify([...owns, own])),
        matches(found?.token ?? ''),
        call,
      )();
      if (E.isRight(result)) return;
      t.is(result.left.tag, 'Conflict', result.left.message);
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  fake.calm();
  t.is(JSON.parse((await read(patient, 'counter')) ?? '[]').length, 100);
  t.is(Object.keys(fake.faultCounts()).length, Object.keys(chances).length);
});

/** Flips single bits in what a registry stores, and proves that each is told and none is served. */
import assert from 'node:assert/strict';
import {
  type Answers,
  ask,
  fillRegistry,
  keyedRequest,
  type ObjectKind,
  placeOf,
  type PlacedObject,
  problemPlaces,
  type Question,
  questions,
  registryWithExperiments,
  tagOf,
} from './damaged-registry.js';
import { randomFrom } from './fake-gcs/faults.js';
import type { RawStore } from './raw-stores.js';
import { registryOver, right } from './registry.js';

/** How many flips of a kind of object were told, and by whom. */
interface FlipCount {
  flips: number;
  /** `verify` reports the very object. */
  byVerify: number;
  /** A retry under its idempotency key fails with `ArtifactUnreadable`. */
  byRetry: number;
  /** Not told, for the document says the very same: `1e-7` became `1E-7`. */
  sameMeaning: number;
}

type Stored = Readonly<Record<string, string>>;

const bytesOf = (latin1: string): Uint8Array => Buffer.from(latin1, 'latin1');

const withFlippedBit = (latin1: string, bit: number): string => {
  const bytes = Buffer.from(latin1, 'latin1');
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes.toString('latin1');
};

/** What `make` holds once a registry was filled there. */
const filledRegistry = async (make: () => Promise<RawStore>): Promise<Stored> => {
  const raw = await make();
  try {
    await fillRegistry(await registryWithExperiments(raw.open()));
    return await raw.everything();
  } finally {
    await raw.close();
  }
};

/** What is asked of the model that a process died over, when verify has finished its second version. */
const onceFinished: ReadonlyArray<Question> = questions
  .filter(({ model }) => model === 'late')
  .map((question) => (question.name === 'late' ? { ...question, version: 2 } : question));

/** What services that have seen nothing yet answer over `stored`: every question, verify, the questions that it may change, a retry and a list. */
const examine = async (make: () => Promise<RawStore>, stored: Stored) => {
  const raw = await make();
  try {
    for (const [name, latin1] of Object.entries(stored)) await raw.plant(name, bytesOf(latin1));
    const { another } = await registryOver(raw.open());
    const fresh = () => another(raw.open());
    const before = await ask(fresh());
    const report = await right(fresh().verify({}));
    const after = await ask(fresh(), onceFinished);
    const retried = await fresh().register(keyedRequest)();
    const { models } = await right(fresh().models({}));
    return { before, report, after, retried: tagOf(retried), listedCount: models['rating']?.length ?? 0 };
  } finally {
    await raw.close();
  }
};

/** Whether the question meets the object, so that damage to it must fail it. */
const isMetBy = (asked: Question, { kind, model, version }: PlacedObject): boolean => {
  if (asked.model !== model) return false;
  switch (kind) {
    case 'model.json':
      return true;
    case 'artifact':
      return asked.version === version;
    case 'registration':
      // Of a deleted version nothing is read but that it was deleted.
      return asked.version === version && version !== 5;
    case 'tombstone':
      // The latest is looked for from there downwards.
      return asked.name === 'prod@6' || asked.name === 'prod';
    default:
      return false;
  }
};

/** What is answered when the object is damaged: what was answered before, but by what meets it. */
const expectedOf = (sound: Answers, asked: ReadonlyArray<Question>, flipped: PlacedObject): Answers => ({
  ...sound,
  ...Object.fromEntries(
    asked.filter((question) => isMetBy(question, flipped)).map(({ name }) => [name, 'ArtifactUnreadable']),
  ),
});

/** The same after verify, with what was staged for the version that it finished, unless its intent is damaged. */
const expectedAfter = (before: Answers, after: Answers, flipped: PlacedObject): Answers => {
  if (flipped.kind === 'unfinished intent')
    return { late: before['late'] ?? '', 'late@champion': before['late@champion'] ?? '' };
  const expected = expectedOf(after, onceFinished, flipped);
  return flipped.kind === 'staged artifact' ? { ...expected, late: 'ArtifactUnreadable' } : expected;
};

/** Where verify must see something wrong. */
const expectedProblems = ({ kind, model, version }: PlacedObject): ReadonlyArray<string> => {
  switch (kind) {
    case 'idempotency key':
    case 'superseded state':
      return [];
    case 'model.json':
      // That version 5 was deleted is not known any more, and its artifact is missed.
      return model === 'prod' ? ['prod', 'prod@5'] : [`${model}`];
    default:
      return [`${model}@${version}`];
  }
};

/** What only a retry under the key reads, or reads too. */
const failsRetry = ({ kind, model, version }: PlacedObject): boolean =>
  kind === 'idempotency key' || (['registration', 'intent'].includes(kind) && model === 'prod' && version === 1);

const isSameMeaning = (one: string, other: string): boolean => {
  const meaningOf = (latin1: string): unknown => JSON.parse(Buffer.from(latin1, 'latin1').toString());
  try {
    assert.deepEqual(meaningOf(one), meaningOf(other));
    return true;
  } catch {
    return false;
  }
};

export const proveFlips = async (
  make: () => Promise<RawStore>,
  { seed, count, kinds }: { seed: number; count: number; kinds?: ReadonlyArray<ObjectKind> },
): Promise<Readonly<Record<string, string>>> => {
  const random = randomFrom(seed);
  const stored = await filledRegistry(make);
  const names = Object.keys(stored).sort();
  const places = names.map((name) => placeOf(name, names));
  const chosen = kinds ?? [...new Set(places.map(({ kind }) => kind))].filter((kind) => kind !== 'superseded state');
  const sound = await examine(make, stored);
  assert.deepEqual(sound.report.problems, []);
  const counts: Record<string, FlipCount> = {};
  for (let i = 0; i < count; i++) {
    // Each kind in turn, and of its objects any.
    const ofKind = places.filter((place) => place.kind === chosen[i % chosen.length]);
    const flipped = ofKind[Math.floor(random() * ofKind.length)];
    if (flipped === undefined) throw new Error('there is nothing to damage');
    const { name, kind } = flipped;
    const was = stored[name] ?? '';
    const bit = Math.floor(random() * was.length * 8);
    const what = `bit ${bit} of ${name}`;
    const now = withFlippedBit(was, bit);
    const found = await examine(make, { ...stored, [name]: now });
    const counted = (counts[kind] ??= { flips: 0, byVerify: 0, byRetry: 0, sameMeaning: 0 });
    counted.flips += 1;
    assert.equal(
      found.listedCount,
      sound.listedCount - (kind === 'unfinished intent' ? 1 : 0),
      `${what}: all are listed`,
    );
    const told = problemPlaces(found.report);
    if (told.length === 0 && found.retried === 'right' && kind !== 'superseded state') {
      assert.ok(isSameMeaning(was, now), `${what} is not told`);
      counted.sameMeaning += 1;
      assert.deepEqual([found.before, found.after], [sound.before, sound.after], what);
      continue;
    }
    assert.deepEqual(told, expectedProblems(flipped), what);
    assert.equal(found.retried, failsRetry(flipped) ? 'ArtifactUnreadable' : 'right', what);
    assert.deepEqual(found.before, expectedOf(sound.before, questions, flipped), what);
    assert.deepEqual(found.after, expectedAfter(sound.before, sound.after, flipped), what);
    if (told.length > 0) counted.byVerify += 1;
    if (found.retried === 'ArtifactUnreadable') counted.byRetry += 1;
  }
  return Object.fromEntries(
    Object.entries(counts).map(([kind, { flips, byVerify, byRetry, sameMeaning }]) => [
      kind,
      `${flips} flipped, ${byVerify} told by verify, ${byRetry} by a retry, ${sameMeaning} say the same`,
    ]),
  );
};

/** The history checker: a history without fault passes, and each kind of violation, made by hand, is caught as what it is. */
import test from 'ava';
import { checkHistory, type History, type Read, type StoredVersion, type Try } from '../support/storm/history.js';
import type { Found } from '../support/storm/operations.js';

const found = (label: string, version: number, fields: Partial<Found> = {}): Found => ({
  version,
  label,
  registrationId: `id of ${label}`,
  recordSha256: `sha of ${label}`,
  artifactSha256: `sha of ${label}`,
  ...fields,
});

const stored = (label: string, version: number, fields: Partial<Found> = {}): StoredVersion => ({
  model: 'hot',
  version,
  status: 'registered',
  found: found(label, version, fields),
});

/** Invoked at `from`, and acknowledged as `version` at `to`. */
const registered = (label: string, from: number, to: number, version: number): Try => ({
  ...killed(label, from),
  acknowledged: { atNs: BigInt(to), version, registrationId: `id of ${label}`, hasAlias: false },
});

const killed = (label: string, from: number): Try => ({
  model: 'hot',
  label,
  artifactSha256: `sha of ${label}`,
  invokedAtNs: BigInt(from),
});

const read = (from: number, to: number, answer: Found | 'none' | 'damaged', of: Partial<Read> = {}): Read => ({
  model: 'hot',
  invokedAtNs: BigInt(from),
  answeredAtNs: BigInt(to),
  answer:
    answer === 'none'
      ? { kind: 'none' }
      : answer === 'damaged'
        ? { kind: 'damaged', what: 'half a record' }
        : { kind: 'found', found: answer },
  ...of,
});

const check = (history: Partial<History>, content: ReadonlyArray<StoredVersion>) =>
  checkHistory({ tries: [], reads: [], ...history }, content);

const nothing = { lost: [], duplicate: [], holes: [], torn: [], order: [] };

/** One registration after the other, one that was killed and finished by others, one that was tried again, and reads between. */
const good = {
  tries: [
    registered('a', 10, 20, 1),
    killed('b', 21),
    registered('c', 22, 40, 3),
    registered('d', 22, 39, 4),
    killed('e', 45),
    killed('never', 46),
    registered('e', 60, 70, 5),
    // Again after it was acknowledged, when there are later ones.
    registered('a', 80, 90, 1),
  ],
  reads: [
    read(0, 5, 'none'),
    read(0, 25, found('a', 1)),
    read(41, 42, found('d', 4)),
    read(41, 42, found('b', 2), { version: 2 }),
    read(41, 42, 'none', { alias: 'champion' }),
    read(43, 44, found('a', 1), { alias: 'champion' }),
  ],
};
const goodContent = [stored('a', 1), stored('b', 2), stored('c', 3), stored('d', 4), stored('e', 5)];

test('a history without fault has no violations, whatever was killed', (t) => {
  t.deepEqual(check(good, goodContent), nothing);
  t.deepEqual(
    check(good, [
      ...goodContent,
      { model: 'hot', version: 6, status: 'aborted' },
      { model: 'hot', version: 7, status: 'unfinished' },
      { ...stored('x', 1), model: 'other', found: found('never', 1) },
    ]),
    nothing,
  );
});

/** What is wrong; the history, and what is stored; and the kinds of violation that it is. */
const cases: ReadonlyArray<
  readonly [
    what: string,
    history: Partial<History>,
    content: ReadonlyArray<StoredVersion>,
    kinds: ReadonlyArray<keyof typeof nothing>,
  ]
> = [
  ['an acknowledged version that is not there', good, goodContent.slice(0, 4), ['lost']],
  [
    'an acknowledged version that holds another registration',
    { tries: [registered('a', 1, 2, 1), killed('b', 1)] },
    [stored('b', 1)],
    ['lost', 'duplicate'],
  ],
  [
    'an acknowledged version with another id',
    { tries: [registered('a', 1, 2, 1)] },
    [stored('a', 1, { registrationId: 'other' })],
    ['lost'],
  ],
  [
    'an acknowledged version with other bytes, of which the record tells',
    { tries: [registered('a', 1, 2, 1)] },
    [stored('a', 1, { artifactSha256: 'other', recordSha256: 'other' })],
    ['lost', 'torn'],
  ],
  [
    'an acknowledged version that became a tombstone',
    { tries: [registered('a', 1, 2, 1)] },
    [{ model: 'hot', version: 1, status: 'aborted' }],
    ['lost'],
  ],
  [
    'an acknowledged version that a later reader does not find',
    { ...good, reads: [read(30, 31, 'none', { version: 1 })] },
    goodContent,
    ['lost'],
  ],
  [
    'an alias that a later reader does not find',
    {
      tries: [
        {
          ...killed('a', 1),
          alias: 'champion',
          acknowledged: { atNs: 2n, version: 1, registrationId: 'id of a', hasAlias: true },
        },
      ],
      reads: [read(3, 4, 'none', { alias: 'champion' })],
    },
    [stored('a', 1)],
    ['lost'],
  ],
  [
    'two acknowledgements of one version',
    { tries: [registered('a', 1, 3, 1), registered('b', 2, 4, 1)] },
    [stored('a', 1)],
    ['lost', 'duplicate'],
  ],
  [
    'one key that made two versions, both acknowledged',
    { tries: [registered('a', 1, 2, 1), registered('a', 3, 4, 2)] },
    [stored('a', 1), stored('a', 2, { registrationId: 'other' })],
    ['lost', 'duplicate'],
  ],
  [
    'one key that made two versions, the first of which nobody was told',
    { tries: [killed('a', 1), registered('a', 3, 4, 2)] },
    [stored('a', 1, { registrationId: 'other' }), stored('a', 2)],
    ['duplicate'],
  ],
  [
    'one registration id in two versions',
    { tries: [registered('a', 1, 2, 1), registered('b', 3, 4, 2)] },
    [stored('a', 1), stored('b', 2, { registrationId: 'id of a' })],
    ['lost', 'duplicate'],
  ],
  ['a number without a version', { tries: [registered('a', 1, 2, 2)] }, [stored('a', 2)], ['holes']],
  [
    'a number that is unfinished below the highest',
    { tries: [registered('a', 1, 2, 2)] },
    [{ model: 'hot', version: 1, status: 'unfinished' }, stored('a', 2)],
    ['holes'],
  ],
  ['a read of a version that is not whole', { ...good, reads: [read(30, 31, 'damaged')] }, goodContent, ['torn']],
  [
    'a read of bytes that are not those of the record',
    { ...good, reads: [read(30, 31, found('a', 1, { artifactSha256: 'other' }), { version: 1 })] },
    goodContent,
    ['torn'],
  ],
  [
    'a read of a record and bytes that were never registered under its label',
    {
      tries: [registered('a', 1, 2, 1)],
      reads: [read(3, 4, found('a', 1, { artifactSha256: 'other', recordSha256: 'other' }))],
    },
    [stored('a', 1)],
    ['torn'],
  ],
  [
    'a read of another registration than is stored in the end',
    { ...good, reads: [read(30, 31, found('b', 1), { version: 1 })] },
    goodContent,
    ['torn'],
  ],
  [
    'a read of another version than the one that was asked for',
    { ...good, reads: [read(30, 31, found('b', 2), { version: 1 })] },
    goodContent,
    ['torn'],
  ],
  ['a read of a version that is not stored', { ...good, reads: [read(30, 80, found('b', 6))] }, goodContent, ['torn']],
  [
    'a stored record that is not readable',
    good,
    [...goodContent, { model: 'hot', version: 6, status: 'unreadable' }],
    ['torn'],
  ],
  [
    'stored bytes that are not those of the record',
    { tries: [killed('a', 1)] },
    [stored('a', 1, { artifactSha256: 'other' })],
    ['torn'],
  ],
  [
    'a registration with a lower number than one that was acknowledged before it began',
    { tries: [registered('a', 1, 2, 2), registered('b', 3, 4, 1)] },
    [stored('b', 1), stored('a', 2)],
    ['order'],
  ],
  [
    'a killed one with a lower number than one that was acknowledged before it began',
    { tries: [registered('a', 1, 2, 2), killed('b', 3)] },
    [stored('b', 1), stored('a', 2)],
    ['order'],
  ],
  [
    'a registration with a lower number than one that was read before it began',
    { tries: [killed('a', 1), registered('b', 5, 6, 1)], reads: [read(2, 3, found('a', 2))] },
    [stored('b', 1), stored('a', 2)],
    ['order'],
  ],
  [
    'a latest that is older than what was acknowledged',
    { ...good, reads: [read(41, 42, found('c', 3))] },
    goodContent,
    ['order'],
  ],
  ['no latest after something was acknowledged', { ...good, reads: [read(21, 22, 'none')] }, goodContent, ['order']],
  [
    'a latest that is older than what was read before',
    { tries: [killed('a', 1), killed('b', 1)], reads: [read(2, 3, found('b', 2)), read(4, 5, found('a', 1))] },
    [stored('a', 1), stored('b', 2)],
    ['order'],
  ],
];

for (const [what, history, content, kinds] of cases) {
  test(`caught: ${what}`, (t) => {
    const violations = check(history, content);
    t.deepEqual(
      Object.entries(violations).flatMap(([kind, all]) => (all.length === 0 ? [] : [kind])),
      [...kinds],
    );
  });
}

test('each violation is counted once, in its own model', (t) => {
  const other = ({ model: _, ...rest }: StoredVersion): StoredVersion => ({ ...rest, model: 'other' });
  const { holes } = check({}, [stored('a', 1), stored('b', 4), other(stored('c', 1)), other(stored('d', 3))]);
  t.deepEqual(holes, [
    'hot has no version 2, and later ones',
    'hot has no version 3, and later ones',
    'other has no version 2, and later ones',
  ]);
});

/** Random strings that mean harm to whatever makes paths of them, from a seed. */

type Random = () => number;

const pick = <A>(random: Random, items: ReadonlyArray<A>): A => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
};

const upTo = (random: Random, most: number): number => Math.floor(random() * (most + 1));

const times = <A>(count: number, make: () => A): ReadonlyArray<A> => Array.from({ length: count }, make);

/** Letters and digits few, so that much of what is taken differs in one character; the rest is what file systems stumble over. */
const nastyUnits: ReadonlyArray<string> = [
  ...[
    'a',
    'a',
    'b',
    'A',
    'Z',
    '0',
    '1',
    'v',
    '.',
    '.',
    '/',
    '/',
    '-',
    '_',
    '\\',
    '\0',
    '\n',
    '\r',
    '\t',
    ' ',
    ':',
    '*',
    '?',
    '"',
  ],
  ...[
    '<',
    '>',
    '|',
    '~',
    '%',
    '$',
    '@',
    '+',
    '\u00e9',
    'e\u0301',
    '\uff0f',
    '\u2215',
    '\u2024',
    '\ufe52',
    '\u202e',
    '\u200b',
  ],
  ...['\ufeff', '\u212a', '\u017f', '\u0130', '\ufb01', '\ud800', '\udfff', '\ud83d\ude00', '\x7f', '\u0085'],
];

const plainUnits: ReadonlyArray<string> = ['a', 'b', 'A', 'B', '0', '1', '.', '-', '_', 'v'];

const knownSegments: ReadonlyArray<string> = [
  ...[
    '',
    '.',
    '..',
    '...',
    '. ',
    ' ..',
    '.a',
    'a.',
    'a..b',
    'a ',
    ' a',
    '~',
    '-',
    '_',
    '__proto__',
    'constructor',
    'toString',
  ],
  ...[
    'con',
    'CON',
    'Con.txt',
    'nul',
    'NUL.json',
    'aux',
    'prn',
    'com1',
    'COM9.onnx',
    'lpt1',
    'com0',
    'com\u00b9',
    'conin$',
    'console',
  ],
  ...[
    '%2e%2e',
    '%2E',
    '%2f',
    '..%5c',
    '%00',
    '%252e',
    '..;',
    '..\\',
    '\\\\server\\share',
    'C:',
    'c:\\',
    'file:',
    'a:b',
    'a::$DATA',
  ],
  ...[
    '.scorekeeper-tmp',
    'scorekeeper-tmp',
    '.x.generations',
    'x.generations',
    '.model.json.generations',
    '.generations',
    '..generations',
  ],
  ...[
    'models',
    'registered',
    '_registry',
    'experiments',
    'keys',
    'staging',
    'intents',
    'pipeline.onnx',
    'registration.json',
    'model.json',
  ],
  ...[
    'v1',
    'v2',
    'v01',
    'V1',
    'v0',
    'v1.json',
    'v999999999',
    'v1000000000',
    '1',
    '2',
    '3',
    'rating',
    'Rating',
    'rating-test',
    'x',
    'X',
  ],
  ...[
    'a'.repeat(199),
    'a'.repeat(200),
    'a'.repeat(201),
    'A'.repeat(200),
    'x'.repeat(64),
    'x'.repeat(65),
    'x'.repeat(100),
  ],
];

const knownKeys: ReadonlyArray<string> = [
  'models/registered/rating/production_rating_model/v3/registration.json',
  'models/registered/rating/production_rating_model/v3/pipeline.onnx',
  'models/_registry/rating/production_rating_model/intents/v3.json',
  'models/_registry/rating/production_rating_model/model.json',
  'models/_registry/staging/0b9e5f2a-6d0f-4f8f-9a43-2f1f4c1d7e55/pipeline.onnx',
  'a/x',
  'a/x.json',
  'x',
];

/** One change: a unit put in, left out or replaced, a letter's case, a segment from elsewhere, hidden or encoded, or the segments in another order. */
const mutated = (random: Random, text: string): string => {
  const at = upTo(random, text.length);
  const unit = random() < 0.5 ? pick(random, nastyUnits) : pick(random, plainUnits);
  const segments = text.split('/');
  const segment = upTo(random, segments.length - 1);
  switch (upTo(random, 7)) {
    case 0:
      return text.slice(0, at) + unit + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + unit + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + text.slice(at, at + 1).toUpperCase() + text.slice(at + 1);
    case 4:
      return [...segments.slice(0, segment), pick(random, knownSegments), ...segments.slice(segment)].join('/');
    case 5:
      return segments.map((each, i) => (i === segment ? `.${each}.generations/${upTo(random, 3)}` : each)).join('/');
    case 6:
      return segments.map((each, i) => (i === segment ? `${each}%2f` : each)).join('');
    default:
      return [...segments.slice(segment), ...segments.slice(0, segment)].join('/');
  }
};

const kinds: ReadonlyArray<(random: Random) => string> = [
  (random) => times(upTo(random, 12), () => pick(random, nastyUnits)).join(''),
  (random) => times(1 + upTo(random, 5), () => pick(random, knownSegments)).join('/'),
  (random) => mutated(random, pick(random, knownKeys)),
  (random) => mutated(random, mutated(random, pick(random, knownKeys))),
  // Mostly taken, and dense: each has many neighbours.
  (random) =>
    times(1 + upTo(random, 2), () => times(1 + upTo(random, 4), () => pick(random, plainUnits)).join('')).join('/'),
  (random) =>
    `${pick(random, plainUnits).repeat(90 + upTo(random, 20))}/`.repeat(5 + upTo(random, 3)) +
    'a'.repeat(upTo(random, 210)),
];

/** Strings that a store may be asked for as keys. */
export const nastyKey = (random: Random): string => pick(random, kinds)(random);

/** Strings that a model type or a name may be said to be. */
export const nastyName = (random: Random): string => {
  switch (upTo(random, 4)) {
    case 0:
      return times(upTo(random, 6), () => pick(random, nastyUnits)).join('');
    case 1:
      return pick(random, knownSegments);
    case 2:
      return mutated(random, pick(random, knownSegments));
    default:
      return times(1 + upTo(random, 4), () => pick(random, ['a', 'b', '0', '1', '.', '-', '_', 'v', 'A'])).join('');
  }
};

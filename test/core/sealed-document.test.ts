/** Sealed documents: the canonical form, damage that shows, and the JSON that Python writes. */
import test, { type ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import * as t from 'io-ts';
import { canonicalJson, type JsonObject, openDocument, parseJson, sealDocument } from '../../core/index.js';
import { host } from '../support/registry.js';

const seal = sealDocument(host);
const open = openDocument(host)(t.UnknownRecord, 'the document');

/** The same value with the keys of every object in another order. */
const shuffled = (value: unknown, seed: number): unknown => {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, seed));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner, seed)] as const);
  const order = (key: string): string => host.sha256(host.utf8.encode(`${seed}${key}`));
  return Object.fromEntries(entries.sort(([a], [b]) => (order(a) < order(b) ? -1 : 1)));
};

const anyObject: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '10', '9', 'sha', 'NaN')),
  fc.jsonValue({ stringUnit: 'binary' }),
);

test('canonical JSON does not depend on the order of keys, at any depth', (tt) => {
  fc.assert(
    fc.property(anyObject, fc.nat(), (value, seed) =>
      tt.is(canonicalJson(shuffled(value, seed)), canonicalJson(value)),
    ),
  );
});

test('canonical JSON is JSON of the same value', (tt) => {
  fc.assert(
    fc.property(anyObject, (value) =>
      tt.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
});

const canonical: ReadonlyArray<readonly [value: unknown, text: string]> = [
  [{ b: 1, a: [{ d: null, c: 'x' }] }, '{"a":[{"c":"x","d":null}],"b":1}'],
  [{ 10: 'ten', 9: 'nine', a: 1, 1: 'one' }, '{"1":"one","10":"ten","9":"nine","a":1}'],
  [{ '\ud83d\ude00': 1, '\uffff': 2 }, '{"\ud83d\ude00":1,"\uffff":2}'],
  [{ a: Number.NaN, b: undefined, c: Number.POSITIVE_INFINITY, d: -0 }, '{"a":null,"c":null,"d":0}'],
  [{ A: 1, a: 2, '': 3 }, '{"":3,"A":1,"a":2}'],
  [{ n: 1e21, m: 1e-7, k: 0.1 + 0.2 }, '{"k":0.30000000000000004,"m":1e-7,"n":1e+21}'],
  [[], '[]'],
  [{}, '{}'],
  ['€\n', '"€\\n"'],
];
for (const [value, text] of canonical) {
  test(`canonical, as RFC 8785 has it: ${text}`, (tt) => {
    tt.is(canonicalJson(value), text);
  });
}

test('what was sealed opens as it was, with its digest', (tt) => {
  fc.assert(
    fc.property(anyObject, (document) => {
      const opened = open(seal(document));
      if (E.isLeft(opened)) return tt.fail(opened.left.message);
      const { sha256, ...rest } = opened.right;
      const { sha256: _, ...expected } = JSON.parse(JSON.stringify(document));
      tt.deepEqual(rest, expected);
      tt.is(sha256, host.sha256(host.utf8.encode(canonicalJson(expected))));
      return undefined;
    }),
  );
});

test('a digest in what is sealed is replaced by its own, which is the last field', (tt) => {
  const text = host.utf8.decode(seal({ sha256: 'mine', a: 1 }));
  tt.false(text.includes('mine'));
  tt.true(E.isRight(open(host.utf8.encode(text))));
  tt.regex(host.utf8.decode(seal({ a: 1 })), /"sha256": "[0-9a-f]{64}"\n}\n$/);
});

test('white space and the order of keys may change', (tt) => {
  const sealed = JSON.parse(host.utf8.decode(seal({ a: 1, b: { d: 1, c: 2 } })));
  for (const space of [0, 1, '\t']) {
    tt.true(E.isRight(open(host.utf8.encode(JSON.stringify(shuffled(sealed, 1), null, space)))));
  }
});

const document = {
  schema_version: 1,
  name: 'é€ "q" \\ \u0007',
  list: [1.5, 1e21, -2, true, null],
  nested: { empty: {}, text: 'NaN' },
};

/** The document with the bits of `mask` flipped in one byte opens as it was, or not at all; true when not. */
const isFound = (tt: ExecutionContext, sealed: Uint8Array, at: number, mask: number): boolean => {
  const damaged = Uint8Array.from(sealed);
  damaged[at] = (damaged[at] ?? 0) ^ mask;
  const opened = open(damaged);
  if (E.isRight(opened)) tt.deepEqual(opened, open(sealed), `byte ${at} flipped by ${mask}`);
  return E.isLeft(opened);
};

test('every flip of a bit is found, or changes nothing that is said', (tt) => {
  const sealed = seal(document);
  const bits = [1, 2, 4, 8, 16, 32, 64, 128];
  const found = bits.flatMap((mask) => [...sealed].map((_, at) => isFound(tt, sealed, at, mask)));
  tt.true(found.filter((each) => each).length > 0.7 * found.length);
});

test('any other flip within a byte is found, or changes nothing that is said', (tt) => {
  const sealed = seal(document);
  const anywhere = fc.integer({ min: 0, max: sealed.length - 1 });
  fc.assert(
    fc.property(anywhere, fc.integer({ min: 1, max: 255 }), (at, mask) => void isFound(tt, sealed, at, mask)),
    { numRuns: 2000 },
  );
  tt.false(isFound(tt, sealed, sealed.length - 1, 0x2a), 'a space for a line break is harmless');
});

test('every truncation is found, but that of the last line break', (tt) => {
  const sealed = seal(document);
  for (let length = 0; length < sealed.length; length++) {
    tt.is(E.isRight(open(sealed.slice(0, length))), length === sealed.length - 1, `after ${length} bytes`);
  }
});

const unreadable: ReadonlyArray<readonly [what: string, text: string, told: RegExp]> = [
  ['nothing', '', /the document is not JSON: it is damaged/],
  ['text', 'hello', /is not JSON/],
  ['a list', '[]', /the document is not valid: must be/],
  ['null', 'null', /is not valid/],
  ['no digest', '{"a": 1}', /its digest differs/],
  ['another digest', `{"a": 1, "sha256": "${'0'.repeat(64)}"}`, /its digest differs/],
  ['a digest that is no text', '{"a": 1, "sha256": null}', /its digest differs/],
];
for (const [what, text, told] of unreadable) {
  test(`unreadable: ${what}`, (tt) => {
    const opened = open(host.utf8.encode(text));
    if (E.isRight(opened)) return tt.fail('opened');
    tt.is(opened.left.tag, 'ArtifactUnreadable');
    tt.regex(opened.left.message, told);
    return undefined;
  });
}

test('a whole document of another shape is unreadable at the field', (tt) => {
  const opened = openDocument(host)(t.type({ a: t.string }), 'the document')(seal({ a: 1 }));
  tt.deepEqual(E.isLeft(opened) && [opened.left.tag, opened.left.problems.map(({ pointer }) => pointer)], [
    'ArtifactUnreadable',
    ['/a'],
  ]);
});

const parsed: ReadonlyArray<readonly [text: string, value: unknown]> = [
  ['{"r2": NaN}', { r2: null }],
  ['[NaN, Infinity, -Infinity]', [null, null, null]],
  ['[NaN,Infinity,-Infinity,NaN]', [null, null, null, null]],
  ['NaN', null],
  ['{"NaN": "NaN"}', { NaN: 'NaN' }],
  ['{"a": "x, NaN, Infinity", "b": NaN}', { a: 'x, NaN, Infinity', b: null }],
  ['{"a": "\\"NaN\\" -Infinity", "b": NaN}', { a: '"NaN" -Infinity', b: null }],
  ['{"a": "\\\\", "b": NaN, "c": "\\\\"}', { a: '\\', b: null, c: '\\' }],
  ['{"a": "$&", "b": NaN}', { a: '$&', b: null }],
  ['{"a": "\\u0022NaN", "b": [-Infinity]}', { a: '"NaN', b: [null] }],
  ['{"a": "NaN"}', { a: 'NaN' }],
];
for (const [text, value] of parsed) {
  test(`parsed as Python means it: ${text}`, (tt) => {
    tt.deepEqual<unknown, unknown>(parseJson(text), E.right(value));
  });
}

for (const text of [
  '',
  '{',
  '{NaN: 1}',
  '[NaNNaN]',
  '[1NaN]',
  '[nan]',
  '[-NaN]',
  '[+Infinity]',
  '[Infinityx]',
  '["NaN]',
  '{"a": NaN',
  "['NaN']",
  '[NaN] NaN',
  '[null NaN]',
]) {
  test(`no JSON, not even Python's: ${text}`, (tt) => {
    const result = parseJson(text);
    tt.true(E.isLeft(result) && result.left.length > 0);
  });
}

test('bare words between strings of anything are null, and the strings are kept', (tt) => {
  const word = fc.constantFrom('NaN', 'Infinity', '-Infinity');
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('NaN', '"NaN"', '\\', '\\"', '-Infinity')),
          word,
        ),
      ),
      (pairs) => {
        const text = `[${pairs.map(([string, bare]) => `${JSON.stringify(string)},${bare}`).join(', ')}]`;
        tt.deepEqual<unknown, unknown>(parseJson(text), E.right(pairs.flatMap(([string]) => [string, null])));
      },
    ),
  );
});

test('a document with a text of 12 MB opens', (tt) => {
  tt.true(E.isRight(open(seal({ registration: 'a'.repeat(12_000_000) }))));
});

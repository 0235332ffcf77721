/** Decoding: every problem, at its place, in a sentence. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import type * as t from 'io-ts';
import {
  closed,
  decode,
  InfoRequest,
  integer,
  ModelInfo,
  ModelsRequest,
  nearest,
  pointerToken,
  RegisterRequest,
  ScoreRequest,
  show,
} from '../../core/index.js';

const good = { model_type: 'rating', experiment: 'best', name: 'prod' };

const accepted: ReadonlyArray<readonly [what: string, codec: t.Decoder<unknown, unknown>, value: unknown]> = [
  ['the fields that are required', RegisterRequest, good],
  [
    'every field',
    RegisterRequest,
    {
      ...good,
      experiment_version: 7,
      description: '',
      gate: { min_r2: -1, max_rmse: 0 },
      skip_validation: false,
      alias: 'champion',
      metadata: { a: 'b' },
      registered_by: 'me',
      environment: 'dev',
      idempotency_key: 'k',
      dry_run: true,
    },
  ],
  ['a field that is there as undefined', RegisterRequest, { ...good, alias: undefined }],
  ['no fields where none is required', ModelsRequest, {}],
  ['the largest page', ModelsRequest, { limit: 10_000 }],
  ['fields of model_info that nobody knows', ModelInfo, { anything: [null], fills: { a: 'x', b: 1, c: true } }],
];
for (const [what, codec, value] of accepted) {
  test(`accepted: ${what}`, (t) => {
    t.deepEqual(decode(codec, 'It')(value), E.right(value));
  });
}

const absences: ReadonlyArray<
  readonly [what: string, codec: t.Decoder<unknown, unknown>, value: unknown, decoded: unknown]
> = [
  [
    'every optional field',
    ScoreRequest,
    {
      model_type: 'rating',
      model_name: 'm',
      model_version: null,
      model_alias: null,
      start_year: null,
      end_year: null,
      data_source: null,
      data: null,
      output_location: null,
      on_error: null,
    },
    { model_type: 'rating', model_name: 'm' },
  ],
  [
    'one of two',
    InfoRequest,
    { model_type: 'a', model_name: 'm', alias: null, version: 3 },
    { model_type: 'a', model_name: 'm', version: 3 },
  ],
  [
    'the fields of a shape in another',
    closed('Outer', {}, { inner: closed('Inner', {}, { n: integer('N', 0, 9) }) }),
    { inner: { n: null } },
    { inner: {} },
  ],
];
for (const [what, codec, value, decoded] of absences) {
  test(`absent when it is null: ${what}`, (t) => {
    t.deepEqual(decode(codec, 'It')(value), E.right(decoded));
  });
}

type Place = readonly [pointer: string, detail: RegExp];
const refused: ReadonlyArray<
  readonly [what: string, codec: t.Decoder<unknown, unknown>, value: unknown, ...places: ReadonlyArray<Place>]
> = [
  ['null', RegisterRequest, null, ['', /must be an object, got null/]],
  ['null for what is required', InfoRequest, { model_type: 'rating', model_name: null }, ['/model_name', /got null/]],
  [
    'null for what is unknown',
    InfoRequest,
    { model_type: 'rating', model_name: 'm', nothing: null },
    ['/nothing', /unknown field/],
  ],
  ['null in an open object', RegisterRequest, { ...good, gate: { min_r2: null } }, ['/gate/min_r2', /got null/]],
  ['an array', RegisterRequest, [], ['', /must be an object, got an array/]],
  ['text', RegisterRequest, '{}', ['', /must be an object, got "{}"/]],
  [
    'a field that is missing',
    RegisterRequest,
    { model_type: 'rating', name: 'prod' },
    ['/experiment', /nothing|required/],
  ],
  [
    'a name outside the grammar',
    RegisterRequest,
    { ...good, name: 'Prod' },
    ['/name', /must be 1 to 100 .*got "Prod"/],
  ],
  ['a misspelt field', RegisterRequest, { ...good, alais: 'x' }, ['/alais', /unknown field \(did you mean alias\?\)/]],
  [
    'a field from elsewhere',
    InfoRequest,
    { model_type: 'rating', model_name: 'm', qqqqqqqqqq: 1 },
    ['/qqqqqqqqqq', /known are model_type, model_name, version, alias/],
  ],
  [
    'a field called __proto__',
    InfoRequest,
    JSON.parse('{"model_type":"rating","model_name":"m","__proto__":{}}'),
    ['/__proto__', /unknown field/],
  ],
  [
    'a slash and a tilde in a field',
    InfoRequest,
    { model_type: 'rating', model_name: 'm', 'a/b~c': 1 },
    ['/a~1b~0c', /unknown field/],
  ],
  [
    'a threshold without min_ or max_',
    RegisterRequest,
    { ...good, gate: { r2: 0.5 } },
    ['/gate/r2', /must begin with min_ or max_/],
  ],
  ['a threshold of nothing', RegisterRequest, { ...good, gate: { min_: 0.5 } }, ['/gate/min_', /must begin with/]],
  [
    'a threshold that is text',
    RegisterRequest,
    { ...good, gate: { min_r2: '0.5' } },
    ['/gate/min_r2', /must be a number, got "0.5"/],
  ],
  [
    'a threshold that is no number',
    RegisterRequest,
    { ...good, gate: { min_r2: Number.NaN } },
    ['/gate/min_r2', /must be a number, got NaN/],
  ],
  ['a gate that is a list', RegisterRequest, { ...good, gate: [] }, ['/gate', /must be an object of thresholds/]],
  [
    'metadata that is no text',
    RegisterRequest,
    { ...good, metadata: { a: 1 } },
    ['/metadata/a', /must be string, got 1/],
  ],
  [
    'a version of 0',
    InfoRequest,
    { model_type: 'rating', model_name: 'm', version: 0 },
    ['/version', /integer from 1 to 999999999, got 0/],
  ],
  ['a version as text', InfoRequest, { model_type: 'rating', model_name: 'm', version: '3' }, ['/version', /got "3"/]],
  ['half a version', InfoRequest, { model_type: 'rating', model_name: 'm', version: 1.5 }, ['/version', /got 1.5/]],
  [
    'latest as an alias',
    InfoRequest,
    { model_type: 'rating', model_name: 'm', alias: 'latest' },
    ['/alias', /neither "latest" nor a version/],
  ],
  ['a page of nothing', ModelsRequest, { limit: 0 }, ['/limit', /integer from 1 to 10000/]],
  ['true for a text', RegisterRequest, { ...good, description: true }, ['/description', /must be string, got true/]],
  [
    'all that is wrong at once',
    RegisterRequest,
    { model_type: 'R', experiment: '', name: 'prod', dry_run: 1, x: 1 },
    ['/x', /unknown/],
    ['/model_type', /"R"/],
    ['/experiment', /""/],
    ['/dry_run', /boolean, got 1/],
  ],
  [
    'a fill that is null, told once for all that it might be',
    ModelInfo,
    { fills: { age: null } },
    ['/fills/age', /^must be string or number or boolean, got null$/],
  ],
  ['one class of many', ModelInfo, { classes: ['a', 1, {}] }, ['/classes/2', /string or number, got an object/]],
];
for (const [what, codec, value, ...places] of refused) {
  test(`refused, each problem at its place: ${what}`, (t) => {
    const result = decode(codec, 'The request')(value);
    if (E.isRight(result)) return t.fail('accepted');
    t.is(result.left.tag, 'InvalidInput');
    t.deepEqual(result.left.problems.map(({ pointer }) => pointer).sort(), places.map(([pointer]) => pointer).sort());
    for (const [pointer, detail] of places)
      t.regex(result.left.problems.find((p) => p.pointer === pointer)?.detail ?? '', detail);
    t.true(result.left.message.startsWith('The request is not valid: '));
    return undefined;
  });
}

test('a message tells three problems and counts the rest; the failure lists twenty and counts all', (t) => {
  const value = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, i]));
  const result = decode(closed('Nothing', {}, {}), 'It', 'DataUnreadable')(value);
  if (E.isRight(result)) return t.fail('accepted');
  t.is(result.left.tag, 'DataUnreadable');
  t.regex(result.left.message, /\/f0 .*\/f1 .*\/f2 [^/]*; and 27 more\.$/);
  t.is(result.left.problems.length, 20);
  t.is(result.left.problemTotal, 30);
  return undefined;
});

test('a key that is longer than any name is told by its beginning, and names stay whole', (t) => {
  const name = 'n'.repeat(200);
  const result = decode(closed('Nothing', {}, {}), 'It')({ [name]: 1, ['k'.repeat(1_000_000)]: 1 });
  if (E.isRight(result)) return t.fail('accepted');
  t.deepEqual(
    result.left.problems.map(({ pointer }) => pointer),
    [`/${name}`, `/${'k'.repeat(200)}…`],
  );
  t.true(JSON.stringify(result.left).length < 2_000);
});

test('what is near is looked for only among names of about its length', (t) => {
  t.is(nearest('k'.repeat(10_000_000), ['a'.repeat(100), 'kk']), undefined);
  t.is(nearest('ab', ['k'.repeat(10_000_000), 'abc']), 'abc');
});

const Inner = closed('Inner', { n: integer('N', 0, 9) }, {});

test('a closed shape in a field of another is told at its own place', (t) => {
  const Outer = closed('Outer', { inner: Inner }, {});
  const result = decode(Outer, 'It')({ inner: { n: 'x', m: 1 } });
  t.deepEqual(E.isLeft(result) ? result.left.problems.map(({ pointer }) => pointer).sort() : [], [
    '/inner/m',
    '/inner/n',
  ]);
});

const shown: ReadonlyArray<readonly [value: unknown, told: string]> = [
  [undefined, 'nothing'],
  [null, 'null'],
  [12n, '12'],
  [Number.NaN, 'NaN'],
  ['a "b"', '"a \\"b\\""'],
  [[1], 'an array'],
  [{}, 'an object'],
  [true, 'true'],
];
for (const [value, told] of shown) {
  test(`a message shows ${told}`, (t) => {
    t.is(show(value), told);
  });
}

test('a message shows 58 characters of a long text at most', (t) => {
  const told = show('x'.repeat(10_000));
  t.true(told.length <= 60 && told.startsWith('"xxx') && told.endsWith('…"'));
});

test('a reference token escapes what RFC 6901 escapes', (t) => {
  t.is(pointerToken('~1/'), '~01~1');
});

test('half a million unknown fields are counted, and twenty are told', (t) => {
  const value = Object.fromEntries(Array.from({ length: 500_000 }, (_, i) => [`f${i}`, i]));
  const result = decode(ModelsRequest, 'The request')({ ...value, limit: 0 });
  if (E.isRight(result)) return t.fail('accepted');
  t.is(result.left.problems.length, 20);
  t.is(result.left.problemTotal, 500_001);
  t.regex(result.left.message, /; and 499998 more\.$/);
});

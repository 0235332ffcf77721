/** Names and references: what may be one, and what may not. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import {
  AliasName,
  checkKey,
  ExperimentName,
  ModelName,
  ModelType,
  parseModelReference,
  showModel,
  Version,
  versionOfFolder,
} from '../../core/index.js';
import { layout } from '../../core/registry/layout.js';

const grammars = { ModelType, ModelName, AliasName, ExperimentName };
type Grammar = keyof typeof grammars;

/** Each text, and which of the grammars take it: t(ype), n(ame), a(lias), e(xperiment). */
const table: ReadonlyArray<readonly [text: string, taken: string]> = [
  ['rating', 'tnae'],
  ['users_rated', 'tnae'],
  ['test-2', 'tnae'],
  ['a', 'tnae'],
  ['a'.repeat(64), 'tnae'],
  ['a'.repeat(65), 'ne'],
  ['a'.repeat(100), 'ne'],
  ['a'.repeat(101), ''],
  ['0', 'tne'],
  ['9lives', 'tne'],
  ['v3', 'tne'],
  ['3', 'tne'],
  ['v3x', 'tnae'],
  ['latest', 'tne'],
  ['latest2', 'tnae'],
  ['constructor', 'tnae'],
  ['keys', 'nae'],
  ['staging', 'nae'],
  ['staging2', 'tnae'],
  ['a.b', 'ne'],
  ['a..b', ''],
  ['a.', ''],
  ['.a', ''],
  ['_registry', ''],
  ['-a', ''],
  ['a-', 'e'],
  ['a_', 'e'],
  ['Rating', 'e'],
  ['CON', ''],
  ['con', 'a'],
  ['con.x', ''],
  ['nul', 'a'],
  ['com1', 'a'],
  ['lpt9.tar.gz', ''],
  ['Aux', ''],
  ['console', 'tnae'],
  ['com', 'tnae'],
  ['com10', 'tnae'],
  ['x.con', 'ne'],
  ['', ''],
  [' ', ''],
  ['a b', ''],
  ['a\n', ''],
  ['a\u0000', ''],
  ['a/b', ''],
  ['a\\b', ''],
  ['..', ''],
  ['a@b', ''],
  ['a%2fb', ''],
  ['ä', ''],
  ['ﬁ', ''],
  ['\u212a', ''],
  ['\u017f', ''],
  ['а', ''],
];
for (const [text, taken] of table) {
  test(`${JSON.stringify(text)} is ${taken === '' ? 'no name of anything' : `a name of ${taken}`}`, (t) => {
    const by = (Object.keys(grammars) as Grammar[]).filter((grammar) => grammars[grammar].is(text));
    const letters: Readonly<Record<Grammar, string>> = {
      ModelType: 't',
      ModelName: 'n',
      AliasName: 'a',
      ExperimentName: 'e',
    };
    t.is(by.map((grammar) => letters[grammar]).join(''), taken);
    for (const codec of Object.values(grammars)) t.is(E.isRight(codec.decode(text)), codec.is(text));
  });
}

test('what is no text is no name', (t) => {
  for (const codec of Object.values(grammars))
    for (const u of [undefined, null, 3, ['a'], { length: 1 }]) t.false(codec.is(u));
});

const folders: ReadonlyArray<readonly [folder: string, version: number | undefined]> = [
  ['v1', 1],
  ['v10', 10],
  ['v999999999', 999_999_999],
  ['v1000000000', undefined],
  ['v0', undefined],
  ['v01', undefined],
  ['V1', undefined],
  ['1', undefined],
  ['v', undefined],
  ['v-1', undefined],
  ['v1.0', undefined],
  ['v1\n', undefined],
  ['xv1', undefined],
  ['v١', undefined],
];
for (const [folder, version] of folders) {
  test(`the folder ${JSON.stringify(folder)} holds ${version === undefined ? 'no version' : `version ${version}`}`, (t) => {
    t.is(versionOfFolder(folder), version);
    if (version !== undefined) t.true(Version.is(version));
  });
}

const latest = { kind: 'latest' } as const;
const references: ReadonlyArray<readonly [text: string, modelType: string, name: string, selector: unknown]> = [
  ['rating/prod', 'rating', 'prod', latest],
  ['rating/prod@latest', 'rating', 'prod', latest],
  ['rating/prod@3', 'rating', 'prod', { kind: 'version', version: 3 }],
  ['rating/prod@champion', 'rating', 'prod', { kind: 'alias', alias: 'champion' }],
  ['rating/prod@constructor', 'rating', 'prod', { kind: 'alias', alias: 'constructor' }],
  ['rating/a.b-c_d@x1', 'rating', 'a.b-c_d', { kind: 'alias', alias: 'x1' }],
  ['3/4@5', '3', '4', { kind: 'version', version: 5 }],
];
for (const [text, modelType, name, selector] of references) {
  test(`${text} is a model reference`, (t) => {
    t.deepEqual<unknown, unknown>(parseModelReference(text), E.right({ model: { modelType, name }, selector }));
    t.true(text.startsWith(showModel({ modelType, name })));
  });
}

const wrong: ReadonlyArray<readonly [text: string, told: RegExp]> = [
  ['', /write type\/name/],
  ['rating', /write type\/name/],
  ['rating/', /write type\/name/],
  ['/prod', /write type\/name/],
  ['rating/prod/3', /write type\/name/],
  ['rating/prod@', /write type\/name/],
  ['rating/prod@a@b', /write type\/name/],
  ['rating@3', /write type\/name/],
  ['rating/../prod', /write type\/name/],
  ['rating/..', /The model name of "rating\/.." .*without "\.\."/],
  ['Rating/prod', /The model type of "Rating\/prod"/],
  ['rating/prod@0', /The version of .* from 1 to 999999999, got 0/],
  ['rating/prod@003', /The version of "rating\/prod@003" begins with a zero/],
  ['rating/prod@1000000000', /The version of .*got 1000000000/],
  ['rating/prod@-1', /The alias of/],
  ['rating/prod@v3', /The alias of .*neither "latest" nor a version/],
  ['rating/prod@1.5', /The alias of/],
  ['rating/prod@Champion', /The alias of/],
  ['rating/prod\n', /The model name/],
];
for (const [text, told] of wrong) {
  test(`${JSON.stringify(text)} is no model reference, and the message says why`, (t) => {
    const result = parseModelReference(text);
    if (E.isRight(result)) return t.fail('taken');
    t.is(result.left.tag, 'InvalidInput');
    t.regex(result.left.message, told);
    return undefined;
  });
}

const chars = fc.constantFrom(...'abz019._-AZ/@ \n\\é'.split(''));
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(chars, { maxLength: 8 }).map((c) => c.join('')),
);

test('every type and name makes keys that every store takes', (t) => {
  const grammarless = fc.string({ unit: chars, minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      grammarless.filter((text) => ModelType.is(text)),
      grammarless.filter((text) => ModelName.is(text)),
      fc.integer({ min: 1, max: 999_999_999 }),
      (modelType, name, version) => {
        const model = { modelType, name };
        for (const keyOf of [layout.artifact, layout.registration, layout.intent, layout.modelState]) {
          t.deepEqual(checkKey(keyOf(model, version)), E.right(keyOf(model, version)));
        }
      },
    ),
  );
});

test('a reference that parses is written the same way again', (t) => {
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9_-]{0,10}[a-z0-9])?$/).filter((text) => ModelType.is(text));
  const selector = fc.oneof(
    fc.constant(''),
    fc.integer({ min: 1, max: 999_999_999 }).map((v) => `@${v}`),
    name.filter((n) => AliasName.is(n)).map((n) => `@${n}`),
  );
  fc.assert(
    fc.property(name, name, selector, (modelType, modelName, suffix) => {
      const parsed = parseModelReference(`${modelType}/${modelName}${suffix}`);
      if (E.isLeft(parsed)) return t.fail(parsed.left.message);
      const chosen = parsed.right.selector;
      const told = chosen.kind === 'latest' ? '' : `@${chosen.kind === 'version' ? chosen.version : chosen.alias}`;
      t.is(`${showModel(parsed.right.model)}${told}`, `${modelType}/${modelName}${suffix}`);
      return undefined;
    }),
  );
});

test('no text at all makes the parser throw', (t) => {
  fc.assert(fc.property(anyText, (text) => t.notThrows(() => parseModelReference(text))));
});

/** Tables, facts and wrapped text: whole where there is room for them, and fitted to a terminal without losing what matters. */
import test from 'ava';
import * as fc from 'fast-check';
import { renderModels } from '../../../apps/cli/registry-views.js';
import { renderFacts, table, wrap, plain } from '../../../apps/cli/table.js';

const sha256 = '617c1a7597f630955f8f684947626bb0c8042decf736a15464fa8ce1ea761da6';
const rows = [
  ['port', '8080', 'default'],
  ['sources.games', '{"kind":"duckdb","files":{"games":"data/games.parquet"}}', 'scorekeeper.json'],
];

test('without a width nothing is cut', (t) => {
  t.is(
    table(['setting', 'value', 'from'], rows),
    [
      'setting        value                                                     from',
      'port           8080                                                      default',
      'sources.games  {"kind":"duckdb","files":{"games":"data/games.parquet"}}  scorekeeper.json',
    ].join('\n'),
  );
});

test('the widest column gives way, and its cells go on below themselves', (t) => {
  t.is(
    table(['setting', 'value', 'from'], rows, { width: 60 }),
    [
      'setting        value                      from',
      'port           8080                       default',
      'sources.games  {"kind":"duckdb","files":  scorekeeper.json',
      '               {"games":"data/',
      '               games.parquet"}}',
    ].join('\n'),
  );
});

test('only yielding columns give way, and cells are cut where that is asked for', (t) => {
  const layout = { width: 30, yielding: [1], tooWide: 'cut' } as const;
  t.is(
    table(['model', 'description'], [['rating/model@1', 'Production model for game ratings']], layout),
    'model           description\nrating/model@1  Production mo…',
  );
});

test('facts go on below themselves, and a long word stays whole', (t) => {
  t.is(
    renderFacts(
      [
        ['model', 'rating/m@1'],
        ['artifact', `pipeline.onnx, 120 bytes, sha-256 ${sha256}`],
      ],
      40,
    ),
    `model     rating/m@1\nartifact  pipeline.onnx, 120 bytes,\n          sha-256\n          ${sha256}`,
  );
});

test('wrapped text has every character and no line that is too long', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 30 }), (text, width) => {
      const lines = wrap(text, width, 'break');
      const solid = (of: string): string => of.replaceAll(/[ \n]/g, '');
      return lines.every((line) => line.length <= width) && solid(lines.join('')) === solid(text);
    }),
  );
  t.pass();
});

test('a list of models keeps references whole at 80 characters, and is whole itself without a terminal', (t) => {
  const version = {
    model_type: 'rating',
    name: 'production_rating_model',
    version: 1,
    status: 'unreadable',
    aliases: ['champion'],
    description: 'Boosted trees over numbers, category, mechanic and decade. '.repeat(3),
  } as const;
  const models = { rating: [version] } as unknown as Parameters<typeof renderModels>[0];
  const fitted = renderModels(models, 80);
  for (const line of fitted.split('\n')) t.true(line.length <= 80, line);
  t.regex(fitted, /^rating\/production_rating_model@1 +unreadable +champion +Boosted trees.*…$/m);
  t.true(renderModels(models, Number.POSITIVE_INFINITY).includes(version.description.trim()));
});

test('what people wrote gives a terminal no orders', (t) => {
  t.is(plain('a\u001b[31mred\u0007\r\nb\u009b\u2028c\u0000 é—'), 'a [31mred b c  é—');
});

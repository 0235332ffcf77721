/** Values are bound to their options, also those that begin with a dash. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { bindValues } from '../../../apps/cli/arguments.js';

const options = [
  { definition: '--json', description: 'Print one JSON document' },
  { definition: '--start-year #0', description: 'YEAR: Score rows of this year and later' },
  { definition: '--description #0', description: 'TEXT: Describe it' },
  { definition: '--min #0', description: 'METRIC=VALUE: Require it (repeatable)' },
];

const cases: ReadonlyArray<readonly [typed: ReadonlyArray<string>, bound: ReadonlyArray<string>]> = [
  [
    ['score', 'a/b', '--start-year', '-500', '--json'],
    ['score', 'a/b', '--start-year=-500', '--json'],
  ],
  [['--start-year=-500'], ['--start-year=-500']],
  [['--start-year', '2020'], ['--start-year=2020']],
  [
    ['--description', '- a=b\n-- c', '-5'],
    ['--description=- a=b\n-- c', '-5'],
  ],
  [
    ['--description', '', '--json'],
    ['--description=', '--json'],
  ],
  [['--start-year'], ['--start-year']],
  [
    ['--start-year', '--json'],
    ['--start-year', '--json'],
  ],
  [
    ['--json', '-5'],
    ['--json', '-5'],
  ],
  [
    ['-5', '--', '--other'],
    ['-5', '--', '--other'],
  ],
  [
    ['--min', 'r2=-1', '--min=rmse=2'],
    ['--min=r2=-1', '--min=rmse=2'],
  ],
  [
    ['--start-year', '5', '--start-year=5'],
    ['--start-year=5', '--start-year=5'],
  ],
  [
    ['--json', '--', '--start-year', '-5'],
    ['--json', '--', '--start-year', '-5'],
  ],
];
for (const [typed, bound] of cases) {
  test(`${JSON.stringify(typed)} is parsed as ${JSON.stringify(bound)}`, (t) => {
    t.deepEqual(bindValues(typed, options), E.right(bound));
  });
}

test('an option that takes one value is not given two', (t) => {
  t.deepEqual(
    bindValues(['--start-year', '5', '--start-year=6'], options),
    E.left('--start-year was given as "5" and as "6": give it once.'),
  );
});

test('an option that is not there is named, and one that is near', (t) => {
  t.deepEqual(bindValues(['--other', '-5'], options), E.left('There is no option --other.'));
  for (const typed of [
    ['--start-yaer', '5'],
    ['a/b', '--start-yaer=5'],
  ])
    t.deepEqual(bindValues(typed, options), E.left('There is no option --start-yaer; did you mean --start-year?'));
});

test('a switch is not given a value', (t) => {
  t.deepEqual(bindValues(['--json=1'], options), E.left('--json takes no value.'));
});

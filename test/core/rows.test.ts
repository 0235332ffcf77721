/** Rows as JSON carries them: three forms that say the same, and where in them a problem is. */
import test from 'ava';
import { checkColumns } from '../../core/scoring/check-columns.js';
import { readRows } from '../../core/scoring/rows.js';
import { feature, inlineBatch, json, leftOf, rightOf } from '../support/scoring.js';

/** The same two rows. */
const forms: ReadonlyArray<readonly [form: string, data: unknown]> = [
  [
    'records',
    [
      { a: 1, extra: 'x', b: 'one' },
      { b: 'two', a: null },
    ],
  ],
  ['columns', { extra: ['x', 'y'], b: ['one', 'two'], a: [1, null] }],
  [
    'split',
    {
      columns: ['b', 'extra', 'a'],
      data: [
        ['one', 'x', 1],
        ['two', 'y', null],
      ],
    },
  ],
  [
    'the split of pandas, which has an index',
    {
      index: [0, 1],
      columns: ['a', 'b'],
      data: [
        [1, 'one'],
        [null, 'two'],
      ],
    },
  ],
];

for (const [form, data] of forms) {
  test(`${form}: the wanted columns are taken and the others are passed over`, (t) => {
    const raw = inlineBatch(data, ['a', 'b', 'absent']);
    t.is(raw.rowCount, 2);
    t.false(raw.textual);
    t.deepEqual(
      raw.columns,
      new Map([
        ['a', json(1, null)],
        ['b', json('one', 'two')],
      ]),
    );
  });
}

/** Where row 3 of the column `a/b~c` is, which is the second of two. */
const pointers: ReadonlyArray<readonly [form: string, data: unknown, pointer: string, ofMissing: string]> = [
  ['records', [{ x: 1, 'a/b~c': 2 }], '/data/3/a~1b~0c', '/data/0/gone'],
  ['columns', { x: [1], 'a/b~c': [2] }, '/data/a~1b~0c/3', '/data/gone/0'],
  ['split', { columns: ['x', 'a/b~c'], data: [[1, 2]] }, '/data/data/3/1', '/data/columns'],
];

for (const [form, data, pointer, ofMissing] of pointers) {
  test(`${form}: a pointer leads to the value as it was sent`, (t) => {
    t.is(rightOf(readRows(data, ['a/b~c'])).pointerTo(3, 'a/b~c'), pointer);
  });

  test(`${form}: a missing column is told with the nearest one that was sent, and a pointer`, (t) => {
    const { present: found, columnNames, pointerTo } = rightOf(readRows(data, ['gone']));
    const present = new Set([...found, ...columnNames]);
    const failed = leftOf(
      checkColumns([feature('gone', 'bool')], present, (column) => pointerTo(0, column)),
      'SignatureMismatch',
    );
    t.is(failed.problems[0]?.pointer, ofMissing);
  });
}

/** Bodies without rows. */
const empty: ReadonlyArray<readonly [what: string, data: unknown, columns: ReadonlyArray<string>]> = [
  ['no records', [], ['a', 'b']],
  ['empty columns', { a: [], b: [] }, ['a', 'b']],
  ['a split of no rows', { columns: ['a', 'b'], data: [] }, ['a', 'b']],
  ['no columns', {}, []],
  ['a split of no columns', { columns: [], data: [] }, []],
];

for (const [what, data, columns] of empty) {
  test(`${what}: zero rows`, (t) => {
    const raw = inlineBatch(data, ['a', 'b']);
    t.is(raw.rowCount, 0);
    t.deepEqual([...raw.columns.keys()], columns);
    for (const column of raw.columns.values()) t.is(column.values.length, 0);
  });
}

/** What is none of the three forms, and where. */
const refused: ReadonlyArray<readonly [what: string, data: unknown, pointer: string, says: RegExp]> = [
  ['text', 'a,b\n1,2', '/data', /must be rows, got "a,b/],
  ['a number', 7, '/data', /must be rows, got 7/],
  ['null', null, '/data', /must be rows, got null/],
  ['a record that is a number', [{ a: 1 }, 7], '/data/1', /must be an object, got 7/],
  ['a record that is null', [{ a: 1 }, { a: 2 }, null], '/data/2', /must be an object, got null/],
  ['a record that is an array', [[1, 2]], '/data/0', /must be an object, got an array/],
  ['a column that is no array', { a: [1], b: 7 }, '/data/b', /must be an array of values, got 7/],
  ['a first column that is no array', { a: 7, b: [1] }, '/data/a', /must be an array of values, got 7/],
  ['a ragged column', { a: [1, 2], 'b/c': [1] }, '/data/b~1c', /has 1 values where "a" has 2/],
  ['a column that is longer than the first', { a: [], b: [1] }, '/data/b', /has 1 values where "a" has 0/],
  ['a split with a name twice', { columns: ['a', 'b', 'a'], data: [] }, '/data/columns/2', /names "a" a second time/],
  [
    'a split with a name that is no text',
    { columns: ['a', 7], data: [] },
    '/data/columns/1',
    /must be a column's name, got 7/,
  ],
  [
    'a split with a short row',
    { columns: ['a', 'b'], data: [[1, 2], [1]] },
    '/data/data/1',
    /has 1 values for 2 columns/,
  ],
  ['a split with a long row', { columns: ['a'], data: [[1, 2]] }, '/data/data/0', /has 2 values for 1 columns/],
  [
    'a split with a row that is an object',
    { columns: ['a'], data: [{ a: 1 }] },
    '/data/data/0',
    /must be an array of values, got an object/,
  ],
];

for (const [what, data, pointer, says] of refused) {
  test(`${what} is refused, and the pointer leads to it`, (t) => {
    const failed = leftOf(readRows(data, ['a']), 'InvalidInput');
    t.is(failed.problems[0]?.pointer, pointer);
    t.regex(failed.problems[0]?.detail ?? '', says);
    t.regex(failed.message, /Send records \[\{"a": 1\}\], columns \{"a": \[1\]\}, or split/);
  });
}

test('in records a column is there when some row has it', (t) => {
  const raw = inlineBatch([{}, { a: 1 }, {}], ['a', 'b']);
  t.deepEqual(raw.columns, new Map([['a', json(undefined, 1, undefined)]]));
});

/** Names that every object inherits. JSON.parse makes own properties of them. */
const inherited = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'];

for (const name of inherited) {
  test(`${name} is a column like any other`, (t) => {
    const texts = [`[{"${name}": 7}]`, `{"${name}": [7]}`, `{"columns": ["${name}"], "data": [[7]]}`];
    for (const sent of texts) {
      const raw = inlineBatch(JSON.parse(sent), [name]);
      t.deepEqual(raw.columns, new Map([[name, json(7)]]), sent);
    }
  });

  test(`${name} is not there unless it was sent`, (t) => {
    for (const data of [[{ a: 1 }], { a: [1] }, { columns: ['a'], data: [[1]] }]) {
      t.deepEqual(rightOf(readRows(data, [name, 'a'])).present, new Set(['a']));
    }
  });
}

test('columns that are called "columns" and "data" are columns, beside another', (t) => {
  const raw = inlineBatch({ columns: [1], data: [2], other: [3] }, ['columns', 'data']);
  t.deepEqual(
    raw.columns,
    new Map([
      ['columns', json(1)],
      ['data', json(2)],
    ]),
  );
});

test('records are taken part by part, and a column is there that only a late one has', (t) => {
  const records = Array.from({ length: 3_000 }, (_, row) =>
    row === 2_500 ? { late: row } : row % 2 === 0 ? {} : { a: row },
  );
  const read = rightOf(readRows(records, ['a', 'late', 'constructor', 'never']));
  t.deepEqual([...read.present], ['a', 'late']);
  t.is(read.rowCount, 3_000);
  const { rowCount, columns } = read.rows(2_499, 2_501);
  t.is(rowCount, 2);
  t.deepEqual(
    columns,
    new Map([
      ['a', json(2_499, undefined)],
      ['late', json(undefined, 2_500)],
    ]),
  );
});

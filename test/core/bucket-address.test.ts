/** Addresses in buckets: which are ones. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { checkAddress } from '../../core/ports/bucket-address.js';

test('an address is a bucket and a name', (t) => {
  for (const name of ['a.parquet', 'dt=2024-01-01/games.parquet', `it's "May" {x}/ü/games final.csv`, '_x/.y'])
    t.deepEqual(checkAddress(`gs://bgg-models/${name}`), E.right({ bucket: 'bgg-models', name }));
});

test('what is none is refused', (t) => {
  const names = [
    '',
    'a//b',
    '/a',
    'a/',
    '.',
    '..',
    'a/./b',
    'a/../b',
    'a\nb',
    'a\0b',
    'a#b',
    'a[b',
    'a]b',
    'a*b',
    'a?b',
  ];
  const refused = [
    ...[...names, 'a\\b', '\ud800', 'ü'.repeat(513)].map((name) => `gs://bucket/${name}`),
    ...['gs://bucket', 'gs://', 'gs:///a', 'gs://B/a', 'gs://b/a', 's3://bucket/a', 'bucket/a', '/bucket/a'],
  ];
  for (const address of refused) {
    const checked = checkAddress(address);
    t.is(E.isLeft(checked) && checked.left.tag, 'InvalidInput', address.slice(0, 40));
  }
  t.true(E.isRight(checkAddress(`gs://bucket/${'ü'.repeat(512)}`)));
});

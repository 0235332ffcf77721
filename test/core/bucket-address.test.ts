/** Addresses in buckets: which are ones. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { parseBucketAddress, parseBucketPrefix } from '../../core/ports/bucket-address.js';

test('an address is a bucket and a name', (t) => {
  for (const name of ['a.parquet', 'dt=2024-01-01/games.parquet', `it's "May" (x)/ü/games final.csv`, '_x/.y'])
    t.deepEqual(parseBucketAddress(`gs://bgg-models/${name}`), E.right({ bucket: 'bgg-models', name }));
  for (const name of ['', 'a/', 'a/b']) t.true(E.isRight(parseBucketPrefix(`gs://bgg-models/${name}`)));
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
    ...[...names, 'a\\b', '\ud800', '{{projectId}}'].map((name) => `gs://bucket/${name}`),
    ...['gs://bucket', 'gs://', 'gs:///a', 'gs://B/a', 'gs://b/a', 's3://bucket/a', 'bucket/a', '/bucket/a'],
  ];
  for (const address of refused) {
    const parsed = parseBucketAddress(address);
    t.is(E.isLeft(parsed) && parsed.left.tag, 'InvalidInput', address);
  }
});

/** The grammar of the addresses of files in buckets: what every adapter accepts and refuses alike. */
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure } from '../failure.js';

/** An address, taken apart. */
export interface BucketAddress {
  readonly bucket: string;
  /** Of the file in the bucket: segments joined by `/`. */
  readonly name: string;
}

const bucketGrammar = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;
/** Lone surrogates have no UTF-8, and what is in brackets is a pattern to others. */
const badCharacter = /[\p{Cc}\p{Cs}#[\]{}*?\\]/u;

/** Fails `InvalidInput` for what does not follow the grammar that `BucketFiles` tells. */
export const parseBucketAddress = (address: string): E.Either<Failure, BucketAddress> => parse(address, 'an address');

/** The beginning of addresses: at least `gs://bucket/`. Fails `InvalidInput`. */
export const parseBucketPrefix = (prefix: string): E.Either<Failure, BucketAddress> => parse(prefix, 'a prefix');

const parse = (text: string, what: 'an address' | 'a prefix'): E.Either<Failure, BucketAddress> => {
  const [, bucket, name] = /^gs:\/\/([^/]*)\/(.*)$/s.exec(text) ?? [];
  const refuse = (why: string) =>
    fail('InvalidInput', `${JSON.stringify(text.slice(0, 200))} is not ${what} of files in a bucket: ${why}.`);
  if (bucket === undefined || name === undefined) return refuse('it has the form gs://bucket/name');
  if (!bucketGrammar.test(bucket)) return refuse('the name of a bucket is 3 to 222 of a-z 0-9 . _ -');
  if (badCharacter.test(name)) return refuse('the name has a control character or one of # [ ] { } * ? \\');
  const segments = name.split('/');
  if (what === 'a prefix') segments.pop();
  const odd = segments.find((segment) => ['', '.', '..'].includes(segment));
  if (odd !== undefined) return refuse(odd === '' ? 'a segment is empty' : `a segment is "${odd}"`);
  return E.right({ bucket, name });
};

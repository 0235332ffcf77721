/** The grammar of addresses in buckets: what `BucketFiles` accepts and refuses, whoever implements it. */
import * as E from 'fp-ts/lib/Either.js';
import { brief } from '../decode.js';
import { fail, type Failure } from '../failure.js';

const bucketGrammar = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;
const unfitCharacter = /[#[\]*?\\\p{Cc}\p{Cs}]/u;
/** A limit of the service, in bytes of UTF-8. */
const longestNameBytes = 1024;

/** The bucket and the name in it, when the address follows the grammar that `BucketFiles` tells. Fails `InvalidInput`. */
export const checkAddress = (
  address: string,
): E.Either<Failure, { readonly bucket: string; readonly name: string }> => {
  const [, bucket = '', name = ''] = /^gs:\/\/([^/]*)\/(.*)$/s.exec(address) ?? [];
  if (!bucketGrammar.test(bucket)) return refuse(address, 'it begins with gs://, the name of a bucket, and a slash');
  if (name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
    return refuse(address, 'no name between its slashes is empty, "." or ".."');
  if (unfitCharacter.test(name)) return refuse(address, 'it holds no control character and none of # [ ] * ? \\');
  if (bytesOf(name) > longestNameBytes) return refuse(address, `its name has at most ${longestNameBytes} bytes`);
  return E.right({ bucket, name });
};

/** In UTF-8. */
const bytesOf = (text: string): number => encodeURIComponent(text).replaceAll(/%../g, '.').length;

const refuse = (address: string, why: string): E.Either<Failure, never> =>
  fail('InvalidInput', `${JSON.stringify(brief(address))} is not the address of a file in a bucket: ${why}.`);

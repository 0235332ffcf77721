/** The grammar of artifact keys: what every store accepts and refuses alike. */
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure } from '../failure.js';

const longestKey = 700;
const segmentGrammar = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
const deviceName = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

/** The key itself, when it follows the grammar that `ArtifactStore` tells. Fails `InvalidInput`. */
export const checkKey = (key: string): E.Either<Failure, string> => {
  if (key.length > longestKey) return refuse(key, `it has ${key.length} characters, and ${longestKey} are the most`);
  for (const segment of key.split('/')) {
    if (segment === '') return refuse(key, 'it has an empty segment');
    if (segment.startsWith('.') || segment.endsWith('.')) return refuse(key, 'a segment begins or ends with a dot');
    if (deviceName.test(segment)) return refuse(key, `"${segment}" is the name of a device on Windows`);
    if (!segmentGrammar.test(segment)) return refuse(key, 'a segment must be 1 to 200 of A-Z a-z 0-9 . _ -');
  }
  return E.right(key);
};

/** The folder itself, when it is the root (`''`) or follows the grammar of keys. Fails `InvalidInput`. */
export const checkFolder = (folder: string): E.Either<Failure, string> =>
  folder === '' ? E.right(folder) : checkKey(folder);

const refuse = (key: string, why: string): E.Either<Failure, never> =>
  fail('InvalidInput', `${JSON.stringify(key.slice(0, 100))} is not a key: ${why}.`);

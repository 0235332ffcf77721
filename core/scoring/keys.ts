/** Which columns of a source are carried to the output. */
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure, nearest } from '../failure.js';
import type { DataSource, OpenedSource } from '../ports/data-source.js';

/**
 * The source's keys that it has, in order. Fails `InvalidInput` for those that are no columns, naming the nearest, unless the opened
 * source may do without them.
 */
export const keysOf = (
  { keys }: Pick<DataSource, 'keys'>,
  { columnNames, absentKeys = [] }: Pick<OpenedSource, 'columnNames' | 'absentKeys'>,
): E.Either<Failure, ReadonlyArray<string>> => {
  const present = new Set(columnNames);
  const wrong = keys.filter((key) => !present.has(key) && !absentKeys.includes(key));
  if (wrong.length === 0) return E.right(keys.filter((key) => present.has(key)));
  const named = wrong.map((key) => {
    const near = nearest(key, columnNames);
    return `"${key}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
  });
  return fail(
    'InvalidInput',
    `The source has no column ${named.join(', ')} for its keys: correct the keys or the query.`,
  );
};

/** Whether data has the columns that a model's features need, and what it says when one is missing. */
import * as E from 'fp-ts/lib/Either.js';
import { brief } from '../decode.js';
import { type Failure, failureOf, nearest, problemLimit } from '../failure.js';
import type { Feature } from '../model/signature.js';

/** Right when every feature has a column. Fails `SignatureMismatch` naming every missing one, and of the first ones the nearest that is there. */
export const checkColumns = (
  features: ReadonlyArray<Feature>,
  present: ReadonlySet<string>,
  pointerTo: (column: string) => string,
): E.Either<Failure, void> => {
  const missing = features.filter(({ name }) => !present.has(name));
  if (missing.length === 0) return E.right(undefined);
  const needed = new Set(features.map(({ name }) => name));
  const spare = [...present].filter((name) => !needed.has(name));
  const looked = spare.slice(0, namesToLookAt);
  const told = missing.map(({ name, type }, i) => {
    const near = i < problemLimit ? nearest(name, looked) : undefined;
    const hint = near === undefined ? '' : `; the nearest column there is "${near}"`;
    return {
      inList: `${name} (${type}${hint})`,
      problem: { pointer: pointerTo(name), detail: `the feature "${name}" (${type}) is missing${hint}` },
    };
  });
  return E.left(
    failureOf(
      'SignatureMismatch',
      `The data lacks ${missing.length} of the model's ${features.length} features: ${told.map(({ inList }) => inList).join(', ')}. ${others(spare)} Add the missing columns.`,
      told.map(({ problem }) => problem),
    ),
  );
};

/** Whoever sends thousands of columns need not be told which of them was meant. */
const namesToLookAt = 1_000;

const othersToTell = 10;

/** What is there shows what went wrong: another separator, a wrapper around the rows, another table. */
const others = (names: ReadonlyArray<string>): string => {
  const [first, second] = names;
  if (first === undefined) return 'There are no other columns.';
  if (second === undefined && /[;\t|]/.test(first))
    return `The one other column is "${brief(first)}": is the separator another than a comma?`;
  const shown = names.slice(0, othersToTell).map((name) => `"${brief(name)}"`);
  const more = names.length - shown.length;
  return `The other columns there are ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
};

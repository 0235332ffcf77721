/** Values that do not fit the model, counted over the data when they fail a job. */
import { type Failure, failureOf, type Problem, problemLimit } from '../failure.js';

/** The first few problems, in the order of the rows, and how many there were. */
export interface Misfits {
  readonly problems: ReadonlyArray<Problem>;
  readonly total: number;
}

/** So many rows of a source are read to count what does not fit; reading a longer one to its end would only delay the failure. */
export const rowsToCount = 1_000_000;

export const addMisfits = (first: Misfits | undefined, next: Misfits | undefined): Misfits | undefined =>
  first === undefined || next === undefined
    ? (first ?? next)
    : { problems: [...first.problems, ...next.problems].slice(0, problemLimit), total: first.total + next.total };

/** `rowCount` is of the rows that were looked at, where those are not all. */
export const misfitFailure = ({ problems, total }: Misfits, rowCount?: number): Failure => {
  const of = rowCount === undefined ? '' : ` of the first ${rowCount} rows`;
  const values = total === 1 ? `1 value${of} does` : `${total} values${of} do`;
  const first = problems[0] === undefined ? '' : ` The first: ${problems[0].detail}.`;
  return failureOf(
    'SignatureMismatch',
    `${values} not fit the model's features.${first} Correct the data, or leave such rows out with on_error "skip" (--on-error skip).`,
    problems,
    total,
  );
};

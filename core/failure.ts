/** The one closed union of expected bad outcomes; everything else is a bug and throws. */
import type { Either } from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { GateCheck } from './model/metrics-gate.js';

/** Stable codes: they are API, and never change meaning. */
export type FailureTag =
  | 'InvalidInput'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'SignatureMismatch'
  | 'GateRejected'
  | 'ArtifactUnreadable'
  | 'DataUnreadable'
  | 'TooLarge'
  | 'PermissionDenied'
  | 'InferenceFailed'
  | 'DeadlineExceeded'
  | 'Unavailable'
  | 'Cancelled';

/** One thing that is wrong, and where: `pointer` is a JSON Pointer (RFC 6901) into what was sent. */
export interface Problem {
  readonly pointer: string;
  readonly detail: string;
}

/** An expected, tagged bad outcome. `message` is a sentence: what was wrong, where, and what to do. */
export interface Failure {
  readonly tag: FailureTag;
  readonly message: string;
  /** At most the first 20 problems; `problemTotal` counts them all. */
  readonly problems: ReadonlyArray<Problem>;
  readonly problemTotal: number;
  /** Set by a store's write that may have happened although it was not acknowledged. */
  readonly ambiguous: boolean;
  /** Of `GateRejected`: every check of the metrics gate, also those that passed. */
  readonly checks?: ReadonlyArray<GateCheck>;
}

/** How many problems a failure lists. */
export const problemLimit = 20;

/** A failure without particulars. */
export const failure = (tag: FailureTag, message: string): Failure => ({
  tag,
  message,
  problems: [],
  problemTotal: 0,
  ambiguous: false,
});

/** A failure that lists what is wrong; `total` is given when more were counted than are listed. */
export const failureOf = (
  tag: FailureTag,
  message: string,
  problems: ReadonlyArray<Problem>,
  total: number = problems.length,
): Failure => ({
  tag,
  message,
  problems: problems.slice(0, problemLimit),
  problemTotal: total,
  ambiguous: false,
});

/** The same failure, of a write that may have happened. */
export const ambiguous = (of: Failure): Failure => ({ ...of, ambiguous: true });

export const fail = (tag: FailureTag, message: string): Either<Failure, never> => E.left(failure(tag, message));

export const failTask = (tag: FailureTag, message: string): TaskEither<Failure, never> =>
  TE.left(failure(tag, message));

/** The first of the names that came before, case aside; else undefined. `keyOf` tells which are the same. */
export const repeated = (
  names: ReadonlyArray<string>,
  keyOf: (name: string) => string = (name) => name.toLowerCase(),
): string | undefined => {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(keyOf(name)).size);
};

/** The nearest of `candidates` to `wanted` by edit distance, when near enough to be meant; else undefined. */
export const nearest = (wanted: string, candidates: Iterable<string>): string | undefined => {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 2));
  for (const candidate of candidates) {
    // No distance is shorter than this, and names may be as long as a request.
    if (Math.abs(candidate.length - wanted.length) > bestDistance) continue;
    const distance = editDistance(wanted.toLowerCase(), candidate.toLowerCase());
    if (distance <= bestDistance && (best === undefined || distance < bestDistance)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
};

/** Levenshtein's distance, one row at a time. */
const editDistance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(
        Math.min(
          (previous[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      );
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
};

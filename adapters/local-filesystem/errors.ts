/** What the operating system says, as failures. */
import * as E from 'fp-ts/lib/Either.js';
import { type Failure, failure, type FailureTag } from '../../core/index.js';

/** An expected outcome on its way out of an async function. */
type Raised = Error & { readonly failure: Failure };

/** An expected outcome as an error, which `toFailure` gives back. */
export const raised = (of: Failure): Raised => Object.assign(new Error(of.message), { failure: of });

/** Ends an async function with an expected outcome. */
export const raise = (tag: FailureTag, message: string): never => {
  throw raised(failure(tag, message));
};

/** The right side, or raises the left. */
export const orRaise = <A>(of: E.Either<Failure, A>): A => {
  if (E.isLeft(of)) throw raised(of.left);
  return of.right;
};

/** The system's code of an error (`ENOENT`, …), when it has one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** What `work` gives, or undefined when the system refused it with one of `codes`. */
export const unless = async <A>(codes: ReadonlyArray<string>, work: Promise<A>): Promise<A | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
};

const told: Readonly<Record<string, readonly [FailureTag, string]>> = {
  ENOSPC: ['Unavailable', 'The disk is full: free some space and try again'],
  EDQUOT: ['Unavailable', 'The disk quota is used up: free some space and try again'],
  EFBIG: ['Unavailable', 'The file would be larger than this user may write: raise the limit (ulimit -f)'],
  EMFILE: ['Unavailable', 'This process has too many open files: raise the limit (ulimit -n) or do less at once'],
  ENFILE: ['Unavailable', 'The system has too many open files: try again later'],
  EACCES: ['PermissionDenied', 'Access was refused: give this user access to it'],
  EPERM: ['PermissionDenied', 'The operation is not permitted: give this user access to it'],
  EROFS: ['PermissionDenied', 'The file system is read-only: mount it writable, or use another folder'],
  ENAMETOOLONG: ['InvalidInput', 'The path is too long for this file system: use a shorter root or shorter names'],
  ENOTDIR: ['InvalidInput', 'A file stands where a folder is needed: no key can be the folder of another'],
  ELOOP: ['InvalidInput', 'A symbolic link is on the way: the store does not follow them'],
  EXDEV: ['Unavailable', 'The folder lies on another file system than the root of the store: keep both on one'],
};

/** Translates what work on `what` (a key) threw; the root's path stays out of the message, which may travel. What is no answer of the operating system is a bug, and thrown again. */
export const toFailure =
  (what: string) =>
  (error: unknown): Failure => {
    if (isRaised(error)) return error.failure;
    const code = codeOf(error);
    if (!(error instanceof Error) || code === undefined || code.startsWith('ERR_')) throw error;
    const [tag, sentence] = told[code] ?? ['Unavailable', 'The file system failed: try again'];
    return failure(tag, `${sentence} (${what}: ${code}).`);
  };

const isRaised = (error: unknown): error is Raised => error instanceof Error && 'failure' in error;

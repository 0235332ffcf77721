/** What the engine and the operating system say, as failures. */
import { failure, type Failure, type FailureTag } from '../../core/index.js';

/** An expected outcome on its way out of an async function. */
type Raised = Error & { readonly failure: Failure };

/** An expected outcome as an error, which `toFailure` gives back. */
export const raised = (of: Failure): Raised => Object.assign(new Error(of.message), { failure: of });

/** Ends an async function with an expected outcome. */
export const raise = (tag: FailureTag, message: string): never => {
  throw raised(failure(tag, message));
};

const systemCodes: Readonly<Record<string, readonly [FailureTag, string]>> = {
  ENOENT: ['NotFound', 'there is no such file'],
  EACCES: ['PermissionDenied', 'access was refused'],
  EPERM: ['PermissionDenied', 'access was refused'],
  EROFS: ['PermissionDenied', 'the file system is read-only'],
  ENAMETOOLONG: ['InvalidInput', 'the name is too long for this file system'],
  ENOTDIR: ['InvalidInput', 'a file stands where a folder is needed'],
  EEXIST: ['InvalidInput', 'a file stands where a folder is needed'],
  EISDIR: ['InvalidInput', 'a folder stands where a file is needed'],
  ENOSPC: ['Unavailable', 'the disk is full: free some space and try again'],
  EDQUOT: ['Unavailable', 'the disk quota is used up: free some space and try again'],
};

const engineError = /^(?:Failed to [a-z ]+: )?[A-Z][A-Za-z ]+ Error: /;

/** What the engine's errors mean, whatever was asked of it; the first that fits. */
const enginePatterns: ReadonlyArray<readonly [RegExp, FailureTag, string]> = [
  [/no space left|max_temp_directory_size/i, 'Unavailable', 'the disk is full: free some space and try again'],
  [/Out of Memory Error/, 'TooLarge', 'more memory is needed than memoryLimitBytes allows'],
  [/^Permission Error/, 'PermissionDenied', 'only the declared files may be read, and nothing changed'],
  [/permission denied/i, 'PermissionDenied', 'access was refused'],
  [/^IO Error/, 'Unavailable', 'the file system failed'],
];

/**
 * Translates what was thrown while working on `what` (it begins the message). Errors of the engine that have no meaning of their
 * own here become `otherwise`; without it they are bugs, and thrown again, as is everything else.
 */
export const toFailure =
  (what: string, otherwise?: FailureTag) =>
  (error: unknown): Failure => {
    if (!(error instanceof Error)) throw error;
    if (isRaised(error)) return error.failure;
    const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    if (code !== undefined && !code.startsWith('ERR_')) {
      const [tag, sentence] = systemCodes[code] ?? ['Unavailable', `the file system failed (${code})`];
      return failure(tag, `${what}: ${sentence}.`);
    }
    const known = enginePatterns.find(([pattern]) => pattern.test(error.message));
    if (known !== undefined) return failure(known[1], `${what}: ${known[2]} (${engineSentence(error.message)}).`);
    if (otherwise === undefined || !engineError.test(error.message)) throw error;
    return failure(otherwise, `${what}: ${engineSentence(error.message)}.`);
  };

const isRaised = (error: Error): error is Raised => 'failure' in error;

/** The engine's message without its advice, our SQL and the row itself: the first line says where, the last one what. */
const engineSentence = (message: string): string => {
  const lines = (message.split(/\nPossible|\n *LINE \d/)[0] ?? '')
    .replace(engineError, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return [...new Set([lines.at(0), lines.at(-1)])].join('; ').replace(/[.\s]+$/, '');
};

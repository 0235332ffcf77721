/** What the engine and the operating system say, as failures. */
import * as E from 'fp-ts/lib/Either.js';
import { failure, type Failure, type FailureTag } from '../../core/index.js';

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

const fullDisk = 'the disk is full: free some space and try again';
const tooLarge = 'the file would be larger than this user may write: raise the limit (ulimit -f)';

const systemCodes: Readonly<Record<string, readonly [FailureTag, string]>> = {
  ENOENT: ['NotFound', 'there is no such file'],
  EACCES: ['PermissionDenied', 'access was refused'],
  EPERM: ['PermissionDenied', 'access was refused'],
  EROFS: ['PermissionDenied', 'the file system is read-only'],
  ENAMETOOLONG: ['InvalidInput', 'the name is too long for this file system'],
  ENOTDIR: ['InvalidInput', 'a file stands where a folder is needed'],
  EEXIST: ['InvalidInput', 'a file stands where a folder is needed'],
  EISDIR: ['InvalidInput', 'a folder stands where a file is needed'],
  ENOSPC: ['Unavailable', fullDisk],
  EDQUOT: ['Unavailable', 'the disk quota is used up: free some space and try again'],
  EFBIG: ['Unavailable', tooLarge],
};

/** What to look for, where one line of a file is as long as a file. */
export const longLineCure = 'is a quote missing, or the separator another';

const engineError = /^(?:Failed to [a-z ]+: )?[A-Z][A-Za-z ]+ Error: /;

/** Of the engine's errors of a kind alone: others quote cells, lines and names, which may say anything. */
const within = (kind: string, words: RegExp): RegExp =>
  new RegExp(`^(?:Failed to [a-z ]+: )?${kind} Error: [^]*(?:${words.source})`, 'i');

/** What the engine's errors mean, whatever was asked of it; the first that fits. */
const enginePatterns: ReadonlyArray<readonly [RegExp, FailureTag, string]> = [
  [within('IO', /no space left/), 'Unavailable', fullDisk],
  [within('Out of Memory', /max_temp_directory_size/), 'Unavailable', fullDisk],
  [within('IO', /: File too large/), 'Unavailable', tooLarge],
  [
    /^(?:Failed to [a-z ]+: )?Out of Memory Error|^[^"'\n]*could not allocate block of size/,
    'TooLarge',
    'more memory is needed than memoryLimitBytes allows',
  ],
  [/^Permission Error/, 'PermissionDenied', 'only the declared files may be read, and nothing changed'],
  [within('IO', /permission denied/), 'PermissionDenied', 'access was refused'],
  [
    /^Binder Error: Failed to read Parquet file "[^"]*": Using file_row_number option/,
    'DataUnreadable',
    'a job finds its rows by a column file_row_number of the engine, and the file has one: rename it, or score in one process',
  ],
  [
    /^[A-Za-z ]+ Error: The Parallel CSV Reader/,
    'DataUnreadable',
    `a line is longer than 2000000 bytes: ${longLineCure}`,
  ],
  [
    /^[A-Za-z ]+ Error: The CSV Parser state machine/,
    'DataUnreadable',
    'lines end in different ways, some in CRLF and some in LF: make them one',
  ],
  [/^IO Error: Could not read enough bytes/, 'DataUnreadable', 'the file is damaged or was cut off'],
  [/^IO Error/, 'Unavailable', 'the file system failed'],
];

/**
 * Translates what was thrown while working on `what` (it begins the message). Errors of the engine that have no meaning of their
 * own here become `otherwise`; without it they are bugs, and thrown again, as is everything else. The paths in `names` are called
 * by those names: where a file is on this machine is nobody's business.
 */
export const toFailure =
  (what: string, otherwise?: FailureTag, names: ReadonlyMap<string, string> = new Map()) =>
  (error: unknown): Failure => {
    if (!(error instanceof Error)) throw error;
    if (isRaised(error)) return error.failure;
    const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
    if (code !== undefined && !code.startsWith('ERR_')) {
      const [tag, sentence] = systemCodes[code] ?? ['Unavailable', `the file system failed (${code})`];
      return failure(tag, `${what}: ${sentence}.`);
    }
    const known = enginePatterns.find(([pattern]) => pattern.test(error.message));
    const said = withNames(engineSentence(error.message), names);
    if (known !== undefined) return failure(known[1], `${what}: ${known[2]} (${said}).`);
    if (otherwise === undefined || !engineError.test(error.message)) throw error;
    return failure(otherwise, `${what}: ${said}${/[!?]$/.test(said) ? '' : '.'}`);
  };

/**
 * Translates what was thrown while the SQL of a source was prepared, `linesBefore` lines of ours before it: a mistake in the SQL is
 * `InvalidInput` and says where.
 */
export const toQueryFailure =
  (linesBefore: number) =>
  (error: unknown): Failure =>
    toFailure(
      `The source's SQL${error instanceof Error ? placeOf(error.message, linesBefore) : ''}`,
      'InvalidInput',
    )(error);

const isRaised = (error: Error): error is Raised => 'failure' in error;

/** The place that the engine shows with a caret under the line; it cuts long lines off, which then tell no column. */
const placeOf = (message: string, linesBefore: number): string => {
  const [, head = '', line = '', text = '', indent = ''] = /\n *(LINE (\d+): )(.*)\n( *)\^/.exec(message) ?? [];
  if (head === '' || Number(line) <= linesBefore) return '';
  const column = text.startsWith('...') ? '' : `, column ${indent.length - head.length + 1}`;
  return `, line ${Number(line) - linesBefore}${column}`;
};

/** The engine's message without its advice, our SQL and the row itself: the first line says where, the last one what. */
const engineSentence = (message: string): string => {
  const lines = (message.split(/\n(?:Possible|Try )|\n *LINE \d|\n\s*Candidate functions/)[0] ?? '')
    .replace(engineError, '')
    .replace(/No magic bytes found at end of file '.*'/, '$&: it was cut off, or is not a Parquet file')
    .replace(/Object \{.*\} has duplicate key (".*")/, 'an object has the key $1 twice')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first = '', ...others] = [...new Set([lines.at(0) ?? '', lines.at(-1) ?? ''])];
  return others
    .reduce((text, line) => `${text}${/[.!?:;]$/.test(text) ? '' : ';'} ${line}`, first)
    .replace(/[.\s]+$/, '');
};

const spillFolders = /[^\s"'(]*scorekeeper-[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}[^\s"')]*/g;

const withNames = (text: string, names: ReadonlyMap<string, string>): string =>
  [...names]
    .reduce((said, [path, name]) => said.replaceAll(path, name), text)
    .replace(spillFolders, 'the temporary folder');

/** What a service of Google Cloud, its client and the network say, as failures. */
import * as E from 'fp-ts/lib/Either.js';
import { type Failure, failure, type FailureTag } from '../../core/index.js';

/** A service as messages tell of it. */
export interface CloudService {
  readonly name: string;
  /** What its answer that is no success means for `what` in `place`. */
  readonly refusalOf: (status: number, message: string, what: string, place: string) => Failure;
}

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

/** An answer of the service that is no success. */
export const refusedWith = (status: number, error: unknown): Error =>
  Object.assign(new Error(particularsOf(error).message), { code: status });

/** No answer came. A status is then one of the servers that give out credentials, and says nothing of the service. */
export const unanswered = (error: unknown): Error => {
  const { code, message } = particularsOf(error);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
};

/** What is known of an error. The client throws plain objects, too, and puts a status where others put a system's code. */
interface Particulars {
  readonly status?: number;
  readonly code?: string;
  readonly message: string;
}

const particularsOf = (error: unknown): Particulars => {
  const { code, status, message, errors, response } = fieldsOf(error);
  const answered = fieldsOf(response);
  const said = fieldsOf(fieldsOf(answered['data'])['error']);
  const number = [code, status, answered['status']].map(Number).find((each) => each >= 300 && each < 600);
  return {
    ...(number === undefined ? {} : { status: number }),
    ...(typeof code === 'string' && number === undefined ? { code } : {}),
    message: oneLine(`${textOf(said['message'] ?? message)} ${reasonsOf(said['errors'] ?? errors)}`),
  };
};

/** The fields of what may be no object at all. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
    ? { ...value, ...('message' in value ? { message: value.message } : {}) }
    : {};

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Why, in the words of the API: `rateLimitExceeded`, … */
const reasonsOf = (errors: unknown): string =>
  Array.isArray(errors) ? errors.map((each) => textOf(fieldsOf(each)['reason'])).join(' ') : '';

export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, 500);

/** The HTTP status of an answer that was no success, if that is what the error is. */
export const statusOf = (error: unknown): number | undefined => particularsOf(error).status;

/** What is told of an error. */
export const messageOf = (error: unknown): string => particularsOf(error).message;

const credentialTrouble =
  /default credentials|GOOGLE_APPLICATION_CREDENTIALS|access token|invalid_(?:grant|rapt|client|credentials)/i;

/** The connection was never made, so nothing was asked. */
const notConnected: ReadonlyArray<string> = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'];

/** Whether a write that ended so may have happened all the same: only a refusal, or a connection that was never made, rules it out. */
export const mayHaveHappened = (error: unknown): boolean => {
  const { status, code, message } = particularsOf(error);
  if (status !== undefined) return status === 408 || status >= 500;
  return !notConnected.includes(code ?? '') && !credentialTrouble.test(message);
};

/**
 * Translates what a request about `what` (a key) in `place` (`gs://bucket`) ended with. What is an answer of neither the
 * service nor the network is a bug, and thrown again.
 */
export const toFailure =
  (service: CloudService) =>
  (what: string, place: string) =>
  (error: unknown): Failure => {
    if (isRaised(error)) return error.failure;
    if ([TypeError, RangeError, ReferenceError].some((bug) => error instanceof bug)) throw error;
    const { status, code, message } = particularsOf(error);
    if (credentialTrouble.test(message)) {
      return failure(
        'PermissionDenied',
        `There are no valid Google Cloud credentials for ${place}: ${howToLogIn} (${message}).`,
      );
    }
    if (status !== undefined) return service.refusalOf(status, message, what, place);
    if (code !== undefined && notConnected.includes(code)) {
      return failure(
        'Unavailable',
        `${service.name} cannot be reached for ${what} in ${place} (${code}): check the network.`,
      );
    }
    return failure(
      'Unavailable',
      `The connection to ${service.name} failed for ${what} in ${place} (${code ?? (message || 'no reason given')}): try again.`,
    );
  };

const isRaised = (error: unknown): error is Raised => error instanceof Error && 'failure' in error;

export const howToLogIn =
  'log in with "gcloud auth application-default login", or name a key file in GOOGLE_APPLICATION_CREDENTIALS';

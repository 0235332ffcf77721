/** What Google Cloud Storage says, as failures. */
import { type Failure, failure } from '../../core/index.js';
import { type CloudService, howToLogIn, messageOf, statusOf } from '../google-cloud/errors.js';

export const isMissingBucket = (error: unknown): boolean =>
  statusOf(error) === 404 && /bucket does not exist/i.test(messageOf(error));

/** Another state than was demanded. An organisation's policy is answered with the same status. */
export const isConditionNotMet = (error: unknown): boolean =>
  statusOf(error) === 412 && !/constraint/i.test(messageOf(error));

const refusalOf = (status: number, message: string, what: string, place: string): Failure => {
  const said = message === '' ? `${status}` : `${status}: ${message}`;
  const about = `${what} in ${place}`;
  if (status === 404 && /bucket does not exist/i.test(message)) {
    return failure('NotFound', `There is no bucket ${bucketOf(place)}: create it, or check its name.`);
  }
  if (status === 401)
    return failure('PermissionDenied', `Google Cloud Storage wants credentials for ${about}: ${howToLogIn} (${said}).`);
  if (status === 429 || (status === 403 && /rateLimitExceeded/i.test(message))) {
    return failure('Unavailable', `Google Cloud Storage asks for fewer requests about ${about} (${said}): try again.`);
  }
  if (status === 403)
    return failure('PermissionDenied', `${missingPermission(message, about, bucketOf(place))} (${said}).`);
  if (status === 408 || status >= 500) {
    return failure('Unavailable', `Google Cloud Storage is not available for ${about} (${said}): try again.`);
  }
  if (/hash "[^"]*" doesn't match/i.test(message)) {
    return failure('Unavailable', `The bytes of ${about} were damaged on the way to Google Cloud Storage: try again.`);
  }
  // A resumable upload's session that is gone, or a chunk of it of which nothing arrived.
  if ([308, 404, 410].includes(status)) {
    return failure('Unavailable', `Google Cloud Storage broke off the upload of ${about} (${said}): try again.`);
  }
  return failure('InvalidInput', `Google Cloud Storage refused the request about ${about} (${said}).`);
};

const bucketOf = (place: string): string => place.split('/').slice(0, 3).join('/');

const missingPermission = (message: string, about: string, bucket: string): string => {
  const permission = /storage\.[a-zA-Z]+\.[a-zA-Z]+/.exec(message)?.[0];
  if (permission === undefined) return `Access to ${about} was refused: give this account a role on ${bucket}`;
  const role = /\.(?:get|list)$/.test(permission) ? 'roles/storage.objectViewer' : 'roles/storage.objectUser';
  return `Access to ${about} was refused, for this account lacks ${permission}: give it the role ${role} on ${bucket}`;
};

export const storage: CloudService = { name: 'Google Cloud Storage', refusalOf };

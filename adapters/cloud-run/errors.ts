/** What Cloud Run says, as failures. */
import { type Failure, failure } from '../../core/index.js';
import { type CloudService, howToLogIn } from '../google-cloud/errors.js';

/** `what` is the job's name or an execution's, `place` `project/location`. */
const refusalOf = (status: number, message: string, what: string, place: string): Failure => {
  const said = message === '' ? `${status}` : `${status}: ${message.replace(/[.\s]+$/, '')}`;
  const about = `${what} in ${place}`;
  if (status === 401)
    return failure('PermissionDenied', `Cloud Run wants credentials for ${about}: ${howToLogIn} (${said}).`);
  if (status === 403) return failure('PermissionDenied', `${missingPermission(message, about, place)} (${said}).`);
  if (status === 404)
    return failure(
      'NotFound',
      `Cloud Run has no ${about}: create it as docs/deploy/cloud-run.md says, or correct cloud_run_jobs in the settings file (${said}).`,
    );
  if (status === 429)
    return failure('Unavailable', `Cloud Run asks for fewer requests about ${about}, or a quota is used up (${said}).`);
  // Somebody changes the job at this moment.
  if (status === 409) return failure('Unavailable', `Cloud Run is busy with ${about} (${said}): try again.`);
  if (status === 408 || status >= 500)
    return failure('Unavailable', `Cloud Run is not available for ${about} (${said}): try again.`);
  return failure('InvalidInput', `Cloud Run refused the request about ${about} (${said}).`);
};

const missingPermission = (message: string, about: string, place: string): string => {
  if (/has not been used in project|is disabled/i.test(message)) {
    const [project = ''] = place.split('/');
    return `Cloud Run is not switched on for ${about}: run "gcloud services enable run.googleapis.com --project ${project}"`;
  }
  const permission = /run\.\w+\.\w+/.exec(message)?.[0];
  if (permission === undefined) return `This account may not use ${about}`;
  return /\.(?:get|list)$/.test(permission)
    ? `This account may not look at ${about}, for it lacks ${permission}: give it the role roles/run.viewer`
    : `This account may not run or cancel ${about}, for it lacks ${permission}: give it the role roles/run.jobsExecutorWithOverrides on the job`;
};

export const cloudRun: CloudService = { name: 'Cloud Run', refusalOf };

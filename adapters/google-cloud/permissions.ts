/** Asks Google Cloud which permissions the credentials have, and whose they are. */
import { GoogleAuth } from 'google-auth-library';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type CallOptions, type Failure, failure } from '../../core/index.js';
import { bounded } from './bounded.js';
import { type CloudService, howToLogIn, toFailure } from './errors.js';
import { persistently } from './persistently.js';
import { type ApiRequest, openRest, type Send } from './rest.js';

/** What a permission is had on. */
export type CloudResource =
  | { readonly kind: 'bucket'; readonly bucket: string }
  /** Without a name, that of the credentials, or of `GOOGLE_CLOUD_PROJECT`. */
  | { readonly kind: 'project'; readonly project: string | undefined }
  | { readonly kind: 'job'; readonly project: string; readonly location: string; readonly job: string };

export interface PermissionsOptions {
  /** Other services that speak these APIs, Google's own by default. Credentials go only to `https:`. */
  readonly endpoints?: { readonly [Kind in CloudResource['kind']]?: string };
}

/** Every call fails `NotFound` (no such resource), `PermissionDenied` (no credentials), `Unavailable`, `DeadlineExceeded`, `Cancelled`. */
export interface Permissions {
  /** Those of `permissions` that the credentials have there. Nobody needs a permission to ask. */
  readonly heldOn: (
    resource: CloudResource,
    permissions: ReadonlyArray<string>,
    call: CallOptions,
  ) => TE.TaskEither<Failure, ReadonlySet<string>>;
  /** The address of a service account; undefined for a person, and where another service speaks for Google's. */
  readonly account: TE.TaskEither<Failure, string | undefined>;
}

const idleTimeoutMs = 20_000;

/** Application default credentials are looked for at the first call. */
export const googleCloudPermissions = ({ endpoints = {} }: PermissionsOptions = {}): Permissions => {
  const send: Readonly<Record<CloudResource['kind'], Send>> = {
    bucket: openRest(endpoints.bucket ?? 'https://storage.googleapis.com', 'storage/v1'),
    project: openRest(endpoints.project ?? 'https://cloudresourcemanager.googleapis.com', 'v1'),
    job: openRest(endpoints.job ?? 'https://run.googleapis.com', 'v2'),
  };
  const again = persistently();
  return {
    heldOn: (resource, permissions, call) => {
      const within = bounded(iam, nameOf(resource), idleTimeoutMs);
      const asked = within('permissions', call, async (attempt) =>
        send[resource.kind](attempt, requestFor(resource, permissions, await projectOf(resource))),
      );
      return pipe(
        again(call, asked),
        TE.map(({ permissions: held }) => new Set(Array.isArray(held) ? held.map(String) : [])),
      );
    },
    account:
      Object.keys(endpoints).length > 0
        ? TE.right(undefined)
        : TE.tryCatch(
            async () => (await new GoogleAuth().getCredentials()).client_email,
            toFailure(iam)('the account', 'Google Cloud'),
          ),
  };
};

const projectOf = async (resource: CloudResource): Promise<string> =>
  resource.kind === 'bucket' ? '' : (resource.project ?? (await new GoogleAuth().getProjectId()));

/** A resource, for people. */
export const nameOf = (resource: CloudResource): string => {
  switch (resource.kind) {
    case 'bucket':
      return `gs://${resource.bucket}`;
    case 'project':
      return resource.project === undefined ? 'the project of the credentials' : `project ${resource.project}`;
    case 'job':
      return `job ${resource.job} in ${resource.project}/${resource.location}`;
  }
};

/**
 * https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions,
 * https://cloud.google.com/resource-manager/reference/rest/v1/projects/testIamPermissions,
 * https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/testIamPermissions
 */
const requestFor = (resource: CloudResource, permissions: ReadonlyArray<string>, project: string): ApiRequest => {
  const body = { permissions };
  switch (resource.kind) {
    case 'bucket': {
      const path = `b/${encodeURIComponent(resource.bucket)}/iam/testPermissions`;
      return { method: 'GET', path, query: { permissions } };
    }
    case 'project':
      return { method: 'POST', path: `projects/${project}:testIamPermissions`, body };
    case 'job': {
      const { location, job } = resource;
      const path = `projects/${project}/locations/${location}/jobs/${job}:testIamPermissions`;
      return { method: 'POST', path, body };
    }
  }
};

const iam: CloudService = {
  name: 'Google Cloud',
  refusalOf: (status, message, what, place) => {
    const said = message === '' ? `${status}` : `${status}: ${message}`;
    if (status === 401)
      return failure(
        'PermissionDenied',
        `Google Cloud wants credentials for ${what} on ${place}: ${howToLogIn} (${said}).`,
      );
    // An API that is not enabled in the project is answered with 403, and tells how to enable it.
    if (status === 403)
      return failure('PermissionDenied', `Google Cloud refuses to tell the ${what} on ${place} (${said}).`);
    if (status === 404) return failure('NotFound', `There is no ${place}: create it, or check its name (${said}).`);
    return status === 408 || status === 429 || status >= 500
      ? failure('Unavailable', `Google Cloud is not available for ${what} on ${place} (${said}): try again.`)
      : failure('InvalidInput', `Google Cloud refused the request for ${what} on ${place} (${said}).`);
  },
};

/** What BigQuery says, as failures. */
import { failure, type Failure, type FailureTag } from '../../core/index.js';
import { type CloudService, fieldsOf, howToLogIn, oneLine, textOf } from '../google-cloud/errors.js';

/**
 * An error of the API or of a job: https://cloud.google.com/bigquery/docs/error-messages. `status` is the HTTP status, if it
 * came with one.
 */
export interface ApiError {
  readonly status?: number;
  readonly reason: string;
  readonly message: string;
}

/** What was asked when it was refused, and how to tell of it. */
export interface About {
  readonly project: string;
  /** What names tables: "the source's SQL". */
  readonly named: string;
  /** What a statement that cannot be run means: when it is prepared the SQL is wrong, when it runs a row is. */
  readonly invalidQuery: 'InvalidInput' | 'DataUnreadable';
  /** Lines of ours before the source's SQL. */
  readonly linesBefore: number;
  /** What to say when what is read and what is written are in different locations. */
  readonly apart?: string;
}

type Refused = Error & { readonly refusal: ApiError };

export const refused = (refusal: ApiError): Refused =>
  Object.assign(new Error(refusal.message), { refusal, code: refusal.status });

export const isRefused = (error: unknown): error is Refused => error instanceof Error && 'refusal' in error;

/** Of a server on the way, or of those that give out credentials. */
export const bigquery: CloudService = {
  name: 'BigQuery',
  refusalOf: (status, message, what, place) =>
    failure(
      status >= 500 || status === 408 || status === 429 ? 'Unavailable' : 'PermissionDenied',
      `BigQuery could not be asked for ${what} in ${place} (${status}: ${message}).`,
    ),
};

/** The failure that an error means. */
export const meaningOf = (error: ApiError, about: About): Failure => {
  const said = oneLine(error.message).replace(/[.\s]+$/, '');
  const found = meanings.find(({ when }) => when(error));
  if (found !== undefined) return failure(found.tag, `${found.sentence(said, about)} (${toldBy(error)}${said}).`);
  if (error.reason === 'invalidQuery') {
    return failure(
      about.invalidQuery,
      `${capitalized(about.named)}${placeOf(said, about.linesBefore)}: ${withoutPlace(said)}.`,
    );
  }
  return failure('InvalidInput', `BigQuery refused what ${about.named} asks for (${toldBy(error)}${said}).`);
};

const capitalized = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

const toldBy = ({ status, reason }: ApiError): string => {
  const code = [status, reason].filter((part) => part !== undefined && part !== '').join(' ');
  return code === '' ? '' : `${code}: `;
};

interface Meaning {
  readonly when: (error: ApiError) => boolean;
  readonly tag: FailureTag;
  readonly sentence: (said: string, about: About) => string;
}

const reasonIn =
  (...reasons: ReadonlyArray<string>) =>
  ({ reason }: ApiError): boolean =>
    reasons.includes(reason);

const tryAgain = 'try again';

const missingPermission = (said: string, { project }: About): string => {
  if (said.includes('bigquery.jobs.')) {
    return `This account may not run queries in project ${project}: give it the role roles/bigquery.jobUser on that project`;
  }
  if (said.includes('storage.objects.create') || said.includes('while writing data')) {
    return "This account may not have BigQuery write to the job's bucket (storage.objects.create): give it the role roles/storage.objectUser on the bucket, and the bucket no retention policy";
  }
  if (said.includes('storage.objects.')) {
    return "This account may not read the model's artifact: give it the role roles/storage.objectViewer on the registry's bucket";
  }
  const [, kind = '', name = ''] = /(Table|Dataset|Model) ([^\s:]+:[^\s:]+)/.exec(said) ?? [];
  const permission = /bigquery\.\w+\.\w+/.exec(said)?.[0] ?? 'bigquery.tables.getData';
  const changes = /create|update|delete/i.test(permission);
  const what = name === '' ? 'what is asked for' : `the ${kind.toLowerCase()} ${name}`;
  return `This account may not ${changes ? 'write to' : 'read'} ${what} (${permission}): give it the role ${
    changes ? 'roles/bigquery.dataEditor' : 'roles/bigquery.dataViewer'
  } on the dataset, or check the name`;
};

const missingThing = (said: string, { named }: About): string => {
  const [, kind = '', name = ''] = /(Table|Dataset|Model|Project|Job|Routine) ([^\s,]+)/.exec(said) ?? [];
  const location = /in location (\S+)/.exec(said)?.[1];
  const there = location === undefined ? '' : ` in location ${location}`;
  if (kind === 'Job') return `The query's results are not there any more: ${tryAgain}`;
  return `There is no ${kind === '' ? 'such thing' : `${kind.toLowerCase()} ${name}`}${there}: correct the name in ${named}${
    location === undefined ? '' : ', or set location to where the data is'
  }`;
};

/** The first that fits. */
const meanings: ReadonlyArray<Meaning> = [
  {
    when: ({ status }) => status === 401,
    tag: 'PermissionDenied',
    sentence: (_, { project }) => `BigQuery wants credentials for project ${project}: ${howToLogIn}`,
  },
  {
    when: ({ status }) => status === 409,
    tag: 'AlreadyExists',
    sentence: () => 'There is such a job already',
  },
  {
    when: reasonIn('quotaExceeded'),
    tag: 'Unavailable',
    sentence: (_, { project }) =>
      `A quota of BigQuery in project ${project} is used up: wait until it is renewed, or ask for a larger one`,
  },
  {
    when: (error) => reasonIn('rateLimitExceeded', 'jobRateLimitExceeded')(error) || error.status === 429,
    tag: 'Unavailable',
    sentence: (_, { project }) => `BigQuery asks for fewer requests in project ${project}: ${tryAgain}`,
  },
  {
    when: reasonIn('accessNotConfigured'),
    tag: 'PermissionDenied',
    sentence: (_, { project }) =>
      `BigQuery is not switched on in project ${project}: run "gcloud services enable bigquery.googleapis.com --project ${project}"`,
  },
  {
    when: reasonIn('billingNotEnabled'),
    tag: 'PermissionDenied',
    sentence: (_, { project }) => `Nobody pays for project ${project}: enable billing for it`,
  },
  {
    when: reasonIn('bytesBilledLimitExceeded'),
    tag: 'TooLarge',
    sentence: () =>
      'The query would be billed for more bytes than maximum_bytes_billed allows (each table counts at least 10 MiB): select less, or raise it',
  },
  {
    when: ({ message }) => /different locations/.test(message),
    tag: 'InvalidInput',
    sentence: (_, { named, apart }) =>
      apart ?? `What ${named} reads and what it writes are in different locations: have all of it in one`,
  },
  {
    when: reasonIn('resourcesExceeded', 'responseTooLarge', 'billingTierLimitExceeded'),
    tag: 'TooLarge',
    sentence: () => 'The query needs more than BigQuery gives to one: simplify it, or ask for fewer rows',
  },
  {
    when: reasonIn('stopped'),
    tag: 'Cancelled',
    sentence: () => 'The job was cancelled in BigQuery, by somebody else or an earlier run: try again',
  },
  {
    when: reasonIn('timeout'),
    tag: 'DeadlineExceeded',
    sentence: () => 'The job took longer than BigQuery allows',
  },
  {
    when: (error) => reasonIn('accessDenied')(error) || error.status === 403,
    tag: 'PermissionDenied',
    sentence: missingPermission,
  },
  {
    when: (error) => reasonIn('notFound')(error) || error.status === 404,
    tag: 'NotFound',
    sentence: missingThing,
  },
  {
    when: (error) =>
      reasonIn('backendError', 'internalError', 'jobBackendError', 'jobInternalError', 'tableUnavailable')(error) ||
      error.status === 408 ||
      (error.status ?? 0) >= 500,
    tag: 'Unavailable',
    sentence: () => `BigQuery is not available: ${tryAgain}`,
  },
];

/** `… at [2:3]` is line 2, column 3. */
const placeAtEnd = / at \[(\d+):(\d+)\]$/;

const placeOf = (said: string, linesBefore: number): string => {
  const [, line = '0', column = ''] = placeAtEnd.exec(said) ?? [];
  return Number(line) > linesBefore ? `, line ${Number(line) - linesBefore}, column ${column}` : '';
};

const withoutPlace = (said: string): string => said.replace(placeAtEnd, '');

/** The error that a finished job tells, if it failed. */
export const errorOfJob = (status: unknown): ApiError | undefined => {
  const { reason, message } = fieldsOf(fieldsOf(status)['errorResult']);
  return typeof reason === 'string' ? { reason, message: textOf(message) } : undefined;
};

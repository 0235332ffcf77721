/** The client library, loaded when first needed and held so that it neither retries nor makes objects of rows. */
import { createReadStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import type { BigQuery } from '@google-cloud/bigquery';
import type { Attempt } from '../google-cloud/bounded.js';
import { fieldsOf, howToLogIn, raise, textOf, unanswered } from '../google-cloud/errors.js';
import { headersFor } from '../google-cloud/requests.js';
import { type ApiError, refused } from './errors.js';
import { parseAnswer } from './row-texts.js';

/** Whose BigQuery, and where its service is. */
export interface ClientOptions {
  /** The project in which queries run, and which pays for them; that of the credentials unless given. */
  readonly project?: string;
  /** Another service that speaks the REST API, `https://bigquery.googleapis.com` by default. Credentials go only to `https:`. */
  readonly apiEndpoint?: string;
}

/** A request below the project. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Another project than the client's, for what is there. */
  readonly project?: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: object;
  /** Uploaded beside the body. */
  readonly file?: string | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

/** The JSON that answers a request of one attempt; rows are as `parseAnswer` says. Throws what the service refuses as `refused`. */
export type Send = (attempt: Attempt, request: ApiRequest) => Promise<Json>;

export const openClient = (
  options: ClientOptions,
): { readonly project: () => Promise<string>; readonly send: Send } => {
  let opened: Promise<{ readonly client: BigQuery; readonly project: string }> | undefined;
  const once = () => {
    opened ??= open(options).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return {
    project: async () => (await once()).project,
    send: async (attempt, request) => {
      const { client, project } = await once();
      attempt.signal.throwIfAborted();
      if (request.method === 'GET') return get(client, attempt, request);
      return request.file === undefined
        ? post(client, attempt, {
            uri: request.path,
            qs: queryOf(request),
            // As text, in which the client does not put the project in the place of its mark.
            body: JSON.stringify(request.body ?? {}),
            headers: { 'content-type': 'application/json' },
          })
        : upload(client, project, attempt, request, request.file);
    },
  };
};

const open = async ({ project, apiEndpoint }: ClientOptions) => {
  const { BigQuery: Client } = await import('@google-cloud/bigquery');
  const endpoint = (apiEndpoint ?? 'https://bigquery.googleapis.com').replace(/\/+$/, '');
  const client = new Client({
    apiEndpoint: endpoint,
    autoRetry: false,
    ...(project === undefined ? {} : { projectId: project }),
    ...(endpoint.startsWith('https:')
      ? {}
      : { authClient: new (await import('google-auth-library')).PassThroughClient() }),
  });
  // With BIGQUERY_EMULATOR_HOST in the environment the client takes that alone, which lacks the path.
  client.baseUrl = `${endpoint}/bigquery/v2`;
  return { client, project: project ?? (await projectOf(client)) };
};

const projectOf = async (client: BigQuery): Promise<string> => {
  try {
    return await client.getProjectId();
  } catch (error) {
    if (!(error instanceof Error && /detect a Project Id/i.test(error.message))) throw error;
    return raise(
      'InvalidInput',
      `No Google Cloud project is known to run queries in: set project in the source's settings, or GOOGLE_CLOUD_PROJECT; if there are no credentials either, ${howToLogIn}.`,
    );
  }
};

const queryOf = ({ query = {} }: ApiRequest): Record<string, string | number | boolean> =>
  Object.fromEntries(
    Object.entries(query).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined),
  );

/** As a stream of bytes: what calls back copies every answer once more, value by value, which takes longer than to parse it. */
const get = (client: BigQuery, attempt: Attempt, request: ApiRequest): Promise<Json> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    const stream = client.requestStream({
      uri: request.path,
      qs: queryOf(request),
      headers: headersFor(attempt),
      ...(request.project === undefined ? {} : { projectId: request.project }),
    });
    stream.on('response', (response: { readonly statusCode: number }) => {
      status = response.statusCode;
    });
    stream.on('data', (chunk: Buffer) => {
      attempt.moved();
      chunks.push(chunk);
    });
    stream.on('error', (error: unknown) => reject(unanswered(error)));
    stream.on('end', () => {
      try {
        resolve(answerOf(status, parseAnswer(Buffer.concat(chunks).toString())));
      } catch (error) {
        reject(error instanceof SyntaxError ? notJson(status) : error);
      }
    });
  });

const post = (client: BigQuery, attempt: Attempt, how: Post): Promise<Json> =>
  new Promise((resolve, reject) => {
    client.request(
      {
        method: 'POST',
        ...how,
        headers: { ...how.headers, ...headersFor(attempt) },
      },
      (error, body, response) => {
        const status = response?.statusCode;
        // No answer, or without credentials, which the client then tells instead of what was answered.
        if (error !== null && (status === undefined || !('error' in fieldsOf(body)))) reject(unanswered(error));
        else if (error !== null && /default credentials/.test(error.message)) reject(unanswered(error));
        else {
          try {
            resolve(answerOf(status ?? 0, body));
          } catch (wrong) {
            reject(wrong);
          }
        }
      },
    );
  });

interface Post {
  readonly uri: string;
  readonly qs: Record<string, string | number | boolean>;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly multipart?: Array<{ readonly 'Content-Type': string; readonly body: string | Readable }>;
}

/** https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart */
const upload = async (
  client: BigQuery,
  project: string,
  attempt: Attempt,
  { path, body }: ApiRequest,
  file: string,
): Promise<Json> => {
  const bytes = createReadStream(file);
  const watched = new Transform({
    transform: (chunk, _encoding, done) => {
      attempt.moved();
      done(null, chunk);
    },
  });
  const unreadable = new Promise<never>((_resolve, reject) => {
    bytes.on('error', reject);
  });
  const end = () => bytes.destroy();
  attempt.signal.addEventListener('abort', end, { once: true });
  try {
    return await attempt.commit(() =>
      Promise.race([
        unreadable,
        post(client, attempt, {
          uri: `${client.baseUrl.replace('/bigquery/v2', '/upload/bigquery/v2')}/projects/${project}${path}`,
          qs: { uploadType: 'multipart' },
          multipart: [
            { 'Content-Type': 'application/json', body: JSON.stringify(body) },
            { 'Content-Type': 'application/octet-stream', body: bytes.pipe(watched) },
          ],
        }),
      ]),
    );
  } finally {
    attempt.signal.removeEventListener('abort', end);
    bytes.destroy();
  }
};

const answerOf = (status: number, body: unknown): Json => {
  if (status >= 200 && status < 300 && typeof body === 'object' && body !== null) return fieldsOf(body);
  const error = fieldsOf(fieldsOf(body)['error']);
  if (Object.keys(error).length === 0) throw notJson(status);
  const [first] = Array.isArray(error['errors']) ? error['errors'] : [];
  throw refused({ status, reason: textOf(fieldsOf(first)['reason']), message: textOf(error['message']) });
};

/** What a proxy on the way says, or the half of an answer. */
const notJson = (status: number): Error =>
  status >= 300
    ? refused({ status, reason: '', message: 'the answer was no JSON' } satisfies ApiError)
    : unanswered(new Error('the answer was no JSON'));

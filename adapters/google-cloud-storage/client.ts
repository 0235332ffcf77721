/** The client library, loaded when first needed and held so that it neither retries nor waits on its own. */
import type { Bucket, Storage } from '@google-cloud/storage';
import type { ObjectHead } from '../../core/index.js';
import { type Attempt, longestTimerMs, nowMs } from '../google-cloud/bounded.js';
import { raise, refusedWith, unanswered } from '../google-cloud/errors.js';
import { headersFor } from '../google-cloud/requests.js';

/** Where the service is. */
export interface ServiceOptions {
  /** Another service that speaks the JSON API, `https://storage.googleapis.com` by default. Credentials go only to `https:`. */
  readonly apiEndpoint?: string;
  /** Only needed where the credentials do not say it. */
  readonly projectId?: string;
}

/** Which bucket, and where its service is. */
export interface ClientOptions extends ServiceOptions {
  readonly bucket: string;
}

const leewayMs = 100;

/** The bucket, for the requests of one attempt. */
export type OpenBucket = (attempt: Attempt) => Promise<Bucket>;

export const openBucket = ({ bucket, ...service }: ClientOptions): OpenBucket => {
  const open = openService(service);
  return (attempt) => open(bucket, attempt);
};

/** Any bucket of the service, for the requests of one attempt. */
export const openService = ({ apiEndpoint, projectId }: ServiceOptions) => {
  const endpoint = absolute(apiEndpoint ?? 'https://storage.googleapis.com');
  let opened: Promise<Storage> | undefined;

  const open = async (): Promise<Storage> => {
    const { Storage } = await import('@google-cloud/storage');
    const storage = new Storage({
      apiEndpoint: endpoint,
      useAuthWithCustomEndpoint: endpoint.startsWith('https:'),
      // The second is for resumable uploads: what they deem retryable loses its status once no retry is left.
      retryOptions: { autoRetry: false, retryableErrorFn: () => false },
      ...(projectId === undefined ? {} : { projectId }),
    });
    // With STORAGE_EMULATOR_HOST in the environment the client takes that alone, which lacks the path.
    storage.baseUrl = `${endpoint}/storage/v1`;
    return storage;
  };

  return async (bucket: string, attempt: Attempt): Promise<Bucket> => {
    opened ??= open();
    const storage = await opened;
    attempt.signal.throwIfAborted();
    const mine = storage.bucket(bucket);
    const headers = headersFor(attempt);
    mine.interceptors.push({
      request: (options) => ({
        ...(options as Parameters<Bucket['request']>[0]),
        headers: { ...options.headers, ...headers },
        // For a body that is not sent whole, which nothing else can end on Node 20. A little late, so that the deadline is told as one.
        ...(Number.isFinite(attempt.deadlineMs)
          ? { timeout: Math.min(Math.max(0, Math.ceil(attempt.deadlineMs - nowMs())) + leewayMs, longestTimerMs) }
          : {}),
      }),
    });
    return mine;
  };
};

const absolute = (endpoint: string): string =>
  (/^\w+:\/\//.test(endpoint) ? endpoint : `https://${endpoint}`).replace(/\/+$/, '');

/** A request below the bucket, or to an absolute address. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or bytes. */
  readonly body?: Readonly<Record<string, unknown>> | Buffer;
}

/** An answer that is no refusal: 308 is that of an upload that is to go on. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/**
 * The JSON that answers a request. What the client builds upon this (`getFiles`, `copy`, `download`) each has a trap: it never ends,
 * drops the precondition in the second round, or closes the connections of every other download.
 */
export const request = async (
  bucket: Bucket,
  asked: Omit<ApiRequest, 'headers'>,
): Promise<Readonly<Record<string, unknown>>> => {
  const { body } = await exchange(bucket, asked.method === 'POST' ? { body: {}, ...asked } : asked);
  if (asked.method === 'DELETE') return {};
  if (typeof body !== 'object' || body === null) throw unanswered(new Error('the answer was no JSON'));
  return { ...body };
};

/** The answer to a request, whatever is in it. Rejects as `request` does, but for 308. */
export const exchange = (bucket: Bucket, { method, path, query, headers = {}, body }: ApiRequest): Promise<ApiAnswer> =>
  new Promise((resolve, reject) => {
    bucket.request(
      {
        method,
        uri: path,
        headers: { ...headers },
        ...(query === undefined ? {} : { qs: { ...query } }),
        ...(Buffer.isBuffer(body) ? { body } : body === undefined ? {} : { json: body }),
      },
      (error, answer, response) => {
        const status = response?.statusCode;
        if (status === 308)
          resolve({ status, headers: { ...response?.headers } as ApiAnswer['headers'], body: answer });
        else if (error !== null && status !== undefined && status >= 300) reject(refusedWith(status, error));
        else if (error !== null || status === undefined) reject(unanswered(error));
        else resolve({ status, headers: { ...response?.headers } as ApiAnswer['headers'], body: answer });
      },
    );
  });

/** The path of an object below its bucket. */
export const objectPath = (name: string): string => `/o/${encodeURIComponent(name)}`;

/** What an object's resource tells of it. */
export const headOf = ({ generation, size, timeCreated }: Readonly<Record<string, unknown>>): ObjectHead =>
  typeof generation === 'string' && typeof size === 'string' && typeof timeCreated === 'string'
    ? { token: generation, sizeBytes: Number(size), modifiedMs: Date.parse(timeCreated) }
    : raise('Unavailable', "Google Cloud Storage answered without an object's generation, size and time: try again.");

/** The Cloud Run Admin API v2 by plain REST: https://cloud.google.com/run/docs/reference/rest/v2. */
import { GoogleAuth, PassThroughClient } from 'google-auth-library';
import type { Attempt } from '../google-cloud/bounded.js';
import { fieldsOf, refusedWith, unanswered } from '../google-cloud/errors.js';

export interface ClientOptions {
  /** Another service that speaks the REST API, `https://run.googleapis.com` by default. Credentials go only to `https:`. */
  readonly apiEndpoint?: string;
}

/** A request for a resource, by its full name; a verb of its own follows a colon. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
}

export type Json = Readonly<Record<string, unknown>>;

/** The JSON that answers a request of one attempt. */
export type Send = (attempt: Attempt, request: ApiRequest) => Promise<Json>;

export const openClient = ({ apiEndpoint = 'https://run.googleapis.com' }: ClientOptions): Send => {
  const endpoint = apiEndpoint.replace(/\/+$/, '');
  const auth = endpoint.startsWith('https:')
    ? new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' })
    : undefined;
  // It sends a request once, as it is, also through a proxy that the environment names.
  const transport = new PassThroughClient();
  return async (attempt, { method, path, query = {}, body }) => {
    const url = new URL(`${endpoint}/v2/${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, `${value}`);
    try {
      const headers = await auth?.getRequestHeaders(url.href);
      attempt.signal.throwIfAborted();
      const answer = await transport.request<unknown>({
        url,
        method,
        signal: attempt.signal,
        validateStatus: () => true,
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { data: body }),
      });
      return jsonOf(answer.status, answer.data);
    } catch (error) {
      throw isRefusal(error) ? error : unanswered(error);
    }
  };
};

type Refusal = Error & { readonly code: number };

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

const jsonOf = (status: number, data: unknown): Json => {
  if (status >= 300) throw refusedWith(status, { response: { data } });
  if (typeof data !== 'object' || data === null) throw new Error('the answer was no JSON');
  return fieldsOf(data);
};

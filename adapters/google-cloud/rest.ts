/** Google's services by plain REST, for those that have no client here. */
import { GoogleAuth, PassThroughClient } from 'google-auth-library';
import type { Attempt } from './bounded.js';
import { fieldsOf, refusedWith, unanswered } from './errors.js';

/** A request for a resource, by its full name; a verb of its own follows a colon. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | ReadonlyArray<string> | undefined>>;
  readonly body?: object;
}

export type Json = Readonly<Record<string, unknown>>;

/** The JSON that answers a request of one attempt. */
export type Send = (attempt: Attempt, request: ApiRequest) => Promise<Json>;

/** Credentials are looked for at the first request, and go only to `https:`. */
export const openRest = (apiEndpoint: string, version: string): Send => {
  const endpoint = apiEndpoint.replace(/\/+$/, '');
  const auth = endpoint.startsWith('https:')
    ? new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' })
    : undefined;
  // It sends a request once, as it is, also through a proxy that the environment names.
  const transport = new PassThroughClient();
  return async (attempt, { method, path, query = {}, body }) => {
    const url = new URL(`${endpoint}/${version}/${path}`);
    for (const [name, value] of Object.entries(query))
      for (const each of [value ?? []].flat()) url.searchParams.append(name, `${each}`);
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

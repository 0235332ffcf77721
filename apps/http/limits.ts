/** The limits of the REST service and what they are when nobody sets them. */

export interface HttpLimits {
  /** A request's body, in bytes after inflation. */
  readonly bodyBytes: number;
  /** How deep the objects and arrays of a body may nest. */
  readonly jsonDepth: number;
  /** From a request's headers to its answer, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Requests answered at the same time; `/health`, `/ready` and `/metrics` are not counted. */
  readonly concurrentRequests: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 32 * 1024 * 1024,
  jsonDepth: 32,
  requestTimeoutMs: 60_000,
  concurrentRequests: 64,
};

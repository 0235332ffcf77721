/** The limits of the REST service and what they are when nobody sets them. */

export interface HttpLimits {
  /** A request's body, in bytes after inflation; of rows that arrive, a line, a record or a batch. */
  readonly bodyBytes: number;
  /** A body that has to wait on disk until it is whole, in bytes. */
  readonly spoolBytes: number;
  /** How deep the objects and arrays of a body may nest. */
  readonly jsonDepth: number;
  /** From a request's headers to its answer, in milliseconds; of a stream, how long it may stand still. */
  readonly requestTimeoutMs: number;
  /** Requests answered at the same time; `/health`, `/ready` and `/metrics` are not counted. */
  readonly concurrentRequests: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 32 * 1024 * 1024,
  spoolBytes: 1024 * 1024 * 1024,
  jsonDepth: 32,
  requestTimeoutMs: 60_000,
  concurrentRequests: 64,
};

/** What a timer of Node's takes: beyond some 25 days it would be over at once. */
export const timerMs = (durationMs: number): number => Math.min(durationMs, 2 ** 31 - 1);

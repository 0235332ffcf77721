/** Port: what core needs of the machine it runs on. Core has no clock, randomness, digest or text encoder of its own. */

/** Says that the caller no longer wants the answer. */
export interface Cancellation {
  readonly aborted: boolean;
  /** Calls `f` once when aborted (at once, if it already is); the result stops listening. */
  readonly onAbort: (f: () => void) => () => void;
}

/** Given to every port call. */
export interface CallOptions {
  /** The instant, in milliseconds since the epoch on the host's clock, by which the call settles; Infinity for no deadline. */
  readonly deadlineMs: number;
  readonly cancellation: Cancellation;
}

/** How far an answer of a sketch may be from a value at its rank, relative to it. */
export const sketchAccuracy = 0.01;

/** A bounded-memory estimate of quantiles: each answer is within `sketchAccuracy` of a value at that rank. */
export interface QuantileSketch {
  /** Counts the value `count` times (once unless given). Passes over what is not finite. */
  readonly add: (value: number, count?: number) => void;
  /** `q` from 0 to 1; NaN while empty. */
  readonly quantile: (q: number) => number;
  /** Some hundreds of values, or tens of thousands where they are of every magnitude, each with its count, that give the same quantiles when they are added to another sketch. */
  readonly values: () => ReadonlyArray<readonly [value: number, count: number]>;
}

/** The adapter promises: calls never throw, except out of memory. Nobody promises that the clock is correct. */
export interface Host {
  /** Milliseconds since the epoch, with fractions, never going back within a process. */
  readonly nowMs: () => number;
  /** Settles after one turn of the event loop, in which timers and I/O were served. */
  readonly turn: () => Promise<void>;
  /** Settles after about `durationMs`. */
  readonly pause: (durationMs: number) => Promise<void>;
  /** A random UUID (RFC 9562, version 4), lower-case. */
  readonly randomId: () => string;
  /** SHA-256 in lower-case hex. */
  readonly sha256: (bytes: Uint8Array) => string;
  readonly utf8: {
    readonly encode: (text: string) => Uint8Array;
    /** Ill-formed bytes become U+FFFD; a leading byte order mark is dropped. */
    readonly decode: (bytes: Uint8Array) => string;
  };
  readonly quantileSketch: () => QuantileSketch;
}

/** A cancellation that never comes. */
export const neverCancelled: Cancellation = { aborted: false, onAbort: () => () => undefined };

/** A cancellation, and what pulls it. `cancel` aborts once; later calls do nothing. */
export interface CancellationSource {
  readonly cancellation: Cancellation;
  readonly cancel: () => void;
}

/** Lighter than an AbortController, of which every request would need one. */
export const cancellationSource = (): CancellationSource => {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    cancellation: {
      get aborted() {
        return aborted;
      },
      onAbort: (f) => {
        const listener = (): void => f();
        if (aborted) listener();
        else listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    cancel: () => {
      aborted = true;
      for (const listener of listeners) {
        listeners.delete(listener);
        listener();
      }
    },
  };
};

/** A cancellation that this side triggers: lighter than an AbortController, of which every request would need one. */
import type { Cancellation } from '../../core/index.js';

/** `cancel` aborts once; later calls do nothing. */
export interface CancellationSource {
  readonly cancellation: Cancellation;
  readonly cancel: () => void;
}

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
